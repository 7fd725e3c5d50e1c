using System.Text;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Text;

namespace Sirocco.Cli.Verbs.Bench;

/// <summary>Texts to token ids on one thread, without special tokens; megabytes of UTF-8 a second.</summary>
internal static class TokenizeBench
{
    private const long MostBytes = 32L << 20;

    public static Measurement Run(BenchSettings settings)
    {
        if (settings.Shape is null || settings.Input is null) throw new UsageException("bench tokenize needs --shape TOKENIZER and --input FILE");
        Tokenizer tokenizer = Tokenizer.Load(settings.Shape);
        List<string> texts = [];
        long bytes = 0;
        using (TextSource source = new(settings.Input))
        {
            foreach (TextRecord record in source.Read())
            {
                texts.Add(record.Text);
                bytes += Encoding.UTF8.GetByteCount(record.Text);
                if (bytes >= MostBytes) break;
            }
        }

        if (bytes == 0) throw new InvalidDataException($"{settings.Input} holds no text to tokenize");
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
            Settings = [("tokenizer", settings.Shape), ("input", settings.Input), ("texts", texts.Count), ("bytes", bytes), ("tokens", tokens)],
            Beside = [("tokens_per_second", tokens / seconds.Min())],
        };
    }
}
