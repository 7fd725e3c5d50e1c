using System.Runtime.InteropServices;
using Iced.Intel;

namespace Sirocco.Compute.Tests.Kernels.Emitted;

/// <summary>
/// Executes the small part of x86-64 that Sirocco emits, on registers and memory of its own. It proves machine code for processors that the tests do not run
/// on: what it computes, what it reads and writes, and which registers it leaves alone. An instruction it does not know is an error.
/// </summary>
internal sealed class CodeInterpreter(GuardedMemory memory)
{
    private const int VectorBytes = 64;
    private const int MostInstructions = 10_000_000;

    private readonly ulong[] general = new ulong[16];
    private readonly byte[][] vectors = [.. Enumerable.Range(0, 32).Select(_ => new byte[VectorBytes])];
    private bool zero, sign, overflow;

    public ulong this[Register register]
    {
        get => general[register - Register.RAX];
        set => general[register - Register.RAX] = value;
    }

    public Span<byte> Vector(int index) => vectors[index];

    /// <summary>Runs a function until it returns.</summary>
    /// <param name="code">The block of code, taken to lie at address 0.</param>
    /// <param name="entry">Where the function begins.</param>
    public void Call(byte[] code, int entry)
    {
        ByteArrayCodeReader reader = new(code);
        Decoder decoder = Decoder.Create(64, reader);
        ulong next = (ulong)entry;
        for (int executed = 0; executed < MostInstructions; executed++)
        {
            reader.Position = (int)next;
            decoder.IP = next;
            Instruction instruction = decoder.Decode();
            if (instruction.IsInvalid || instruction.HasOpMask || instruction.IsBroadcast)
                throw new NotSupportedException($"{instruction} at {next}");
            if (instruction.Mnemonic == Mnemonic.Ret)
                return;
            next = Taken(instruction) ? instruction.NearBranchTarget : decoder.IP;
            if (instruction.FlowControl == FlowControl.Next)
                Execute(instruction);
        }

        throw new TimeoutException($"not finished after {MostInstructions} instructions");
    }

    private bool Taken(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Je => zero,
        Mnemonic.Jne => !zero,
        Mnemonic.Jl => sign != overflow,
        Mnemonic.Jge => sign == overflow,
        Mnemonic.Jg => !zero && sign == overflow,
        Mnemonic.Jmp => true,
        _ => instruction.FlowControl == FlowControl.Next ? false : throw new NotSupportedException(instruction.ToString()),
    };

    private void Execute(in Instruction instruction)
    {
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Mov:
                if (instruction.Op0Kind == OpKind.Memory)
                    BitConverter.TryWriteBytes(memory.At(Address(instruction), 8), General(instruction, 1));
                else
                    this[instruction.Op0Register] = General(instruction, 1);
                break;
            case Mnemonic.Lea:
                this[instruction.Op0Register] = Address(instruction);
                break;
            case Mnemonic.Add:
                this[instruction.Op0Register] += General(instruction, 1);
                (zero, sign, overflow) = (this[instruction.Op0Register] == 0, (long)this[instruction.Op0Register] < 0, false);
                break;
            case Mnemonic.Sub:
                this[instruction.Op0Register] = Subtract(this[instruction.Op0Register], General(instruction, 1));
                break;
            case Mnemonic.Dec:
                this[instruction.Op0Register] = Subtract(this[instruction.Op0Register], 1);
                break;
            case Mnemonic.Test:
                ulong both = this[instruction.Op0Register] & General(instruction, 1);
                (zero, sign, overflow) = (both == 0, (long)both < 0, false);
                break;
            case Mnemonic.Vzeroupper:
                for (int i = 0; i < 16; i++)
                    vectors[i].AsSpan(16).Clear();
                break;
            default:
                ExecuteVector(instruction);
                break;
        }
    }

    private void ExecuteVector(in Instruction instruction)
    {
        int width = instruction.Op0Kind == OpKind.Register ? instruction.Op0Register.GetSize() : instruction.Op1Register.GetSize();
        byte[] result = new byte[VectorBytes];
        Span<float> singles = MemoryMarshal.Cast<byte, float>(result.AsSpan(0, width));
        Span<int> integers = MemoryMarshal.Cast<byte, int>(result.AsSpan(0, width));
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Vmovups or Mnemonic.Vmovdqu or Mnemonic.Vmovdqu32:
                Source(instruction, 1, width).CopyTo(result);
                if (instruction.Op0Kind == OpKind.Memory)
                {
                    result.AsSpan(0, width).CopyTo(memory.At(Address(instruction), width));
                    return;
                }

                break;
            case Mnemonic.Vbroadcastss or Mnemonic.Vpbroadcastd:
                integers.Fill(MemoryMarshal.Read<int>(Source(instruction, 1, 4)));
                break;
            case Mnemonic.Vpmovsxbw:
                ReadOnlySpan<sbyte> narrow = MemoryMarshal.Cast<byte, sbyte>(Source(instruction, 1, width / 2));
                Span<short> wide = MemoryMarshal.Cast<byte, short>(result.AsSpan(0, width));
                for (int i = 0; i < wide.Length; i++)
                    wide[i] = narrow[i];
                break;
            case Mnemonic.Vpxor or Mnemonic.Vpxord:
                ReadOnlySpan<int> x = Lanes<int>(instruction, 1, width), y = Lanes<int>(instruction, 2, width);
                for (int i = 0; i < integers.Length; i++)
                    integers[i] = x[i] ^ y[i];
                break;
            case Mnemonic.Vpaddd:
                ReadOnlySpan<int> left = Lanes<int>(instruction, 1, width), right = Lanes<int>(instruction, 2, width);
                for (int i = 0; i < integers.Length; i++)
                    integers[i] = unchecked(left[i] + right[i]);
                break;
            case Mnemonic.Vpmaddwd:
                ReadOnlySpan<short> a = Lanes<short>(instruction, 1, width), b = Lanes<short>(instruction, 2, width);
                for (int i = 0; i < integers.Length; i++)
                    integers[i] = unchecked((a[2 * i] * b[2 * i]) + (a[(2 * i) + 1] * b[(2 * i) + 1]));
                break;
            case Mnemonic.Vpdpbusd:
                Lanes<int>(instruction, 0, width).CopyTo(integers);
                ReadOnlySpan<byte> unsigned = Lanes<byte>(instruction, 1, width);
                ReadOnlySpan<sbyte> signed = Lanes<sbyte>(instruction, 2, width);
                for (int i = 0; i < 4 * integers.Length; i++)
                    integers[i / 4] = unchecked(integers[i / 4] + (unsigned[i] * signed[i]));
                break;
            case Mnemonic.Vcvtdq2ps:
                ReadOnlySpan<int> whole = Lanes<int>(instruction, 1, width);
                for (int i = 0; i < singles.Length; i++)
                    singles[i] = whole[i];
                break;
            case Mnemonic.Vmulps:
                ReadOnlySpan<float> factor = Lanes<float>(instruction, 1, width), otherFactor = Lanes<float>(instruction, 2, width);
                for (int i = 0; i < singles.Length; i++)
                    singles[i] = factor[i] * otherFactor[i];
                break;
            case Mnemonic.Vfmadd213ps:
                Lanes<float>(instruction, 0, width).CopyTo(singles);
                ReadOnlySpan<float> scale = Lanes<float>(instruction, 1, width), addend = Lanes<float>(instruction, 2, width);
                for (int i = 0; i < singles.Length; i++)
                    singles[i] = MathF.FusedMultiplyAdd(scale[i], singles[i], addend[i]);
                break;
            case Mnemonic.Vaddps:
                ReadOnlySpan<float> first = Lanes<float>(instruction, 1, width), second = Lanes<float>(instruction, 2, width);
                for (int i = 0; i < singles.Length; i++)
                    singles[i] = first[i] + second[i];
                break;
            case Mnemonic.Vfmadd231ps:
                Lanes<float>(instruction, 0, width).CopyTo(singles);
                ReadOnlySpan<float> multiplicand = Lanes<float>(instruction, 1, width), multiplier = Lanes<float>(instruction, 2, width);
                for (int i = 0; i < singles.Length; i++)
                    singles[i] = MathF.FusedMultiplyAdd(multiplicand[i], multiplier[i], singles[i]);
                break;
            case Mnemonic.Vdpbf16ps:
                Lanes<float>(instruction, 0, width).CopyTo(singles);
                ReadOnlySpan<ushort> pairs = Lanes<ushort>(instruction, 1, width), others = Lanes<ushort>(instruction, 2, width);
                for (int i = 0; i < singles.Length; i++)
                    singles[i] = DotPair(pairs.Slice(2 * i, 2), others.Slice(2 * i, 2), singles[i]);
                break;
            default:
                throw new NotSupportedException(instruction.ToString());
        }

        // VEX and EVEX instructions clear the register beyond what they write.
        result.CopyTo(vectors[VectorIndex(instruction.Op0Register)], 0);
    }

    /// <summary>
    /// The lane of <c>vdpbf16ps</c> as Intel's pseudo-code has it: the odd elements first, then the even, each product added with one rounding to nearest even;
    /// subnormal inputs count as zero and subnormal results become zero, whatever MXCSR says. (A product of two bf16 is exact in f32, so fused or not is the
    /// same.)
    /// </summary>
    private static float DotPair(ReadOnlySpan<ushort> x, ReadOnlySpan<ushort> y, float sum)
    {
        sum = Flush(Flush(sum) + Flush(Single(x[1]) * Single(y[1])));
        return Flush(sum + Flush(Single(x[0]) * Single(y[0])));

        static float Single(ushort bf16) => Flush(BitConverter.UInt32BitsToSingle((uint)bf16 << 16));

        static float Flush(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;
    }

    private ulong Subtract(ulong left, ulong right)
    {
        ulong difference = unchecked(left - right);
        zero = difference == 0;
        sign = (long)difference < 0;
        overflow = (((left ^ right) & (left ^ difference)) >> 63) != 0;
        return difference;
    }

    private ulong General(in Instruction instruction, int operand) => instruction.GetOpKind(operand) switch
    {
        OpKind.Register => this[instruction.GetOpRegister(operand)],
        OpKind.Memory => MemoryMarshal.Read<ulong>(memory.At(Address(instruction), 8)),
        _ => instruction.GetImmediate(operand),
    };

    private ReadOnlySpan<T> Lanes<T>(in Instruction instruction, int operand, int width)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Source(instruction, operand, width));

    private ReadOnlySpan<byte> Source(in Instruction instruction, int operand, int width) => instruction.GetOpKind(operand) == OpKind.Memory
        ? memory.At(Address(instruction), width)
        : vectors[VectorIndex(instruction.GetOpRegister(operand))].AsSpan(0, width);

    private ulong Address(in Instruction instruction)
    {
        ulong address = instruction.MemoryDisplacement64;
        if (instruction.MemoryBase != Register.None)
            address += this[instruction.MemoryBase];
        if (instruction.MemoryIndex != Register.None)
            address += this[instruction.MemoryIndex] * (ulong)instruction.MemoryIndexScale;
        return address;
    }

    private static int VectorIndex(Register register) => register switch
    {
        >= Register.ZMM0 => register - Register.ZMM0,
        >= Register.YMM0 => register - Register.YMM0,
        _ => register - Register.XMM0,
    };
}
