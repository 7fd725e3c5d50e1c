using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.EndToEnd;

public sealed class AdapterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_merged_model_embeds_as_the_model_with_its_adapter_does()
    {
        string adapter = NewAdapter(Golden.Encoder), merged = folder.File("merged");
        JsonElement report = JsonDocument.Parse(
            SiroccoProcess.Run("adapter", "merge", Golden.Encoder, adapter, merged, "--json").ExpectSuccess().Output).RootElement;
        Assert.Equal((Golden.Encoder, merged), (report.GetProperty("model").GetString(), report.GetProperty("output").GetString()));
        float[] plain = Embed(Golden.Encoder), beside = Embed(Golden.Encoder, "--adapter", adapter), inside = Embed(merged);
        for (int i = 0; i < plain.Length; i++) Assert.Equal(beside[i], inside[i], 2e-5f);
        Assert.Contains(plain.Zip(beside), pair => Math.Abs(pair.First - pair.Second) > 1e-3f);
        Assert.True(File.Exists(Path.Combine(merged, "tokenizer.json")) && File.Exists(Path.Combine(merged, "1_Pooling", "config.json")));
        Assert.Contains(
            "holds a model already", SiroccoProcess.Run("adapter", "merge", Golden.Encoder, adapter, merged).ExpectFailure(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_reranker_takes_an_adapter_too()
    {
        string[] Rank(params string[] more) =>
            SiroccoProcess.RunWith("one\ntwo\n", ["rerank", Golden.CrossEncoder, "--query", "q", .. more]).ExpectSuccess().OutputLines;
        Assert.NotEqual(Rank(), Rank("--adapter", NewAdapter(Golden.CrossEncoder)));
    }

    [Fact]
    public void An_evaluation_finds_an_adapter_in_the_hubs_cache()
    {
        string entry = Directory.CreateDirectory(folder.File("hub/models--me--lora/snapshots")).Parent!.FullName;
        Directory.Move(NewAdapter(Golden.Encoder), Path.Combine(entry, "snapshots", "abc"));
        Directory.CreateDirectory(Path.Combine(entry, "refs"));
        File.WriteAllText(Path.Combine(entry, "refs", "main"), "abc");
        string corpus = folder.Write("corpus.jsonl", "{\"_id\": \"a\", \"text\": \"one\"}\n"),
            queries = folder.Write("queries.jsonl", "{\"query\": \"one\", \"positive\": \"a\"}\n");
        Dictionary<string, string> offline = new() { ["HF_HUB_CACHE"] = folder.File("hub"), ["HF_HUB_OFFLINE"] = "1" };
        SiroccoProcess.Finish(
            SiroccoProcess.Start(["eval", Golden.Encoder, "--adapter", "me/lora", "--corpus", corpus, "--queries", queries], environment: offline))
            .ExpectSuccess();
    }

    [Fact]
    public void An_adapter_of_another_rank_or_base_is_refused_in_one_line()
    {
        string adapter = NewAdapter(Golden.Encoder), config = Path.Combine(adapter, "adapter_config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"r\": 8", "\"r\": 16", StringComparison.Ordinal));
        string error = SiroccoProcess.Run("embed", Golden.Encoder, "text", "--adapter", adapter).ExpectFailure();
        Assert.Contains("adapter_model.safetensors: tensor 'base_model.model.layers.0.", error, StringComparison.Ordinal);
        Assert.Contains("rank 16", error, StringComparison.Ordinal);
        Assert.Contains(
            "adapter_config.json", SiroccoProcess.Run("embed", Golden.Encoder, "text", "--adapter", Golden.Encoder).ExpectFailure(), StringComparison.Ordinal);
    }

    [Fact]
    public void Info_describes_an_adapters_folder()
    {
        JsonElement facts = JsonDocument.Parse(SiroccoProcess.Run("info", NewAdapter(Golden.Encoder), "--json").ExpectSuccess().Output).RootElement;
        Assert.Equal("adapter", facts.GetProperty("kind").GetString());
        Assert.Equal("8", facts.GetProperty("adapter").GetProperty("rank").ToString());
        Assert.True(facts.GetProperty("weights").GetProperty("parameters").GetInt64() > 0);
    }

    [Fact]
    public void The_word_adapter_alone_shows_its_verbs() =>
        Assert.Contains("merge", SiroccoProcess.Run("adapter").ExpectSuccess().Output, StringComparison.Ordinal);

    private string NewAdapter(string model)
    {
        using EncoderModel encoder = EncoderModel.FromPretrained(model);
        Adapter adapter = Adapter.Attach(encoder, new AdapterOptions(), seed: 1);
        Random random = new(1);
        foreach (Parameter parameter in adapter.Parameters)
            parameter.SetValues([.. Enumerable.Range(0, (int)parameter.Count).Select(_ => 0.2f * (random.NextSingle() - 0.5f))]);
        string place = folder.File("adapter-" + Path.GetFileName(model));
        adapter.Save(place, "base");
        return place;
    }

    private static float[] Embed(string model, params string[] more)
    {
        string line = SiroccoProcess.Run(["embed", model, "disk usage", "--precision", "f32", "--output", "-", "--quiet", .. more]).ExpectSuccess().Output;
        return [.. JsonDocument.Parse(line).RootElement.GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle())];
    }
}
