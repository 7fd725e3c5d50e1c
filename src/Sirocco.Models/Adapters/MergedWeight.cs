using System.Numerics.Tensors;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>A projection's weight with its adapter's update in it, W + s · B · A or DoRA's (m / ‖W + s·B·A‖) ⊙ (W + s·B·A), row by row in f32.</summary>
internal sealed class MergedWeight
{
    private const int RowsAtOnce = 256;

    private readonly Parameter weight;
    private readonly float scale;
    private readonly int rank;
    private readonly float[] left;
    private readonly float[] right;
    private readonly float[]? magnitude;

    public MergedWeight(Projection projection)
    {
        weight = projection.Weight;
        if (projection.Update is not { } update)
        {
            (left, right) = ([], []);
            return;
        }

        // An embedding's table is [vocabulary, hidden] and its update B · A [hidden, vocabulary].
        bool embedding = projection.Name == ModuleMatching.Embedding;
        (rank, scale) = (update.Rank, update.Scale);
        (left, right) = embedding ? (Transposed(update.A), Transposed(update.B)) : (Values(update.B), Values(update.A));
        magnitude = update.Magnitude is null ? null : Values(update.Magnitude);
    }

    /// <summary>The weight on its way into a file, rounded once from f32.</summary>
    public OutgoingTensor Outgoing(string name, StorageType type, CancellationToken cancellation) =>
        new(name, type, [.. weight.Shape.Select(extent => (long)extent)], stream =>
        {
            float[] values = new float[RowsAtOnce * weight.Columns];
            byte[] bytes = new byte[values.Length * type.BlockBytes];
            for (int first = 0; first < weight.Rows; first += RowsAtOnce)
            {
                cancellation.ThrowIfCancellationRequested();
                int start = first, count = Math.Min(RowsAtOnce, weight.Rows - first), columns = weight.Columns;
                Parallel.For(0, count, i =>
                {
                    Span<float> row = values.AsSpan(i * columns, columns);
                    Row(start + i, row);
                    ElementConversion.FromSingle(type, row, bytes.AsSpan(i * columns * type.BlockBytes, columns * type.BlockBytes));
                });
                stream.Write(bytes.AsSpan(0, count * columns * type.BlockBytes));
            }
        });

    private void Row(int index, Span<float> row)
    {
        weight.CopyRowTo(index, row);
        if (rank == 0) return;
        float[] update = new float[row.Length];
        for (int i = 0; i < rank; i++) TensorPrimitives.MultiplyAdd(right.AsSpan(i * row.Length, row.Length), left[(index * rank) + i], update, update);
        TensorPrimitives.MultiplyAdd(update, scale, row, row);
        if (magnitude is not null) TensorPrimitives.Multiply(row, magnitude[index] / TensorPrimitives.Norm<float>(row), row);
    }

    private static float[] Values(Parameter parameter)
    {
        float[] values = new float[parameter.Count];
        parameter.CopyTo(values);
        return values;
    }

    private static float[] Transposed(Parameter parameter)
    {
        float[] values = Values(parameter), transposed = new float[values.Length];
        for (int row = 0; row < parameter.Rows; row++)
        {
            for (int column = 0; column < parameter.Columns; column++) transposed[(column * parameter.Rows) + row] = values[(row * parameter.Columns) + column];
        }

        return transposed;
    }
}
