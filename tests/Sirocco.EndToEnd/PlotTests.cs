namespace Sirocco.EndToEnd;

public sealed class PlotTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Runs_become_a_picture_of_the_kind_that_its_name_says()
    {
        string run = folder.Write("training.jsonl", "{\"step\": 0, \"loss\": 2.5, \"lr\": 0.1}\n{\"step\": 1, \"loss\": 1.5, \"lr\": 0.2}\n");
        SiroccoProcess.Run("plot", run, "--metric", "loss,lr", "--output", folder.File("a.svg")).ExpectSuccess();
        SiroccoProcess.Run("plot", run, "-o", folder.File("a.png"), "--log", "--smooth", "2").ExpectSuccess();
        Assert.StartsWith("<svg ", File.ReadAllText(folder.File("a.svg")), StringComparison.Ordinal);
        Assert.Equal("\u0089PNG", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(folder.File("a.png")), 0, 4));
    }

    [Fact]
    public void What_cannot_be_drawn_is_said_in_one_line()
    {
        string run = folder.Write("training.jsonl", "{\"step\": 0, \"loss\": 2.5}\n");
        Assert.Contains(".svg or .png", SiroccoProcess.Run("plot", run, "--output", folder.File("a.pdf")).ExpectWrongUsage(), StringComparison.Ordinal);
        Assert.Contains(
            "no 'accuracy' is recorded; there are loss",
            SiroccoProcess.Run("plot", run, "--metric", "accuracy", "--output", folder.File("a.svg")).ExpectFailure(),
            StringComparison.Ordinal);
        Assert.Contains(
            "no run is here", SiroccoProcess.Run("plot", folder.File("missing"), "--output", folder.File("a.svg")).ExpectFailure(), StringComparison.Ordinal);
    }
}
