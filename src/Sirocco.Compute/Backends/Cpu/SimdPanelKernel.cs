using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>A vector of f32 of some width, as far as the panel product needs one.</summary>
internal unsafe interface IFloatVector<TVector>
    where TVector : unmanaged
{
    static abstract int Lanes { get; }

    static abstract TVector Load(float* source);

    static abstract TVector Broadcast(float* source);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector sum);

    static abstract void Store(TVector vector, float* destination);
}

/// <summary>A number known when the code is compiled: the row count of a tile, so that each count is its own straight code.</summary>
internal interface ICount
{
    static abstract int Value { get; }
}

/// <summary>
/// f32 panel product with the portable vectors of .NET: a tile of 6 rows by two vectors, that is 12 sums, 2 vectors of B and 1 broadcast element of A, made
/// for the 16 registers of AVX2 (6×16). One step of k is 12 multiply-adds for 8 loads, so two FMA units and two load ports finish together at 6 cycles.
/// AVX-512 runs it as 6×32, NEON as 6×8.
/// </summary>
internal sealed unsafe class SimdPanelKernel<TVector, TOps> : PanelKernel
    where TVector : unmanaged
    where TOps : IFloatVector<TVector>
{
    private readonly delegate*<PanelArguments*, void>[] byRows =
    [
        &Tile<Count.One>, &Tile<Count.Two>, &Tile<Count.Three>, &Tile<Count.Four>, &Tile<Count.Five>, &Tile<Count.Six>,
    ];

    public SimdPanelKernel()
        : base(PanelFormat.F32, rowTile: 6, panelWidth: 2 * TOps.Lanes)
    {
    }

    public override string Name => $"simd f32 {RowTile}×{PanelWidth}";

    public override void Run(int rows, PanelArguments* arguments) => byRows[rows - 1](arguments);

    private static void Tile<TRows>(PanelArguments* arguments)
        where TRows : ICount
    {
        TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        TVector c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;

        // Rows 0 to 2 and 3 to 5 share a base each, so that strides 0, 1, 2 address them all.
        nint stride = arguments->AStride;
        byte* a = (byte*)arguments->A;
        byte* a3 = a + (3 * stride);
        float* b = (float*)arguments->B;
        for (float* end = b + (arguments->Steps * 2 * TOps.Lanes); b < end; b += 2 * TOps.Lanes)
        {
            TVector b0 = TOps.Load(b), b1 = TOps.Load(b + TOps.Lanes);
            TVector x = TOps.Broadcast((float*)a);
            c00 = TOps.MultiplyAdd(x, b0, c00);
            c01 = TOps.MultiplyAdd(x, b1, c01);
            if (TRows.Value > 1)
            {
                x = TOps.Broadcast((float*)(a + stride));
                c10 = TOps.MultiplyAdd(x, b0, c10);
                c11 = TOps.MultiplyAdd(x, b1, c11);
            }

            if (TRows.Value > 2)
            {
                x = TOps.Broadcast((float*)(a + (2 * stride)));
                c20 = TOps.MultiplyAdd(x, b0, c20);
                c21 = TOps.MultiplyAdd(x, b1, c21);
            }

            if (TRows.Value > 3)
            {
                x = TOps.Broadcast((float*)a3);
                c30 = TOps.MultiplyAdd(x, b0, c30);
                c31 = TOps.MultiplyAdd(x, b1, c31);
            }

            if (TRows.Value > 4)
            {
                x = TOps.Broadcast((float*)(a3 + stride));
                c40 = TOps.MultiplyAdd(x, b0, c40);
                c41 = TOps.MultiplyAdd(x, b1, c41);
            }

            if (TRows.Value > 5)
            {
                x = TOps.Broadcast((float*)(a3 + (2 * stride)));
                c50 = TOps.MultiplyAdd(x, b0, c50);
                c51 = TOps.MultiplyAdd(x, b1, c51);
            }

            a += sizeof(float);
            a3 += sizeof(float);
        }

        Store(arguments, 0, c00, c01);
        if (TRows.Value > 1)
            Store(arguments, 1, c10, c11);
        if (TRows.Value > 2)
            Store(arguments, 2, c20, c21);
        if (TRows.Value > 3)
            Store(arguments, 3, c30, c31);
        if (TRows.Value > 4)
            Store(arguments, 4, c40, c41);
        if (TRows.Value > 5)
            Store(arguments, 5, c50, c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(PanelArguments* arguments, int row, TVector left, TVector right)
    {
        if (arguments->Addend != null)
        {
            float* addend = (float*)((byte*)arguments->Addend + (row * arguments->AddendStride));
            left = TOps.Add(left, TOps.Load(addend));
            right = TOps.Add(right, TOps.Load(addend + TOps.Lanes));
        }

        float* c = (float*)((byte*)arguments->C + (row * arguments->CStride));
        TOps.Store(left, c);
        TOps.Store(right, c + TOps.Lanes);
    }

    private static class Count
    {
        internal readonly struct One : ICount
        {
            public static int Value => 1;
        }

        internal readonly struct Two : ICount
        {
            public static int Value => 2;
        }

        internal readonly struct Three : ICount
        {
            public static int Value => 3;
        }

        internal readonly struct Four : ICount
        {
            public static int Value => 4;
        }

        internal readonly struct Five : ICount
        {
            public static int Value => 5;
        }

        internal readonly struct Six : ICount
        {
            public static int Value => 6;
        }
    }
}

/// <summary>128-bit vectors: NEON, and x86 without AVX2.</summary>
internal readonly unsafe struct Float128 : IFloatVector<Vector128<float>>
{
    public static int Lanes => Vector128<float>.Count;

    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    public static Vector128<float> Broadcast(float* source) => Vector128.Create(*source);

    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> sum) =>
        Vector128.MultiplyAddEstimate(left, right, sum);

    public static void Store(Vector128<float> vector, float* destination) => vector.Store(destination);
}

/// <summary>256-bit vectors of AVX2 with FMA.</summary>
internal readonly unsafe struct Float256 : IFloatVector<Vector256<float>>
{
    public static int Lanes => Vector256<float>.Count;

    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    public static Vector256<float> Broadcast(float* source) => Avx.BroadcastScalarToVector256(source);

    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> sum) => Fma.MultiplyAdd(left, right, sum);

    public static void Store(Vector256<float> vector, float* destination) => vector.Store(destination);
}

/// <summary>512-bit vectors of AVX-512.</summary>
internal readonly unsafe struct Float512 : IFloatVector<Vector512<float>>
{
    public static int Lanes => Vector512<float>.Count;

    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    public static Vector512<float> Broadcast(float* source) => Vector512.Create(*source);

    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> sum) => Avx512F.FusedMultiplyAdd(left, right, sum);

    public static void Store(Vector512<float> vector, float* destination) => vector.Store(destination);
}
