using System.Diagnostics;
using System.Text.Json;

namespace Sirocco.EndToEnd;

public sealed class MineTests : IDisposable
{
    private const int Documents = 400;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_killed_run_goes_on_and_its_file_is_that_of_an_undisturbed_run()
    {
        string input = Inline(), recipe = Recipe(input, "mined.jsonl"), cache = folder.File("cache");
        SiroccoProcess.Run("mine", recipe, "--quiet").ExpectSuccess();
        string expected = File.ReadAllText(folder.File("mined.jsonl"));
        File.Delete(folder.File("mined.jsonl"));
        string[] words = ["mine", recipe, "--mining.cache_embeddings_dir", cache, "--mining.corpus_chunk_size=5", "--json"];
        for (int kills = 1; kills <= 3; kills++)
        {
            using Process process = SiroccoProcess.Start(words);
            Stopwatch patience = Stopwatch.StartNew();
            while (Chunks() < 5 * kills && !process.HasExited && patience.Elapsed < TimeSpan.FromSeconds(60)) Thread.Sleep(1);
            process.Kill();
            process.WaitForExit();
        }

        Outcome outcome = SiroccoProcess.Run([.. words, "--quiet"]).ExpectSuccess();
        Assert.Equal(expected, File.ReadAllText(folder.File("mined.jsonl")));
        JsonElement report = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.True(report.GetProperty("vectors_from_cache").GetInt32() >= 25);
        Assert.Equal(
            (20, Documents, 100),
            (report.GetProperty("queries").GetInt32(), report.GetProperty("documents").GetInt32(), report.GetProperty("negatives").GetInt32()));
        Assert.InRange(report.GetProperty("positive_minus_hardest_negative").GetProperty("median").GetDouble(), -2, 2);
        Assert.DoesNotContain(
            Directory.GetFiles(folder.Path, "*.partial", SearchOption.AllDirectories), file => file.Contains("mined", StringComparison.Ordinal));

        int Chunks() =>
            Directory.Exists(folder.File("cache/corpus_chunks")) ? Directory.GetFiles(folder.File("cache/corpus_chunks"), "*.safetensors").Length : 0;
    }

    [Fact]
    public void What_a_reranker_takes_for_an_answer_is_no_negative()
    {
        string recipe = Recipe(Inline(), "mined.jsonl");
        SiroccoProcess.Run("mine", recipe, "--quiet", "--mining.hard_negatives_to_mine", "10").ExpectSuccess();
        string[][] all = Negatives();
        Outcome outcome = SiroccoProcess.Run("mine", recipe, "--quiet", "--json", "--mining.reranker", Golden.CrossEncoder).ExpectSuccess();
        string[][] kept = Negatives();
        Assert.True(JsonDocument.Parse(outcome.Output).RootElement.GetProperty("rejected_by_reranker").GetInt32() > 0);
        for (int question = 0; question < kept.Length; question++)
        {
            string positive = Lines()[question].GetProperty("pos_doc")[0].GetProperty("text").GetString()!;
            string candidates = Golden.JsonLines([positive, .. all[question]]);
            string asked = Lines()[question].GetProperty("question").GetString()!;
            string[] ranked = [.. SiroccoProcess.RunWith(candidates, "rerank", Golden.CrossEncoder, "--query", asked).ExpectSuccess().OutputLines
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!)];
            HashSet<string> below = [.. ranked[(Array.IndexOf(ranked, positive) + 1)..]];
            Assert.Equal(all[question].Where(below.Contains).Take(5), kept[question]);
            if (question == 3) break; // a process for each
        }
    }

    [Fact]
    public void Mistakes_are_one_line()
    {
        string recipe = Recipe(folder.File("absent.jsonl"), "mined.jsonl");
        Assert.Contains("absent.jsonl: no such file", SiroccoProcess.Run("mine", recipe).ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains(
            "did you mean hard_neg_margin", SiroccoProcess.Run("mine", recipe, "--mining.hard_neg_margn", "1").ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains(
            "perc or abs",
            SiroccoProcess.Run("mine", recipe, "mining.hard_neg_margin=0.9", "mining.hard_neg_margin_type=half").ExpectFailure(),
            StringComparison.Ordinal);
        SiroccoProcess.Run("mine").ExpectWrongUsage();
        string damaged = folder.Write("damaged.jsonl", "{\"query\": \"a\", \"pos_doc\": [\"b\"], \"neg_doc\": []}\n{\"query\": \"a\"}\n");
        Assert.Contains(
            "damaged.jsonl:2: ",
            SiroccoProcess.Run("mine", Recipe(damaged, "mined.jsonl"), "--mining.model_name_or_path", folder.File("nowhere")).ExpectFailure(),
            StringComparison.Ordinal);
    }

    private string[][] Negatives() =>
        [.. Lines().Select(line => line.GetProperty("neg_doc").EnumerateArray().Select(document => document.GetProperty("text").GetString()!).ToArray())];

    private JsonElement[] Lines() => [.. File.ReadLines(folder.File("mined.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    private string Inline()
    {
        string[] words = ["socket", "pool", "clock", "paint", "river", "engine", "letter", "music", "window", "stone"];
        string Text(int i) => $"{words[i % 10]} {words[i / 10 % 10]} of the {words[i * 7 % 10]} number {i}";
        return folder.Write("train.jsonl", string.Concat(Enumerable.Range(0, 20).Select(q => JsonSerializer.Serialize(new
        {
            question_id = $"q{q}",
            query = $"which {words[q % 10]} is it, {q}?",
            pos_doc = new[] { Text(q) },
            neg_doc = Enumerable.Range(1, (Documents / 20) - 1).Select(n => Text((n * 20) + q)),
        }) + "\n")));
    }

    private string Recipe(string input, string output) => folder.Write("mine.yaml", $"""
        mining:
          train_qa_file_path: '{input}'
          train_file_output_path: '{folder.File(output)}'
          model_name_or_path: '{Golden.Encoder}'
          hard_negatives_to_mine: 5
          hard_neg_margin: none
        """);
}
