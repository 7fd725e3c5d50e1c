using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>f32 in 128 bits: NEON, and x86 without AVX2.</summary>
internal readonly unsafe struct Floats128 : IPanelVector<Vector128<float>>
{
    public static PanelFormat Format => PanelFormat.F32;

    public static int Lanes => 4;

    public static Vector128<float> LoadUnits(byte* panel) => Vector128.Load((float*)panel);

    public static Vector128<float> Broadcast(byte* row) => Vector128.Create(*(float*)row);

    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> sum) =>
        Vector128.MultiplyAddEstimate(left, right, sum);

    public static void Store(Vector128<float> sum, byte* scales, byte* scale, float* addend, float* destination) =>
        (addend == null ? sum : sum + Vector128.Load(addend)).Store(destination);
}

/// <summary>f32 in 256 bits: AVX2 with FMA.</summary>
internal readonly unsafe struct Floats256 : IPanelVector<Vector256<float>>
{
    public static PanelFormat Format => PanelFormat.F32;

    public static int Lanes => 8;

    public static Vector256<float> LoadUnits(byte* panel) => Vector256.Load((float*)panel);

    public static Vector256<float> Broadcast(byte* row) => Avx.BroadcastScalarToVector256((float*)row);

    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> sum) =>
        Fma.MultiplyAdd(left, right, sum);

    public static void Store(Vector256<float> sum, byte* scales, byte* scale, float* addend, float* destination) =>
        (addend == null ? sum : sum + Vector256.Load(addend)).Store(destination);
}

/// <summary>f32 in 512 bits: AVX-512.</summary>
internal readonly unsafe struct Floats512 : IPanelVector<Vector512<float>>
{
    public static PanelFormat Format => PanelFormat.F32;

    public static int Lanes => 16;

    public static Vector512<float> LoadUnits(byte* panel) => Vector512.Load((float*)panel);

    public static Vector512<float> Broadcast(byte* row) => Vector512.Create(*(float*)row);

    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> sum) =>
        Avx512F.FusedMultiplyAdd(left, right, sum);

    public static void Store(Vector512<float> sum, byte* scales, byte* scale, float* addend, float* destination) =>
        (addend == null ? sum : sum + Vector512.Load(addend)).Store(destination);
}

/// <summary>Pairs of 16-bit integers by <c>vpmaddwd</c>, weights widened from bytes while they are loaded: exact on every AVX2 processor.
/// Two bytes at a time through <c>vpmaddubsw</c> would halve the loads, not the multiplications, and needs a sign trick not to saturate.</summary>
internal readonly unsafe struct Pairs256 : IPanelVector<Vector256<int>>
{
    public static PanelFormat Format => PanelFormat.S16S8;

    public static int Lanes => 8;

    public static Vector256<int> LoadUnits(byte* panel) => Avx2.ConvertToVector256Int16((sbyte*)panel).AsInt32();

    public static Vector256<int> Broadcast(byte* row) => Vector256.Create(*(int*)row);

    public static Vector256<int> MultiplyAdd(Vector256<int> left, Vector256<int> right, Vector256<int> sum) =>
        sum + Avx2.MultiplyAddAdjacent(left.AsInt16(), right.AsInt16());

    public static void Store(Vector256<int> sum, byte* scales, byte* scale, float* addend, float* destination) =>
        GroupScales.Store(sum, scales, scale, addend, destination);
}

/// <summary>Quads of bytes by the <c>vpdpbusd</c> of AVX-VNNI.</summary>
internal readonly unsafe struct Quads256 : IPanelVector<Vector256<int>>
{
    public static PanelFormat Format => PanelFormat.U8S8;

    public static int Lanes => 8;

    public static Vector256<int> LoadUnits(byte* panel) => Vector256.Load((int*)panel);

    public static Vector256<int> Broadcast(byte* row) => Vector256.Create(*(int*)row);

    public static Vector256<int> MultiplyAdd(Vector256<int> left, Vector256<int> right, Vector256<int> sum) =>
        AvxVnni.MultiplyWideningAndAdd(sum, left.AsByte(), right.AsSByte());

    public static void Store(Vector256<int> sum, byte* scales, byte* scale, float* addend, float* destination) =>
        GroupScales.Store(sum, scales, scale, addend, destination);
}

/// <summary>Pairs of 16-bit integers in 128 bits: NEON, SSE2, and plain code elsewhere.</summary>
internal readonly unsafe struct Pairs128 : IPanelVector<Vector128<int>>
{
    public static PanelFormat Format => PanelFormat.S16S8;

    public static int Lanes => 4;

    public static Vector128<int> LoadUnits(byte* panel) => Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(long*)panel).AsSByte()).AsInt32();

    public static Vector128<int> Broadcast(byte* row) => Vector128.Create(*(int*)row);

    public static Vector128<int> MultiplyAdd(Vector128<int> left, Vector128<int> right, Vector128<int> sum) =>
        sum + MultiplyPairs(left.AsInt16(), right.AsInt16());

    public static void Store(Vector128<int> sum, byte* scales, byte* scale, float* addend, float* destination) =>
        GroupScales.Store(sum, scales, scale, addend, destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> MultiplyPairs(Vector128<short> left, Vector128<short> right)
    {
        if (Sse2.IsSupported) return Sse2.MultiplyAddAdjacent(left, right);
        if (AdvSimd.Arm64.IsSupported)
        {
            Vector128<int> low = AdvSimd.MultiplyWideningLower(left.GetLower(), right.GetLower());
            return AdvSimd.Arm64.AddPairwise(low, AdvSimd.MultiplyWideningUpper(left, right));
        }

        Vector128<int> even = ((left.AsInt32() << 16) >> 16) * ((right.AsInt32() << 16) >> 16);
        return even + ((left.AsInt32() >> 16) * (right.AsInt32() >> 16));
    }
}

/// <summary>addend + row scale · (column scale · sum), the end of a group of integers.</summary>
internal static unsafe class GroupScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<int> sum, byte* scales, byte* scale, float* addend, float* destination)
    {
        Vector128<float> scaled = Vector128.ConvertToSingle(sum) * Vector128.Load((float*)scales);
        Vector128<float> added = addend == null ? Vector128<float>.Zero : Vector128.Load(addend);
        Vector128.FusedMultiplyAdd(Vector128.Create(*(float*)scale), scaled, added).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<int> sum, byte* scales, byte* scale, float* addend, float* destination)
    {
        Vector256<float> scaled = Vector256.ConvertToSingle(sum) * Vector256.Load((float*)scales);
        Vector256<float> added = addend == null ? Vector256<float>.Zero : Vector256.Load(addend);
        Vector256.FusedMultiplyAdd(Vector256.Create(*(float*)scale), scaled, added).Store(destination);
    }
}
