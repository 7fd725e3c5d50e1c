using System.Collections.Concurrent;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sirocco.Compute.Backends.Cpu.Emitted;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>The kernels for one set of processor features, by precision; each is made when first asked for and kept for the process.</summary>
internal sealed class KernelTable
{
    // Best first. A kernel is taken when the tier allows it, the processor runs it and, if emitted, the system gave executable memory.
    // AMX tiles would be a line of their own at the top of BF16 and Int8.
    private static readonly Choice[] F32Choices =
    [
        new(f => f.Avx512, PanelInstructions.F32Avx512),
        new(f => f.Avx2, PanelInstructions.F32Avx2),
        new(f => f.Avx512, KernelTier.Simd, () => new SimdPanelKernel<Vector512<float>, Floats512>()),
        new(f => f.Avx2, KernelTier.Simd, () => new SimdPanelKernel<Vector256<float>, Floats256>()),
        new(_ => true, KernelTier.Simd, () => new SimdPanelKernel<Vector128<float>, Floats128>()),
        new(_ => true, KernelTier.Scalar, () => new ScalarPanelKernel(PanelFormat.F32)),
    ];

    private static readonly Choice[] BF16Choices =
    [
        new(f => f.Avx512Bf16, PanelInstructions.BF16Avx512),
    ];

    private static readonly Choice[] Int8Choices =
    [
        new(f => f.Avx512Vnni, PanelInstructions.Int8Avx512Vnni),
        new(f => f.AvxVnni, PanelInstructions.Int8AvxVnni),
        new(f => f.Avx512, PanelInstructions.Int8Avx512),
        new(f => f.Avx2, PanelInstructions.Int8Avx2),
        new(f => f.AvxVnni && AvxVnni.IsSupported, KernelTier.Simd, () => new SimdPanelKernel<Vector256<int>, Quads256>()),
        new(f => f.Avx2, KernelTier.Simd, () => new SimdPanelKernel<Vector256<int>, Pairs256>()),
        new(_ => true, KernelTier.Simd, () => new SimdPanelKernel<Vector128<int>, Pairs128>()),
        new(_ => true, KernelTier.Scalar, () => new ScalarPanelKernel(PanelFormat.S16S8)),
    ];

    private static readonly DotKernel[] ScalarDots = [new ScalarDotKernel<LoadF32>(), new ScalarDotKernel<LoadBF16>(), new ScalarDotKernel<LoadF16>()];
    private static readonly DotKernel[] SimdDots = [new SimdDotKernel<LoadF32>(), new SimdDotKernel<LoadBF16>(), new SimdDotKernel<LoadF16>()];

    private static readonly ConcurrentDictionary<CpuFeatures, KernelTable> Tables = new();

    private readonly CpuFeatures features;
    private readonly Lazy<PanelKernel> f32;
    private readonly Lazy<PanelKernel> bf16;
    private readonly Lazy<PanelKernel> int8;
    private readonly Lazy<DotKernel?> bf16Dot;
    private volatile string? refusal;

    private KernelTable(CpuFeatures features)
    {
        this.features = features;
        f32 = new(() => Choose(F32Choices)!);
        bf16 = new(() => Choose(BF16Choices) ?? F32);
        int8 = new(() => Choose(Int8Choices)!);
        bf16Dot = new(() =>
        {
            if (BF16.Format != PanelFormat.BF16) return null;
            DotKernel? kernel = EmittedDotKernel.TryCreate(out string? reason);
            refusal ??= reason;
            return kernel;
        });
    }

    /// <summary>A table of given kernels, so that the code around kernels of another processor can be tested with their references.</summary>
    public KernelTable(PanelKernel f32, PanelKernel bf16, PanelKernel int8, DotKernel? bf16Dot)
    {
        features = new CpuFeatures { Tier = KernelTier.Scalar };
        (this.f32, this.bf16, this.int8) = (new(f32), new(bf16), new(int8));
        this.bf16Dot = new(bf16Dot);
    }

    /// <summary>Products of f32.</summary>
    public PanelKernel F32 => f32.Value;

    /// <summary>Products in bf16; the f32 kernel where the processor has no such instruction.</summary>
    public PanelKernel BF16 => bf16.Value;

    /// <summary>Products of 8-bit integers.</summary>
    public PanelKernel Int8 => int8.Value;

    /// <summary>
    /// For people: instruction set, the kernel of each precision (for few rows that of bf16 weights), and why machine code is not emitted where it was wanted.
    /// </summary>
    public string Description =>
        $"{features.InstructionSet}; f32 {F32.Name}; bf16 {BF16.Name}, few rows {Dot(BF16, ElementType.BF16)?.Name ?? "the same"}; int8 {Int8.Name}"
            + (refusal == null ? "" : $"; emitted kernels off: {refusal}");

    public PanelKernel this[Precision precision] => precision switch
    {
        Precision.F32 => F32,
        Precision.BF16 => BF16,
        _ => Int8,
    };

    public static KernelTable For(CpuFeatures features) => Tables.GetOrAdd(features, static f => new KernelTable(f));

    /// <summary>
    /// The kernel for few rows that stands in for <paramref name="kernel"/> (f32 or bf16) where weights are of <paramref name="weightType"/>; 8-bit floats come
    /// to it decoded.
    /// </summary>
    /// <returns>
    /// Null where none rounds the factors as <paramref name="kernel"/> does, so that a row would depend on how many rows it shares a product with.
    /// </returns>
    public DotKernel? Dot(PanelKernel kernel, ElementType weightType)
    {
        if (weightType.IsFloat8()) weightType = ElementType.BF16;
        if (kernel.Format == PanelFormat.BF16) return weightType == ElementType.BF16 ? bf16Dot.Value : null;
        DotKernel[] kernels = features.Tier == KernelTier.Scalar ? ScalarDots : SimdDots;
        return kernels[(int)weightType];
    }

    private PanelKernel? Choose(Choice[] choices)
    {
        foreach (Choice choice in choices)
        {
            if (choice.Tier > features.Tier || !choice.Runs(features)) continue;
            if (choice.Compiled != null) return choice.Compiled();
            EmittedPanelKernel? emitted = EmittedPanelKernel.TryCreate(choice.Emitted!, out string? reason);
            refusal ??= reason;
            if (emitted != null) return emitted;
        }

        return null;
    }

    /// <summary>One kernel and what it needs.</summary>
    private sealed record Choice(Func<CpuFeatures, bool> Runs, KernelTier Tier, Func<PanelKernel>? Compiled, PanelInstructions? Emitted = null)
    {
        public Choice(Func<CpuFeatures, bool> runs, PanelInstructions emitted)
            : this(runs, KernelTier.Emitted, null, emitted)
        {
        }
    }
}
