using System.Numerics.Tensors;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// The scales of an FP8 weight: w = w8 · <c>weight_scale_inv</c> ("inverse" of the quantising factor, so a factor, not a divisor). One for the tensor, or
/// one for each block of a grid; which of the two follows from the tensor's rank, not from config.json.
/// </summary>
internal sealed class Fp8Scale
{
    private readonly float[] values;
    private readonly int blockRows;
    private readonly int blockColumns;
    private readonly int gridColumns;

    private Fp8Scale(float[] values, int blockRows, int blockColumns, int gridColumns)
    {
        this.values = values;
        this.blockRows = blockRows;
        this.blockColumns = blockColumns;
        this.gridColumns = gridColumns;
    }

    /// <summary>The one scale of a whole tensor; null where there are several.</summary>
    public float? OfTensor => values.Length == 1 ? values[0] : null;

    public static Fp8Scale Of(TensorArchive archive, StoredTensor weight, string name)
    {
        string[] keys = [name + "_scale_inv", name + "_scale", name.Replace(".weight", ".qscale_weight", StringComparison.Ordinal)];
        string? key = Array.Find(keys, archive.Contains);
        if (key is null)
            throw new InvalidDataException($"{weight.FilePath}: tensor '{name}' is {weight.Type.Name} but its scale '{name}_scale_inv' is missing");
        StoredTensor scale = archive[key];
        int rows = checked((int)weight.Rows), columns = checked((int)weight.Columns);
        if (scale.ElementCount == 1) return new Fp8Scale(scale.ToSingleArray(), rows, columns, 1);
        if (scale.Shape.Length == 1 && scale.Columns == rows || scale.Shape is [_, 1] && scale.Rows == rows)
            return new Fp8Scale(scale.ToSingleArray(), 1, columns, 1);
        if (scale.Shape.Length == 2 && scale.ElementCount > 0)
        {
            // Blocks are powers of two (128 in every published file); the last of a row or column may be cut by the edge.
            int down = Block(rows, (int)scale.Rows), across = Block(columns, (int)scale.Columns);
            if (down > 0 && across > 0) return new Fp8Scale(scale.ToSingleArray(), down, across, (int)scale.Columns);
        }

        throw new InvalidDataException($"{scale.FilePath}: scale '{key}' is {scale.ShapeText}, expected a scalar or a grid of blocks over {weight.ShapeText}");
    }

    /// <summary>Multiplies one row of the weight.</summary>
    public void Apply(long row, Span<float> weights)
    {
        int first = (int)(row / blockRows) * gridColumns;
        for (int block = 0; block < gridColumns; block++)
        {
            Span<float> part = weights.Slice(block * blockColumns, Math.Min(blockColumns, weights.Length - (block * blockColumns)));
            TensorPrimitives.Multiply(part, values[first + block], part);
        }
    }

    private static int Block(int extent, int count)
    {
        if (count == 1) return extent;
        for (int size = 1; size <= 1024; size *= 2)
        {
            if ((extent + size - 1) / size == count && size >= 8) return size;
        }

        return extent % count == 0 ? extent / count : 0;
    }
}
