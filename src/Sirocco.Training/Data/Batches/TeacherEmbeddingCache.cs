using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// A teacher's embeddings on disk: <c>queries.npy</c> and <c>docs.npy</c> [rows, dimensions], and <c>index.json</c>, which gives the row of a text by the
/// SHA-256 of its UTF-8.
/// </summary>
internal sealed class TeacherEmbeddingCache : IDisposable
{
    private readonly string folder;
    private readonly Dictionary<string, int> queryRows;
    private readonly Dictionary<string, int> documentRows;
    private readonly NpyFile queries;
    private readonly NpyFile documents;

    private TeacherEmbeddingCache(string folder, JsonElement index)
    {
        this.folder = folder;
        string path = Path.Combine(folder, "index.json");
        Dimensions = Size(path, index, "dim");
        queryRows = Rows(path, index, "query_hashes", Size(path, index, "num_queries"));
        documentRows = Rows(path, index, "doc_hashes", Size(path, index, "num_docs"));
        queries = Matrix(Path.Combine(folder, "queries.npy"), Size(path, index, "num_queries"));
        try
        {
            documents = Matrix(Path.Combine(folder, "docs.npy"), Size(path, index, "num_docs"));
        }
        catch
        {
            queries.Dispose();
            throw;
        }
    }

    /// <summary>Width of the teacher.</summary>
    public int Dimensions { get; }

    public static TeacherEmbeddingCache Open(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException(
                $"{folder}: no such folder; teacher_embeddings_cache should hold queries.npy, docs.npy, index.json and manifest.json");
        }
        foreach (string name in (string[])["index.json", "manifest.json", "queries.npy", "docs.npy"])
        {
            if (!File.Exists(Path.Combine(folder, name))) throw new FileNotFoundException($"{folder}: the teacher's cache has no {name}", name);
        }

        return new TeacherEmbeddingCache(folder, CorpusMetadata.Parse(Path.Combine(folder, "index.json")));
    }

    public float[] Queries(IReadOnlyList<(string Text, RetrievalExample From)> texts) => LookUp(texts, queryRows, queries.Array, "query");

    public float[] Documents(IReadOnlyList<(string Text, RetrievalExample From)> texts) => LookUp(texts, documentRows, documents.Array, "document");

    /// <summary>As <see cref="Documents"/>, but an empty text has the zero vector, as in the original: caches have no row for it.</summary>
    public float[] Negatives(IReadOnlyList<(string Text, RetrievalExample From)> texts) =>
        LookUp(texts, documentRows, documents.Array, "document", zeroIfEmpty: true);

    /// <summary>Unmaps both files.</summary>
    public void Dispose()
    {
        queries.Dispose();
        documents.Dispose();
    }

    private float[] LookUp(
        IReadOnlyList<(string Text, RetrievalExample From)> texts, Dictionary<string, int> rows, StoredTensor matrix, string what, bool zeroIfEmpty = false)
    {
        float[] found = new float[checked(texts.Count * Dimensions)];
        for (int i = 0; i < texts.Count; i++)
        {
            if (zeroIfEmpty && texts[i].Text.Length == 0) continue;
            string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(texts[i].Text)));
            if (!rows.TryGetValue(hash, out int row))
            {
                throw new InvalidDataException(
                    $"{texts[i].From.Place}: a {what} is not in the teacher's cache {folder} (SHA-256 {hash[..12]}…); make the cache anew from this data");
            }
            matrix.ReadRows(row, found.AsSpan(i * Dimensions, Dimensions));
        }

        return found;
    }

    private NpyFile Matrix(string path, int rows)
    {
        NpyFile file = NpyFile.Open(path);
        if (file.Array.Shape is [var count, var width] && count == rows && width == Dimensions) return file;
        string found = file.Array.ShapeText;
        file.Dispose();
        throw new InvalidDataException($"{path}: is {found}, but index.json says [{rows}, {Dimensions}]");
    }

    private static int Size(string path, JsonElement index, string key) =>
        index.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int size) && size >= 0 ? size
        : throw new InvalidDataException($"{path}: '{key}' is missing or no size");

    private static Dictionary<string, int> Rows(string path, JsonElement index, string key, int count)
    {
        if (!index.TryGetProperty(key, out JsonElement hashes) || hashes.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{path}: '{key}' is missing or no object");
        Dictionary<string, int> rows = new(StringComparer.Ordinal);
        foreach (JsonProperty entry in hashes.EnumerateObject())
        {
            rows[entry.Name] = entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out int row) && row >= 0 && row < count ? row
                : throw new InvalidDataException($"{path}: '{key}' gives {entry.Name[..Math.Min(12, entry.Name.Length)]}… a row that is not among {count}");
        }

        return rows;
    }
}
