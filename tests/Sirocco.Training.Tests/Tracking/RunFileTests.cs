using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sirocco.Training.Tests.Checkpoints;

namespace Sirocco.Training.Tests.Tracking;

public class RunFileTests
{
    [Fact]
    public void A_run_tells_what_it_was_and_what_came_of_it()
    {
        using TinyRun run = new();
        TinyRun.Recorder recorder = run.Run();
        JsonElement file = Read(run);
        Assert.Equal("completed", file.GetProperty("status").GetString());
        Assert.Equal(recorder.Steps[^1].Loss, file.GetProperty("metrics").GetProperty("loss").GetDouble(), 1e-6);
        Assert.Equal(recorder.Steps.Count, file.GetProperty("plan").GetProperty("steps").GetInt32());
        JsonElement part = Assert.Single(file.GetProperty("parts").EnumerateArray());
        Assert.Equal(recorder.Steps.Count - 1, part.GetProperty("last_step").GetInt32());
        JsonElement source = file.GetProperty("data")[0];
        string data = source.GetProperty("path").GetString()!;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(data))), source.GetProperty("sha256").GetString());
        Assert.Equal(File.ReadLines(data).Count(), source.GetProperty("rows").GetInt32());
    }

    [Fact]
    public void A_run_that_failed_says_why_and_its_second_part_stands_beside_the_first()
    {
        using TinyRun run = new();
        run.Run(dieAt: 5);
        JsonElement first = Read(run);
        Assert.Equal("failed", first.GetProperty("status").GetString());
        run.Run();
        JsonElement[] parts = [.. Read(run).GetProperty("parts").EnumerateArray()];
        Assert.Equal(["failed", "completed"], parts.Select(part => part.GetProperty("status").GetString()));
        Assert.InRange(parts[1].GetProperty("first_step").GetInt32(), 1, 6);
    }

    [Fact]
    public void A_run_that_is_at_its_end_keeps_its_last_metrics_when_it_is_started_again()
    {
        using TinyRun run = new();
        run.Run();
        string metrics = Read(run).GetProperty("metrics").GetRawText();
        Assert.Empty(run.Run().Steps);
        Assert.Equal(metrics, Read(run).GetProperty("metrics").GetRawText());
        Assert.Equal(2, Read(run).GetProperty("parts").GetArrayLength());
    }

    [Theory]
    [InlineData(2e-6, "2e-06")]
    [InlineData(0.5, "0.5")]
    [InlineData(3, "3.0")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    public void Records_spell_numbers_as_Python_does(double value, string expected) => Assert.Equal(expected, MetricsLog.Number(value));

    [Fact]
    public void The_fingerprint_of_a_folder_is_that_of_sha256sum_over_its_files()
    {
        using TemporaryFolder folder = new();
        folder.Write("b.txt", "second");
        folder.Write("a/x.txt", "first");
        static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        Assert.Equal(new DataFingerprint(2, 11, Hash($"{Hash("first")}  a/x.txt\n{Hash("second")}  b.txt\n")), DataFingerprint.Of(folder.Path));
        Assert.Null(DataFingerprint.Of(folder.File("missing")));
    }

    [Fact]
    public void A_configuration_keeps_its_types()
    {
        RecipeMapping tree = YamlReader.Read("a: 1\nb: [1.5, .inf, true, null, text]\nc: {d: '007'}\n", "test");
        Assert.Equal("""{"a":1,"b":[1.5,".inf",true,null,"text"],"c":{"d":"007"}}""", RecipeJson.From(tree).ToJsonString());
    }

    private static JsonElement Read(TinyRun run) => JsonDocument.Parse(File.ReadAllText(Path.Combine(run.Folder, "run.json"))).RootElement;
}
