using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>Assembles the inner loop of <see cref="BFloat16DotKernel"/> for a fixed number of rows: <c>void f(DotArguments*)</c>.</summary>
/// <remarks>
/// 8 rows × 3 weight rows: one step multiplies 32 bf16 of each, 24 <c>vdpbf16ps</c> for 11 loads of 64 bytes. The 192 bytes of weight in it take 32 cycles
/// at 45 GB/s shared by two cores of 3.77 GHz and the arithmetic 12, so memory is what limits.
/// </remarks>
internal static class DotEmitter
{
    /// <summary>Bytes of one row that one step consumes.</summary>
    private const int StepBytes = BFloat16DotKernel.StepElements * sizeof(ushort);

    private static readonly AssemblerRegister64 Arguments = r11, X = rax, Weight = r9, WeightStride = rcx, Count = r10;

    public static void Emit(Assembler code, int rows, CallingConvention convention)
    {
        convention.Enter(code, Arguments, DotArguments.SaveOffset);
        code.mov(X, __[Arguments + DotArguments.XOffset]);
        code.mov(Weight, __[Arguments + DotArguments.WeightOffset]);
        code.mov(WeightStride, __[Arguments + DotArguments.WeightStrideOffset]);
        code.mov(Count, __[Arguments + DotArguments.StepsOffset]);
        for (int i = 0; i < rows * DotKernel.WeightRows; i++) code.vpxord(Zmm(i), Zmm(i), Zmm(i));

        Label loop = code.CreateLabel("loop"), done = code.CreateLabel("done");
        code.test(Count, Count);
        code.je(done);
        code.Label(ref loop);
        for (int w = 0; w < DotKernel.WeightRows; w++)
            code.vmovups(WeightVector(w), w == 0 ? __zmmword_ptr[Weight] : __zmmword_ptr[Weight + (WeightStride * w)]);
        for (int row = 0; row < rows; row++)
        {
            // 27 … 31 in turn, so that loads run ahead.
            AssemblerRegisterZMM x = Zmm(27 + (row % 5));
            code.vmovups(x, __zmmword_ptr[X + (row * StepBytes)]);
            for (int w = 0; w < DotKernel.WeightRows; w++) code.vdpbf16ps(Sum(row, w), x, WeightVector(w));
        }

        code.add(X, rows * StepBytes);
        code.add(Weight, StepBytes);
        code.dec(Count);
        code.jne(loop);
        code.Label(ref done);

        code.mov(X, __[Arguments + DotArguments.SumsOffset]);
        for (int i = 0; i < rows * DotKernel.WeightRows; i++) code.vmovups(__zmmword_ptr[X + (i * StepBytes)], Zmm(i));
        convention.Leave(code, Arguments, DotArguments.SaveOffset);
    }

    private static AssemblerRegisterZMM Sum(int row, int weight) => Zmm((row * DotKernel.WeightRows) + weight);

    private static AssemblerRegisterZMM WeightVector(int weight) => Zmm((BFloat16DotKernel.MaximumRows * DotKernel.WeightRows) + weight);

    private static AssemblerRegisterZMM Zmm(int index) => new(Register.ZMM0 + index);
}
