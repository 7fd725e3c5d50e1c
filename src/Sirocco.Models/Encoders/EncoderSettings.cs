using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>How a text becomes a vector: what the folder says, overlaid with what the caller asks for.</summary>
public sealed record EncoderSettings
{
    /// <summary>Whether the folder is sentence-transformers', whose behaviour is then followed to the letter.</summary>
    public bool IsSentenceTransformers { get; init; }

    /// <summary>Poolings, concatenated where there are several.</summary>
    public IReadOnlyList<Pooling> Poolings { get; init; } = [Pooling.Average];

    /// <summary>Whether tokens of the prompt are pooled; they are attended to in any case.</summary>
    public bool IncludePrompt { get; init; } = true;

    /// <summary>
    /// Whether vectors are made of unit length last of all, behind the cut to <see cref="Dimensions"/>. In a sentence-transformers folder a module does so
    /// before the cut (<see cref="NormalizeModule"/>), and this is false.
    /// </summary>
    public bool Normalize { get; init; } = true;

    /// <summary>Features kept of each vector; null keeps all.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Texts put before a text, by name (<c>query</c>, <c>document</c>).</summary>
    public IReadOnlyDictionary<string, string> Prompts { get; init; } = new Dictionary<string, string>();

    /// <summary>The prompt of texts for which none is asked, or null.</summary>
    public string? DefaultPromptName { get; init; }

    /// <summary>Tokens that a text is cut at, special ones included, in place of the tokenizer's own limit; null leaves that.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Whether texts are lower-cased before they are tokenized.</summary>
    public bool LowerCase { get; init; }

    /// <summary>Name of the similarity that vectors are meant for, such as <c>cosine</c>, or null.</summary>
    public string? Similarity { get; init; }

    /// <summary>The prompt to use.</summary>
    /// <param name="name">Name of a prompt of the folder, or null.</param>
    /// <param name="text">The prompt itself, or null; wins over the name.</param>
    /// <exception cref="ArgumentException">The folder has no prompt of that name; the message lists those it has.</exception>
    public string Prompt(string? name, string? text)
    {
        if (text is not null) return text;
        if ((name ?? DefaultPromptName) is not { } wanted) return "";
        return Prompts.TryGetValue(wanted, out string? prompt) ? prompt
            : throw new ArgumentException(
                $"the model has no prompt named '{wanted}'; it has {(Prompts.Count == 0 ? "none" : string.Join(", ", Prompts.Keys))}", nameof(name));
    }

    /// <summary>The first of the named prompts that says something, else nothing where one of them is there, else the default prompt.</summary>
    internal string PromptOf(params string[] names)
    {
        string[] there = [.. names.Where(Prompts.ContainsKey)];
        return there.Select(name => Prompts[name]).FirstOrDefault(prompt => prompt.Length > 0) ?? (there.Length > 0 ? "" : Prompt(null, null));
    }
}
