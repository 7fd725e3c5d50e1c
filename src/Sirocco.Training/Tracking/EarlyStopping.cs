using System.Globalization;

namespace Sirocco.Training;

/// <summary>Watches a validation metric and says when it has not become better for as many validations as its options allow.</summary>
internal sealed class EarlyStopping
{
    private readonly EarlyStoppingOptions options;
    private int since;

    /// <param name="options">Metric and patience.</param>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public EarlyStopping(EarlyStoppingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Patience < 1) throw new ArgumentException($"early_stopping.patience is {options.Patience}; give 1 or more");
        if (!(options.LeastImprovement >= 0)) throw new ArgumentException($"early_stopping.min_delta is {options.LeastImprovement}; give 0 or more");
        this.options = options;
    }

    /// <summary>The best value so far, or null.</summary>
    public double? Best { get; private set; }

    /// <summary>The step that reached it.</summary>
    public int BestStep { get; private set; }

    /// <summary>What a checkpoint keeps of it.</summary>
    internal EarlyStoppingState State => new(Best, BestStep, since);

    /// <summary>Why the run should end, or null where it should go on.</summary>
    public string? Verdict
    {
        get
        {
            if (since < options.Patience) return null;
            string best = Best is { } reached ? string.Create(CultureInfo.InvariantCulture, $"since {reached:0.0000} at step {BestStep}") : "in any validation";
            return $"{options.Metric} has not become better {best}, {since} validations ago";
        }
    }

    /// <summary>Goes on with what a checkpoint kept.</summary>
    internal void Restore(EarlyStoppingState state) => (Best, BestStep, since) = (state.Best, state.BestStep, state.Since);

    /// <summary>Takes a validation in.</summary>
    /// <returns><see cref="Verdict"/></returns>
    public string? Observe(ValidationRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (record[options.Metric] is not { } value)
        {
            throw new ArgumentException(
                $"early_stopping.metric is {options.Metric}; the validation measures {string.Join(", ", record.Metrics.Select(metric => metric.Key))}");
        }
        if (ValidationRecord.IsBetter(options.Metric, value, Best, options.LeastImprovement)) (Best, BestStep, since) = (value, record.Step, 0);
        else since++;
        return Verdict;
    }
}

/// <summary>What an <see cref="EarlyStopping"/> has seen.</summary>
/// <param name="Best">The best value, or null.</param>
/// <param name="BestStep">The step that reached it.</param>
/// <param name="Since">Validations since.</param>
internal sealed record EarlyStoppingState(double? Best, int BestStep, int Since);
