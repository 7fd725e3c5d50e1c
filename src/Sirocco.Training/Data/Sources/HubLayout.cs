using System.IO.Enumeration;

namespace Sirocco.Training;

/// <summary>
/// The layout of embed-nemotron-dataset-v1: for each subset a folder with <c>dataset_metadata.json</c>, documents in the configuration <c>SUBSET_corpus</c> and
/// records in the configuration <c>SUBSET</c>. Which files those are, the header of README.md says; else they are SUBSET/corpus.parquet and
/// SUBSET/queries.parquet.
/// </summary>
internal sealed class HubLayout
{
    public const string MetadataName = "dataset_metadata.json", CardName = "README.md";

    private readonly string root;
    private readonly Dictionary<string, List<string>> configurations = new(StringComparer.Ordinal);

    public HubLayout(string root)
    {
        this.root = root;
        string card = Path.Combine(root, CardName);
        if (File.Exists(card)) ReadCard(card);
    }

    /// <summary>Folders of subsets, relative to the root.</summary>
    public static IEnumerable<string> Subsets(string root) => Directory.EnumerateFiles(root, MetadataName, SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(root, Path.GetDirectoryName(file)!).Replace('\\', '/')).Where(subset => subset != ".")
        .Order(StringComparer.Ordinal);

    public string Metadata(string subset) => Path.Combine(root, subset, MetadataName);

    /// <summary>Whether a subset can be read without fetching anything.</summary>
    public bool Has(string subset) => File.Exists(Metadata(subset)) && Find(subset + "_corpus").Count > 0 && Find(subset).Count > 0;

    /// <summary>The files of a configuration's train split.</summary>
    /// <exception cref="FileNotFoundException">There are none.</exception>
    public IReadOnlyList<string> Files(string configuration) =>
        Find(configuration) is { Count: > 0 } files ? files : throw new FileNotFoundException($"{root}: has no files of the configuration '{configuration}'; "
            + "README.md should name them, or put corpus.parquet and queries.parquet into the subset's folder");

    private List<string> Find(string configuration)
    {
        if (configurations.TryGetValue(configuration, out List<string>? patterns))
        {
            List<string> found = [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
                .Where(file => patterns.Exists(
                    pattern => FileSystemName.MatchesSimpleExpression(pattern, Path.GetRelativePath(root, file).Replace('\\', '/'), ignoreCase: false)))
                .Order(StringComparer.Ordinal)];
            if (found.Count > 0) return found;
        }

        const string suffix = "_corpus";
        bool isCorpus = configuration.EndsWith(suffix, StringComparison.Ordinal);
        string file = isCorpus ? Path.Combine(root, configuration[..^suffix.Length], "corpus.parquet") : Path.Combine(root, configuration, "queries.parquet");
        return File.Exists(file) ? [file] : [];
    }

    private void ReadCard(string path)
    {
        string text = File.ReadAllText(path).ReplaceLineEndings("\n");
        int end = text.StartsWith("---\n", StringComparison.Ordinal) ? text.IndexOf("\n---", 3, StringComparison.Ordinal) : -1;
        if (end < 0) return;
        RecipeMapping header;
        try
        {
            header = YamlReader.Read(text[4..(end + 1)], path);
        }
        catch (InvalidDataException)
        {
            return;     // as good as no card: the files may lie where the layout has them
        }

        if (header["configs"] is not RecipeSequence configs) return;
        foreach (RecipeMapping config in configs.Items.OfType<RecipeMapping>())
        {
            if (Text(config["config_name"]) is not { } name || config["data_files"] is not { } files) continue;
            configurations[name] = [.. Patterns(files)];
        }
    }

    /// <summary>A pattern, a list of patterns, or a list of splits with patterns of which only train counts.</summary>
    private static IEnumerable<string> Patterns(RecipeNode files) => files switch
    {
        RecipeSequence list => list.Items.SelectMany(Patterns),
        RecipeMapping split when Text(split["split"]) is null or "train" && split["path"] is { } path => Patterns(path),
        RecipeScalar => Text(files) is { } pattern ? [pattern] : [],
        _ => [],
    };

    private static string? Text(RecipeNode? node) => node is RecipeScalar { Value: string text } ? text : null;
}
