using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>Where the inner loops come from.</summary>
internal enum KernelTier
{
    /// <summary>Plain loops: the reference.</summary>
    Scalar,

    /// <summary><c>System.Runtime.Intrinsics</c>, compiled by the runtime: AVX-512, AVX2, NEON.</summary>
    Simd,

    /// <summary>Machine code assembled at start (x86-64 with AVX2 or later).</summary>
    Emitted,
}

/// <summary>
/// What the processor offers, as far as kernels care. <c>SIROCCO_KERNELS=scalar|simd|emitted</c> chooses the tier and
/// <c>SIROCCO_CPU=baseline|avx2|avxvnni|avx512|avx512vnni</c> hides everything above the named level, so that one machine can test what another will run.
/// </summary>
internal sealed record CpuFeatures
{
    public const string TierVariable = "SIROCCO_KERNELS";
    public const string LevelVariable = "SIROCCO_CPU";

    // Not a static initialiser: its exception would hide the message behind a TypeInitializationException.
    private static CpuFeatures? current;

    /// <summary>AVX2 and FMA: 256-bit vectors, 16 registers.</summary>
    public bool Avx2 { get; init; }

    /// <summary><c>vpdpbusd</c> on 256-bit vectors, VEX-encoded (Alder Lake, Zen 5 and later).</summary>
    public bool AvxVnni { get; init; }

    /// <summary>AVX512F, BW, DQ, VL: 512-bit vectors, 32 registers.</summary>
    public bool Avx512 { get; init; }

    /// <summary><c>vpdpbusd</c> on 512-bit vectors.</summary>
    public bool Avx512Vnni { get; init; }

    /// <summary><c>vdpbf16ps</c> on 512-bit vectors.</summary>
    public bool Avx512Bf16 { get; init; }

    /// <summary>Level-2 cache of one core.</summary>
    public int L2Bytes { get; init; } = 512 << 10;

    /// <summary>The tier asked for; kernels the tier lacks come from the one below.</summary>
    public KernelTier Tier { get; init; } = KernelTier.Emitted;

    /// <summary>This processor, after the environment's limits.</summary>
    /// <exception cref="ArgumentException">An environment variable holds an unknown word.</exception>
    public static CpuFeatures Current => current ??= Detect().Limit(
        Environment.GetEnvironmentVariable(TierVariable), Environment.GetEnvironmentVariable(LevelVariable));

    /// <summary>Widest vector, for people: <c>AVX-512 (VNNI, BF16)</c>.</summary>
    public string InstructionSet =>
        Avx512 ? "AVX-512" + (Avx512Vnni, Avx512Bf16) switch
        {
            (true, true) => " (VNNI, BF16)",
            (true, false) => " (VNNI)",
            (false, true) => " (BF16)",
            _ => "",
        }
        : Avx2 ? AvxVnni ? "AVX2 (VNNI)" : "AVX2"
        : AdvSimd.IsSupported ? "NEON"
        : Vector.IsHardwareAccelerated ? "128-bit" : "no vectors";

    /// <summary>Applies the two environment variables; null or empty leaves things as they are.</summary>
    public CpuFeatures Limit(string? tier, string? level)
    {
        CpuFeatures limited = tier switch
        {
            null or "" => this,
            "scalar" => this with { Tier = KernelTier.Scalar },
            "simd" => this with { Tier = KernelTier.Simd },
            "emitted" => this with { Tier = KernelTier.Emitted },
            _ => throw new ArgumentException($"{TierVariable}={tier} is unknown: use scalar, simd or emitted"),
        };
        return level switch
        {
            null or "" => limited,
            "baseline" => limited with { Avx2 = false, AvxVnni = false, Avx512 = false, Avx512Vnni = false, Avx512Bf16 = false },
            "avx2" => limited with { AvxVnni = false, Avx512 = false, Avx512Vnni = false, Avx512Bf16 = false },
            "avxvnni" => limited with { Avx512 = false, Avx512Vnni = false, Avx512Bf16 = false },
            "avx512" => limited with { AvxVnni = false, Avx512Vnni = false, Avx512Bf16 = false },
            "avx512vnni" => limited with { Avx512Bf16 = false },
            _ => throw new ArgumentException($"{LevelVariable}={level} is unknown: use baseline, avx2, avxvnni, avx512 or avx512vnni"),
        };
    }

    /// <summary>Asks CPUID for what .NET does not report; the runtime's own checks stand for the operating system saving the registers.</summary>
    private static CpuFeatures Detect()
    {
        if (!X86Base.IsSupported || RuntimeInformation.ProcessArchitecture != Architecture.X64) return new CpuFeatures();

        int leaves = X86Base.CpuId(0, 0).Eax;
        (int subleaves, _, int leaf7Ecx, _) = leaves >= 7 ? X86Base.CpuId(7, 0) : default;
        (int leaf71Eax, _, _, _) = leaves >= 7 && subleaves >= 1 ? X86Base.CpuId(7, 1) : default;
        bool avx2 = System.Runtime.Intrinsics.X86.Avx2.IsSupported && Fma.IsSupported;
        bool avx512 = avx2 && Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported;
        return new CpuFeatures
        {
            Avx2 = avx2,
            AvxVnni = avx2 && Bit(leaf71Eax, 4),
            Avx512 = avx512,
            Avx512Vnni = avx512 && Bit(leaf7Ecx, 11),
            Avx512Bf16 = avx512 && Bit(leaf71Eax, 5),
            L2Bytes = L2Size(),
        };
    }

    /// <summary>CPUID's list of caches: leaf 4 of Intel, leaf 0x8000001D of AMD, the same layout.</summary>
    private static int L2Size()
    {
        const int Fallback = 512 << 10;
        (_, int ebx, _, _) = X86Base.CpuId(0, 0);
        const int Auth = 0x68747541; // "Auth" of AuthenticAMD
        int leaf = ebx == Auth ? unchecked((int)0x8000001D) : 4;
        int last = X86Base.CpuId(ebx == Auth ? unchecked((int)0x80000000) : 0, 0).Eax;
        if (unchecked((uint)last < (uint)leaf)) return Fallback;
        for (int index = 0; index < 8; index++)
        {
            (int eax, int shape, int sets, _) = X86Base.CpuId(leaf, index);
            if ((eax & 31) == 0) break;
            if (((eax >> 5) & 7) == 2)
            {
                int ways = ((shape >> 22) & 0x3ff) + 1, partitions = ((shape >> 12) & 0x3ff) + 1, line = (shape & 0xfff) + 1;
                long bytes = (long)ways * partitions * line * (sets + 1L);
                return bytes is >= 64 << 10 and <= 64 << 20 ? (int)bytes : Fallback;
            }
        }

        return Fallback;
    }

    private static bool Bit(int word, int bit) => ((word >> bit) & 1) != 0;
}
