using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Makes panels of a kernel's right factor from a matrix that lies row-major in memory: <c>[steps][PanelWidth]</c> units, zeros where k or the columns end.
/// </summary>
internal static unsafe class PanelPacking
{
    /// <summary>
    /// Packs columns <paramref name="column"/> … + <paramref name="columns"/> (all panels they fill, one after another) and k <paramref name="k"/> … +
    /// <paramref name="count"/>.
    /// </summary>
    /// <param name="kernel">An f32 or bf16 kernel.</param>
    /// <param name="source">The right factor [k, n].</param>
    /// <param name="column">First column of the factor.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="k">First row of the factor.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="destination">Room for <see cref="PanelKernel.Panels"/> times <see cref="PanelKernel.PanelBytes"/> bytes, 64-byte aligned.</param>
    public static void Run(PanelKernel kernel, in Operand source, int column, int columns, int k, int count, byte* destination)
    {
        long bytes = kernel.PanelBytes(count);
        for (int first = 0; first < columns; first += kernel.PanelWidth, destination += bytes)
        {
            int width = Math.Min(kernel.PanelWidth, columns - first);
            if (width < kernel.PanelWidth) Unsafe.InitBlockUnaligned(destination, 0, checked((uint)bytes));
            if (source.Transposed) FromColumns(kernel, source, column + first, width, k, count, destination);
            else FromRows(kernel, source, column + first, width, k, count, (uint*)destination);
        }
    }

    /// <summary>The factor is stored transposed (a weight [n, k]): each stored row becomes a column of the panel.</summary>
    private static void FromColumns(PanelKernel kernel, in Operand source, int column, int width, int k, int count, byte* destination)
    {
        byte* from = source.At(column, k);
        long stride = source.Stride * source.Type.Size();
        uint* to = (uint*)destination;
        if (source.Type.IsFloat8())
        {
            ConvertedColumns(kernel, source, column, width, k, count, to);
        }
        else if (kernel.Format == PanelFormat.F32)
        {
            switch (source.Type)
            {
                case ElementType.F32:
                    UnitTranspose.Run<PlainUnits, WholeUnits>(from, stride, destination, 4L * kernel.PanelWidth, width, count);
                    break;
                case ElementType.BF16:
                    UnitTranspose.Run<FloatUnits<LoadBF16>, WholeUnits>(from, stride, destination, 4L * kernel.PanelWidth, width, count);
                    break;
                default:
                    UnitTranspose.Run<FloatUnits<LoadF16>, WholeUnits>(from, stride, destination, 4L * kernel.PanelWidth, width, count);
                    break;
            }
        }
        else if (source.Type == ElementType.BF16)
        {
            UnitTranspose.Run<PlainUnits, WholeUnits>(from, stride, destination, 4L * kernel.PanelWidth, width, count / 2);
            if (count % 2 != 0)
            {
                for (int j = 0; j < width; j++) to[((count / 2) * kernel.PanelWidth) + j] = ((ushort*)(from + (j * stride)))[count - 1];
            }
        }
        else
        {
            ConvertedColumns(kernel, source, column, width, k, count, to);
        }
    }

    /// <summary>Turns pieces of eight stored rows into bf16 on the stack and transposes them from there.</summary>
    private static void ConvertedColumns(PanelKernel kernel, in Operand source, int column, int width, int k, int count, uint* destination)
    {
        const int KBlock = 256, RowBlock = 8;
        ushort* rows = stackalloc ushort[RowBlock * KBlock];
        for (int j = 0; j < width; j += RowBlock)
        {
            int height = Math.Min(RowBlock, width - j);
            for (int k0 = 0; k0 < count; k0 += KBlock)
            {
                int ks = Math.Min(KBlock, count - k0);
                for (int i = 0; i < height; i++) RowConversion.ToBF16Pairs(source, column + j + i, k + k0, ks, rows + (i * KBlock));
                uint* to = destination + (kernel.Steps(k0) * kernel.PanelWidth) + j;
                if (kernel.Format == PanelFormat.F32)
                    UnitTranspose.Run<FloatUnits<LoadBF16>, WholeUnits>((byte*)rows, KBlock * sizeof(ushort), (byte*)to, 4L * kernel.PanelWidth, height, ks);
                else UnitTranspose.Run<PlainUnits, WholeUnits>((byte*)rows, KBlock * sizeof(ushort), (byte*)to, 4L * kernel.PanelWidth, height, (ks + 1) / 2);
            }
        }
    }

    /// <summary>The factor is stored as it is [k, n]: rows of it are copied, for bf16 interleaved in pairs.</summary>
    private static void FromRows(PanelKernel kernel, in Operand source, int column, int width, int k, int count, uint* destination)
    {
        switch (source.Type)
        {
            case ElementType.F32:
                FromRows<LoadF32>(kernel, source, column, width, k, count, destination);
                break;
            case ElementType.BF16:
                FromRows<LoadBF16>(kernel, source, column, width, k, count, destination);
                break;
            case ElementType.F16:
                FromRows<LoadF16>(kernel, source, column, width, k, count, destination);
                break;
            default:
                DecodedRows(kernel, source, column, width, k, count, destination);
                break;
        }
    }

    /// <summary>Decodes pairs of rows of 8-bit floats to bf16 on the stack and packs them from there.</summary>
    private static void DecodedRows(PanelKernel kernel, in Operand source, int column, int width, int k, int count, uint* destination)
    {
        const int Width = 128;
        ushort* pair = stackalloc ushort[2 * Width];
        if (width > Width) throw new ArgumentException($"panels of {width} columns", nameof(kernel));
        for (int i = 0; i < count; i += 2, destination += kernel.Steps(2) * kernel.PanelWidth)
        {
            int rows = Math.Min(2, count - i);
            for (int row = 0; row < rows; row++) Float8Decoding.ToBF16(source.Type, source.At(k + i + row, column), width, source.Scale, pair + (row * width));
            FromRows<LoadBF16>(kernel, Operand.Dense(pair, ElementType.BF16, rows, width), 0, width, 0, rows, destination);
        }
    }

    private static void FromRows<TLoad>(PanelKernel kernel, in Operand source, int column, int width, int k, int count, uint* destination)
        where TLoad : IFloatLoad
    {
        int bytes = width * TLoad.Type.Size();
        if (kernel.Format == PanelFormat.F32)
        {
            for (int i = 0; i < count; i++, destination += kernel.PanelWidth)
            {
                byte* row = source.At(k + i, column);
                Prefetch(row + bytes, bytes);
                RowConversion.ToF32(TLoad.Type, row, width, (float*)destination);
            }

            return;
        }

        for (int i = 0; i < count; i += 2, destination += kernel.PanelWidth)
        {
            byte* even = source.At(k + i, column);
            byte* odd = i + 1 < count ? source.At(k + i + 1, column) : null;
            Prefetch(even + bytes, bytes);
            if (odd != null) Prefetch(odd + bytes, bytes);
            int j = 0;
            for (; j + 8 <= width; j += 8) (Halves<TLoad>(even, j) | (Halves<TLoad>(odd, j) << 16)).Store(destination + j);
            for (; j < width; j++) destination[j] = Half<TLoad>(even, j) | (Half<TLoad>(odd, j) << 16);
        }
    }

    /// <summary>
    /// Asks for the piece of a row that the next panel will want: a block has more rows than a processor follows streams by itself. May point beyond the row.
    /// </summary>
    private static void Prefetch(byte* piece, int bytes)
    {
        const int Line = 64;
        if (!Sse.IsSupported) return;
        for (int at = 0; at < bytes; at += Line) Sse.Prefetch0(piece + at);
    }

    /// <summary>Eight elements of a row in bf16, each in the low half of its lane; zeros for no row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Halves<TLoad>(byte* row, long index)
        where TLoad : IFloatLoad
    {
        if (row == null) return Vector256<uint>.Zero;
        return TLoad.Type == ElementType.BF16
            ? Widening.ToUInt32(Vector128.Load((ushort*)row + index))
            : Widening.RoundToBF16(TLoad.Load8(row, index)) >> 16;
    }

    private static uint Half<TLoad>(byte* row, long index)
        where TLoad : IFloatLoad
    {
        if (row == null) return 0;
        return TLoad.Type == ElementType.BF16 ? ((ushort*)row)[index] : Widening.ToBF16(TLoad.Load(row, index));
    }
}
