using Sirocco.Training.Plots;

namespace Sirocco.Training.Tests.Tracking;

public sealed class RunHistoryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Steps_that_a_resumed_run_did_again_count_as_they_were_done_last()
    {
        folder.Write("run/training.jsonl", """
            {"step": 0, "epoch": 0, "loss": 3.0}
            {"step": 1, "epoch": 0, "loss": 2.0}
            {"step": 2, "epoch": 0, "loss": 9.0}
            {"step": 2, "epoch": 0, "loss": 1.5, "tokens": 7}
            {"step": 3, "epoch": 0, "loss": 1.0, "tokens": 8}

            """);
        RunHistory history = RunHistory.Read(folder.File("run"));
        Curve loss = history.CurveOf("loss", "run")!;
        Assert.Equal([0, 1, 2, 3], loss.X);
        Assert.Equal([3, 2, 1.5, 1], loss.Y);
        Assert.Equal(["loss", "tokens"], history.Metrics);
    }

    [Fact]
    public void Numbers_that_JSON_lacks_are_gaps_and_a_line_just_being_written_is_not_yet_there()
    {
        string file = folder.Write(
            "training.jsonl", "{\"step\": 0, \"loss\": NaN}\n{\"step\": 1, \"loss\": -Infinity, \"grad_norm\": 2.5}\n{\"step\": 2, \"lo");
        Curve loss = RunHistory.Read(file).CurveOf("loss", "run")!;
        Assert.Equal([double.NaN, double.NaN], loss.Y);
        Assert.Null(RunHistory.Read(file).CurveOf("accuracy", "run"));
    }

    [Fact]
    public void Validations_lie_where_their_step_does_whatever_the_axis()
    {
        folder.Write(
            "training.jsonl",
            "{\"step\": 0, \"loss\": 1, \"tokens\": 10, \"time_per_step\": 60}\n{\"step\": 1, \"loss\": 1, \"tokens\": 20, \"time_per_step\": 30}\n");
        folder.Write("validation.jsonl", "{\"step\": 1, \"epoch\": 0, \"val_loss\": 2}\n");
        RunHistory history = RunHistory.Read(folder.Path);
        Assert.Equal([1], history.CurveOf("val_loss", "run")!.X);
        Assert.Equal([30], history.CurveOf("val_loss", "run", HistoryAxis.Tokens)!.X);
        Assert.Equal([1.5], history.CurveOf("val_loss", "run", HistoryAxis.Minutes)!.X);
        Assert.True(history.CurveOf("val_loss", "run")!.Marked);
    }

    [Fact]
    public void A_damaged_line_is_named()
    {
        string file = folder.Write("training.jsonl", "{\"step\": 0}\n{\"step\": x}\n{\"step\": 2}\n");
        Assert.Contains("line 2", Assert.Throws<InvalidDataException>(() => RunHistory.Read(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Runs_are_called_by_what_tells_them_apart()
    {
        foreach (string run in (string[])["first", "second"])
            folder.Write($"all/{run}/out/training.jsonl", "{\"step\": 0, \"loss\": 1}\n{\"step\": 1, \"loss\": 2}\n");
        Figure figure = new RunPlot().Of([RunHistory.Read(folder.File("all/first/out")), RunHistory.Read(folder.File("all/second/out"))]);
        Assert.Equal(["first", "second"], figure.Panels[0].Curves.Select(curve => curve.Name));
        InvalidDataException refused = Assert.Throws<InvalidDataException>(
            () => new RunPlot { Metrics = ["los"] }.Of([RunHistory.Read(folder.File("all/first/out"))]));
        Assert.Contains("no 'los' is recorded; there are loss", refused.Message, StringComparison.Ordinal);
    }
}
