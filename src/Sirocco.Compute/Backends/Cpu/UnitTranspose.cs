using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>32-bit units of a row, however they are stored.</summary>
internal unsafe interface IUnitLoad
{
    /// <summary>One unit.</summary>
    /// <param name="source">The first row.</param>
    /// <param name="stride">Bytes from row to row.</param>
    /// <param name="row">Which row.</param>
    /// <param name="column">Which unit of it.</param>
    static abstract uint Load(byte* source, long stride, int row, long column);

    /// <summary>Eight consecutive units.</summary>
    static abstract Vector256<uint> Load8(byte* source, long stride, int row, long column);
}

/// <summary>Units stored as they are: f32, pairs of bf16, quads of bytes.</summary>
internal readonly unsafe struct PlainUnits : IUnitLoad
{
    public static uint Load(byte* source, long stride, int row, long column) => ((uint*)(source + (row * stride)))[column];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load8(byte* source, long stride, int row, long column) => Vector256.Load((uint*)(source + (row * stride)) + column);
}

/// <summary>f32 units made from another element type while they are read.</summary>
internal readonly unsafe struct FloatUnits<TLoad> : IUnitLoad
    where TLoad : IFloatLoad
{
    public static uint Load(byte* source, long stride, int row, long column) => BitConverter.SingleToUInt32Bits(TLoad.Load(source + (row * stride), column));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load8(byte* source, long stride, int row, long column) => TLoad.Load8(source + (row * stride), column).AsUInt32();
}

/// <summary>Pairs of bf16 from two stored rows that follow one another: row r of units is made of rows 2r, in the low halves, and 2r + 1.</summary>
internal readonly unsafe struct PairedRows : IUnitLoad
{
    public static uint Load(byte* source, long stride, int row, long column)
    {
        byte* even = source + (2 * row * stride);
        return ((ushort*)even)[column] | ((uint)((ushort*)(even + stride))[column] << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load8(byte* source, long stride, int row, long column)
    {
        byte* even = source + (2 * row * stride);
        return Widening.ToUInt32(Vector128.Load((ushort*)even + column)) | (Widening.ToUInt32(Vector128.Load((ushort*)(even + stride) + column)) << 16);
    }
}

/// <summary>How a 32-bit unit is written.</summary>
internal unsafe interface IUnitStore
{
    static abstract int Bytes { get; }

    static abstract void Store(uint unit, byte* destination);

    static abstract void Store8(Vector256<uint> units, byte* destination);
}

/// <summary>Units written as they are.</summary>
internal readonly unsafe struct WholeUnits : IUnitStore
{
    public static int Bytes => 4;

    public static void Store(uint unit, byte* destination) => *(uint*)destination = unit;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store8(Vector256<uint> units, byte* destination) => units.Store((uint*)destination);
}

/// <summary>f32 units rounded to bf16 while they are written.</summary>
internal readonly unsafe struct BFloat16Units : IUnitStore
{
    public static int Bytes => 2;

    public static void Store(uint unit, byte* destination) => *(ushort*)destination = Widening.ToBF16(BitConverter.UInt32BitsToSingle(unit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store8(Vector256<uint> units, byte* destination) =>
        Widening.ToBF16(units.AsSingle()).Store((ushort*)destination);
}

/// <summary>
/// Transposes a matrix of 32-bit units in blocks of 8×8: the inner step of packing row-major weights into panels and of turning transposed activations into
/// rows.
/// </summary>
internal static unsafe class UnitTranspose
{
    /// <summary>destination[c][r] = source[r][c].</summary>
    /// <param name="source">First of <paramref name="rows"/> rows.</param>
    /// <param name="sourceStride">Bytes from row to row.</param>
    /// <param name="destination">First of <paramref name="columns"/> rows.</param>
    /// <param name="destinationStride">Bytes from row to row.</param>
    /// <param name="rows">Rows of the source.</param>
    /// <param name="columns">Units in each row of the source.</param>
    public static void Run<TLoad, TStore>(byte* source, long sourceStride, byte* destination, long destinationStride, int rows, int columns)
        where TLoad : IUnitLoad
        where TStore : IUnitStore
    {
        int row = 0;
        for (; row + 8 <= rows; row += 8)
        {
            byte* to = destination + (row * TStore.Bytes);
            int column = 0;
            for (; column + 8 <= columns; column += 8)
                Block<TLoad, TStore>(source, sourceStride, row, column, to + (column * destinationStride), destinationStride);
            Rest<TLoad, TStore>(source, sourceStride, destination, destinationStride, row, row + 8, column, columns);
        }

        Rest<TLoad, TStore>(source, sourceStride, destination, destinationStride, row, rows, 0, columns);
    }

    private static void Rest<TLoad, TStore>(
        byte* source, long sourceStride, byte* destination, long destinationStride, int first, int end, int firstColumn, int columns)
        where TLoad : IUnitLoad
        where TStore : IUnitStore
    {
        for (int row = first; row < end; row++)
        {
            for (int column = firstColumn; column < columns; column++)
                TStore.Store(TLoad.Load(source, sourceStride, row, column), destination + (column * destinationStride) + (row * TStore.Bytes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block<TLoad, TStore>(byte* source, long stride, int row, int column, byte* destination, long destinationStride)
        where TLoad : IUnitLoad
        where TStore : IUnitStore
    {
        Vector256<uint> r0 = TLoad.Load8(source, stride, row, column), r1 = TLoad.Load8(source, stride, row + 1, column);
        Vector256<uint> r2 = TLoad.Load8(source, stride, row + 2, column), r3 = TLoad.Load8(source, stride, row + 3, column);
        Vector256<uint> r4 = TLoad.Load8(source, stride, row + 4, column), r5 = TLoad.Load8(source, stride, row + 5, column);
        Vector256<uint> r6 = TLoad.Load8(source, stride, row + 6, column), r7 = TLoad.Load8(source, stride, row + 7, column);

        // Within each 128-bit half: interleave rows in pairs, then pairs of pairs; column j of the half holds rows 0-3 (or 4-7).
        (Vector256<uint> a0, Vector256<uint> a1, Vector256<uint> a2, Vector256<uint> a3) = Quad(r0, r1, r2, r3);
        (Vector256<uint> b0, Vector256<uint> b1, Vector256<uint> b2, Vector256<uint> b3) = Quad(r4, r5, r6, r7);
        TStore.Store8(Vector256.Create(a0.GetLower(), b0.GetLower()), destination);
        TStore.Store8(Vector256.Create(a1.GetLower(), b1.GetLower()), destination + destinationStride);
        TStore.Store8(Vector256.Create(a2.GetLower(), b2.GetLower()), destination + (2 * destinationStride));
        TStore.Store8(Vector256.Create(a3.GetLower(), b3.GetLower()), destination + (3 * destinationStride));
        destination += 4 * destinationStride;
        TStore.Store8(Vector256.Create(a0.GetUpper(), b0.GetUpper()), destination);
        TStore.Store8(Vector256.Create(a1.GetUpper(), b1.GetUpper()), destination + destinationStride);
        TStore.Store8(Vector256.Create(a2.GetUpper(), b2.GetUpper()), destination + (2 * destinationStride));
        TStore.Store8(Vector256.Create(a3.GetUpper(), b3.GetUpper()), destination + (3 * destinationStride));
    }

    /// <summary>Transposes two 4×4 blocks side by side, one in each half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<uint> C0, Vector256<uint> C1, Vector256<uint> C2, Vector256<uint> C3) Quad(
        Vector256<uint> r0, Vector256<uint> r1, Vector256<uint> r2, Vector256<uint> r3)
    {
        Vector256<ulong> low01 = Low(r0, r1).AsUInt64(), high01 = High(r0, r1).AsUInt64();
        Vector256<ulong> low23 = Low(r2, r3).AsUInt64(), high23 = High(r2, r3).AsUInt64();
        return (Low(low01, low23), High(low01, low23), Low(high01, high23), High(high01, high23));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Low(Vector256<uint> x, Vector256<uint> y) => Avx2.IsSupported
        ? Avx2.UnpackLow(x, y)
        : Vector256.Create(Low(x.GetLower(), y.GetLower()), Low(x.GetUpper(), y.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> High(Vector256<uint> x, Vector256<uint> y) => Avx2.IsSupported
        ? Avx2.UnpackHigh(x, y)
        : Vector256.Create(High(x.GetLower(), y.GetLower()), High(x.GetUpper(), y.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Low(Vector256<ulong> x, Vector256<ulong> y) => (Avx2.IsSupported
        ? Avx2.UnpackLow(x, y)
        : Vector256.Create(
            Vector128.Create(x.GetLower().GetLower(), y.GetLower().GetLower()), Vector128.Create(x.GetUpper().GetLower(), y.GetUpper().GetLower()))).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> High(Vector256<ulong> x, Vector256<ulong> y) => (Avx2.IsSupported
        ? Avx2.UnpackHigh(x, y)
        : Vector256.Create(
            Vector128.Create(x.GetLower().GetUpper(), y.GetLower().GetUpper()), Vector128.Create(x.GetUpper().GetUpper(), y.GetUpper().GetUpper()))).AsUInt32();

    private static Vector128<uint> Low(Vector128<uint> x, Vector128<uint> y) =>
        Vector128.ConditionalSelect(
            Vector128.Create(~0u, 0, ~0u, 0), Vector128.Shuffle(x, Vector128.Create(0u, 0, 1, 1)), Vector128.Shuffle(y, Vector128.Create(0u, 0, 1, 1)));

    private static Vector128<uint> High(Vector128<uint> x, Vector128<uint> y) =>
        Vector128.ConditionalSelect(
            Vector128.Create(~0u, 0, ~0u, 0), Vector128.Shuffle(x, Vector128.Create(2u, 2, 3, 3)), Vector128.Shuffle(y, Vector128.Create(2u, 2, 3, 3)));
}
