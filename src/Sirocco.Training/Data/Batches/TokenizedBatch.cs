using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training;

/// <summary>
/// Token ids of the texts of one side of a batch, without padding, and the padded matrix [rows, columns] that the reference would make of them.
/// </summary>
internal sealed class TokenizedBatch
{
    private int[]? tokens;

    /// <param name="ids">Ids of each row.</param>
    /// <param name="columns">Width of the padded matrix; at least the longest row.</param>
    /// <param name="paddingSide">The side of the padding.</param>
    /// <param name="paddingId">What padded cells hold.</param>
    public TokenizedBatch(IReadOnlyList<int[]> ids, int columns, TextSide paddingSide, int paddingId)
    {
        ArgumentNullException.ThrowIfNull(ids);
        int longest = ids.Count == 0 ? 0 : ids.Max(row => row.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, longest);
        Ids = ids;
        Columns = columns;
        PaddingSide = paddingSide;
        PaddingId = paddingId;
    }

    /// <summary>Ids of each row.</summary>
    public IReadOnlyList<int[]> Ids { get; }

    /// <summary>Rows.</summary>
    public int Rows => Ids.Count;

    /// <summary>Width of the padded matrix.</summary>
    public int Columns { get; }

    /// <summary>The side of the padding.</summary>
    public TextSide PaddingSide { get; }

    /// <summary>What padded cells hold.</summary>
    public int PaddingId { get; }

    /// <summary>[tokens] ids of all rows, one after the other.</summary>
    public IReadOnlyList<int> Tokens => TokenArray;

    internal int[] TokenArray => tokens ??= [.. Ids.SelectMany(row => row)];

    /// <summary>The rows as sequences of the engine.</summary>
    /// <param name="count">What positions count: columns of the padded matrix, as the reference does, or tokens.</param>
    public Segments Segments(PositionCount count = PositionCount.Columns)
    {
        int[] lengths = [.. Ids.Select(row => row.Length)];
        if (count == PositionCount.Tokens || PaddingSide == TextSide.Right) return Compute.Segments.FromLengths(lengths);
        int[] positions = new int[lengths.Sum()];
        int at = 0;
        foreach (int length in lengths)
        {
            for (int column = Columns - length; column < Columns; column++) positions[at++] = column;
        }

        return Compute.Segments.FromLengths(lengths, positions);
    }

    /// <summary>input_ids [rows, columns].</summary>
    public int[] PaddedIds()
    {
        int[] padded = new int[checked(Rows * Columns)];
        Array.Fill(padded, PaddingId);
        for (int row = 0; row < Rows; row++) Ids[row].CopyTo(padded, FirstCell(row));
        return padded;
    }

    /// <summary>attention_mask [rows, columns]: 1 for tokens, 0 for padding.</summary>
    public byte[] Mask()
    {
        byte[] mask = new byte[checked(Rows * Columns)];
        for (int row = 0; row < Rows; row++) mask.AsSpan(FirstCell(row), Ids[row].Length).Fill(1);
        return mask;
    }

    private int FirstCell(int row) => (row * Columns) + (PaddingSide == TextSide.Left ? Columns - Ids[row].Length : 0);
}
