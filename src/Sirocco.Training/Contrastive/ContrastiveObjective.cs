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
    /// <summary>Computes the loss of a batch and adds the gradient of <paramref name="share"/> times it to the arena. Nothing is added where the loss is not finite.</summary>
    /// <param name="batch">Queries and passages.</param>
    /// <param name="share">Part of the step that this batch is.</param>
    /// <param name="cancellation">Stops between layers, and between operations on the way back.</param>
    /// <returns>The loss, unscaled.</returns>
    public float AddGradients(ContrastiveBatch batch, float share = 1, CancellationToken cancellation = default)
    {
        using Tape tape = new();
        using Scope f = context.BeginScope(precision, tape, cancellation);
        Tensor queries = model.Encode(f, batch.QueryIds, batch.Queries);                    // [B, features]
        Tensor passages = model.Encode(f, batch.PassageIds, batch.Passages);                // [B·n, features]
        Tensor mean = loss.Compute(f, queries, passages, batch.Documents);                  // [1, 1]
        float value = mean.Scalar();
        if (float.IsFinite(value)) tape.Backward(mean, f.Upload([share], 1, 1), cancellation);
        return value;
    }
}
