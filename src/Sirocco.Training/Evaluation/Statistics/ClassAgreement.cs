namespace Sirocco.Training;

/// <summary>Agreement of predicted classes with the right ones (definitions of scikit-learn).</summary>
public sealed class ClassAgreement
{
    private readonly (int Class, int Right, int Predicted, int Actual)[] counts;
    private readonly int total;

    private ClassAgreement((int Class, int Right, int Predicted, int Actual)[] counts, int total)
    {
        this.counts = counts;
        this.total = total;
    }

    /// <summary>Share of right predictions.</summary>
    public double Accuracy => total == 0 ? double.NaN : (double)counts.Sum(count => count.Right) / total;

    /// <summary>Mean of the classes' F1.</summary>
    public double MacroF1 => counts.Length == 0 ? double.NaN : counts.Average(F1);

    /// <summary>F1 of all classes' counts together, which is the accuracy where each item has one class.</summary>
    public double MicroF1 => Accuracy;

    /// <summary>Mean of the classes' F1, each as often as the class occurs.</summary>
    public double WeightedF1 => total == 0 ? double.NaN : counts.Sum(count => F1(count) * count.Actual) / total;

    /// <summary>Counts agreements.</summary>
    public static ClassAgreement Of(IReadOnlyList<int> labels, IReadOnlyList<int> predictions)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(predictions);
        if (labels.Count != predictions.Count)
            throw new ArgumentException($"{labels.Count} labels cannot be paired with {predictions.Count} predictions", nameof(predictions));
        SortedDictionary<int, (int Right, int Predicted, int Actual)> byClass = [];
        for (int i = 0; i < labels.Count; i++)
        {
            var actual = byClass.GetValueOrDefault(labels[i]);
            byClass[labels[i]] = actual with { Actual = actual.Actual + 1, Right = actual.Right + (labels[i] == predictions[i] ? 1 : 0) };
            var predicted = byClass.GetValueOrDefault(predictions[i]);
            byClass[predictions[i]] = predicted with { Predicted = predicted.Predicted + 1 };
        }

        return new ClassAgreement([.. byClass.Select(entry => (entry.Key, entry.Value.Right, entry.Value.Predicted, entry.Value.Actual))], labels.Count);
    }

    private static double F1((int Class, int Right, int Predicted, int Actual) count) => 2.0 * count.Right / (count.Predicted + count.Actual);
}
