using System.Globalization;
using System.Text.Json;
using Sirocco.Formats;
using Sirocco.Text;

namespace Sirocco.Training.Tests;

/// <summary>A recorded run of the reference: its settings, and what it read and made of them.</summary>
internal sealed class RecordedCase
{
    private readonly Dictionary<string, List<string>> settings = [];

    public RecordedCase(string name)
    {
        Root = GoldenFile.Retrieval;
        Folder = Path.Combine(Root, name);
        Read(File.ReadLines(Path.Combine(Folder, "run.yaml")));
    }

    /// <summary>The folder that paths of settings are relative to.</summary>
    public string Root { get; }

    public string Folder { get; }

    public bool Has(string key) => settings.Keys.Any(known => known == key || known.StartsWith(key + ".", StringComparison.Ordinal));

    public string? Value(string key) => settings.TryGetValue(key, out List<string>? values) ? values[0] : null;

    public int? Number(string key) => Value(key) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    public bool Flag(string key) => Value(key) == "true";

    public JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, name))).RootElement;

    public TensorArchive Batches(string name = "batches.safetensors") => TensorArchive.Open(Path.Combine(Folder, name));

    public TrainingTokenizer Tokenizer()
    {
        bool plain = Value("tokenizer._target_")!.StartsWith("transformers.", StringComparison.Ordinal) || Flag("tokenizer.force_hf");
        return TrainingTokenizer.Load(new TokenizerOptions
        {
            Path = Path.Combine(Root, Value("tokenizer.pretrained_model_name_or_path")!),
            Backend = plain ? TokenizerBackend.Transformers : TokenizerBackend.Automatic,
            PaddingSide = Value("tokenizer.padding_side") is { } side ? Enum.Parse<TextSide>(side, ignoreCase: true) : null,
            AddBeginToken = Flag("tokenizer.add_bos_token"),
            AddEndToken = Flag("tokenizer.add_eos_token"),
        });
    }

    public RetrievalDataset Dataset(string section = "dataset") => RetrievalDataset.Load(new RetrievalDatasetOptions
    {
        Sources = [.. (settings.GetValueOrDefault(section + ".data_dir_list") ?? [Value(section + ".data_dir_list.path")!])
            .Select(path => new RetrievalSource(Path.Combine(Root, path), Number(section + ".data_dir_list.num_samples")))],
        Use = Value(section + ".data_type") == "eval" ? DatasetUse.Evaluation : DatasetUse.Training,
        PassagesPerQuery = Number(section + ".n_passages")!.Value,
        Seed = Number(section + ".seed")!.Value,
        UseInstructions = Flag(section + ".use_dataset_instruction"),
        Shuffle = Flag(section + ".do_shuffle"),
        MaximumExamples = Number(section + ".max_train_samples"),
        FirstExample = Number(section + ".train_data_select_offset") ?? 0,
        CyclePositives = Flag(section + ".cycle_positive_docs"),
    });

    public BatchSampler Sampler(RetrievalDataset dataset, string section = "dataloader", int rank = 0, int worldSize = 1) => new(
        dataset.Count,
        new DataLoaderOptions { Shuffle = Value(section + ".shuffle") is { } shuffle ? shuffle == "true" : null, BatchSize = Number(section + ".batch_size") },
        Number("step_scheduler.local_batch_size")!.Value,
        Number("seed")!.Value,
        rank,
        worldSize);

    public BiEncoderCollatorOptions BiEncoder(string section) => new()
    {
        QueryLength = Number(section + ".collate_fn.q_max_len")!.Value,
        PassageLength = Number(section + ".collate_fn.p_max_len")!.Value,
        QueryPrefix = Value(section + ".collate_fn.query_prefix") ?? "",
        PassagePrefix = Value(section + ".collate_fn.passage_prefix") ?? "",
        PadToMultipleOf = Number(section + ".collate_fn.pad_to_multiple_of"),
        UseDatasetInstruction = Flag(section + ".collate_fn.use_dataset_instruction"),
    };

    public CrossEncoderCollatorOptions CrossEncoder(string section) => new()
    {
        MaxLength = Number(section + ".collate_fn.rerank_max_length")!.Value,
        Template = Value(section + ".collate_fn.prompt_template")!.Replace("\\n", "\n", StringComparison.Ordinal),
        PadToMultipleOf = Number(section + ".collate_fn.pad_to_multiple_of"),
    };

    /// <summary>The block style that these files are written in: keys, nested keys, lists of scalars.</summary>
    private void Read(IEnumerable<string> lines)
    {
        List<(int Indent, string Key)> path = [];
        foreach (string line in lines)
        {
            string text = line.TrimStart(' ');
            int indent = line.Length - text.Length;
            if (text.StartsWith("- ", StringComparison.Ordinal))
            {
                text = text[2..];
                indent += 2;
                if (!text.Contains(": ", StringComparison.Ordinal))
                {
                    Add(path.Select(part => part.Key), text);
                    continue;
                }
            }

            path.RemoveAll(part => part.Indent >= indent);
            int colon = text.IndexOf(':', StringComparison.Ordinal);
            path.Add((indent, text[..colon]));
            string value = text[(colon + 1)..].Trim();
            if (value.Length > 0) Add(path.Select(part => part.Key), value.Trim('\'', '"'));
        }
    }

    private void Add(IEnumerable<string> path, string value)
    {
        string key = string.Join('.', path);
        if (!settings.TryGetValue(key, out List<string>? values)) settings.Add(key, values = []);
        values.Add(value);
    }
}
