namespace Sirocco.Training;

/// <summary>How wide the padded matrix of a batch is.</summary>
public enum PaddingWidth
{
    /// <summary>The longest text of the batch.</summary>
    Longest,

    /// <summary>The tokenizer's model_max_length, where that is limited.</summary>
    MaxLength,

    /// <summary>No padding; the longest text, without rounding.</summary>
    None,
}

/// <summary>How a bi-encoder's batches are made.</summary>
public record BiEncoderCollatorOptions
{
    /// <summary>Most tokens of a query.</summary>
    public int QueryLength { get; init; } = 512;

    /// <summary>Most tokens of a passage.</summary>
    public int PassageLength { get; init; } = 512;

    /// <summary>Put before a query, with a space between; empty for none.</summary>
    public string QueryPrefix { get; init; } = "";

    /// <summary>Put before a passage, with a space between; empty for none.</summary>
    public string PassagePrefix { get; init; } = "";

    /// <summary>Width of the padded matrices.</summary>
    public PaddingWidth Padding { get; init; }

    /// <summary>The width is rounded up to a multiple of this; null for none.</summary>
    public int? PadToMultipleOf { get; init; }

    /// <summary>Whether the instructions of the corpus take the place of the prefixes.</summary>
    public bool UseDatasetInstruction { get; init; }

    internal const int MostColumns = 1 << 24;

    internal virtual void Validate()
    {
        Require(QueryLength, "q_max_len");
        Require(PassageLength, "p_max_len");
        RequireMultiple(PadToMultipleOf);
    }

    internal static void Require(int value, string key)
    {
        if (value < 1) throw new InvalidDataException($"{key} is {value}; give a positive number");
    }

    internal static void RequireMultiple(int? value)
    {
        Require(value ?? 1, "pad_to_multiple_of");
        if (value > MostColumns) throw new InvalidDataException($"pad_to_multiple_of is {value}; give at most {MostColumns}");
    }
}

/// <summary>How batches of a distillation are made. Instructions win over prefixes only where they are not empty.</summary>
public sealed record DistillationCollatorOptions : BiEncoderCollatorOptions
{
    /// <summary>
    /// Folder with a teacher's embeddings (queries.npy, docs.npy, index.json, manifest.json) that takes the place of the teacher; null for none.
    /// </summary>
    public string? TeacherCache { get; init; }

    /// <summary>Whether texts are looked up in the cache with their prefixes.</summary>
    public bool LookUpWithPrefixes { get; init; }
}

/// <summary>How a cross-encoder's batches are made.</summary>
public sealed record CrossEncoderCollatorOptions
{
    internal const string DefaultTemplate = "question:{query} \n \n passage:{passage}";

    /// <summary>Most tokens of a query with its passage.</summary>
    public required int MaxLength { get; init; }

    /// <summary>The text of a pair; fields <c>{query}</c> and <c>{passage}</c>, one of them at its end, literal braces doubled.</summary>
    public string Template { get; init; } = DefaultTemplate;

    /// <summary>The width is rounded up to a multiple of this; null for none.</summary>
    public int? PadToMultipleOf { get; init; }

    internal void Validate()
    {
        BiEncoderCollatorOptions.Require(MaxLength, "rerank_max_length");
        PairTemplate.Parse(Template).RequireCuttableEnd();
        BiEncoderCollatorOptions.RequireMultiple(PadToMultipleOf);
    }
}
