namespace Sirocco.Models;

/// <summary>Prompts of published embedding models, for folders that carry none: from the model cards, by the name in the folder's path or in config.json.</summary>
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
        foreach (var (name, query, document) in Table)
        {
            if (folder.Path.Contains(name, StringComparison.OrdinalIgnoreCase) || source.Contains(name, StringComparison.OrdinalIgnoreCase)) return Both(query, document);
        }

        // Every bidirectional Llama or Ministral of that family was trained with these.
        return folder.Config.IsCausal is false ? Both("query: ", "passage: ") : new Dictionary<string, string>();
    }

    private static Dictionary<string, string> Both(string query, string document) => new() { ["query"] = query, ["document"] = document };
}
