namespace Sirocco.Training.Tests.Loop;

public class StepSchedulerTests
{
    [Fact]
    public void An_epoch_ends_with_a_short_step()
    {
        StepScheduler scheduler = new(new StepSchedulerOptions { GlobalBatchSize = 8, LocalBatchSize = 4, Epochs = 2, MaxSteps = 27 }, batchesPerEpoch: 27);
        Assert.Equal((2, 14, 27), (scheduler.Accumulation, scheduler.EpochLength, scheduler.TotalSteps));
        List<(int Epoch, int Micro)> steps = [];
        for (; !scheduler.IsDone; scheduler.Advance()) steps.Add((scheduler.Epoch, scheduler.MicroBatches));
        Assert.Equal(27, steps.Count);
        Assert.Equal((0, 1), steps[13]);
        Assert.Equal((1, 2), steps[14]);
    }

    [Fact]
    public void Checkpoints_fall_on_intervals_on_the_ends_of_epochs_and_on_the_last_step()
    {
        StepScheduler scheduler = new(
            new StepSchedulerOptions { GlobalBatchSize = 1, Epochs = 2, CheckpointEverySteps = 4, ValidateEverySteps = 5 }, batchesPerEpoch: 7);
        List<int> saves = [], validations = [];
        for (; !scheduler.IsDone; scheduler.Advance())
        {
            if (scheduler.IsCheckpointStep) saves.Add(scheduler.Step);
            if (scheduler.IsValidationStep) validations.Add(scheduler.Step);
        }

        Assert.Equal([3, 6, 7, 11, 13], saves);
        Assert.Equal([3, 4, 6, 7, 9, 11, 13], validations);
    }

    [Fact]
    public void Without_epochs_the_steps_decide()
    {
        StepScheduler scheduler = new(new StepSchedulerOptions { GlobalBatchSize = 1, Epochs = null, MaxSteps = 10 }, batchesPerEpoch: 4);
        Assert.Equal((3, 10), (scheduler.Epochs, scheduler.TotalSteps));
    }

    [Fact]
    public void Without_epochs_and_steps_there_are_ten_epochs()
    {
        StepScheduler scheduler = new(new StepSchedulerOptions { GlobalBatchSize = 1, Epochs = null }, batchesPerEpoch: 4);
        Assert.Equal((10, 40), (scheduler.Epochs, scheduler.TotalSteps));
    }

    [Fact]
    public void Sizes_that_do_not_divide_are_refused_with_what_would()
    {
        ArgumentException refused = Assert.Throws<ArgumentException>(
            () => new StepScheduler(new StepSchedulerOptions { GlobalBatchSize = 10, LocalBatchSize = 4 }, 5));
        Assert.Contains("give 8 or 12", refused.Message, StringComparison.Ordinal);
    }
}
