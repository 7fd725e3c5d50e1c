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
    /// Queries, with their passages, whose activations are held at a time (GradCache: Gao, Zhang, Han and Callan 2021); null holds the whole batch. The gradients are those of the
    /// batch in one piece: vectors are made piece by piece without a tape, the loss gives each vector its gradient, and each piece is encoded again to pass that on.
    /// </summary>
    public int? QueriesAtOnce { get; init; }

    /// <summary>Computes the loss of a batch and adds the gradient of <paramref name="share"/> times it to the arena. Nothing is added where the loss is not finite.</summary>
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
        using Scope f = context.BeginScope(precision, null, cancellation);
        Tensor queries = Encode(f, batch.QueryIds, batch.Queries), passages = Encode(f, batch.PassageIds, batch.Passages);
        Tensor scores = MultiVector
            ? f.MaxSimScores(queries, batch.Queries.QueryStarts, passages, batch.Passages.QueryStarts, own: true, 1 / loss.Temperature)
            : f.GroupScores(queries, passages, 1 / loss.Temperature);
        return new CandidateScores(scores.Columns, scores.ToArray());
    }

    private float InOnePiece(ContrastiveBatch batch, float share, DropoutDraw? draw, CancellationToken cancellation)
    {
        using Tape tape = new();
        using Scope f = context.BeginScope(precision, tape, draw, cancellation);
        Tensor queries = Encode(f, batch.QueryIds, batch.Queries);                          // [B, features]; with a vector for each token [query tokens, features]
        Tensor passages = Encode(f, batch.PassageIds, batch.Passages);                      // [B·n, features]; [passage tokens, features]
        Tensor mean = Loss(f, queries, batch.Queries, passages, batch.Passages, batch.Documents); // [1, 1]
        float value = mean.Scalar();
        if (float.IsFinite(value)) tape.Backward(mean, f.Upload([share], 1, 1), cancellation);
        return value;
    }

    private float InPieces(ContrastiveBatch batch, int size, float share, DropoutDraw? draw, CancellationToken cancellation)
    {
        ContrastiveBatch[] pieces = [.. Enumerable.Range(0, (batch.Queries.Count + size - 1) / size).Select(i => batch.Slice(i * size, Math.Min(size, batch.Queries.Count - (i * size))))];
        using Scope outer = context.BeginScope(precision, null, cancellation);

        // 1. All vectors, without what their gradients would need.
        (float[] q, float[] p) = ([], []);
        int width = 0;
        for (int i = 0, queryAt = 0, passageAt = 0; i < pieces.Length; i++)
        {
            using Scope f = context.BeginScope(precision, null, Numbered(draw, i), cancellation);
            Tensor queries = Encode(f, pieces[i].QueryIds, pieces[i].Queries), passages = Encode(f, pieces[i].PassageIds, pieces[i].Passages);
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
            Tensor mean = Loss(f, queries, batch.Queries, passages, batch.Passages, batch.Documents);
            value = mean.Scalar();
            if (!float.IsFinite(value)) return value;
            tape.Backward(mean, f.Upload([share], 1, 1), cancellation);
            tape.Gradient(queries)!.CopyTo(q);
            tape.Gradient(passages)!.CopyTo(p);
        }

        // 3. Each piece again, for the gradients of the weights.
        for (int i = 0, queryAt = 0, passageAt = 0; i < pieces.Length; i++)
        {
            queryAt += PassOn(pieces[i].QueryIds, pieces[i].Queries, q, queryAt, i);
            passageAt += PassOn(pieces[i].PassageIds, pieces[i].Passages, p, passageAt, i);
        }

        return value;

        int PassOn(int[] ids, Segments segments, float[] gradients, int at, int piece)
        {
            using Tape tape = new();
            using Scope f = context.BeginScope(precision, tape, Numbered(draw, piece), cancellation);
            Tensor vectors = Encode(f, ids, segments);
            tape.Backward(vectors, f.Upload(gradients.AsSpan(at, (int)vectors.Count), vectors.Rows, vectors.Columns), cancellation);
            return (int)vectors.Count;
        }
    }

    /// <summary>The dropout of a piece, the same in both of its encodings.</summary>
    private static DropoutDraw? Numbered(DropoutDraw? draw, int piece) => draw is { } d ? d with { Pass = (d.Pass << 20) + (ulong)piece } : null;

    private Tensor Encode(Scope f, int[] ids, Segments segments)
    {
        if (!MultiVector) return model.Encode(f, ids, segments);
        Tensor hidden = model.Decoder.Forward(f, ids, segments, model.Mask);                // [tokens, hidden]
        return model.EndsNormalized ? f.NormalizeRows(hidden) : hidden;
    }

    private Tensor Loss(Scope f, Tensor queries, Segments querySegments, Tensor passages, Segments passageSegments, long[] documents) => MultiVector
        ? loss.Compute(f, f.MaxSimScores(queries, querySegments.QueryStarts, passages, passageSegments.QueryStarts, !loss.InBatchNegatives, 1 / loss.Temperature), documents)
        : loss.Compute(f, queries, passages, documents);
}
