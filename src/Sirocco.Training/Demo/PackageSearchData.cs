using System.IO.Compression;
using System.Text.Json;
using Sirocco.Text;

namespace Sirocco.Training.Demo;

/// <summary>A document of the demo: the long description of a Debian package.</summary>
/// <param name="Id">Name of the package.</param>
/// <param name="Section">Where the archive files it, such as <c>games</c>.</param>
/// <param name="Text">The description.</param>
public sealed record PackageDescription(string Id, string Section, string Text);

/// <summary>A query of the demo: a package's one-line synopsis.</summary>
/// <param name="Query">The synopsis.</param>
/// <param name="Positive">Id of the package's own description.</param>
public sealed record PackageQuery(string Query, string Positive);

/// <summary>The data that the repository ships in <c>demo/</c>.</summary>
public sealed class PackageSearchData
{
    private readonly Dictionary<string, int> places;

    private PackageSearchData(string folder)
    {
        Documents = Read(Path.Combine(folder, "corpus.jsonl.gz"), line => new PackageDescription(Text(line, "id"), Text(line, "section"), Text(line, "text")));
        TrainQueries = Queries(folder, "train");
        DevelopmentQueries = Queries(folder, "dev");
        TestQueries = Queries(folder, "test");
        TokenizerPath = Path.Combine(folder, "tokenizer.json");
        places = Documents.Select((document, place) => (document.Id, place)).ToDictionary(entry => entry.Id, entry => entry.place);
    }

    /// <summary>All documents.</summary>
    public IReadOnlyList<PackageDescription> Documents { get; }

    /// <summary>Queries to learn from.</summary>
    public IReadOnlyList<PackageQuery> TrainQueries { get; }

    /// <summary>Queries to choose settings by.</summary>
    public IReadOnlyList<PackageQuery> DevelopmentQueries { get; }

    /// <summary>Queries to report figures on.</summary>
    public IReadOnlyList<PackageQuery> TestQueries { get; }

    /// <summary>The tokenizer made for these texts.</summary>
    public string TokenizerPath { get; }

    /// <summary>Reads the folder.</summary>
    /// <exception cref="InvalidDataException">A file is missing or damaged; the message names it.</exception>
    public static PackageSearchData Load(string folder) => new(folder);

    /// <summary>Place in <see cref="Documents"/> of a query's positive.</summary>
    public int PositiveOf(PackageQuery query) =>
        places.TryGetValue(query.Positive, out int place) ? place
            : throw new InvalidDataException($"the corpus has no document '{query.Positive}', which a query names");

    /// <summary>Training pairs, tokenized: each query with its own description.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="documents">All documents, tokenized.</param>
    /// <param name="tokenizer">For the queries.</param>
    internal ContrastiveData Pairs(IReadOnlyList<PackageQuery> queries, TokenizedTexts documents, Tokenizer tokenizer) =>
        new(
            Tokenize(tokenizer, queries.Select(query => query.Query)),
            documents,
            [.. queries.Select((query, i) => new ContrastiveExample(i, [PositiveOf(query)]))]);

    /// <summary>Token ids of texts, special tokens included.</summary>
    internal static TokenizedTexts Tokenize(Tokenizer tokenizer, IEnumerable<string> texts) =>
        TokenizedTexts.From([.. texts.AsParallel().AsOrdered().Select(text => tokenizer.EncodeIds(text))]);

    private static PackageQuery[] Queries(string folder, string part) =>
        Read(Path.Combine(folder, $"queries.{part}.jsonl.gz"), line => new PackageQuery(Text(line, "query"), Text(line, "positive")));

    private static T[] Read<T>(string path, Func<JsonElement, T> parse)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path} is missing; the demo's data is part of the repository, restore it with git checkout -- demo", path);
        List<T> records = [];
        try
        {
            using StreamReader reader = new(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
            while (reader.ReadLine() is { } line)
            {
                using JsonDocument document = JsonDocument.Parse(line);
                records.Add(parse(document.RootElement));
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or InvalidDataException)
        {
            throw new InvalidDataException($"{path}: line {records.Count + 1} is not as expected ({e.Message}); restore the file with git checkout -- demo", e);
        }

        return [.. records];
    }

    private static string Text(JsonElement line, string key) => line.GetProperty(key).GetString() ?? throw new InvalidOperationException($"'{key}' is null");
}
