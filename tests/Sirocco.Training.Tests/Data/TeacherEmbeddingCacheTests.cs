using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training.Tests;

/// <summary>Vectors of a teacher on disk, found by the SHA-256 of their texts.</summary>
public class TeacherEmbeddingCacheTests
{
    // sha256sum of "open ports" and of "nmap scans hosts", without a line end.
    private const string QueryHash = "5cdd1835fd5023e9e5608ff97c81a6bfce8b2476bc27203084f600576a5862b1",
        DocumentHash = "53dfdd5a97cacddfb458fea8fa5be5f7c25c69862b157bde2917f385498032fb";

    private static readonly RetrievalExample From = new() { Record = 0, Place = "train.jsonl:1", QuestionId = "q", Question = "", Documents = [] };

    [Fact]
    public void Texts_are_found_by_their_hashes_in_the_type_of_the_file()
    {
        using TemporaryFolder folder = new();
        using TeacherEmbeddingCache cache = Cache(folder.Path);
        Assert.Equal([0.5f, -2], cache.Queries([("open ports", From)]));
        Assert.Equal([3, 4, 3, 4], cache.Documents([("nmap scans hosts", From), ("nmap scans hosts", From)]));
    }

    [Fact]
    public void Empty_negatives_have_the_zero_vector_and_other_empty_texts_are_missing()
    {
        using TemporaryFolder folder = new();
        using TeacherEmbeddingCache cache = Cache(folder.Path);
        Assert.Equal([0, 0, 3, 4], cache.Negatives([("", From), ("nmap scans hosts", From)]));
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => cache.Documents([("", From)]));
        Assert.StartsWith("train.jsonl:1: a document is not in the teacher's cache", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_are_closed_with_the_cache()
    {
        using TemporaryFolder folder = new();
        TeacherEmbeddingCache cache = Cache(folder.Path);
        cache.Dispose();
        Assert.Throws<ObjectDisposedException>(() => cache.Queries([("open ports", From)]));
        Assert.Throws<ObjectDisposedException>(() => cache.Documents([("nmap scans hosts", From)]));
    }

    private static TeacherEmbeddingCache Cache(string folder)
    {
        string At(string name) => Path.Combine(folder, name);
        NpyWriter.Write<Half>(At("queries.npy"), [1, 2], [(Half)0.5f, (Half)(-2)]);
        NpyWriter.Write<Half>(At("docs.npy"), [2, 2], [(Half)1, (Half)2, (Half)3, (Half)4]);
        File.WriteAllText(At("manifest.json"), "{}");
        File.WriteAllText(At("index.json"), JsonSerializer.Serialize(new
        {
            dim = 2,
            dtype = "float16",
            query_hashes = new Dictionary<string, int> { [QueryHash] = 0 },
            doc_hashes = new Dictionary<string, int> { [DocumentHash] = 1 },
            num_queries = 1,
            num_docs = 2,
        }));
        return TeacherEmbeddingCache.Open(folder);
    }
}
