using System.Text.RegularExpressions;

namespace Sirocco.Formats;

/// <summary>Which files of a repository a model needs here: configuration, tokenizer, templates and one form of the weights.</summary>
internal static partial class HubFileFilter
{
    /// <summary>A model under Mistral's own names: its weights and its settings.</summary>
    internal static readonly string[] Native = ["consolidated.safetensors", "params.json"];

    /// <exception cref="InvalidDataException">A name would leave the folder.</exception>
    internal static void RequireInside(HubModelId id, IReadOnlyList<string> files)
    {
        foreach (string file in files)
        {
            if (!SafePath.IsInside(file))
            {
                throw new InvalidDataException(
                    $"{id}: the hub lists a file named '{Visible.Short(file)}', which does not stay inside a folder; nothing was downloaded");
            }
        }
    }

    /// <summary>The wanted files, small ones first and weights last.</summary>
    /// <exception cref="InvalidDataException">The repository offers no single form of the weights.</exception>
    internal static List<string> Choose(HubModelId id, IReadOnlyList<string> files)
    {
        List<string> small = [.. files.Where(file => Small().IsMatch(file)).Order(StringComparer.Ordinal)];
        List<string> weights = [.. files.Where(file => Safetensors().IsMatch(file)).Order(StringComparer.Ordinal)];
        if (weights.Count > 0) return [.. small, .. weights];

        string[] gguf = [.. files.Where(file => Gguf().IsMatch(file) && !file.Contains("mmproj", StringComparison.OrdinalIgnoreCase))];
        if (gguf.Length == 1) return [.. small, gguf[0]];
        if (gguf.Length > 1)
            throw new InvalidDataException($"{id}: holds {gguf.Length} GGUF files ({gguf[0]}, {gguf[1]}, …); download the one to use and give its path");
        if (Native.All(files.Contains)) return [.. small.Where(file => file != "config.json"), Native[0]]; // which would be read first, and has no weights here
        throw new InvalidDataException($"{id}: holds no safetensors and no GGUF file; choose a repository that does");
    }

    /// <summary>What belongs to a model beside its network: configuration, tokenizer, templates, and whole modules of sentence-transformers.</summary>
    internal static List<string> ChooseBesideNetwork(IReadOnlyList<string> files) =>
        [.. files.Where(file => Small().IsMatch(file) || (file.Contains('/', StringComparison.Ordinal) && Safetensors().IsMatch(file)))
            .Order(StringComparer.Ordinal)];

    // At the top, in the folder of a sentence-transformers module (1_Pooling/config.json), or a named chat template
    // (additional_chat_templates/reranking.jinja).
    [GeneratedRegex(@"^(\d+_[A-Za-z]+/|additional_chat_templates/)?[^/]+\.(json|jinja|txt|model)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Small();

    // consolidated*.safetensors hold the same weights a second time, under Mistral's own names.
    [GeneratedRegex(@"^(\d+_[A-Za-z]+/)?(?!consolidated)[^/]+\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex Safetensors();

    [GeneratedRegex(@"^[^/]+\.gguf\z", RegexOptions.CultureInvariant)]
    private static partial Regex Gguf();
}
