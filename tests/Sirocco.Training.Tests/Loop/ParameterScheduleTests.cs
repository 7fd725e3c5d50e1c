using System.Text.Json;

namespace Sirocco.Training.Tests.Loop;

/// <summary>Against NeMo AutoModel's own scheduler (Goldens/lr-schedules.json).</summary>
public class ParameterScheduleTests
{
    public static TheoryData<string> Trajectories => Names(golden => !golden.TryGetProperty("error", out _));

    public static TheoryData<string> Refused =>
        Names(golden => golden.TryGetProperty("error", out _) && golden.GetProperty("name").GetString() != "error-style");

    [Theory]
    [MemberData(nameof(Trajectories))]
    public void Sixty_steps_follow_the_recorded_scheduler(string name)
    {
        JsonElement golden = Find(name), groups = golden.GetProperty("groups");
        ParameterSchedule schedule = Resolve(golden);
        double baseRate = groups[0].GetProperty("lr").GetDouble(), baseDecay = groups[0].GetProperty("weight_decay").GetDouble();
        for (int group = 0; group < groups.GetArrayLength(); group++)
        {
            JsonElement own = groups[group];
            double maximum = own.TryGetProperty("max_lr", out JsonElement high) ? high.GetDouble() : schedule.Maximum;
            double minimum = own.TryGetProperty("min_lr", out JsonElement low) ? low.GetDouble() : schedule.Minimum;
            double rateFactor = own.TryGetProperty("lr_mult", out JsonElement given)
                ? given.GetDouble()
                : own.TryGetProperty("max_lr", out _)
                ? 1
                : Ratio(own.GetProperty("lr").GetDouble(), baseRate);
            double decayFactor = own.TryGetProperty("wd_mult", out JsonElement givenDecay)
                ? givenDecay.GetDouble()
                : new ParameterGroup(1, Ratio(own.GetProperty("weight_decay").GetDouble(), baseDecay)).Scheduled(baseDecay).WeightDecayFactor;
            for (int step = 0; step < golden.GetProperty("lr").GetArrayLength(); step++)
            {
                Close(
                    golden.GetProperty("lr")[step][group].GetDouble(),
                    schedule.LearningRate(step, maximum, minimum) * rateFactor,
                    $"{name}: learning rate of group {group} at {step}");
                Close(
                    golden.GetProperty("weight_decay")[step][group].GetDouble(),
                    schedule.WeightDecay(step) * decayFactor,
                    $"{name}: weight decay of group {group} at {step}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_the_library_refuses_is_refused(string name) => Assert.Throws<ArgumentException>(() => Resolve(Find(name)));

    [Fact]
    public void A_section_takes_its_defaults_from_the_optimizer_and_the_length_of_the_run()
    {
        foreach (JsonElement golden in GoldenFile.Json("lr-schedules.json").GetProperty("recipe_defaults").EnumerateArray())
        {
            if (!golden.TryGetProperty("result", out JsonElement expected)) continue;
            int epoch = golden.GetProperty("epoch_len").GetInt32(), epochs = golden.GetProperty("num_epochs").GetInt32();
            int? most = golden.GetProperty("max_steps") is { ValueKind: JsonValueKind.Number } number ? number.GetInt32() : null;
            StepScheduler steps = new(new StepSchedulerOptions { Epochs = epochs, MaxSteps = most, GlobalBatchSize = 1 }, epoch);
            ParameterSchedule schedule = ParameterSchedule.Resolve(
                Read(golden.GetProperty("section")), golden.GetProperty("lr").GetDouble(), golden.GetProperty("weight_decay").GetDouble(), steps.TotalSteps);
            Assert.Equal(expected.GetProperty("init_lr").GetDouble(), schedule.Initial, 1e-15);
            Assert.Equal(expected.GetProperty("max_lr").GetDouble(), schedule.Maximum, 1e-15);
            Assert.Equal(expected.GetProperty("min_lr").GetDouble(), schedule.Minimum, 1e-15);
            Assert.Equal(expected.GetProperty("lr_warmup_steps").GetInt32(), schedule.WarmupSteps);
            Assert.Equal(expected.GetProperty("lr_decay_steps").GetInt32(), schedule.DecaySteps);
            Assert.Equal(expected.GetProperty("wd_incr_steps").GetInt32(), schedule.WeightDecaySteps);
            Assert.Equal(golden.GetProperty("first_lr")[0].GetDouble(), schedule.LearningRate(0), 1e-15);
            Assert.Equal(golden.GetProperty("first_wd")[0].GetDouble(), schedule.WeightDecay(0), 1e-15);
        }
    }

    private static double Ratio(double value, double reference) => value / reference;

    private static void Close(double expected, double actual, string where) =>
        Assert.True(Math.Abs(actual - expected) <= 1e-12 * Math.Abs(expected), $"{where}: expected {expected:R}, got {actual:R}");

    private static ParameterSchedule Resolve(JsonElement golden) => ParameterSchedule.Resolve(
        Read(golden.GetProperty("arguments")),
        golden.GetProperty("groups")[0].GetProperty("lr").GetDouble(),
        golden.GetProperty("groups")[0].GetProperty("weight_decay").GetDouble(),
        60);

    private static ParameterScheduleOptions Read(JsonElement section) => new()
    {
        Initial = Number(section, "init_lr"),
        Maximum = Number(section, "max_lr"),
        Minimum = Number(section, "min_lr"),
        WarmupSteps = (int?)Number(section, "lr_warmup_steps"),
        DecaySteps = (int?)Number(section, "lr_decay_steps"),
        Style = Text(section, "lr_decay_style") switch
        {
            "constant" => DecayStyle.Constant,
            "linear" => DecayStyle.Linear,
            "inverse-square-root" => DecayStyle.InverseSquareRoot,
            "WSD" => DecayStyle.WarmupStableDecay,
            _ => DecayStyle.Cosine,
        },
        StartWeightDecay = Number(section, "start_wd"),
        EndWeightDecay = Number(section, "end_wd"),
        WeightDecaySteps = (int?)Number(section, "wd_incr_steps"),
        WeightDecayStyle = Text(section, "wd_incr_style") switch
        {
            "linear" => WeightDecayGrowth.Linear,
            "cosine" => WeightDecayGrowth.Cosine,
            _ => WeightDecayGrowth.Constant,
        },
        FinalDecaySteps = (int?)Number(section, "wsd_decay_steps"),
        FinalDecay = Text(section, "lr_wsd_decay_style") switch
        {
            "linear" => FinalDecayStyle.Linear,
            "cosine" => FinalDecayStyle.Cosine,
            "exponential" => FinalDecayStyle.Exponential,
            "minus_sqrt" => FinalDecayStyle.MinusSquareRoot,
            _ => null,
        },
    };

    private static double? Number(JsonElement section, string key) =>
        section.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static string? Text(JsonElement section, string key) => section.TryGetProperty(key, out JsonElement value) ? value.GetString() : null;

    private static JsonElement Find(string name) =>
        GoldenFile.Json("lr-schedules.json").GetProperty("trajectories").EnumerateArray().Single(golden => golden.GetProperty("name").GetString() == name);

    private static TheoryData<string> Names(Func<JsonElement, bool> chosen)
    {
        TheoryData<string> names = [];
        foreach (JsonElement golden in GoldenFile.Json("lr-schedules.json").GetProperty("trajectories").EnumerateArray())
        {
            if (chosen(golden)) names.Add(golden.GetProperty("name").GetString()!);
        }

        return names;
    }
}
