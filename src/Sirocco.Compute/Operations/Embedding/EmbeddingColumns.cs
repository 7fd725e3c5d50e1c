using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// y[t,i] = table[i, ids[t]]: a lookup in a table that holds a token in each column, as the first factor of an adapted embedding does.
    /// Backward: dtable[i, ids[t]] += dy[t,i], in order of t.
    /// </summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="table">[features, vocabulary]</param>
    /// <param name="ids">One for each token.</param>
    /// <param name="paddingId">The column that gets no gradient from here; −1: none.</param>
    /// <returns>[tokens, features]</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public static Tensor EmbeddingColumns(this Scope f, Parameter table, ReadOnlySpan<int> ids, int paddingId = -1)
    {
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)table.Columns)
                throw new ArgumentOutOfRangeException(nameof(ids), $"token id {id} is outside the vocabulary of {table.Columns}");
        }

        Tensor y = f.New(ids.Length, table.Rows), tokens = f.Integers(ids);
        ColumnLookup lookup = new() { Table = table.Operand, Ids = (int*)tokens.Pointer, Y = y.Data };
        RowDriver.Rows(f.Context.Backend, ids.Length, 8L * table.Rows, lookup);
        if (f.Records([], [table])) Record(f.Tape!, table, tokens, paddingId, y);
        return y;

        static void Record(Tape tape, Parameter table, Tensor ids, int paddingId, Tensor y) => tape.Record([y], [table], [ids], pass =>
        {
            float* dy = pass.Gradient(y).Data;
            for (int feature = 0; feature < y.Columns; feature++)
            {
                float* row = table.Gradient!.Pointer + ((long)feature * table.Columns);
                for (int t = 0; t < y.Rows; t++)
                {
                    if (ids.Integers[t] != paddingId) row[ids.Integers[t]] += dy[((long)t * y.Columns) + feature];
                }
            }
        });
    }

    private struct ColumnLookup : IRowKernel
    {
        public Operand Table;
        public int* Ids;
        public float* Y;

        public readonly void Row(int row)
        {
            for (int i = 0; i < Table.Rows; i++) RowConversion.ToF32(Table, i, Ids[row], 1, Y + ((long)row * Table.Rows) + i);
        }
    }
}
