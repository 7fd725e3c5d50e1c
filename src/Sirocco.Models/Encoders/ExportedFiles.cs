using System.Text.RegularExpressions;
using Sirocco.Formats;
using Sirocco.Text;

namespace Sirocco.Models;

/// <summary>
/// The files that saving a model makes, by their names: what an earlier model in the same folder had and a new one has not (more shards, a Dense module,
/// another tokenizer) would be read as the new one's. All other files are their owner's and stay.
/// </summary>
public static partial class ExportedFiles
{
    private const string Key = "config.json";
    private static readonly string[] Tokenizer = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tekken.json", "chat_template.jinja"];

    /// <summary>Gives a model's folder its name; in an existing folder exactly the new model's files remain, beside those that no model has.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Commit(AtomicFolder output)
    {
        bool tokenizer = Tokenizer.Any(name => File.Exists(Path.Combine(output.TemporaryFolder, name)));
        output.Commit(name => Weights().IsMatch(name) || Modules().IsMatch(name) || (tokenizer && Tokenizer.Contains(name)), Key);
    }

    /// <summary>Copies a tokenizer's files beside an adapter.</summary>
    /// <param name="source">A model folder; a lone file is left where it is.</param>
    /// <param name="folder">An existing folder.</param>
    /// <param name="padding">The side to pad on; null leaves what the files say.</param>
    public static void CopyTokenizer(string source, string folder, TextSide? padding = null)
    {
        if (!Directory.Exists(source)) return;
        foreach (string name in Tokenizer.Where(name => File.Exists(Path.Combine(source, name))))
            File.Copy(Path.Combine(source, name), Path.Combine(folder, name), overwrite: true);
        AutoModelExport.AdjustTokenizer(folder, source, padding);
    }

    /// <summary>Whether a folder's file belongs to its tokenizer.</summary>
    internal static bool IsTokenizer(string name) => Tokenizer.Contains(name);

    [GeneratedRegex(@"^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Weights();

    [GeneratedRegex(
        @"^(modules|sentence_bert_config|config_sentence_transformers)\.json$|^\d+_(Pooling|Dense|Normalize)/(config\.json|model\.safetensors)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Modules();
}
