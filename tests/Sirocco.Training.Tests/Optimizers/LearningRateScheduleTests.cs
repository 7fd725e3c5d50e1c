using System.Text.Json;

namespace Sirocco.Training.Tests.Optimizers;

public class LearningRateScheduleTests
{
    [Theory]
    [InlineData("constant", ScheduleShape.Constant)]
    [InlineData("constant_with_warmup", ScheduleShape.Constant)]
    [InlineData("linear", ScheduleShape.Linear)]
    [InlineData("cosine", ScheduleShape.Cosine)]
    [InlineData("cosine-no-warmup", ScheduleShape.Cosine)]
    [InlineData("cosine_with_min_lr", ScheduleShape.Cosine)]
    [InlineData("cosine_with_restarts", ScheduleShape.CosineWithRestarts)]
    [InlineData("cosine_with_restarts-3", ScheduleShape.CosineWithRestarts)]
    [InlineData("polynomial", ScheduleShape.Polynomial)]
    [InlineData("polynomial-2", ScheduleShape.Polynomial)]
    [InlineData("inverse_sqrt", ScheduleShape.InverseSquareRoot)]
    [InlineData("warmup_stable_decay", ScheduleShape.WarmupStableDecay)]
    public void Rates_are_those_of_transformers(string name, ScheduleShape shape)
    {
        JsonElement golden = GoldenFile.Json("schedules.json").EnumerateArray().Single(schedule => schedule.GetProperty("name").GetString() == name);
        double[] expected = golden.GetProperty("lr").Doubles();
        LearningRateSchedule schedule = new()
        {
            Shape = shape,
            Peak = 0.002,
            Minimum = shape switch
            {
                ScheduleShape.Polynomial => Setting("lr_end", 1e-7),
                ScheduleShape.WarmupStableDecay => Setting("min_lr_ratio", 0) * 0.002,
                _ => Setting("min_lr", 0),
            },
            WarmupSteps = name == "constant" ? 0 : Setting("num_warmup_steps", 0),
            TotalSteps = Setting("num_training_steps", 0),
            DecaySteps = Setting("num_decay_steps", 0),
            Cycles = Setting("num_cycles", shape == ScheduleShape.CosineWithRestarts ? 1 : 0.5),
            Power = Setting("power", 1),
        };
        for (int step = 0; step < expected.Length; step++) Assert.Equal(expected[step], schedule.At(step), 1e-15);

        double Setting(string key, double fallback) => golden.TryGetProperty(key, out JsonElement value) ? value.GetDouble() : fallback;
    }
}
