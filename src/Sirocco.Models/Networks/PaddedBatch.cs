using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>What a token's position counts in a padded batch.</summary>
public enum PositionCount
{
    /// <summary>Columns of the matrix, padding included, as the reference libraries do.</summary>
    Columns,

    /// <summary>Tokens of its own sequence.</summary>
    Tokens,
}

/// <summary>
/// The door between padded matrices [rows, columns], as other libraries exchange them, and tokens without padding: which cells are tokens, in row order, and
/// the way back. Padding may be on the left or on the right of each row.
/// </summary>
public sealed class PaddedBatch
{
    private readonly int[] cells;

    private PaddedBatch(int rows, int columns, int[] cells, Segments segments, Segments places)
    {
        Rows = rows;
        Columns = columns;
        this.cells = cells;
        Segments = segments;
        Places = places;
    }

    /// <summary>Sequences.</summary>
    public int Rows { get; }

    /// <summary>Width of the padded matrix.</summary>
    public int Columns { get; }

    /// <summary>The sequences without padding.</summary>
    public Segments Segments { get; }

    /// <summary>The same sequences at the places that are counted, whatever positions the caller gave: what pooling goes by.</summary>
    public Segments Places { get; }

    /// <summary>[tokens] row · columns + column of each token.</summary>
    public ReadOnlySpan<int> Cells => cells;

    /// <summary>Reads a mask.</summary>
    /// <param name="rows">Sequences.</param>
    /// <param name="columns">Width.</param>
    /// <param name="mask">[rows, columns] 1 for tokens, 0 for padding; empty means no padding.</param>
    /// <param name="count">What positions count.</param>
    /// <param name="positionIds">[rows, columns] positions given by the caller, or empty.</param>
    /// <exception cref="InvalidDataException">A row has padding between tokens, or the mask holds something other than 0 and 1.</exception>
    public static PaddedBatch Create(int rows, int columns, ReadOnlySpan<long> mask, PositionCount count, ReadOnlySpan<long> positionIds = default)
    {
        int size = checked(rows * columns);
        if (!mask.IsEmpty && mask.Length != size) throw new InvalidDataException($"attention_mask has {mask.Length} values for {rows} x {columns} tokens");
        if (!positionIds.IsEmpty && positionIds.Length != size)
            throw new InvalidDataException($"position_ids has {positionIds.Length} values for {rows} x {columns} tokens");
        int[] lengths = new int[rows];
        List<int> cells = [], places = [], positions = [];
        for (int row = 0; row < rows; row++)
        {
            int last = -1;
            for (int column = 0; column < columns; column++)
            {
                int cell = (row * columns) + column;
                if (!mask.IsEmpty)
                {
                    if (mask[cell] == 0) continue;
                    if (mask[cell] != 1) throw new InvalidDataException($"attention_mask[{row}, {column}] is {mask[cell]}, expected 0 or 1");
                    if (last >= 0 && last != column - 1)
                    {
                        throw new InvalidDataException(
                            $"attention_mask[{row}] has a hole before column {column}; padding may only be on the left or on the right");
                    }
                }

                last = column;
                int place = count == PositionCount.Columns ? column : lengths[row];
                long position = positionIds.IsEmpty ? place : positionIds[cell];
                if (position is < 0 or > int.MaxValue)
                    throw new InvalidDataException($"position_ids[{row}, {column}] is {position}, expected a position from 0");
                places.Add(place);
                positions.Add((int)position);
                cells.Add(cell);
                lengths[row]++;
            }
        }

        Segments counted = Segments.FromLengths(lengths, places.ToArray());
        return new PaddedBatch(rows, columns, [.. cells], positionIds.IsEmpty ? counted : Segments.FromLengths(lengths, positions.ToArray()), counted);
    }

    /// <summary>The tokens' values of a padded matrix: ids, labels.</summary>
    /// <param name="padded">[rows, columns]</param>
    /// <param name="name">Name of the matrix, for messages.</param>
    /// <returns>[tokens]</returns>
    public int[] Tokens(ReadOnlySpan<long> padded, string name)
    {
        int[] values = new int[cells.Length];
        for (int i = 0; i < values.Length; i++)
        {
            long value = padded[cells[i]];
            values[i] = value is >= int.MinValue and <= int.MaxValue ? (int)value
                : throw new InvalidDataException($"{name}[{cells[i] / Columns}, {cells[i] % Columns}] is {value}, which is no token id");
        }

        return values;
    }

    /// <summary>The tokens' rows of a padded cube.</summary>
    /// <param name="padded">[rows, columns, features]</param>
    /// <param name="features">Features of a token.</param>
    /// <returns>[tokens, features]</returns>
    public float[] TokenRows(ReadOnlySpan<float> padded, int features)
    {
        float[] values = new float[checked(cells.Length * features)];
        for (int i = 0; i < cells.Length; i++) padded.Slice(cells[i] * features, features).CopyTo(values.AsSpan(i * features));
        return values;
    }

    /// <summary>Labels of next tokens: token t predicts the label of the column after it; -100 where there is none.</summary>
    /// <param name="padded">[rows, columns]</param>
    /// <returns>[tokens]</returns>
    public int[] ShiftedLabels(ReadOnlySpan<long> padded)
    {
        int[] labels = new int[cells.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            bool last = i + 1 == labels.Length || cells[i + 1] != cells[i] + 1 || cells[i + 1] % Columns == 0;
            labels[i] = last ? -100 : checked((int)padded[cells[i + 1]]);
        }

        return labels;
    }

    /// <summary>Puts tokens back into a padded cube; padding is zero.</summary>
    /// <param name="tokens">[tokens, features]</param>
    /// <param name="features">Features of a token.</param>
    /// <returns>[rows, columns, features]</returns>
    public float[] Spread(ReadOnlySpan<float> tokens, int features)
    {
        long size = (long)Rows * Columns * features;
        if (size > Array.MaxLength) throw new InvalidDataException($"an output of {Rows} x {Columns} x {features} values does not fit; give fewer sequences");
        float[] padded = new float[size];
        for (int i = 0; i < cells.Length; i++) tokens.Slice(i * features, features).CopyTo(padded.AsSpan(cells[i] * features));
        return padded;
    }
}
