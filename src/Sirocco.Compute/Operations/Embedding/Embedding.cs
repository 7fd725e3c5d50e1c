using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y[t] = table[ids[t]]. Backward: dtable[ids[t]] += dy[t], in order of t.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="table">[vocabulary, hidden]</param>
    /// <param name="ids">One for each token.</param>
    /// <param name="paddingId">The row that gets no gradient from here (<c>padding_idx</c>); −1: none.</param>
    /// <returns>[tokens, hidden]</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public static Tensor Embedding(this Scope f, Parameter table, ReadOnlySpan<int> ids, int paddingId = -1)
    {
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)table.Rows) throw new ArgumentOutOfRangeException(nameof(ids), $"token id {id} is outside the vocabulary of {table.Rows}");
        }

        Tensor y = f.New(ids.Length, table.Columns);
        fixed (int* at = ids)
        {
            EmbeddingLookup lookup = new() { Table = table.Operand, Ids = at, Y = y.Data, Hidden = table.Columns };
            RowDriver.Rows(f.Context.Backend, ids.Length, table.Columns, lookup);
        }

        if (f.Records([], [table])) Record(f.Tape!, table, f.Integers(ids), paddingId, y);
        return y;

        static void Record(Tape tape, Parameter table, Tensor ids, int paddingId, Tensor y) => tape.Record([y], [table], [ids], pass =>
        {
            EmbeddingGradient toTable = new()
            {
                DY = pass.Gradient(y).Data,
                DTable = table.Gradient!.Pointer,
                Ids = (int*)ids.Pointer,
                Tokens = y.Rows,
                Hidden = y.Columns,
                PaddingId = paddingId,
            };
            RowDriver.Columns(y.Context.Backend, y.Rows, y.Columns, toTable);
        });
    }

    private struct EmbeddingLookup : IRowKernel
    {
        public Operand Table;
        public int* Ids;
        public float* Y;
        public int Hidden;

        public readonly void Row(int row) => RowConversion.ToF32(Table, Ids[row], 0, Hidden, Y + ((long)row * Hidden));
    }

    /// <summary>Columns are shared out rather than tokens, so that a token that occurs twice is no race.</summary>
    private struct EmbeddingGradient : IColumnKernel
    {
        public float* DY, DTable;
        public int* Ids;
        public int Tokens, Hidden, PaddingId;

        public readonly void Columns(int first, int count)
        {
            for (int t = 0; t < Tokens; t++)
            {
                if (Ids[t] != PaddingId) VectorRow.Add(DY + ((long)t * Hidden) + first, DTable + ((long)Ids[t] * Hidden) + first, count);
            }
        }
    }
}
