using System.Diagnostics;
using System.Globalization;

namespace Sirocco.EndToEnd;

/// <summary>Runs that end before their time: killed, interrupted, or without room to save.</summary>
public sealed class KilledTrainingTests(TrainingRun training) : IClassFixture<TrainingRun>
{
    /// <summary>Kills; SIROCCO_KILLS asks for more.</summary>
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("SIROCCO_KILLS") ?? "36", CultureInfo.InvariantCulture);

    [Fact]
    public void A_run_killed_at_any_moment_ends_like_one_that_was_not()
    {
        Random random = new(1);
        int done = 0;
        for (int run = 0; done < Kills; run++)
        {
            string name = $"killed-{run}";
            while (done < Kills && Killed(name, random)) done++;
            training.Run(name).ExpectSuccess();
            training.AssertLikeStraight(name);
        }
    }

    [SkippableTheory]
    [InlineData("TERM", 0)]
    [InlineData("INT", 130)]
    public void A_signal_lets_the_step_end_and_saves(string signal, int status)
    {
        string name = "stopped-" + signal;
        using Process process = training.Start(name, "--step_scheduler.ckpt_every_steps", "1000", "--checkpoint.save_consolidated", "false");
        training.WaitForRecords(process, name, 2);
        SiroccoProcess.Signal(process, signal);
        Outcome outcome = SiroccoProcess.Finish(process);
        int steps = training.Records(name).Length;
        Skip.If(steps == TrainingRun.Steps, "the run was over before the signal came");
        Assert.Equal(status, outcome.Status);
        Assert.Contains($"stopped after step {steps - 1}, saved as ", outcome.Error, StringComparison.Ordinal);
        Assert.EndsWith($"_step_{steps - 1}", training.Latest(name), StringComparison.Ordinal);
        Assert.Contains($"with step {steps}", training.Run(name).ExpectSuccess().Error, StringComparison.Ordinal);
        training.AssertLikeStraight(name);
    }

    [SkippableFact]
    public void A_second_signal_ends_at_once_and_what_was_saved_stays()
    {
        string name = "stopped-twice";
        using Process process = training.Start(name);
        training.WaitForRecords(process, name, 3);
        SiroccoProcess.Signal(process, "INT");
        SiroccoProcess.Signal(process, "INT");
        SiroccoProcess.Finish(process);
        training.Run(name).ExpectSuccess();
        training.AssertLikeStraight(name);
    }

    [SkippableFact]
    public void A_save_without_room_loses_nothing_that_was_saved()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "the limit is set with a POSIX shell");
        training.Run("full", "--step_scheduler.max_steps", "5").ExpectSuccess();
        string program = Path.Combine(AppContext.BaseDirectory, "sirocco.dll"), words = string.Join(' ', training.Words("full").Select(word => $"'{word}'"));
        ProcessStartInfo start = new("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"trap '' XFSZ; ulimit -f 100; exec dotnet '{program}' {words}");
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // its double mapping is a file too
        using (Process shell = Process.Start(start)!)
        {
            Outcome outcome = SiroccoProcess.Finish(shell);
            Assert.Equal(1, outcome.Status);
            Assert.Contains("epoch_0_step_5", outcome.ErrorLines[^1], StringComparison.Ordinal);
        }

        Assert.Equal("epoch_0_step_4", training.Latest("full"));
        Assert.DoesNotContain(Directory.GetDirectories(training.FolderOf("full")), entry => entry.Contains("reserving", StringComparison.Ordinal));
        training.Run("full").ExpectSuccess();
        training.AssertLikeStraight("full");
    }

    /// <summary>
    /// Whether a run was killed, and had not ended before: a quarter of them while it starts, the others a random moment after a random step.
    /// </summary>
    private bool Killed(string name, Random random)
    {
        using Process process = training.Start(name);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        int before = training.Records(name).Length, steps = random.Next(4) == 0 ? 0 : random.Next(1, 8);
        while (steps > 0 && training.Records(name).Length < Math.Min(before + steps, TrainingRun.Steps - 1) && !process.WaitForExit(1)) continue;
        bool ended = process.WaitForExit(steps == 0 ? training.TimeToFirstStep * random.NextDouble() : TimeSpan.FromMilliseconds(random.Next(60)));
        if (!ended) process.Kill();
        process.WaitForExit();
        Assert.True(!ended || process.ExitCode == 0, $"{output.Result}\n{error.Result}");
        return !ended;
    }
}
