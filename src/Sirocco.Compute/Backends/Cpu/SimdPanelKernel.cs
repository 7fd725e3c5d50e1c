using System.Runtime.CompilerServices;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// The vectors of one panel kernel: how it reads its units and what one lane does with them. The loops are <see cref="SimdPanelKernel{TVector, TOps}"/>'s.
/// </summary>
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

    /// <summary>Takes a finished sum to the result: as f32, plus the addend unless null.</summary>
    /// <param name="sum">The sum.</param>
    /// <param name="scales">For integers the scales of its columns.</param>
    /// <param name="scale">For integers the scale of its row.</param>
    /// <param name="addend">Null: none.</param>
    /// <param name="destination">Where it goes.</param>
    static abstract void Store(TVector sum, byte* scales, byte* scale, float* addend, float* destination);
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

    public override void Run(int rows, PanelArguments* arguments)
    {
        if (IsInteger) RunGroups(rows, *arguments);
        else byRows[rows - 1](arguments);
    }

    /// <summary>Group by group, each added to what the ones before it left in the result.</summary>
    private void RunGroups(int rows, PanelArguments group)
    {
        for (nint left = group.Steps; left > 0; left -= group.Steps)
        {
            group.Steps = Math.Min(left, GroupSteps);
            byRows[rows - 1](&group);
            group.A = (byte*)group.A + (4 * group.Steps) + sizeof(float);
            group.B = (byte*)group.B + StartBytes + (group.Steps * StepBytes) + ScaleBytes;
            group.Addend = group.C;
            group.AddendStride = group.CStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(PanelArguments* arguments)
        where TRows : ICount
    {
        // Rows 0 to 2 and 3 to 5 share a base each, so that strides 0, 1, 2 address them all.
        nint stride = arguments->AStride;
        byte* a = (byte*)arguments->A;
        byte* a3 = a + (3 * stride);
        byte* b = (byte*)arguments->B;
        int vectorBytes = (TOps.Format == PanelFormat.S16S8 ? 2 : 4) * TOps.Lanes;
        TVector c00 = default, c01 = default;
        if (TOps.Format == PanelFormat.U8S8)
        {
            c00 = TOps.LoadUnits(b);
            c01 = TOps.LoadUnits(b + vectorBytes);
            b += 2 * vectorBytes;
        }

        TVector c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01, c40 = c00, c41 = c01, c50 = c00, c51 = c01;
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

        Store(arguments, 0, c00, c01, a, b);
        if (TRows.Value > 1) Store(arguments, 1, c10, c11, a + stride, b);
        if (TRows.Value > 2) Store(arguments, 2, c20, c21, a + (2 * stride), b);
        if (TRows.Value > 3) Store(arguments, 3, c30, c31, a3, b);
        if (TRows.Value > 4) Store(arguments, 4, c40, c41, a3 + stride, b);
        if (TRows.Value > 5) Store(arguments, 5, c50, c51, a3 + (2 * stride), b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(PanelArguments* arguments, int row, TVector left, TVector right, byte* scale, byte* scales)
    {
        float* c = (float*)((byte*)arguments->C + (row * arguments->CStride));
        float* addend = arguments->Addend == null ? null : (float*)((byte*)arguments->Addend + (row * arguments->AddendStride));
        TOps.Store(left, scales, scale, addend, c);
        TOps.Store(right, scales + (4 * TOps.Lanes), scale, addend == null ? null : addend + TOps.Lanes, c + TOps.Lanes);
    }
}
