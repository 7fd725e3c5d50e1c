using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

/// <summary>Processors to test on, by name: this one at every tier and level, and the references of kernels that this one may not have.</summary>
internal static unsafe class Machines
{
    public const string ReferenceOfAvx512 = "reference of AVX-512 VNNI and BF16";

    public static readonly string[] Names =
    [
        "scalar", "simd baseline", "simd avx2", "simd avxvnni", "simd", "emitted avx2", "emitted avxvnni", "emitted avx512", "emitted", ReferenceOfAvx512,
    ];

    public static CpuBackend Create(string name, int threads = 2, bool deterministic = false, int? l2Bytes = null)
    {
        string[] words = name.Split(' ');
        CpuFeatures features = name == ReferenceOfAvx512 ? CpuFeatures.Current : CpuFeatures.Current.Limit(words[0], words.Length > 1 ? words[1] : "");
        return new CpuBackend(
            threads, deterministic, features with { L2Bytes = l2Bytes ?? features.L2Bytes },
            name == ReferenceOfAvx512 ? Avx512Reference : null);
    }

    private static KernelTable Avx512Reference { get; } = new(
        new ScalarPanelKernel(PanelFormat.F32, 6, 64), new ScalarPanelKernel(PanelFormat.BF16, 6, 64), new ScalarPanelKernel(PanelFormat.U8S8, 6, 64),
        new ScalarBFloat16DotKernel());

    /// <summary>The loop of the emitted dot products in plain code.</summary>
    private sealed class ScalarBFloat16DotKernel : BFloat16DotKernel
    {
        public override string Name => "scalar bf16 dot";

        protected override void RunSteps(int rows, DotArguments* arguments)
        {
            const int Lanes = StepElements / 2;
            new Span<float>(arguments->Sums, rows * WeightRows * Lanes).Clear();
            for (nint step = 0; step < arguments->Steps; step++)
            {
                for (int i = 0; i < rows * WeightRows * StepElements; i++)
                {
                    (int row, int weight, int element) = (i / (WeightRows * StepElements), i / StepElements % WeightRows, i % StepElements);
                    float x = LoadBF16.Load(arguments->X, (((step * rows) + row) * StepElements) + element);
                    float w = LoadBF16.Load((byte*)arguments->Weight + (weight * arguments->WeightStride), (step * StepElements) + element);
                    ((float*)arguments->Sums)[(((row * WeightRows) + weight) * Lanes) + (element / 2)] += x * w;
                }
            }
        }
    }
}
