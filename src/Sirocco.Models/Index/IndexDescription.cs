using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sirocco.Models;

/// <summary>What an index remembers of how it was made, so that queries are embedded the same way: its index.json.</summary>
public sealed record IndexDescription
{
    internal const string FileName = "index.json";
    private const int Version = 1;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Vectors in the index.</summary>
    public int Count { get; init; }

    /// <summary>Features of each vector.</summary>
    public required int Dimensions { get; init; }

    /// <summary>How vectors are kept.</summary>
    public required VectorStore Store { get; init; }

    /// <summary>The model's folder or hub id as the user gave it; empty for vectors made elsewhere.</summary>
    public string Model { get; init; } = "";

    /// <summary>Digest of the model's settings and weights' headers (<see cref="ModelFingerprint"/>); empty where unknown.</summary>
    public string Fingerprint { get; init; } = "";

    /// <summary>Prompt put before queries.</summary>
    public string QueryPrompt { get; init; } = "";

    /// <summary>Prompt that was put before the texts of the index.</summary>
    public string DocumentPrompt { get; init; } = "";

    /// <summary>Settings that the caller chose over the model's folder (pooling, attention, dimensions, …), by option name.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    internal static IndexDescription Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw new FileNotFoundException($"{folder}: holds no {FileName}; make an index with `sirocco index MODEL CORPUS {folder}`", path);
        ConfigReader file = ConfigReader.Load(path);
        if (file.Int("version", 1, int.MaxValue) != Version) throw file.Wrong("version", $"{Version}; make the index again");
        string store = file.Text("store") ?? throw file.Missing("store", "f32, int8 or binary");
        return new IndexDescription
        {
            Count = file.Int("count", 0, int.MaxValue),
            Dimensions = file.Int("dimensions", 1, 1 << 24),
            Store = store switch
            {
                "f32" => VectorStore.F32,
                "int8" => VectorStore.Int8,
                "binary" => VectorStore.Binary,
                _ => throw file.Wrong("store", "f32, int8 or binary"),
            },
            Model = file.Text("model") ?? "",
            Fingerprint = file.Text("fingerprint") ?? "",
            QueryPrompt = file.Text("query_prompt") ?? "",
            DocumentPrompt = file.Text("document_prompt") ?? "",
            Settings = new Dictionary<string, string>(file.Map("settings")),
        };
    }

    internal void Write(Stream stream)
    {
        JsonObject json = new()
        {
            ["version"] = Version,
            ["count"] = Count,
            ["dimensions"] = Dimensions,
            ["store"] = Store switch { VectorStore.F32 => "f32", VectorStore.Int8 => "int8", _ => "binary" },
            ["model"] = Model,
            ["fingerprint"] = Fingerprint,
            ["query_prompt"] = QueryPrompt,
            ["document_prompt"] = DocumentPrompt,
            ["settings"] = new JsonObject(Settings.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))),
        };
        stream.Write(Encoding.UTF8.GetBytes(json.ToJsonString(Indented) + "\n"));
    }
}
