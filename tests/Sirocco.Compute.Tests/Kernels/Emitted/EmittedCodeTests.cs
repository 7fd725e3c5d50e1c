using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using Sirocco.Compute.Backends.Cpu;
using Sirocco.Compute.Backends.Cpu.Emitted;
using CallingConvention = Sirocco.Compute.Backends.Cpu.Emitted.CallingConvention;

namespace Sirocco.Compute.Tests.Kernels.Emitted;

/// <summary>Interprets every emitted function, for every row count and both calling conventions, against the scalar reference.</summary>
public sealed unsafe class EmittedCodeTests
{
    private static readonly Dictionary<string, PanelInstructions> Kernels = new()
    {
        ["f32 AVX-512"] = PanelInstructions.F32Avx512,
        ["bf16 AVX-512"] = PanelInstructions.BF16Avx512,
        ["int8 AVX-512 VNNI"] = PanelInstructions.Int8Avx512Vnni,
        ["int8 AVX-512"] = PanelInstructions.Int8Avx512,
        ["f32 AVX2"] = PanelInstructions.F32Avx2,
        ["int8 AVX-VNNI"] = PanelInstructions.Int8AvxVnni,
        ["int8 AVX2"] = PanelInstructions.Int8Avx2,
    };

    private static readonly int[] StepCounts = [1, 2, 3, 4, 5, 7, 8, 9];

    public static TheoryData<string, bool> PanelFunctions
    {
        get
        {
            TheoryData<string, bool> functions = [];
            foreach (string name in Kernels.Keys)
            {
                functions.Add(name, false);
                functions.Add(name, true);
            }

            return functions;
        }
    }

    [Theory]
    [MemberData(nameof(PanelFunctions))]
    public void Panel_code_computes_what_the_reference_does_and_touches_nothing_else(string name, bool windows)
    {
        PanelInstructions instructions = Kernels[name];
        CallingConvention convention = windows ? CallingConvention.Windows : CallingConvention.SystemV;
        byte[] code = EmittedPanelKernel.Assemble(instructions, convention, out int[] entries);
        Random random = new(17);
        for (int rows = 1; rows <= PanelInstructions.RowTile; rows++)
        {
            foreach (int steps in instructions.IsInteger ? [.. StepCounts, instructions.GroupSteps, (2 * instructions.GroupSteps) + 3] : StepCounts)
            {
                PanelCase test = new(instructions, rows, steps, withAddend: random.Next(2) == 0, random);
                AssertSame(test.Reference(), test.Interpret(code, entries[rows - 1], convention), test.Magnitude(), instructions.Format);
            }
        }
    }

    [SkippableTheory]
    [InlineData("f32 AVX2")]
    [InlineData("int8 AVX2")]
    public void The_interpreter_agrees_with_the_processor_bit_for_bit(string name)
    {
        Skip.IfNot(Fma.IsSupported && Avx2.IsSupported && RuntimeInformation.ProcessArchitecture == Architecture.X64, "needs AVX2");
        PanelInstructions instructions = Kernels[name];
        EmittedPanelKernel? kernel = EmittedPanelKernel.TryCreate(instructions, out string? refusal);
        Skip.If(kernel == null, refusal);
        byte[] code = EmittedPanelKernel.Assemble(instructions, CallingConvention.SystemV, out int[] entries);
        Random random = new(18);
        for (int rows = 1; rows <= PanelInstructions.RowTile; rows++)
        {
            PanelCase test = new(instructions, rows, steps: 37, withAddend: rows % 2 == 0, random);
            Assert.Equal(test.Run(kernel!), test.Interpret(code, entries[rows - 1], CallingConvention.SystemV));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Dot_code_computes_what_the_reference_does_and_touches_nothing_else(bool windows)
    {
        CallingConvention convention = windows ? CallingConvention.Windows : CallingConvention.SystemV;
        byte[] code = EmittedCode.Assemble(BFloat16DotKernel.MaximumRows, (assembler, rows) => DotEmitter.Emit(assembler, rows, convention), out int[] entries);
        Random random = new(19);
        for (int rows = 1; rows <= BFloat16DotKernel.MaximumRows; rows++)
        {
            foreach (int steps in new[] { 0, 1, 2, 5 })
            {
                const int Step = BFloat16DotKernel.StepElements, Gap = 3;
                int stride = (steps * Step) + Gap;
                ushort[] x = Bf16(random, steps * rows * Step), weight = Bf16(random, Math.Max(0, (3 * stride) - Gap));
                GuardedMemory memory = new();
                ulong sums = memory.Add<float>(new float[rows * 3 * 16]);
                ulong arguments = memory.Add<byte>(new byte[sizeof(DotArguments)]);
                Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(memory.At(arguments, DotArguments.SaveOffset));
                words[DotArguments.XOffset / 8] = memory.Add<ushort>(x);
                words[DotArguments.WeightOffset / 8] = memory.Add<ushort>(weight);
                words[DotArguments.WeightStrideOffset / 8] = (ulong)stride * 2;
                words[DotArguments.StepsOffset / 8] = (ulong)steps;
                words[DotArguments.SumsOffset / 8] = sums;
                CallChecked(new CodeInterpreter(memory), code, entries[rows - 1], arguments, convention);

                float[] partial = memory.Read<float>(sums);
                for (int row = 0; row < rows; row++)
                {
                    for (int w = 0; w < 3; w++)
                    {
                        double expected = 0;
                        for (int i = 0; i < steps * Step; i++)
                            expected += (double)Single(x[(((i / Step * rows) + row) * Step) + (i % Step)]) * Single(weight[(w * stride) + i]);
                        double actual = partial.AsSpan(((row * 3) + w) * 16, 16).ToArray().Sum(value => (double)value);
                        Assert.True(Math.Abs(expected - actual) <= 1e-6 * (1 + (steps * Step)), $"{actual} instead of {expected}");
                    }
                }
            }
        }
    }

    /// <summary>
    /// Calls a function and checks what the convention promises the caller: its registers, its stack, the lower halves of xmm6 … xmm15 on Windows.
    /// </summary>
    private static void CallChecked(CodeInterpreter machine, byte[] code, int entry, ulong argument, CallingConvention convention)
    {
        bool windows = convention == CallingConvention.Windows;
        List<Register> owned = [Register.RBX, Register.RBP, Register.RSP, Register.R12, Register.R13, Register.R14, Register.R15];
        if (windows)
            owned.AddRange([Register.RDI, Register.RSI]);
        for (Register register = Register.RAX; register <= Register.R15; register++)
            machine[register] = 0xdead_0000_0000_0000 + (ulong)register;
        for (int i = 0; i < 32; i++)
            machine.Vector(i).Fill((byte)(0x80 + i));
        machine[windows ? Register.RCX : Register.RDI] = argument;

        machine.Call(code, entry);

        foreach (Register register in owned)
            Assert.Equal(0xdead_0000_0000_0000 + (ulong)register, machine[register]);
        for (int i = 6; windows && i < 16; i++)
            Assert.True(machine.Vector(i)[..16].IndexOfAnyExcept((byte)(0x80 + i)) < 0, $"xmm{i} belongs to the caller");
        for (int i = 0; i < 16; i++)
            Assert.True(machine.Vector(i)[16..].IndexOfAnyExcept((byte)0) < 0, $"the upper part of register {i} is not cleared");
    }

    private static void AssertSame(byte[] expected, byte[] actual, double magnitude, PanelFormat format)
    {
        if (format is PanelFormat.U8S8 or PanelFormat.S16S8 or PanelFormat.BF16)
        {
            Assert.Equal(expected, actual);
            return;
        }

        ReadOnlySpan<float> x = MemoryMarshal.Cast<byte, float>(expected), y = MemoryMarshal.Cast<byte, float>(actual);
        for (int i = 0; i < x.Length; i++)
            Assert.True(Math.Abs(x[i] - y[i]) <= magnitude * 1e-6, $"[{i}] is {y[i]} instead of {x[i]}");
    }

    private static ushort[] Bf16(Random random, int count)
    {
        ushort[] values = new ushort[count];
        for (int i = 0; i < count; i++)
            values[i] = Widening.ToBF16((random.NextSingle() * 2) - 1);
        return values;
    }

    private static float Single(ushort bf16) => BitConverter.UInt32BitsToSingle((uint)bf16 << 16);

    /// <summary>Drawn factors for one call of a panel kernel; rows of A and C have gaps, C's are checked to stay untouched.</summary>
    private sealed class PanelCase
    {
        private const int Gap = 12;
        private const byte Untouched = 0x5a;

        private readonly ScalarPanelKernel reference;
        private readonly int rows, steps;
        private readonly byte[] a, b, c;
        private readonly byte[]? addend;

        public PanelCase(PanelInstructions instructions, int rows, int steps, bool withAddend, Random random)
        {
            reference = new ScalarPanelKernel(instructions.Format, PanelInstructions.RowTile, instructions.PanelWidth);
            (this.rows, this.steps) = (rows, steps);
            int k = steps * reference.KPack;
            a = new byte[((rows - 1) * AStride) + (int)reference.RowBytes(k)];
            b = new byte[reference.PanelBytes(k)];
            c = new byte[((rows - 1) * CStride) + (4 * instructions.PanelWidth)];
            Array.Fill(c, Untouched);
            addend = withAddend ? new byte[c.Length] : null;
            Draw(a, left: true, random);
            Draw(b, left: false, random);
            for (int first = 0; first < k && reference.IsInteger; first += PanelKernel.Group)
            {
                int count = Math.Min(PanelKernel.Group, k - first);
                for (int row = 0; row < rows; row++)
                    Fill(a, (row * AStride) + reference.RowBytes(first) + (4 * reference.Steps(count)), 1);
                Fill(b, reference.PanelBytes(first + count) - reference.ScaleBytes, instructions.PanelWidth);
            }

            void Fill(byte[] factor, long offset, int floats) =>
                Draw(factor.AsSpan((int)offset, 4 * floats).ToArray(), MemoryMarshal.Cast<byte, float>(factor.AsSpan((int)offset, 4 * floats)), random);

            if (addend != null)
                Draw(addend, MemoryMarshal.Cast<byte, float>(addend.AsSpan()), random);
        }

        private int AStride => (int)reference.RowBytes(steps * reference.KPack) + Gap;

        private int CStride => (4 * reference.PanelWidth) + Gap;

        /// <summary>Bound on the sum of the products' magnitudes: factors of f32 are within ±1.</summary>
        public double Magnitude() => (reference.KPack * steps) + 1;

        public byte[] Reference() => Run(reference);

        public byte[] Run(PanelKernel kernel)
        {
            byte[] result = (byte[])c.Clone();
            fixed (byte* x = a, y = b, z = result, added = addend)
            {
                PanelArguments arguments = new()
                {
                    A = x,
                    AStride = AStride,
                    B = y,
                    Steps = steps,
                    C = z,
                    CStride = CStride,
                    Addend = added,
                    AddendStride = CStride,
                };
                kernel.Run(rows, &arguments);
            }

            return result;
        }

        public byte[] Interpret(byte[] code, int entry, CallingConvention convention)
        {
            GuardedMemory memory = new();
            ulong result = memory.Add<byte>(c);
            ulong arguments = memory.Add<byte>(new byte[sizeof(PanelArguments)]);
            Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(memory.At(arguments, PanelArguments.SaveOffset));
            words[PanelArguments.AOffset / 8] = memory.Add<byte>(a);
            words[PanelArguments.AStrideOffset / 8] = (ulong)AStride;
            words[PanelArguments.BOffset / 8] = memory.Add<byte>(b);
            words[PanelArguments.StepsOffset / 8] = (ulong)steps;
            words[PanelArguments.COffset / 8] = result;
            words[PanelArguments.CStrideOffset / 8] = (ulong)CStride;
            words[PanelArguments.AddendOffset / 8] = addend == null ? 0 : memory.Add<byte>(addend);
            words[PanelArguments.AddendStrideOffset / 8] = (ulong)CStride;
            CallChecked(new CodeInterpreter(memory), code, entry, arguments, convention);
            return memory.Read<byte>(result);
        }

        private void Draw(byte[] factor, bool left, Random random)
        {
            switch (reference.Format)
            {
                case PanelFormat.F32:
                    Draw(factor, MemoryMarshal.Cast<byte, float>(factor.AsSpan()), random);
                    break;
                case PanelFormat.BF16:
                    Bf16(random, factor.Length / 2).CopyTo(MemoryMarshal.Cast<byte, ushort>(factor.AsSpan()));
                    break;
                case PanelFormat.S16S8 when left:
                    Span<short> words = MemoryMarshal.Cast<byte, short>(factor.AsSpan());
                    for (int i = 0; i < words.Length; i++)
                        words[i] = (short)random.Next(-127, 128);
                    break;
                default:
                    random.NextBytes(factor);
                    break;
            }
        }

        private static void Draw(byte[] whole, Span<float> floats, Random random)
        {
            Assert.Equal(whole.Length, floats.Length * 4);
            for (int i = 0; i < floats.Length; i++)
                floats[i] = (random.NextSingle() * 2) - 1;
        }
    }
}
