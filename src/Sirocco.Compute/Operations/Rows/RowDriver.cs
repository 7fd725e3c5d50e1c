using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>What an operation does to one row, whose result depends on no other row.</summary>
internal interface IRowKernel
{
    void Row(int row);
}

/// <summary>
/// What an operation does to a range of columns over all rows, in order of rows: sums over tokens that come out the same on any number of threads.
/// </summary>
internal interface IColumnKernel
{
    void Columns(int first, int count);
}

/// <summary>Spreads rows, columns or flat runs of elements over the team. Work too small to pay for waking a thread stays on the caller's.</summary>
internal static class RowDriver
{
    /// <summary>Elements of one item: 64 KB of f32, about 5 µs of a simple operation.</summary>
    private const int Grain = 16384;

    /// <summary>Elements that <see cref="IRowKernel"/>s over flat memory take as one row.</summary>
    public const int FlatRow = 4096;

    /// <summary>Runs a kernel over all rows.</summary>
    /// <param name="backend">The team.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="cost">Elements touched by one row, or as many as would take as long.</param>
    /// <param name="kernel">Pointers and constants.</param>
    public static void Rows<TKernel>(CpuBackend backend, int rows, long cost, in TKernel kernel)
        where TKernel : struct, IRowKernel
    {
        RowWork<TKernel> work = new() { Kernel = kernel, Rows = rows, PerItem = (int)Math.Clamp(Grain / Math.Max(cost, 1), 1, int.MaxValue) };
        backend.Team.Run(ref work, (int)(((long)rows + work.PerItem - 1) / work.PerItem));
    }

    /// <summary>Runs a kernel over <paramref name="count"/> elements in rows of <see cref="FlatRow"/>, the last one shorter.</summary>
    public static void Flat<TKernel>(CpuBackend backend, long count, in TKernel kernel)
        where TKernel : struct, IRowKernel =>
        Rows(backend, checked((int)((count + FlatRow - 1) / FlatRow)), FlatRow, kernel);

    /// <summary>Runs a kernel over all columns, in blocks of whole cache lines.</summary>
    public static void Columns<TKernel>(CpuBackend backend, int rows, int columns, in TKernel kernel)
        where TKernel : struct, IColumnKernel
    {
        const int Line = 16, Widest = 512;
        int threads = (long)rows * columns <= Grain ? 1 : backend.Team.Threads;
        int block = Math.Clamp((((columns + (2 * threads) - 1) / (2 * threads)) + Line - 1) / Line * Line, 4 * Line, Widest);
        if (threads == 1) block = Math.Max(columns, 1);
        ColumnWork<TKernel> work = new() { Kernel = kernel, Total = columns, Block = block };
        backend.Team.Run(ref work, (columns + block - 1) / block);
    }

    private struct RowWork<TKernel> : IWork
        where TKernel : struct, IRowKernel
    {
        public TKernel Kernel;
        public int Rows;
        public int PerItem;

        public readonly void Execute(int item, int worker)
        {
            TKernel kernel = Kernel;
            int end = (int)Math.Min((long)(item + 1) * PerItem, Rows);
            for (int row = item * PerItem; row < end; row++) kernel.Row(row);
        }
    }

    private struct ColumnWork<TKernel> : IWork
        where TKernel : struct, IColumnKernel
    {
        public TKernel Kernel;
        public int Total;
        public int Block;

        public readonly void Execute(int item, int worker) => Kernel.Columns(item * Block, Math.Min(Block, Total - (item * Block)));
    }
}
