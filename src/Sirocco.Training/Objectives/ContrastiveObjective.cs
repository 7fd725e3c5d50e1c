using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>The contrastive loss of a bi-encoder as a function of its weights, with its gradient.</summary>
/// <param name="context">The device.</param>
/// <param name="model">The encoder; its parameters have a place in an arena.</param>
/// <param name="loss">Temperature, negatives, directions.</param>
/// <param name="precision">Of matrix products.</param>
public sealed class ContrastiveObjective(ComputeContext context, BiEncoder model, ContrastiveLoss loss, Precision precision)
{
    /// <summary>Whether every token keeps its vector and texts are compared by late interaction.</summary>
    public bool MultiVector { get; init; }

    /// <summary>
    /// Whether the loss of a query gives no gradient to passages of other ranks (see <see cref="ContrastiveBatch.Ranks"/>), which are candidates all the same.
    /// </summary>
    public bool DetachesRemoteNegatives { get; init; }

    /// <summary>Precision of matrix products where texts are only scored; null: the same.</summary>
    public Precision? ScoringPrecision { get; init; }

    /// <summary>Whether passages of other queries are candidates.</summary>
    internal bool InBatchNegatives => loss.InBatchNegatives;

    /// <summary>
    /// Queries, with their passages, whose activations are held at a time (GradCache: Gao, Zhang, Han and Callan 2021); null holds the whole batch. The
    /// gradients are those of the batch in one piece: vectors are made piece by piece without a tape, the loss gives each vector its gradient, and each piece
    /// is encoded again to pass that on.
    /// </summary>
    public int? QueriesAtOnce { get; init; }

    /// <summary>
    /// Computes the loss of a batch and adds the gradient of <paramref name="share"/> times it to the arena. Nothing is added where the loss is not finite.
    /// </summary>
    /// <param name="batch">Queries and passages.</param>
    /// <param name="share">Part of the step that this batch is.</param>
    /// <param name="draw">Numbers the dropout of this batch; null drops nothing.</param>
    /// <param name="cancellation">Stops between layers, and between operations on the way back.</param>
    /// <returns>The loss, unscaled.</returns>
    public float AddGradients(ContrastiveBatch batch, float share = 1, DropoutDraw? draw = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return QueriesAtOnce is { } piece && piece < batch.Queries.Count
            ? InPieces(batch, piece, share, draw, cancellation)
            : InOnePiece(batch, share, draw, cancellation);
    }

    /// <summary>Scores of each query's own passages, whatever the loss compares with.</summary>
    /// <param name="batch">Queries and passages.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public CandidateScores Score(ContrastiveBatch batch, CancellationToken cancellation = default)
    {
        using Scope f = context.BeginScope(ScoringPrecision ?? precision, null, cancellation);
        Tensor queries = Encode(f, batch.QueryIds, batch.Queries), passages = Encode(f, batch.PassageIds, batch.Passages);
        Tensor scores = MultiVector
            ? f.MaxSimScores(queries, batch.Queries.QueryStarts, passages, batch.Passages.QueryStarts, own: true, 1 / loss.Temperature)
            : f.GroupScores(queries, passages, 1 / loss.Temperature);
        return new CandidateScores(scores.Columns, scores.ToArray());
    }

    private float InOnePiece(ContrastiveBatch batch, float share, DropoutDraw? draw, CancellationToken cancellation)
    {
        using Tape tape = new();
        using Scope q = context.BeginScope(precision, tape, draw?.Part(0, 2), cancellation),
            p = context.BeginScope(precision, tape, draw?.Part(1, 2), cancellation);
        using Scope f = context.BeginScope(precision, tape, cancellation);
        // [B, features]; with a vector for each token [query tokens, features]
        Tensor queries = Encode(q, batch.QueryIds, batch.Queries);
        Tensor passages = Encode(p, batch.PassageIds, batch.Passages);                      // [B·n, features]; [passage tokens, features]
        Tensor mean = Loss(f, queries, passages, batch);                                    // [1, 1]
        float value = mean.Scalar();
        if (float.IsFinite(value)) tape.Backward(mean, f.Upload([share], 1, 1), cancellation);
        return value;
    }

    private float InPieces(ContrastiveBatch batch, int size, float share, DropoutDraw? draw, CancellationToken cancellation)
    {
        ContrastiveBatch[] pieces = [.. Enumerable.Range(0, (batch.Queries.Count + size - 1) / size)
            .Select(i => batch.Slice(i * size, Math.Min(size, batch.Queries.Count - (i * size))))];
        using Scope outer = context.BeginScope(precision, null, cancellation);

        // 1. All vectors, without what their gradients would need.
        (float[] q, float[] p) = ([], []);
        int width = 0;
        for (int i = 0, queryAt = 0, passageAt = 0; i < pieces.Length; i++)
        {
            using Scope ofQueries = context.BeginScope(precision, null, DrawOf(i, 0), cancellation),
                ofPassages = context.BeginScope(precision, null, DrawOf(i, 1), cancellation);
            Tensor queries = Encode(ofQueries, pieces[i].QueryIds, pieces[i].Queries), passages = Encode(ofPassages, pieces[i].PassageIds, pieces[i].Passages);
            if (i == 0)
            {
                width = queries.Columns;
                q = new float[(MultiVector ? batch.QueryIds.Length : batch.Queries.Count) * width];
                p = new float[(MultiVector ? batch.PassageIds.Length : batch.Passages.Count) * width];
            }

            queries.CopyTo(q.AsSpan(queryAt));
            passages.CopyTo(p.AsSpan(passageAt));
            queryAt += (int)queries.Count;
            passageAt += (int)passages.Count;
        }

        // 2. The loss, and its gradient by each vector.
        float value;
        using (Tape tape = new())
        {
            using Scope f = context.BeginScope(precision, tape, cancellation);
            Tensor queries = f.Upload(q, q.Length / width, width), passages = f.Upload(p, p.Length / width, width);
            tape.Watch(queries);
            tape.Watch(passages);
            Tensor mean = Loss(f, queries, passages, batch);
            value = mean.Scalar();
            if (!float.IsFinite(value)) return value;
            tape.Backward(mean, f.Upload([share], 1, 1), cancellation);
            tape.Gradient(queries)!.CopyTo(q);
            tape.Gradient(passages)!.CopyTo(p);
        }

        // 3. Each piece again, for the gradients of the weights.
        for (int i = 0, queryAt = 0, passageAt = 0; i < pieces.Length; i++)
        {
            queryAt += PassOn(pieces[i].QueryIds, pieces[i].Queries, q, queryAt, DrawOf(i, 0));
            passageAt += PassOn(pieces[i].PassageIds, pieces[i].Passages, p, passageAt, DrawOf(i, 1));
        }

        return value;

        // The dropout of one side of a piece, the same in both of its encodings.
        DropoutDraw? DrawOf(int piece, int side) => draw?.Part(piece, 1 << 20).Part(side, 2);

        int PassOn(int[] ids, Segments segments, float[] gradients, int at, DropoutDraw? side)
        {
            using Tape tape = new();
            using Scope f = context.BeginScope(precision, tape, side, cancellation);
            Tensor vectors = Encode(f, ids, segments);
            tape.Backward(vectors, f.Upload(gradients.AsSpan(at, (int)vectors.Count), vectors.Rows, vectors.Columns), cancellation);
            return (int)vectors.Count;
        }
    }

    private Tensor Encode(Scope f, int[] ids, Segments segments)
    {
        if (!MultiVector) return model.Encode(f, ids, segments);
        Tensor hidden = model.Decoder.Forward(f, ids, segments, model.Mask);                // [tokens, hidden]
        return model.EndsNormalized ? f.NormalizeRows(hidden) : hidden;
    }

    private Tensor Loss(Scope f, Tensor queries, Tensor passages, ContrastiveBatch batch)
    {
        if (batch.Ranks == 1 || !DetachesRemoteNegatives)
            return Loss(f, queries, batch.Queries.QueryStarts, passages, batch.Passages.QueryStarts, batch.Documents, batch.PassagesPerQuery);

        // Of each rank the queries, its own passages, and behind these the others' as constants: the order of candidates changes no loss.
        Tensor constants = f.Upload(passages.ToArray(), passages.Rows, passages.Columns);
        int count = batch.Queries.Count / batch.Ranks, size = count * batch.PassagesPerQuery;
        Tensor? total = null;
        for (int rank = 0; rank < batch.Ranks; rank++)
        {
            int[] asked = [.. Enumerable.Range(rank * count, count)], own = [.. Enumerable.Range(rank * size, size)];
            int[] others = [.. Enumerable.Range(0, batch.Passages.Count).Except(own)];
            (int[] queryRows, int[] queryStarts) = RowsOf(batch.Queries, asked);
            (int[] ownRows, _) = RowsOf(batch.Passages, own);
            (int[] otherRows, _) = RowsOf(batch.Passages, others);
            Tensor candidates = f.Concatenate(f.GatherRows(passages, ownRows), f.GatherRows(constants, otherRows));
            int[] order = [.. own, .. others];
            long[] documents = Array.ConvertAll(order, passage => batch.Documents[passage]);
            Tensor part = Loss(
                f, f.GatherRows(queries, queryRows), queryStarts, candidates, RowsOf(batch.Passages, order).Starts, documents, batch.PassagesPerQuery);
            total = total is null ? part : f.Add(total, part);
        }

        return f.Scale(total!, 1f / batch.Ranks);
    }

    private Tensor Loss(
        Scope f,
        Tensor queries,
        ReadOnlySpan<int> queryStarts,
        Tensor passages,
        ReadOnlySpan<int> passageStarts,
        ReadOnlySpan<long> documents,
        int passagesPerQuery)
    {
        if (!MultiVector) return loss.Compute(f, queries, passages, documents, passagesPerQuery);
        Tensor scores = f.MaxSimScores(queries, queryStarts, passages, passageStarts, !loss.InBatchNegatives, 1 / loss.Temperature);
        return loss.Compute(f, scores, documents, passagesPerQuery);
    }

    /// <summary>Rows of texts in a matrix of vectors, one for a text or one for each token, and where each text starts when they are put together.</summary>
    private (int[] Rows, int[] Starts) RowsOf(Segments segments, int[] texts)
    {
        if (!MultiVector) return (texts, []);
        List<int> rows = [], starts = [0];
        foreach (int text in texts)
        {
            rows.AddRange(Enumerable.Range(segments.QueryStarts[text], segments.Length(text)));
            starts.Add(rows.Count);
        }

        return ([.. rows], [.. starts]);
    }
}
