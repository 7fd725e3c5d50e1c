using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>The objective of a bi-encoder recipe: contrast of a positive with negatives.</summary>
/// <param name="contrast">The loss of token matrices.</param>
/// <param name="parameters">The weights that can train.</param>
/// <param name="positions">What positions of the collator's batches count.</param>
internal sealed class BiEncoderObjective(ContrastiveObjective contrast, IEnumerable<Parameter> parameters, PositionCount positions)
    : TrainingObjective<RetrievalBatch>
{
    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters => parameters;

    /// <inheritdoc/>
    public override MicroBatchReport AddGradients(RetrievalBatch batch, float share, DropoutDraw draw, CancellationToken cancellation = default) =>
        new(contrast.AddGradients(ContrastiveBatch.Of(batch, positions), share, draw, cancellation));

    /// <inheritdoc/>
    public override MicroBatchReport AddGradients(
        IReadOnlyList<RetrievalBatch> ranks, float share, DropoutDraw draw, CancellationToken cancellation = default) =>
        contrast.InBatchNegatives
            ? new(contrast.AddGradients(ContrastiveBatch.OfRanks([.. ranks.Select(batch => ContrastiveBatch.Of(batch, positions))]), share, draw, cancellation))
            : base.AddGradients(ranks, share, draw, cancellation);

    /// <inheritdoc/>
    public override CandidateScores Score(RetrievalBatch batch, CancellationToken cancellation = default) =>
        contrast.Score(ContrastiveBatch.Of(batch, positions), cancellation);
}
