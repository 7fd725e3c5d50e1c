namespace Sirocco.Training;

/// <summary>What a validation measured: a line of <c>validation.jsonl</c>.</summary>
/// <param name="Step">The step just done, from 0.</param>
/// <param name="Epoch">Its epoch, from 0.</param>
/// <param name="Metrics">
/// Names and values: those of the candidate groups (<see cref="CandidateValidation"/>), then those of a searched corpus
/// (<see cref="CorpusEvaluationOptions"/>).
/// </param>
public sealed record ValidationRecord(int Step, int Epoch, IReadOnlyList<KeyValuePair<string, double>> Metrics)
{
    /// <summary>Name of the mean of the batches' mean cross-entropies.</summary>
    public const string LossName = "val_loss";

    /// <summary>Name of the share of queries whose positive scores highest among their candidates.</summary>
    public const string AccuracyName = "val_acc1";

    /// <summary>Name of the mean of 1 / rank of the positive among its candidates.</summary>
    public const string ReciprocalRankName = "val_mrr";

    /// <summary>A metric's value, or null where the validation has none of that name; <c>default</c> means the loss, as in the original.</summary>
    public double? this[string metric]
    {
        get
        {
            string name = metric == "default" ? LossName : metric;
            foreach ((string key, double value) in Metrics)
            {
                if (key == name) return value;
            }

            return null;
        }
    }

    /// <summary>
    /// Whether a value of a metric is better than another: losses fall, everything else rises. Nothing is better than itself, and NaN than nothing.
    /// </summary>
    /// <param name="metric">Its name.</param>
    /// <param name="value">The value.</param>
    /// <param name="best">What it has to beat; null: nothing yet.</param>
    /// <param name="margin">By how much at least.</param>
    public static bool IsBetter(string metric, double value, double? best, double margin = 0)
    {
        ArgumentNullException.ThrowIfNull(metric);
        if (double.IsNaN(value)) return false;
        if (best is not { } previous) return true;
        double gain = metric is "default" || metric.Contains("loss", StringComparison.Ordinal) ? previous - value : value - previous;
        return gain > margin;
    }
}
