using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Formats;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Train;

/// <summary>A run as a person follows it: a progress line with loss, learning rate and time left, and a line that stays for every validation.</summary>
internal sealed class TrainingDisplay(Invocation invocation) : TrainingObserver, IDisposable
{
    private readonly DownloadLine downloads = new(invocation);
    private ProgressLine? line;
    private int steps;
    private long tokens;
    private double part;

    /// <summary>Whether data and model are there and steps follow.</summary>
    public bool HasStarted => line is not null;

    public override void Downloading(HubProgress progress) => downloads.Report(progress);

    public override void Started(TrainingPlan plan)
    {
        downloads.Dispose();
        invocation.Notice(string.Create(
            CultureInfo.InvariantCulture,
            $"training {plan.Trained:N0} of {plan.Parameters:N0} parameters in {ComputeChoice.Name(plan.Precision)}: "
                + $"{plan.Examples:N0} examples, {plan.Steps:N0} steps, records in {plan.Folder}"));
        steps = plan.Steps;
        line = invocation.Progress("training", "tokens");
        line.GoOnFrom(0, (double)plan.FirstStep / steps);
    }

    public override void Stepped(TrainingRecord record)
    {
        tokens += record.Tokens;
        string detail = string.Create(
            CultureInfo.InvariantCulture,
            $"step {record.Step} of {steps}, epoch {record.Epoch}, loss {record.Loss:0.0000}, grad_norm {record.GradientNorm:0.000}, "
                + $"lr {record.LearningRate:0.00e+00}");
        part = (record.Step + 1.0) / steps;
        line!.Report(tokens, detail, part);
    }

    public override void Validating(int done, int total) =>
        line!.Report(tokens, string.Create(CultureInfo.InvariantCulture, $"validating {done:N0}/{total:N0}"), part);

    public override void Validated(ValidationRecord record)
    {
        string metrics = string.Join(", ", record.Metrics.Select(metric => string.Create(CultureInfo.InvariantCulture, $"{metric.Key} {metric.Value:0.0000}")));
        line!.Notice($"step {record.Step}, epoch {record.Epoch}: {metrics}");
    }

    /// <summary>Says that a signal was heard.</summary>
    public void Stopping() => Notice("stopping after this step; a second signal stops at once and loses it");

    public override void Resumed(string checkpoint, int step) => invocation.Notice($"going on from {checkpoint} with step {step}");

    public override void Ended(RunOutcome outcome)
    {
        if (outcome.Status == RunStatus.StoppedEarly) Notice($"stopped early: {outcome.Reason}");
        if (outcome is { Status: RunStatus.Cancelled, Reason: { } reason }) Notice(reason);
    }

    public override void Noted(string message) => Notice(message);

    public override void Warned(string message) => Notice($"warning: {message}");

    public void Dispose()
    {
        downloads.Dispose();
        line?.Dispose();
    }

    private void Notice(string text)
    {
        if (line is null) invocation.Notice(text);
        else line.Notice(text);
    }
}
