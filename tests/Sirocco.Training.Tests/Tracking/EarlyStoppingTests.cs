namespace Sirocco.Training.Tests.Tracking;

public class EarlyStoppingTests
{
    [Theory]
    [InlineData("val_loss", 0, 2, new[] { 3.0, 2.0, 2.5, 2.0 }, 3)] // a loss falls; the same again is no improvement
    [InlineData("val_loss", 0, 2, new[] { 3.0, 2.0, 2.5, 1.9, 2.0 }, null)] // an improvement begins the count anew
    [InlineData("ndcg@10", 0, 1, new[] { 0.3, 0.4, 0.4 }, 2)] // every other metric rises
    [InlineData("ndcg@10", 0.05, 1, new[] { 0.3, 0.34 }, 1)] // less than min_delta
    [InlineData("val_loss", 0, 2, new[] { double.NaN, double.NaN }, 1)] // what is no number is no improvement
    public void A_run_ends_when_its_metric_has_not_become_better_for_as_long_as_patience_allows(
        string metric, double least, int patience, double[] values, int? stopsAt)
    {
        EarlyStopping stopping = new(new EarlyStoppingOptions { Metric = metric, Patience = patience, LeastImprovement = least });
        int? stopped = null;
        for (int i = 0; i < values.Length && stopped is null; i++)
        {
            if (stopping.Observe(new ValidationRecord(i, 0, [new(metric, values[i])])) is not null) stopped = i;
        }

        Assert.Equal(stopsAt, stopped);
    }

    [Fact]
    public void A_metric_that_the_validation_lacks_is_named_with_those_it_has()
    {
        EarlyStopping stopping = new(new EarlyStoppingOptions { Metric = "mrr@10" });
        ArgumentException refused = Assert.Throws<ArgumentException>(
            () => stopping.Observe(new ValidationRecord(0, 0, [new("val_loss", 1), new("val_mrr", 1)])));
        Assert.Equal("early_stopping.metric is mrr@10; the validation measures val_loss, val_mrr", refused.Message);
    }

    [Fact]
    public void Default_means_the_validation_loss_as_in_the_original()
    {
        Assert.Equal(1.5, new ValidationRecord(0, 0, [new("val_loss", 1.5)])["default"]);
        Assert.True(ValidationRecord.IsBetter("default", 1, 2));
    }
}
