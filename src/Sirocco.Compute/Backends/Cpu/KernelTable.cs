using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>The kernels chosen for one set of processor features, by precision.</summary>
internal sealed class KernelTable
{
    private KernelTable(PanelKernel f32, PanelKernel bf16)
    {
        F32 = f32;
        BF16 = bf16;
    }

    /// <summary>Products of f32.</summary>
    public PanelKernel F32 { get; }

    /// <summary>Products in bf16; the f32 kernel where the processor has no such instruction.</summary>
    public PanelKernel BF16 { get; }

    /// <summary>The kernel for f32 or bf16 products.</summary>
    public PanelKernel this[Precision precision] => precision switch
    {
        Precision.F32 => F32,
        Precision.BF16 => BF16,
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "int8 products take quantised weights"),
    };

    public static KernelTable For(CpuFeatures features)
    {
        PanelKernel f32 = features switch
        {
            { Tier: KernelTier.Scalar } => new ScalarPanelKernel(PanelFormat.F32),
            { Avx512: true } when Avx512F.IsSupported => new SimdPanelKernel<Vector512<float>, Float512>(),
            { Avx2: true } when Fma.IsSupported => new SimdPanelKernel<Vector256<float>, Float256>(),
            _ => new SimdPanelKernel<Vector128<float>, Float128>(),
        };
        return new KernelTable(f32, f32);
    }
}
