using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>A number that a step reports beside its loss, as a sum that goes on over micro-batches.</summary>
/// <param name="Name">As the log has it, such as <c>train_accuracy</c>.</param>
/// <param name="Sum">Sum over <paramref name="Weight"/>.</param>
/// <param name="Weight">What the mean divides by.</param>
internal readonly record struct Measure(string Name, double Sum, double Weight);

/// <summary>What one micro-batch gave.</summary>
/// <param name="Loss">Mean over its queries, unscaled.</param>
/// <param name="Measures">Further numbers.</param>
internal sealed record MicroBatchReport(float Loss, IReadOnlyList<Measure> Measures)
{
    /// <summary>A loss alone.</summary>
    public MicroBatchReport(float loss)
        : this(loss, [])
    {
    }
}

/// <summary>Scores of each query's own candidates, the positive first.</summary>
/// <param name="Candidates">Candidates of a query.</param>
/// <param name="Values">[queries · candidates], divided by the temperature.</param>
public sealed record CandidateScores(int Candidates, float[] Values)
{
    /// <summary>Queries.</summary>
    public int Queries => Values.Length / Candidates;

    /// <summary>Scores of one query.</summary>
    public ReadOnlySpan<float> this[int query] => Values.AsSpan(query * Candidates, Candidates);
}

/// <summary>What a run minimises: a loss of a micro-batch as a function of the weights.</summary>
/// <typeparam name="TBatch">A collator's batches.</typeparam>
internal abstract class TrainingObjective<TBatch>
    where TBatch : ExampleBatch
{
    private protected TrainingObjective()
    {
    }

    /// <summary>The weights that can train: those of the network, or of its adapter.</summary>
    public abstract IEnumerable<Parameter> Parameters { get; }

    /// <summary>What trains beside the model: the projection of a distillation. Null otherwise.</summary>
    public virtual StudentProjection? Projection => null;

    /// <summary>How a parameter is trained.</summary>
    public virtual ParameterGroup GroupOf(Parameter parameter) => ParameterGroup.NormsAndBiasesDoNotDecay(parameter);

    /// <summary>
    /// Computes the loss of a micro-batch and adds the gradient of <paramref name="share"/> times it to the arena. Nothing is added where the loss is not
    /// finite.
    /// </summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="share">Its part of the step.</param>
    /// <param name="draw">Numbers the dropout of this micro-batch.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public abstract MicroBatchReport AddGradients(TBatch batch, float share, DropoutDraw draw, CancellationToken cancellation = default);

    /// <summary>
    /// Computes the loss of the micro-batches that the ranks of a run have at the same time, and adds the gradient of <paramref name="share"/> times their
    /// mean, as data-parallel ranks average gradients. Ranks whose losses are their own go one after the other.
    /// </summary>
    /// <param name="ranks">A micro-batch of each rank.</param>
    /// <param name="share">Their part of the step.</param>
    /// <param name="draw">Numbers the dropout of these micro-batches.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public virtual MicroBatchReport AddGradients(IReadOnlyList<TBatch> ranks, float share, DropoutDraw draw, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        if (ranks is [var alone]) return AddGradients(alone, share, draw, cancellation);
        double loss = 0;
        List<Measure> measures = [];
        for (int rank = 0; rank < ranks.Count; rank++)
        {
            MicroBatchReport report = AddGradients(ranks[rank], share / ranks.Count, draw.Part(rank, ranks.Count), cancellation);
            loss += report.Loss / ranks.Count;
            measures.AddRange(report.Measures);
        }

        return new MicroBatchReport((float)loss, measures);
    }

    /// <summary>Scores for validation: each query's own candidates, without dropout.</summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public abstract CandidateScores Score(TBatch batch, CancellationToken cancellation = default);
}
