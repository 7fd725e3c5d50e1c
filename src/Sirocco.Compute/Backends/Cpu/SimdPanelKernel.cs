using System.Runtime.CompilerServices;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>The vectors of one panel kernel: how it reads its units and what one lane does with them. The loops are <see cref="SimdPanelKernel{TVector, TOps}"/>'s.</summary>
internal unsafe interface IPanelVector<TVector>
    where TVector : unmanaged
{
    static abstract PanelFormat Format { get; }

    /// <summary>Columns of the panel in one vector.</summary>
    static abstract int Lanes { get; }

    /// <summary>One unit of B for each lane.</summary>
    static abstract TVector LoadUnits(byte* panel);

    /// <summary>The same unit of A in every lane.</summary>
    static abstract TVector Broadcast(byte* row);

    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector sum);

    /// <summary>Adds a vector of the addend to a finished sum.</summary>
    static abstract TVector AddMemory(TVector sum, byte* addend);

    static abstract void Store(TVector sum, byte* destination);
}

/// <summary>
/// The panel product with the vectors of .NET: a tile of 6 rows by two vectors, that is 12 sums, 2 vectors of B and 1 broadcast element of A, made
/// for the 16 registers of AVX2 (6×16). One step of k is 12 multiply-adds for 8 loads, so two FMA units and two load ports finish together at 6 cycles.
/// AVX-512 runs it as 6×32, NEON as 6×8.
/// </summary>
internal sealed unsafe class SimdPanelKernel<TVector, TOps> : PanelKernel
    where TVector : unmanaged
    where TOps : IPanelVector<TVector>
{
    private readonly delegate*<PanelArguments*, void>[] byRows =
    [
        &Tile<Count1>, &Tile<Count2>, &Tile<Count3>, &Tile<Count4>, &Tile<Count5>, &Tile<Count6>,
    ];

    public SimdPanelKernel()
        : base(TOps.Format, rowTile: 6, panelWidth: 2 * TOps.Lanes)
    {
    }

    public override string Name => $"simd {Format} {RowTile}×{PanelWidth}";

    public override void Run(int rows, PanelArguments* arguments) => byRows[rows - 1](arguments);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(PanelArguments* arguments)
        where TRows : ICount
    {
        TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        TVector c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;

        // Rows 0 to 2 and 3 to 5 share a base each, so that strides 0, 1, 2 address them all.
        nint stride = arguments->AStride;
        byte* a = (byte*)arguments->A;
        byte* a3 = a + (3 * stride);
        byte* b = (byte*)arguments->B;
        int vectorBytes = (TOps.Format == PanelFormat.S16S8 ? 2 : 4) * TOps.Lanes;
        for (byte* end = b + (arguments->Steps * 2 * vectorBytes); b < end; b += 2 * vectorBytes)
        {
            TVector b0 = TOps.LoadUnits(b), b1 = TOps.LoadUnits(b + vectorBytes);
            TVector x = TOps.Broadcast(a);
            c00 = TOps.MultiplyAdd(x, b0, c00);
            c01 = TOps.MultiplyAdd(x, b1, c01);
            if (TRows.Value > 1)
            {
                x = TOps.Broadcast(a + stride);
                c10 = TOps.MultiplyAdd(x, b0, c10);
                c11 = TOps.MultiplyAdd(x, b1, c11);
            }

            if (TRows.Value > 2)
            {
                x = TOps.Broadcast(a + (2 * stride));
                c20 = TOps.MultiplyAdd(x, b0, c20);
                c21 = TOps.MultiplyAdd(x, b1, c21);
            }

            if (TRows.Value > 3)
            {
                x = TOps.Broadcast(a3);
                c30 = TOps.MultiplyAdd(x, b0, c30);
                c31 = TOps.MultiplyAdd(x, b1, c31);
            }

            if (TRows.Value > 4)
            {
                x = TOps.Broadcast(a3 + stride);
                c40 = TOps.MultiplyAdd(x, b0, c40);
                c41 = TOps.MultiplyAdd(x, b1, c41);
            }

            if (TRows.Value > 5)
            {
                x = TOps.Broadcast(a3 + (2 * stride));
                c50 = TOps.MultiplyAdd(x, b0, c50);
                c51 = TOps.MultiplyAdd(x, b1, c51);
            }

            a += 4;
            a3 += 4;
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
        int vectorBytes = 4 * TOps.Lanes;
        if (arguments->Addend != null)
        {
            byte* addend = (byte*)arguments->Addend + (row * arguments->AddendStride);
            left = TOps.AddMemory(left, addend);
            right = TOps.AddMemory(right, addend + vectorBytes);
        }

        byte* c = (byte*)arguments->C + (row * arguments->CStride);
        TOps.Store(left, c);
        TOps.Store(right, c + vectorBytes);
    }
}
