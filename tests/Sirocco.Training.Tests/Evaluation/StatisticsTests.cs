using System.Text.Json;

namespace Sirocco.Training.Tests.Evaluation;

public class StatisticsTests
{
    private const double Tolerance = 1e-9;

    [Fact]
    public void Correlations_and_the_paired_test_are_those_of_scipy()
    {
        foreach (JsonElement golden in GoldenFile.Json("statistics.json").GetProperty("correlations").EnumerateArray())
        {
            double[] x = golden.GetProperty("x").Doubles(), y = golden.GetProperty("y").Doubles();
            Close(golden, "pearson", Correlation.Pearson(x, y));
            Close(golden, "spearman", Correlation.Spearman(x, y));
            Close(golden, "kendall_b", Correlation.KendallB(x, y));
            PairedComparison comparison = PairedComparison.Of(x, y);
            Close(golden, "paired_t", comparison.T);
            Close(golden, "paired_p", comparison.P);
            Close(golden, "cohen_d_paired", comparison.EffectSize);
        }
    }

    [Fact]
    public void Rankings_of_two_classes_are_measured_as_by_scikit_learn()
    {
        JsonElement golden = GoldenFile.Json("statistics.json").GetProperty("binary");
        bool[] labels = [.. golden.GetProperty("labels").Extents().Select(label => label == 1)];
        double[] scores = golden.GetProperty("scores").Doubles();
        Close(golden, "average_precision", BinaryRanking.AveragePrecision(labels, scores));
        Close(golden, "roc_auc", BinaryRanking.AreaUnderCurve(labels, scores));
    }

    [Fact]
    public void Predicted_classes_are_measured_as_by_scikit_learn()
    {
        JsonElement golden = GoldenFile.Json("statistics.json").GetProperty("multiclass");
        ClassAgreement agreement = ClassAgreement.Of(golden.GetProperty("labels").Extents(), golden.GetProperty("predictions").Extents());
        Close(golden, "accuracy", agreement.Accuracy);
        Close(golden, "f1_macro", agreement.MacroF1);
        Close(golden, "f1_micro", agreement.MicroF1);
        Close(golden, "f1_weighted", agreement.WeightedF1);
    }

    [Theory]
    [InlineData(1.0, 1, 0.5)]                       // Cauchy: P(|T| ≥ 1) = ½
    [InlineData(1.4142135623730951, 2, 0.29289321881345254)] // 1 − t/√(2 + t²)
    [InlineData(0.0, 30, 1.0)]
    [InlineData(12.706204736174698, 1, 0.05)]       // tables of the 97.5 % quantile
    [InlineData(1.9599639845400545, 100_000_000, 0.05)] // the normal limit
    public void The_distribution_of_t_has_its_known_values(double t, int degreesOfFreedom, double expected) =>
        Assert.Equal(expected, StudentT.TwoSided(t, degreesOfFreedom), 1e-8);

    [Fact]
    public void Kendall_counts_pairs_as_its_definition_does()
    {
        Random random = new(5);
        for (int round = 0; round < 50; round++)
        {
            double[] x = [.. Enumerable.Range(0, 12).Select(_ => (double)random.Next(5))], y = [.. Enumerable.Range(0, 12).Select(_ => (double)random.Next(5))];
            double sum = 0, freeX = 0, freeY = 0;
            for (int i = 0; i < x.Length; i++)
            {
                for (int j = 0; j < i; j++)
                {
                    int a = x[i].CompareTo(x[j]), b = y[i].CompareTo(y[j]);
                    sum += a * b;
                    freeX += a * a;
                    freeY += b * b;
                }
            }

            Assert.Equal(sum / Math.Sqrt(freeX * freeY), Correlation.KendallB(x, y), Tolerance);
        }
    }

    private static void Close(JsonElement golden, string name, double actual)
    {
        JsonElement value = golden.GetProperty(name);
        if (value.ValueKind == JsonValueKind.String) Assert.Equal(double.NaN, actual);
        else Assert.True(Math.Abs(value.GetDouble() - actual) <= Tolerance, $"{name}: {actual}, expected {value}");
    }
}
