using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>Makes rows of a kernel's left factor: row-major units (see <see cref="PanelFormat"/>), k padded with zeros.</summary>
internal static unsafe class RowConversion
{
    /// <summary>Whether the operand's own memory already is what the kernel reads, so that nothing needs converting.</summary>
    public static bool IsDirect(PanelFormat format, in Operand source) => !source.Transposed && format switch
    {
        PanelFormat.F32 => source.Type == ElementType.F32,
        PanelFormat.BF16 => source.Type == ElementType.BF16 && source.Columns % 2 == 0,
        _ => false,
    };

    /// <summary>
    /// Converts rows <paramref name="row"/> … + <paramref name="rows"/> of the factor, columns <paramref name="k"/> … + <paramref name="count"/>.
    /// </summary>
    /// <param name="format">F32 or BF16.</param>
    /// <param name="source">The left factor.</param>
    /// <param name="row">First row of the factor.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="k">First column of the factor.</param>
    /// <param name="count">Number of columns.</param>
    /// <param name="destination">First converted row.</param>
    /// <param name="stride">Bytes from one converted row to the next.</param>
    public static void Run(PanelFormat format, in Operand source, int row, int rows, int k, int count, byte* destination, long stride)
    {
        if (source.Transposed)
        {
            Transposed(format, source, row, rows, k, count, destination, stride);
            return;
        }

        for (int i = 0; i < rows; i++)
        {
            if (format == PanelFormat.F32) ToF32(source, row + i, k, count, (float*)(destination + (i * stride)));
            else ToBF16Pairs(source, row + i, k, count, (ushort*)(destination + (i * stride)));
        }
    }

    /// <summary>Widens a run of stored elements, of any type, to f32.</summary>
    /// <param name="source">A matrix, taken as stored.</param>
    /// <param name="row">Its row.</param>
    /// <param name="column">The first column.</param>
    /// <param name="count">Number of columns.</param>
    /// <param name="destination">f32.</param>
    public static void ToF32(in Operand source, long row, long column, int count, float* destination)
    {
        if (!source.Type.IsFloat8())
        {
            ToF32(source.Type, source.At(row, column), count, destination);
            return;
        }

        const int Piece = 512;
        ushort* decoded = stackalloc ushort[Piece];
        for (int i = 0; i < count; i += Piece)
        {
            int width = Math.Min(Piece, count - i);
            Float8Decoding.ToBF16(source.Type, source.At(row, column + i), width, source.Scale, decoded);
            ToF32<LoadBF16>(decoded, width, destination + i);
        }
    }

    /// <summary>Rounds a run of stored elements, of any type, to whole units of <see cref="PanelFormat.BF16"/>: an odd count is padded with a zero.</summary>
    public static void ToBF16Pairs(in Operand source, long row, long column, int count, ushort* destination)
    {
        if (source.Type.IsFloat8()) Float8Decoding.ToBF16(source.Type, source.At(row, column), count, source.Scale, destination);
        else ToBF16(source.Type, source.At(row, column), count, destination);
        Pad(count, destination);
    }

    /// <summary>Rounds <paramref name="count"/> elements of f32 to whole units of <see cref="PanelFormat.BF16"/>: an odd count is padded with a zero.</summary>
    public static void ToBF16Pairs(float* source, int count, ushort* destination)
    {
        ToBF16(ElementType.F32, source, count, destination);
        Pad(count, destination);
    }

    /// <summary>Widens <paramref name="count"/> elements to f32.</summary>
    public static void ToF32(ElementType type, void* source, int count, float* destination)
    {
        switch (type)
        {
            case ElementType.F32:
                Buffer.MemoryCopy(source, destination, 4L * count, 4L * count);
                break;
            case ElementType.BF16:
                ToF32<LoadBF16>(source, count, destination);
                break;
            case ElementType.F16:
                ToF32<LoadF16>(source, count, destination);
                break;
            default:
                throw NeedsScale(type);
        }
    }

    /// <summary>Rounds <paramref name="count"/> elements to bf16 and writes no more than those: what follows may be the next row.</summary>
    public static void ToBF16(ElementType type, void* source, int count, ushort* destination)
    {
        switch (type)
        {
            case ElementType.F32:
                ToBF16<LoadF32>(source, count, destination);
                break;
            case ElementType.BF16:
                Buffer.MemoryCopy(source, destination, 2L * count, 2L * count);
                break;
            case ElementType.F16:
                ToBF16<LoadF16>(source, count, destination);
                break;
            default:
                throw NeedsScale(type);
        }
    }

    private static void Pad(int count, ushort* destination)
    {
        if (count % 2 != 0) destination[count] = 0;
    }

    private static NotSupportedException NeedsScale(ElementType type) => new($"{type} is read with the scale of its matrix");

    private static void ToF32<TLoad>(void* source, int count, float* destination)
        where TLoad : IFloatLoad
    {
        int i = 0;
        for (; i + 8 <= count; i += 8) TLoad.Load8(source, i).Store(destination + i);
        for (; i < count; i++) destination[i] = TLoad.Load(source, i);
    }

    private static void ToBF16<TLoad>(void* source, int count, ushort* destination)
        where TLoad : IFloatLoad
    {
        int i = 0;
        for (; i + 8 <= count; i += 8) Widening.ToBF16(TLoad.Load8(source, i)).Store(destination + i);
        for (; i < count; i++) destination[i] = Widening.ToBF16(TLoad.Load(source, i));
    }

    private static void Transposed(PanelFormat format, in Operand source, int row, int rows, int k, int count, byte* destination, long stride)
    {
        switch (source.Type)
        {
            case ElementType.F32:
                Transposed<LoadF32>(format, source, row, rows, k, count, destination, stride);
                break;
            case ElementType.BF16 when format == PanelFormat.BF16:
                TransposedPairs(source, row, rows, k, count, destination, stride);
                break;
            case ElementType.BF16:
                Transposed<LoadBF16>(format, source, row, rows, k, count, destination, stride);
                break;
            case ElementType.F16:
                Transposed<LoadF16>(format, source, row, rows, k, count, destination, stride);
                break;
            default:
                throw new NotSupportedException("a transposed left factor of 8-bit floats: weights are right factors");
        }
    }

    private static void Transposed<TLoad>(PanelFormat format, in Operand source, int row, int rows, int k, int count, byte* destination, long stride)
        where TLoad : IFloatLoad
    {
        byte* from = source.At(k, row);
        long fromStride = source.Stride * source.Type.Size();
        if (format == PanelFormat.F32)
        {
            UnitTranspose.Run<FloatUnits<TLoad>, WholeUnits>(from, fromStride, destination, stride, count, rows);
            return;
        }

        UnitTranspose.Run<FloatUnits<TLoad>, BFloat16Units>(from, fromStride, destination, stride, count, rows);
        for (int i = 0; i < rows; i++) Pad(count, (ushort*)(destination + (i * stride)));
    }

    /// <summary>bf16 to bf16: two stored rows at a time are a row of pairs, and pairs are what is transposed.</summary>
    private static void TransposedPairs(in Operand source, int row, int rows, int k, int count, byte* destination, long stride)
    {
        UnitTranspose.Run<PairedRows, WholeUnits>(source.At(k, row), source.Stride * sizeof(ushort), destination, stride, count / 2, rows);
        if (count % 2 == 0) return;
        ushort* last = (ushort*)source.At(k + count - 1, row);
        for (int i = 0; i < rows; i++) ((uint*)(destination + (i * stride)))[count / 2] = last[i];
    }
}
