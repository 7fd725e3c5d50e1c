using System.Text.Json.Nodes;
using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>Families of decoder networks. They differ only in rotary scaling, query scale and window.</summary>
public enum ModelFamily
{
    /// <summary>Llama 3.x and its bidirectional forms.</summary>
    Llama,

    /// <summary>The plain Mistral type (Ministral 8B 2410, e5-mistral).</summary>
    Mistral,

    /// <summary>Ministral 3: YaRN and a query scale by position.</summary>
    Ministral3,
}

/// <summary>The settings of a network, as its config.json gives them. Use <see cref="Load"/> for a folder, or set the properties for a new network.</summary>
public sealed record ModelConfig
{
    /// <summary>Which network.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>V: number of token ids.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>H: features of a token between layers.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>F: width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>L: number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key/value heads; query head j uses key/value head j / (Heads / KeyValueHeads).</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>d: features of one head; Heads · d need not be H.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Longest context in tokens.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Rotary embedding and query scale.</summary>
    public required RopeParameters Rope { get; init; }

    /// <summary>ε of the norms.</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>w: keys that a causal query sees, its own included; a bidirectional one sees w to each side besides its own. Null means all.</summary>
    public int? SlidingWindow { get; init; }

    /// <summary>Whether q, k, v and o have biases; Llama only.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Whether gate, up and down have biases; Llama only.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public float InitializerRange { get; init; } = 0.02f;

    /// <summary>What the file says of the head; a checkpoint with <c>lm_head.weight</c> is untied whatever this says.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>
    /// Whether the file says that attention is causal (<c>is_causal</c>, <c>use_bidirectional_attention</c>, a <c>*_bidirec</c> type); null where it says
    /// nothing.
    /// </summary>
    public bool? IsCausal { get; init; }

    /// <summary>The pooling that the file names (<c>avg</c>, <c>cls</c>, <c>last</c>, <c>weighted_avg</c>, …), or null.</summary>
    public string? Pooling { get; init; }

    /// <summary>Temperature that a reranker's scores are divided by.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Names of a classifier's labels, in order; empty for other models.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Class names that the file lists.</summary>
    public IReadOnlyList<string> Architectures { get; init; } = [];

    /// <summary>Padding id, whose embedding gets no gradient from the input side; null where the model has none.</summary>
    public int? PaddingId { get; init; }

    /// <summary>Start-of-text id.</summary>
    public int? StartId { get; init; }

    /// <summary>End-of-text ids.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>What the file calls its type of elements (<c>bfloat16</c>), or null.</summary>
    public string? StoredType { get; init; }

    /// <summary>The text part of the file as it was read, with keys that this record does not name; null for a new network.</summary>
    public JsonObject? Source { get; init; }

    /// <summary>Whether the file describes a classifier (a reranker).</summary>
    public bool IsClassifier => Architectures.Any(name => name.EndsWith("ForSequenceClassification", StringComparison.Ordinal));

    /// <summary>Reads the settings of a model: <c>config.json</c>, or in a folder without one Mistral's params.json or what a GGUF file says.</summary>
    /// <param name="folder">The folder, or the path of config.json itself.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">A key is missing, mistyped or absurd; the message names it.</exception>
    /// <exception cref="NotSupportedException">The file describes a network that is not built here; the message names it.</exception>
    public static ModelConfig Load(string folder) =>
        Directory.Exists(folder) ? ModelFolder.Open(folder).Config : ConfigFile.Read(ConfigReader.Load(folder));

    /// <summary>
    /// The keys a query may see. transformers counts a window w in two ways (masking_utils.py): causal queries i see i − j &lt; w, bidirectional ones |i − j| ≤
    /// w.
    /// </summary>
    public AttentionMask Mask(bool causal) => new(causal, causal || SlidingWindow is int.MaxValue ? SlidingWindow : SlidingWindow + 1);

    /// <summary>Number of weights of the decoder: embedding, layers, final norm.</summary>
    public long ParameterCount
    {
        get
        {
            long layer = (2L * HiddenSize * Heads * HeadSize) + (2L * HiddenSize * KeyValueHeads * HeadSize)
                + (3L * HiddenSize * IntermediateSize) + (2L * HiddenSize);
            return ((long)VocabularySize * HiddenSize) + (Layers * layer) + HiddenSize;
        }
    }
}
