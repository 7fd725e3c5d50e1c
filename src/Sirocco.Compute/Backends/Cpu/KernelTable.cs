using System.Collections.Concurrent;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sirocco.Compute.Backends.Cpu.Emitted;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>The kernels for one set of processor features, by precision; each is made when first asked for and kept for the process.</summary>
internal sealed class KernelTable
{
    private static readonly ConcurrentDictionary<CpuFeatures, KernelTable> Tables = new();

    private static readonly DotKernel[] ScalarDots = [new ScalarDotKernel<LoadF32>(), new ScalarDotKernel<LoadBF16>(), new ScalarDotKernel<LoadF16>()];
    private static readonly DotKernel[] SimdDots = [new SimdDotKernel<LoadF32>(), new SimdDotKernel<LoadBF16>(), new SimdDotKernel<LoadF16>()];

    private readonly CpuFeatures features;
    private readonly Lazy<PanelKernel> f32;
    private readonly Lazy<PanelKernel> bf16;
    private readonly Lazy<PanelKernel> int8;
    private readonly Lazy<DotKernel?> emittedDot;
    private volatile string? refusal;

    private KernelTable(CpuFeatures features)
    {
        this.features = features;
        f32 = new(() => features switch
        {
            { Tier: KernelTier.Scalar } => new ScalarPanelKernel(PanelFormat.F32),
            { Avx512: true } => Emit(PanelInstructions.F32Avx512) ?? (PanelKernel)new SimdPanelKernel<Vector512<float>, Floats512>(),
            { Avx2: true } => Emit(PanelInstructions.F32Avx2) ?? (PanelKernel)new SimdPanelKernel<Vector256<float>, Floats256>(),
            _ => new SimdPanelKernel<Vector128<float>, Floats128>(),
        });
        bf16 = new(() => features.Avx512Bf16 ? Emit(PanelInstructions.BF16Avx512) ?? F32 : F32);
        int8 = new(() => features switch
        {
            { Tier: KernelTier.Scalar } => new ScalarPanelKernel(PanelFormat.S16S8),
            { Avx512Vnni: true } when Emit(PanelInstructions.Int8Avx512Vnni) is { } kernel => kernel,
            { AvxVnni: true } when Emit(PanelInstructions.Int8AvxVnni) is { } kernel => kernel,
            { Avx512: true } when Emit(PanelInstructions.Int8Avx512) is { } kernel => kernel,
            { Avx2: true } when Emit(PanelInstructions.Int8Avx2) is { } kernel => kernel,
            { AvxVnni: true } when System.Runtime.Intrinsics.X86.AvxVnni.IsSupported => new SimdPanelKernel<Vector256<int>, Quads256>(),
            { Avx2: true } => new SimdPanelKernel<Vector256<int>, Pairs256>(),
            _ => new SimdPanelKernel<Vector128<int>, Pairs128>(),
        });
        emittedDot = new(() => BF16.Format == PanelFormat.BF16 ? Place(EmittedDotKernel.TryCreate(out string? reason), reason) : null);
    }

    /// <summary>Products of f32.</summary>
    public PanelKernel F32 => f32.Value;

    /// <summary>Products in bf16; the f32 kernel where the processor has no such instruction.</summary>
    public PanelKernel BF16 => bf16.Value;

    /// <summary>Products of 8-bit integers.</summary>
    public PanelKernel Int8 => int8.Value;

    /// <summary>For people: instruction set, the kernel of each precision, and why machine code is not emitted where it was wanted.</summary>
    public string Description =>
        $"{features.InstructionSet}; f32 {F32.Name}; bf16 {BF16.Name}; int8 {Int8.Name}" + (refusal == null ? "" : $"; emitted kernels off: {refusal}");

    public PanelKernel this[Precision precision] => precision switch
    {
        Precision.F32 => F32,
        Precision.BF16 => BF16,
        _ => Int8,
    };

    public static KernelTable For(CpuFeatures features) => Tables.GetOrAdd(features, static f => new KernelTable(f));

    /// <summary>The kernel for few rows and weights of <paramref name="weightType"/>, for f32 and bf16 products.</summary>
    public DotKernel Dot(Precision precision, ElementType weightType)
    {
        if (precision == Precision.BF16 && weightType == ElementType.BF16 && emittedDot.Value is { } emitted)
            return emitted;
        DotKernel[] kernels = features.Tier == KernelTier.Scalar ? ScalarDots : SimdDots;
        return kernels[(int)weightType];
    }

    private EmittedPanelKernel? Emit(PanelInstructions instructions) => features.Tier == KernelTier.Emitted && X86Base.X64.IsSupported
        ? Place(EmittedPanelKernel.TryCreate(instructions, out string? reason), reason)
        : null;

    private TKernel? Place<TKernel>(TKernel? kernel, string? reason)
    {
        refusal ??= reason;
        return kernel;
    }
}
