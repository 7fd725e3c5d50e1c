using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.EndToEnd;

/// <summary>Verbs whose results are files: with --json standard output is one document about them, and without it is empty.</summary>
public sealed class JsonReportTests(TrainingRun training) : IClassFixture<TrainingRun>, IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_training_run_says_how_it_ended_and_where_checkpoint_and_model_are()
    {
        JsonElement report = Report(training.Words(
            "reported", "--step_scheduler.max_steps", "3", "--validation_dataset.data_dir_list", training.FolderOf("train.jsonl"),
            "--validation_dataset.n_passages", "3", "--step_scheduler.val_every_steps", "1"));
        Assert.Equal(("completed", 3), (report.GetProperty("status").GetString(), report.GetProperty("steps").GetInt32()));
        Assert.EndsWith("_step_2", report.GetProperty("checkpoint").GetString(), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(report.GetProperty("model").GetString()!, "config.json")));
        JsonElement validation = report.GetProperty("validation");
        Assert.Equal(2, validation.GetProperty("step").GetInt32());
        Assert.InRange(validation.GetProperty("val_mrr").GetDouble(), 1 / 3.0, 1);
    }

    [Fact]
    public void A_pass_and_a_contrastive_step_name_their_tensors()
    {
        string ids = folder.File("ids.safetensors"), pairs = folder.File("pairs.safetensors"), to = folder.File("out.safetensors");
        long[] shape = [2, 3], one = [1, 1, 1, 1, 1, 1];
        SafetensorsWriter.Write(ids, [OutgoingTensor.Create<long>("input_ids", shape, new long[] { 5, 6, 7, 8, 9, 10 })]);
        SafetensorsWriter.Write(
            pairs, [.. ((string[])["q_input_ids", "q_mask", "p_input_ids", "p_mask"]).Select(name => OutgoingTensor.Create<long>(name, shape, one))]);
        JsonElement pass = Report("forward", Golden.Encoder, ids, to, "--outputs", "embedding,last_hidden_state");
        Assert.Equal(to, pass.GetProperty("output").GetString());
        Assert.Equal(TensorsOf(to), Names(pass));
        JsonElement step = Report("contrastive", Golden.Encoder, pairs, to, "--temperature", "0.1");
        Assert.Equal(TensorsOf(to), Names(step));
        Assert.Contains("loss", Names(step));

        static string[] TensorsOf(string path)
        {
            using TensorArchive archive = TensorArchive.Open(path);
            return [.. archive.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal)];
        }

        static string[] Names(JsonElement report) =>
            [.. report.GetProperty("tensors").EnumerateArray().Select(name => name.GetString()!).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public void An_index_and_files_of_vectors_and_ids_are_counted()
    {
        string texts = folder.Write("texts.jsonl", "{\"id\": \"a\", \"text\": \"one\"}\n{\"id\": \"a\", \"text\": \"two\"}\n");
        JsonElement index = Report("index", Golden.Encoder, texts, folder.File("index"), "--store", "int8", "--dimensions", "8");
        Assert.Equal((folder.File("index"), "int8"), (index.GetProperty("index").GetString(), index.GetProperty("store").GetString()));
        Assert.Equal(
            (2, 8, 1),
            (index.GetProperty("records").GetInt32(), index.GetProperty("dimensions").GetInt32(), index.GetProperty("repeated_ids").GetInt32()));
        JsonElement vectors = Report("embed", Golden.Encoder, "--input", texts, "--output", folder.File("v.npy"));
        Assert.Equal((2, 32), (vectors.GetProperty("texts").GetInt32(), vectors.GetProperty("dimensions").GetInt32()));
        JsonElement ids = Report("tokenize", Golden.Encoder, "--input", texts, "--output", folder.File("ids.jsonl"));
        Assert.Equal((folder.File("ids.jsonl"), 2), (ids.GetProperty("output").GetString(), ids.GetProperty("records").GetInt32()));
        JsonElement decoded = Report("tokenize", Golden.Encoder, "--input", folder.File("ids.jsonl"), "--decode", "--output", folder.File("again.jsonl"));
        Assert.Equal(2, decoded.GetProperty("records").GetInt32());
    }

    [Fact]
    public void Results_on_standard_output_are_all_that_is_there()
    {
        Outcome outcome = SiroccoProcess.RunWith("one\ntwo\n", "embed", Golden.Encoder, "--output", "-", "--json").ExpectSuccess();
        Assert.Equal(["one", "two"], outcome.OutputLines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()));
    }

    [Fact]
    public void A_picture_names_the_runs_that_it_shows()
    {
        JsonElement report = Report("plot", training.FolderOf(TrainingRun.Straight), "--metric", "loss,lr", "--output", folder.File("a.svg"));
        Assert.Equal(folder.File("a.svg"), report.GetProperty("output").GetString());
        Assert.Equal(training.FolderOf(TrainingRun.Straight), Assert.Single(report.GetProperty("runs").EnumerateArray()).GetString());
        Assert.Equal(["loss", "lr"], report.GetProperty("metrics").EnumerateArray().Select(name => name.GetString()));
    }

    /// <summary>The document that a command line prints with --json.</summary>
    private static JsonElement Report(params string[] words) => JsonDocument.Parse(SiroccoProcess.Run([.. words, "--json"]).ExpectSuccess().Output).RootElement;
}
