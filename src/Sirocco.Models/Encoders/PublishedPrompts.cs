namespace Sirocco.Models;

/// <summary>Prompts of published embedding models, for folders that carry none: from the model cards, by the folder's name or the one in config.json.</summary>
internal static class PublishedPrompts
{
    private static readonly (string Name, string Query, string Document)[] Table =
    [
        ("llama-embed-nemotron-8b", "Instruct: Given a question, retrieve passages that answer the question\nQuery: ", ""),
        ("llama-nemotron-embed-1b-v2", "query: ", "passage: "),
        ("Nemotron-3-Embed", "query: ", "passage: "),
    ];

    public static IReadOnlyDictionary<string, string> Of(ModelFolder folder)
    {
        string source = folder.Config.Source?["_name_or_path"] is System.Text.Json.Nodes.JsonValue value && value.TryGetValue(out string? text) ? text : "";
        string[] names = [NameIn(Path.GetFullPath(folder.Directory ?? folder.Path)), NameIn(folder.Path), NameIn(source)];
        foreach (var (published, query, document) in Table)
        {
            if (names.Any(name => name.Contains(published, StringComparison.OrdinalIgnoreCase))) return Both(query, document);
        }

        // Every bidirectional Llama or Ministral of that family was trained with these.
        return folder.Config.IsCausal is false ? Both("query: ", "passage: ") : new Dictionary<string, string>();
    }

    // Model cards and recipes say passage where sentence-transformers says document.
    private static Dictionary<string, string> Both(string query, string document) =>
        new() { ["query"] = query, ["document"] = document, ["passage"] = document };

    /// <summary>
    /// The last component of a path or hub id; of a hub cache (<c>models--org--name/snapshots/COMMIT</c>) the component with the model's name.
    /// </summary>
    private static string NameIn(string path)
    {
        string[] parts = path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries);
        return parts is [.., var cached, "snapshots", _] && cached.StartsWith("models--", StringComparison.Ordinal) ? cached : parts.LastOrDefault() ?? "";
    }
}
