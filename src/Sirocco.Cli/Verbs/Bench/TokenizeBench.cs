using System.Text;
using Sirocco.Models;
using Sirocco.Cli.Records;
using Sirocco.Text;

namespace Sirocco.Cli.Verbs.Bench;

/// <summary>Texts to token ids on one thread, without special tokens; megabytes of UTF-8 a second.</summary>
internal static class TokenizeBench
{
    private const long MostBytes = 32L << 20;

    public static Measurement Run(BenchSettings settings)
    {
        string path = settings.Shape ?? Shipped("tokenizer.json");
        string input = settings.Input ?? Shipped("corpus.jsonl.gz");
        Tokenizer tokenizer = ModelTokenizer.Load(path);
        List<string> texts = [];
        long bytes = 0;
        using (TextSource source = new(input, cancellation: settings.Cancellation))
        {
            foreach (TextRecord record in source.Read())
            {
                texts.Add(record.Text);
                bytes += Encoding.UTF8.GetByteCount(record.Text);
                if (bytes >= MostBytes) break;
            }
        }

        if (bytes == 0) throw new InvalidDataException($"{input} holds no text to tokenize");
        List<int> ids = [];
        long tokens = 0;
        List<double> seconds = Measurement.Time(
            () =>
            {
                tokens = 0;
                foreach (string text in texts)
                {
                    ids.Clear();
                    tokenizer.EncodeInto(text, ids, addSpecialTokens: false, maxLength: int.MaxValue);
                    tokens += ids.Count;
                }
            },
            settings.Runs,
            settings.Cancellation);
        return new Measurement
        {
            Figure = "megabytes_per_second",
            Work = bytes / 1e6,
            Seconds = seconds,
            Threads = 1,
            Precision = "none",
            Kernel = "byte-pair merging",
            Settings = [("tokenizer", path), ("input", input), ("texts", texts.Count), ("bytes", bytes), ("tokens", tokens)],
            Beside = [("tokens_per_second", tokens / seconds.Min())],
        };
    }

    /// <summary>The demo's files, which the build puts beside the program.</summary>
    private static string Shipped(string name) => Path.Combine(AppContext.BaseDirectory, "demo", name);
}
