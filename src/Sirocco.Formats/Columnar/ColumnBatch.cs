using System.Text.Json;

namespace Sirocco.Formats;

/// <summary>
/// Consecutive rows of a table. Disposing gives the memory of its texts back for the next batch; a batch that is not disposed is left to the garbage collector.
/// </summary>
public sealed class ColumnBatch : IDisposable
{
    private readonly List<PooledBytes> held;

    internal ColumnBatch(long firstRow, int rowCount, IReadOnlyList<Column> columns, List<PooledBytes> held)
    {
        FirstRow = firstRow;
        RowCount = rowCount;
        Columns = columns;
        this.held = held;
    }

    /// <summary>The place of the first row in the table.</summary>
    public long FirstRow { get; }

    /// <summary>Number of rows.</summary>
    public int RowCount { get; }

    /// <summary>The chosen columns in the order of the choice, or all in the order of the file.</summary>
    public IReadOnlyList<Column> Columns { get; }

    /// <summary>A column by its name.</summary>
    /// <exception cref="KeyNotFoundException">It was not read.</exception>
    public Column this[string name] =>
        Columns.FirstOrDefault(column => column.Field.Name == name) ?? throw new KeyNotFoundException($"column {name} was not read");

    /// <summary>
    /// Writes a row as a JSON object: binary values as <c>{"base64": …}</c>, dates and times in ISO 8601, decimals and numbers that are not finite as strings,
    /// maps as lists of pairs.
    /// </summary>
    public void WriteRow(Utf8JsonWriter writer, int row)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        foreach (Column column in Columns)
        {
            writer.WritePropertyName(column.Field.Name);
            ColumnJson.Write(writer, column, row);
        }
        writer.WriteEndObject();
    }

    /// <summary>Gives memory back; no span taken from a column may be used afterwards.</summary>
    public void Dispose()
    {
        foreach (PooledBytes bytes in held) bytes.Release();
        held.Clear();
    }
}
