using System.Numerics.Tensors;
using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training;

/// <summary>
/// Vectors of texts as the original makes them. Where a vector depends on the padding beside its text (padding on the left, and queries scaled by position or
/// cls pooling), batches are the original's: so many texts in the order given. Everywhere else texts of like length are encoded together, which gives the same
/// vectors sooner.
/// </summary>
internal sealed class MiningEncoder
{
    /// <summary>Tokens that go through the network at a time: enough to fill its products, few enough to stay near the caches.</summary>
    private const int TokensAtATime = 4096;

    private readonly BiEncoder model;
    private readonly TrainingTokenizer tokenizer;
    private readonly ComputeContext context;
    private readonly Precision precision;
    private long tokens;

    public MiningEncoder(BiEncoder model, TrainingTokenizer tokenizer, ComputeContext context, Precision precision, PositionCount positions)
    {
        (this.model, this.tokenizer, this.precision) = (model, tokenizer, precision);
        this.context = context;
        BatchesMatter = positions == PositionCount.Columns && tokenizer.PaddingSide == TextSide.Left
            && (model.Config.Rope.QueryScaleBeta != 0 || model.Settings.Poolings.Contains(Pooling.First));
    }

    public int Features => model.Features;

    /// <summary>Tokens encoded so far.</summary>
    public long Tokens => tokens;

    /// <summary>Whether a vector depends on the texts beside it.</summary>
    public bool BatchesMatter { get; }

    /// <summary>What vectors depend on beside model files and texts.</summary>
    public string Settings => $"pooling={string.Join('+', model.Settings.Poolings)} normalize={model.EndsNormalized} causal={model.IsCausal} "
        + $"precision={precision} padding={tokenizer.PaddingSide} features={Features}";

    /// <summary>Encodes texts as their vectors are asked for.</summary>
    /// <param name="count">Number of texts.</param>
    /// <param name="text">The text of a number, prefix included; called by several threads.</param>
    /// <param name="name">The name of a text, for messages.</param>
    /// <param name="length">Tokens kept of each.</param>
    /// <param name="batchSize">Texts of the original's batches.</param>
    /// <param name="progress">Called with the number of texts done.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns>[features] for each text, in order.</returns>
    public IEnumerable<float[]> Encode(
        int count, Func<int, string> text, Func<int, string> name, int length, int batchSize, Action<int>? progress, CancellationToken cancellation)
    {
        int[] Ids(int number) => Tokenize(text(number), length);
        IEnumerable<(int Text, float[] Vector)> encoded = BatchesMatter ? EncodeInOrder(count, Ids, batchSize, progress, cancellation)
            : new LengthBatcher<int, float[]>
            {
                Tokenize = Ids,
                Compute = (batch, token) => Compute(batch.Ids, batch.Segments, token),
                BatchTokens = TokensAtATime,
                Threads = context.Threads,
            }.Run(Enumerable.Range(0, count), progress, cancellation);
        foreach ((int number, float[] vector) in encoded)
        {
            if (!float.IsFinite(TensorPrimitives.SumOfMagnitudes(vector)))
                throw new InvalidDataException($"{name(number)}: its vector is not finite; check the weights of {model.Path}, or compute with precision: f32");
            yield return vector;
        }
    }

    private IEnumerable<(int Text, float[] Vector)> EncodeInOrder(
        int count, Func<int, int[]> ids, int batchSize, Action<int>? progress, CancellationToken cancellation)
    {
        for (int start = 0; start < count; start += batchSize)
        {
            int[][] rows = new int[Math.Min(batchSize, count - start)][];
            int first = start;
            Parallel.For(
                0,
                rows.Length,
                new ParallelOptions { MaxDegreeOfParallelism = context.Threads, CancellationToken = cancellation },
                row => rows[row] = ids(first + row));
            TokenizedBatch batch = new(rows, rows.Max(row => row.Length), tokenizer.PaddingSide, tokenizer.PaddingId);
            float[][] vectors = Compute(batch.TokenArray, batch.Segments(), cancellation);
            for (int row = 0; row < vectors.Length; row++) yield return (start + row, vectors[row]);
            progress?.Invoke(start + rows.Length);
        }
    }

    private float[][] Compute(ReadOnlySpan<int> ids, Segments segments, CancellationToken cancellation)
    {
        using Scope f = context.BeginScope(precision, null, cancellation);
        float[] vectors = model.Encode(f, ids, segments).ToArray();
        tokens += ids.Length;
        return [.. vectors.Chunk(Features)];
    }

    private int[] Tokenize(string text, int length)
    {
        int[] ids = tokenizer.Encode(text, length);
        if (ids.Length == 0) return [tokenizer.Tokenizer.EndId ?? tokenizer.PaddingId];
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)model.Config.VocabularySize)
            {
                throw new InvalidDataException($"{model.Path}: the tokenizer gives token id {id}, "
                    + $"but the model's vocabulary has {model.Config.VocabularySize}; name the model's own tokenizer with tokenizer_name_or_path");
            }
        }

        return ids;
    }
}
