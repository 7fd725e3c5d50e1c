using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What a run measures while it trains: held-out examples among their own candidates, the search of a whole corpus, or both.</summary>
/// <typeparam name="TBatch">A collator's batches.</typeparam>
internal sealed class TrainingValidation<TBatch>
    where TBatch : ExampleBatch
{
    private readonly RetrievalDataLoader<TBatch>? examples;
    private readonly Func<CancellationToken, IReadOnlyDictionary<string, double>>? search;

    private TrainingValidation(RetrievalDataLoader<TBatch>? examples, Func<CancellationToken, IReadOnlyDictionary<string, double>>? search)
    {
        this.examples = examples;
        this.search = search;
    }

    /// <summary>What a recipe asks for; null where that is nothing.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="examples">Its held-out examples, or null.</param>
    /// <param name="model">What trains.</param>
    /// <param name="context">The device.</param>
    /// <param name="precision">Of matrix products.</param>
    /// <param name="tokenizer">The recipe's.</param>
    /// <exception cref="ArgumentException">A corpus is to be searched with a model that gives no vector for a text.</exception>
    public static TrainingValidation<TBatch>? Of(RetrievalRecipe recipe, RetrievalDataLoader<TBatch>? examples, EncoderModel model, ComputeContext context, Precision precision, TrainingTokenizer tokenizer)
    {
        if (recipe.Evaluation is not { } options) return examples is null ? null : new TrainingValidation<TBatch>(examples, null);
        BiEncoderCollatorOptions texts = recipe switch
        {
            BiEncoderRecipe { Model.MultiVector: true } => throw new ArgumentException("evaluation searches with one vector for a text, but the pooling colbert (multi_vector) gives one for each token; leave the section out"),
            BiEncoderRecipe bi => bi.ValidationCollator ?? bi.Collator,
            DistillationRecipe distillation => distillation.ValidationCollator ?? distillation.Collator,
            _ => throw new ArgumentException("evaluation searches a corpus by vectors, which a cross-encoder does not give; leave the section out"),
        };
        CorpusEvaluation corpus = CorpusEvaluation.Load(options, tokenizer, texts);
        return new TrainingValidation<TBatch>(examples, cancellation => corpus.Evaluate((BiEncoder)model, context, precision, cancellation: cancellation));
    }

    /// <summary>Measures the model as it is.</summary>
    /// <param name="objective">Scores held-out examples.</param>
    /// <param name="step">The step just done.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public ValidationRecord Run(TrainingObjective<TBatch> objective, int step, int epoch, CancellationToken cancellation)
    {
        ValidationRecord record = examples is null ? new ValidationRecord(step, epoch, []) : CandidateValidation.Run(objective, examples, step, epoch, cancellation);
        return search is null ? record : record with { Metrics = [.. record.Metrics, .. search(cancellation)] };
    }
}
