using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What a run measures while it trains: held-out examples among their own candidates, the search of a whole corpus, or both.</summary>
/// <typeparam name="TBatch">A collator's batches.</typeparam>
internal sealed class TrainingValidation<TBatch>
    where TBatch : ExampleBatch
{
    private readonly RetrievalDataLoader<TBatch>? examples;
    private readonly Func<Action<int, int>, CancellationToken, IReadOnlyDictionary<string, double>>? search;

    private TrainingValidation(RetrievalDataLoader<TBatch>? examples, Func<Action<int, int>, CancellationToken, IReadOnlyDictionary<string, double>>? search)
    {
        this.examples = examples;
        this.search = search;
    }

    /// <summary>What a run validates on; null where that is nothing.</summary>
    /// <param name="setup">Its held-out examples and its corpus.</param>
    /// <param name="model">What trains.</param>
    /// <param name="context">The device.</param>
    /// <param name="precision">Of matrix products.</param>
    public static TrainingValidation<TBatch>? Of(RunSetup<TBatch> setup, EncoderModel model, ComputeContext context, Precision precision)
    {
        if (setup.Corpus is not { } corpus) return setup.Validation is { } examples ? new TrainingValidation<TBatch>(examples, null) : null;
        return new TrainingValidation<TBatch>(setup.Validation, (progress, cancellation) =>
            corpus.Evaluate((BiEncoder)model, context, precision, done => progress(done, corpus.Documents), cancellation));
    }

    /// <summary>Measures the model as it is.</summary>
    /// <param name="objective">Scores held-out examples.</param>
    /// <param name="step">The step just done.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="progress">Told how many queries or documents are done, of how many.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public ValidationRecord Run(TrainingObjective<TBatch> objective, int step, int epoch, Action<int, int> progress, CancellationToken cancellation)
    {
        ValidationRecord record = examples is null ? new ValidationRecord(step, epoch, [])
            : CandidateValidation.Run(objective, examples, step, epoch, done => progress(done, examples.Dataset.Count), cancellation);
        return search is null ? record : record with { Metrics = [.. record.Metrics, .. search(progress, cancellation)] };
    }
}
