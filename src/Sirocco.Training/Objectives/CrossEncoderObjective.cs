using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>The objective of a cross-encoder recipe: cross-entropy of the positive among each query's candidates (listwise).</summary>
/// <param name="context">The device.</param>
/// <param name="model">The reranker, with one label; its parameters have a place in an arena.</param>
/// <param name="parameters">The weights that can train.</param>
/// <param name="temperature">Scores are divided by it, after the model's own temperature.</param>
/// <param name="precision">Of matrix products.</param>
/// <param name="positions">What positions of the collator's batches count.</param>
internal sealed class CrossEncoderObjective(
    ComputeContext context, CrossEncoder model, IEnumerable<Parameter> parameters, float temperature, Precision precision, PositionCount positions)
        : TrainingObjective<RerankingBatch>
{
    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters => parameters;

    /// <inheritdoc/>
    public override MicroBatchReport AddGradients(RerankingBatch batch, float share, DropoutDraw draw, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using Tape tape = new();
        using Scope f = context.BeginScope(precision, tape, draw, cancellation);
        Tensor scores = Scores(f, batch);                                                   // [B, n]
        Tensor mean = f.CrossEntropy(scores, new int[scores.Rows]);                         // [1, 1]
        float value = mean.Scalar();
        if (!float.IsFinite(value)) return new MicroBatchReport(value);
        CandidateScores found = new(scores.Columns, scores.ToArray());
        tape.Backward(mean, f.Upload([share], 1, 1), cancellation);
        return new MicroBatchReport(value, [new Measure(
            "train_accuracy",
            Enumerable.Range(0, found.Queries).Count(query => System.Numerics.Tensors.TensorPrimitives.IndexOfMax(found[query]) == 0),
            found.Queries)]);
    }

    /// <inheritdoc/>
    public override CandidateScores Score(RerankingBatch batch, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using Scope f = context.BeginScope(precision, null, cancellation);
        Tensor scores = Scores(f, batch);
        return new CandidateScores(scores.Columns, scores.ToArray());
    }

    private Tensor Scores(Scope f, RerankingBatch batch)
    {
        Tensor scores = model.Score(f, batch.Pairs.TokenArray, batch.Pairs.Segments(positions)); // [B·n, 1]
        scores = f.Reshape(scores, batch.Count, batch.PassagesPerQuery);                    // [B, n]
        return temperature == 1 ? scores : f.Scale(scores, 1 / temperature);
    }
}
