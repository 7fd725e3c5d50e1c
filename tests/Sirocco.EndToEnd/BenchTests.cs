using System.Text.Json;

namespace Sirocco.EndToEnd;

public sealed class BenchTests
{
    [Theory]
    [InlineData("gflops", "gemm", "--shape", "8x64x48", "--precision", "f32")]
    [InlineData("tokens_per_second", "embed", "--tokens", "16", "--precision", "bf16", "--shape", "ENCODER")]
    [InlineData("tokens_per_second", "train", "--tokens", "16", "--sequences", "2", "--passages", "1", "--shape", "ENCODER")]
    [InlineData("tokens_per_second", "train", "--tokens", "16", "--lora", "2", "--recompute", "--precision", "bf16", "--shape", "ENCODER")]
    public void A_figure_comes_with_everything_that_it_depends_on(string figure, params string[] arguments)
    {
        Outcome outcome = SiroccoProcess.Run(["bench", .. arguments.Select(word => word == "ENCODER" ? Golden.Encoder : word), "--runs", "2", "--json"])
            .ExpectSuccess();
        JsonElement found = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.True(found.GetProperty(figure).GetDouble() > 0);
        Assert.Equal(2, found.GetProperty("seconds").GetArrayLength());
        Assert.True(found.GetProperty("peak_rss_bytes").GetInt64() > 1 << 20);
        Assert.True(found.GetProperty("threads").GetInt32() >= 1);
        Assert.False(string.IsNullOrEmpty(found.GetProperty("kernel").GetString()));
        Assert.Contains(found.GetProperty("precision").GetString(), (string[])["f32", "bf16"]);
    }

    [Fact]
    public void Training_a_model_that_does_not_fit_is_refused_before_it_is_made()
    {
        string line = SiroccoProcess.Run("bench", "train", "--shape", "ministral-14b").ExpectFailure();
        Assert.Contains("weights takes 205.4 GB", line, StringComparison.Ordinal);
        Assert.Contains("train an adapter", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_benchmark_that_does_not_exist_is_wrong_usage()
    {
        Outcome outcome = SiroccoProcess.Run("bench", "gem");
        Assert.Equal(2, outcome.Status);
        Assert.Equal("error: there is no benchmark 'gem'; did you mean gemm?", Assert.Single(outcome.ErrorLines));
    }
}
