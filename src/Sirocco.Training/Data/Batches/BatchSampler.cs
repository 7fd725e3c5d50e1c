namespace Sirocco.Training;

/// <summary>
/// Which rows make up each micro-batch: a pure function of seed, epoch and rank, as torch's DistributedSampler with drop_last draws them. A position in
/// training is therefore two numbers: the epoch, and how many of its batches are done.
/// </summary>
internal sealed class BatchSampler
{
    private readonly DataLoaderOptions options;
    private readonly long seed;
    private readonly int rank;
    private readonly int worldSize;
    private readonly int batchSize;

    /// <param name="rows">Rows of the dataset.</param>
    /// <param name="options">Shuffling and what becomes of a short last batch.</param>
    /// <param name="batchSize">Queries of a micro-batch, where <paramref name="options"/> has none.</param>
    /// <param name="seed">The recipe's seed; epoch e is drawn from seed + e.</param>
    /// <param name="rank">This process.</param>
    /// <param name="worldSize">Processes, each of which takes every worldSize-th row.</param>
    public BatchSampler(int rows, DataLoaderOptions options, int batchSize, long seed = 42, int rank = 0, int worldSize = 1)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(worldSize);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        this.batchSize = options.BatchSize ?? batchSize;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(this.batchSize, nameof(batchSize));
        this.options = options;
        this.seed = seed;
        this.rank = rank;
        this.worldSize = worldSize;
        Rows = rows;
        RowsPerRank = rows / worldSize;
        Count = options.DropLast ? RowsPerRank / this.batchSize : (RowsPerRank + this.batchSize - 1) / this.batchSize;
    }

    /// <summary>Rows of the dataset.</summary>
    public int Rows { get; }

    /// <summary>Rows that each process sees in an epoch; up to worldSize − 1 rows are seen by none.</summary>
    public int RowsPerRank { get; }

    /// <summary>Micro-batches of this process in an epoch.</summary>
    public int Count { get; }

    /// <summary>The rows of each micro-batch of this process.</summary>
    public IReadOnlyList<int[]> Batches(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        int[]? order = options.Shuffle ?? true ? TorchRandom.Permutation(Rows, seed + epoch) : null;
        int[][] batches = new int[Count][];
        for (int b = 0; b < Count; b++)
        {
            int first = b * batchSize;
            int[] batch = new int[Math.Min(batchSize, RowsPerRank - first)];
            for (int i = 0; i < batch.Length; i++)
            {
                int place = rank + ((first + i) * worldSize);
                batch[i] = order is null ? place : order[place];
            }

            batches[b] = batch;
        }

        return batches;
    }
}
