using System.CommandLine;
using System.Text.Json;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Formats;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco tokenize</c>: texts to token ids and back, record by record.</summary>
internal sealed class TokenizeVerb : Verb
{
    private readonly Argument<string> tokenizerPath = new("TOKENIZER")
    {
        Description = "A tokenizer.json or tekken.json of any name, a .gguf file, or a folder with one of them",
    };
    private readonly Option<string> input = new("--input")
    {
        Description = "JSON Lines with \"text\" (or \"ids\"), or a .txt file with a text a line",
        HelpName = "FILE",
        DefaultValueFactory = _ => "-",
    };
    private readonly Option<string> output =
        new("--output") { Description = "JSON Lines in the order of the input", HelpName = "FILE", DefaultValueFactory = _ => "-" };
    private readonly Option<bool> noSpecial = new("--no-special") { Description = "Leave out the tokens that the tokenizer puts around a text" };
    private readonly Option<bool> offsets = new("--offsets") { Description = "Add the code points [start, end] that each token stands for" };
    private readonly Option<bool> decode = new("--decode") { Description = "From \"ids\" to \"text\"" };
    private readonly Option<bool> skipSpecial = new("--skip-special") { Description = "Leave special tokens out of decoded text" };

    public TokenizeVerb()
        : base("tokenize", "Turns texts into token ids, or ids into texts with --decode, one JSON record a line.",
            new Example("ids of a text", """echo '{"text": "Hello, world"}' | ./sirocco tokenize ./ministral-3b"""),
            new Example("a file, with offsets", "./sirocco tokenize ./tokenizer.json --input texts.jsonl --offsets --output ids.jsonl"),
            new Example("and back", "./sirocco tokenize ./tokenizer.json --input ids.jsonl --decode --skip-special"))
    {
        Add(tokenizerPath);
        foreach (Option option in (Option[])[input, output, noSpecial, offsets, decode, skipSpecial]) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        bool decoding = invocation.Get(decode);
        if (decoding && (invocation.Get(offsets) || invocation.Get(noSpecial)))
            throw new UsageException("--offsets and --no-special are about encoding; leave them out with --decode");
        if (!decoding && invocation.Get(skipSpecial)) throw new UsageException("--skip-special is about decoding; give --decode too, or --no-special");
        string from = invocation.Get(input)!;
        Tokenizer tokenizer = ModelTokenizer.Load(invocation.Get(tokenizerPath));
        using OutputFile to = OutputFile.Open(invocation.Get(output), invocation.Terminal);
        using RecordWriter records = new(to.Stream);
        using ProgressLine progress = invocation.Progress(decoding ? "decoding" : "tokenizing", "texts");
        long count = decoding ? Decode(invocation, tokenizer, from, records, progress) : Encode(invocation, tokenizer, from, records, progress);
        records.Flush();
        to.Commit();
        string place = invocation.Get(output)!;
        if (invocation.Json && place != DataFiles.Standard) new Facts().Add("output", place).Add("records", count).WriteJson(invocation.Terminal.Output);
        return ExitStatus.Success;
    }

    private long Encode(Invocation invocation, Tokenizer tokenizer, string from, RecordWriter records, ProgressLine progress)
    {
        bool special = !invocation.Get(noSpecial);
        bool withOffsets = invocation.Get(offsets);
        bool plain = !withOffsets && tokenizer.Padding is null;
        List<int> ids = [];
        using TextSource source = new(from, record => record.Text("text"), invocation.Cancellation);
        long done = 0;
        foreach (TextRecord record in source.Read())
        {
            invocation.Cancellation.ThrowIfCancellationRequested();
            TokenOffset[] places = [];
            ids.Clear();
            if (plain)
            {
                tokenizer.EncodeInto(record.Text, ids, special);
            }
            else
            {
                TokenEncoding encoding = tokenizer.Encode(record.Text, addSpecialTokens: special);
                ids.AddRange(encoding.Ids);
                places = encoding.Offsets;
            }

            records.Write(
                writer =>
                {
                    WriteIds(writer, ids);
                    if (withOffsets) WriteOffsets(writer, places);
                },
                flush: source.IsDrained);
            progress.Report(++done, part: source.PartOf(done));
        }

        return done;
    }

    private long Decode(Invocation invocation, Tokenizer tokenizer, string from, RecordWriter records, ProgressLine progress)
    {
        bool skip = invocation.Get(skipSpecial);
        using Stream file = DataFiles.Open(from, invocation.Cancellation);
        using LineReader lines = new(DataFiles.Content(file, from), DataFiles.NameOf(from));
        long done = 0;
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            invocation.Cancellation.ThrowIfCancellationRequested();
            if (line.Span.Trim(" \t"u8).IsEmpty) continue;
            using JsonRecord record = JsonRecord.Parse(line, lines.Place);
            string text;
            try
            {
                text = tokenizer.Decode(record.Ids("ids"), skip);
            }
            catch (ArgumentException failure)
            {
                throw new InvalidDataException($"{lines.Place}: {Failure.Describe(failure)}", failure);
            }

            records.Write(writer => writer.WriteString("text", text), lines.IsDrained);
            progress.Report(++done);
        }

        return done;
    }

    private static void WriteIds(Utf8JsonWriter writer, List<int> ids)
    {
        writer.WriteStartArray("ids");
        foreach (int id in ids) writer.WriteNumberValue(id);
        writer.WriteEndArray();
    }

    private static void WriteOffsets(Utf8JsonWriter writer, TokenOffset[] places)
    {
        writer.WriteStartArray("offsets");
        foreach (TokenOffset place in places)
        {
            writer.WriteStartArray();
            writer.WriteNumberValue(place.Start);
            writer.WriteNumberValue(place.End);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
    }
}
