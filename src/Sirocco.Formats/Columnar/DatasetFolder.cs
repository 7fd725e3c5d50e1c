using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sirocco.Formats;

/// <summary>
/// A data set as the Hugging Face libraries lay it out: what <c>save_to_disk</c> writes, a downloaded repository whose files name their split
/// (<c>data/train-00000-of-00002.parquet</c>, <c>test.jsonl</c>), or a single file. The parts of a split are read as one table.
/// </summary>
public sealed partial class DatasetFolder
{
    private const string WholeSplit = "train";
    private const int LongestDocument = 1 << 24;

    // The words by which the datasets library tells splits (data_files.py), anywhere in the path between characters that are no letters or digits.
    private static readonly (string Split, Regex Words)[] Conventions = [("train", TrainWords()), ("validation", ValidationWords()), ("test", TestWords())];

    private static readonly string[] Extensions = [".parquet", ".arrow", ".jsonl", ".jsonl.gz", ".json", ".csv", ".tsv"];

    // JSON files that describe a data set and are no part of it.
    private static readonly string[] Descriptions =
    [
        "merlin_metadata.json", "dataset_metadata.json", "dataset_info.json", "dataset_dict.json", "dataset_infos.json", "state.json", "metadata.json",
        "source_config.json",
    ];

    private readonly Dictionary<string, List<string>> files = new(StringComparer.Ordinal);
    private readonly string path;

    private DatasetFolder(string path) => this.path = path;

    /// <summary>The names of the splits, in the order of the description or of the files.</summary>
    public IReadOnlyCollection<string> Splits => files.Keys;

    /// <summary>Whether a name ends like a table's.</summary>
    public static bool IsTable(string path) => Array.Exists(Extensions, extension => path.EndsWith(extension, StringComparison.OrdinalIgnoreCase));

    /// <summary>Finds the files of a data set; they are opened when they are read.</summary>
    /// <param name="path">A folder, or one file, which is then the split <c>train</c>.</param>
    /// <exception cref="FileNotFoundException">There is nothing at <paramref name="path"/>.</exception>
    /// <exception cref="InvalidDataException">The folder holds no tables, or describes files that are not there.</exception>
    public static DatasetFolder Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var folder = new DatasetFolder(path);
        if (File.Exists(path)) folder.files[WholeSplit] = [path];
        else if (!Directory.Exists(path)) throw new FileNotFoundException($"{path}: no such file or folder", path);
        else if (File.Exists(Path.Combine(path, "dataset_dict.json"))) folder.AddSavedSplits();
        else if (File.Exists(Path.Combine(path, "state.json"))) folder.files[WholeSplit] = SavedFiles(path);
        else folder.AddByName();
        return folder;
    }

    /// <summary>The files of a split in their order.</summary>
    /// <exception cref="InvalidDataException">There is no such split.</exception>
    public IReadOnlyList<string> Files(string split) =>
        files.TryGetValue(split, out List<string>? parts) ? parts
            : throw new InvalidDataException($"{path}: has no split '{Visible.Short(split)}'; its splits are {Visible.Short(string.Join(", ", Splits))}");

    /// <summary>
    /// Reads the rows of a split of Parquet or Arrow files from the first to the last; <see cref="ColumnBatch.FirstRow"/> counts from the start of each file.
    /// </summary>
    /// <param name="split">One of <see cref="Splits"/>.</param>
    /// <param name="columns">As in <see cref="TableFile.ReadBatches"/>.</param>
    public IEnumerable<ColumnBatch> ReadBatches(string split, IReadOnlyList<string>? columns = null) =>
        Files(split).SelectMany(part => ReadFile(part, columns));

    private static IEnumerable<ColumnBatch> ReadFile(string part, IReadOnlyList<string>? columns)
    {
        using TableFile file = TableFile.Open(part);
        foreach (ColumnBatch batch in file.ReadBatches(columns)) yield return batch;
    }

    private void AddSavedSplits()
    {
        string description = Path.Combine(path, "dataset_dict.json");
        foreach (string split in Names(description, root => root.GetProperty("splits").EnumerateArray().Select(name => name.GetString())))
        {
            if (!SafePath.IsFileName(split)) throw new InvalidDataException($"{description}: '{Visible.Short(split)}' is not the name of a folder");
            files[split] = SavedFiles(Path.Combine(path, split));
        }
    }

    private static List<string> SavedFiles(string folder)
    {
        string description = Path.Combine(folder, "state.json");
        var parts = new List<string>();
        List<string> orders = Names(description, root =>
            root.TryGetProperty("_indices_files", out JsonElement indices) && indices.ValueKind == JsonValueKind.Array
                ? indices.EnumerateArray().Select(file => file.GetProperty("filename").GetString())
                : []);
        if (orders.Count > 0)
        {
            throw new InvalidDataException(
                $"{description}: the rows are in an order of their own ('_indices_files'); call flatten_indices() before save_to_disk()");
        }
        foreach (string name in Names(
            description, root => root.GetProperty("_data_files").EnumerateArray().Select(file => file.GetProperty("filename").GetString())))
        {
            if (!SafePath.IsInside(name)) throw new InvalidDataException($"{description}: '{Visible.Short(name)}' does not lie in the folder");
            parts.Add(Path.Combine(folder, name));
            if (!File.Exists(parts[^1])) throw new InvalidDataException($"{parts[^1]}: is named by {description} but missing; copy the folder again");
        }
        return parts;
    }

    private static List<string> Names(string description, Func<JsonElement, IEnumerable<string?>> select)
    {
        try
        {
            if (!File.Exists(description)) throw new InvalidDataException($"{description}: is missing; the folder was not saved whole");
            if (new FileInfo(description).Length > LongestDocument)
                throw new InvalidDataException($"{description}: is too large for a description of a data set");
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(description));
            return [.. select(document.RootElement).Select(name => name ?? throw new InvalidOperationException())];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new InvalidDataException($"{description}: does not name the parts of the data set as save_to_disk does", e);
        }
    }

    private void AddByName()
    {
        string[] tables = [];
        foreach (string place in (string[])[path, Path.Combine(path, "data")])
            if (tables.Length == 0 && Directory.Exists(place)) tables = Tables(place);
        if (tables.Length == 0)
        {
            tables = [.. Directory.GetDirectories(path).Order(StringComparer.Ordinal)
                .Where(place => Conventions.Any(convention => convention.Words.IsMatch(Path.GetFileName(place)))).SelectMany(Tables)];
        }
        if (tables.Length == 0) throw new InvalidDataException($"{path}: holds no tables; put train.parquet, train.jsonl, train.arrow or train.csv there");
        string[] numbered = [.. tables.Where(file => Numbered().IsMatch(Path.GetFileName(file)))];
        foreach (string file in numbered.Length > 0 ? numbered : tables)
        {
            string split = numbered.Length > 0 ? Numbered().Match(Path.GetFileName(file)).Groups[1].Value : SplitOf(Path.GetRelativePath(path, file));
            if (!files.TryGetValue(split, out List<string>? parts)) files[split] = parts = [];
            if (parts.Count > 0 && !Path.GetExtension(parts[0]).Equals(Path.GetExtension(file), StringComparison.OrdinalIgnoreCase))
            {
                throw new InvalidDataException(
                    $"{path}: holds the split '{split}' in several formats ({Path.GetFileName(parts[0])}, {Path.GetFileName(file)}); keep one");
            }
            parts.Add(file);
        }
    }

    private static string[] Tables(string place) =>
        [.. Directory.EnumerateFiles(place).Where(file => IsTable(file) && !Descriptions.Contains(Path.GetFileName(file))).Order(StringComparer.Ordinal)];

    private static string SplitOf(string relative) =>
        Conventions.Where(convention => convention.Words.IsMatch(relative)).Select(convention => convention.Split).FirstOrDefault(WholeSplit);

    [GeneratedRegex(@"^(\w+(?:\.\w+)*)-\d{5}-of-\d{5}\b", RegexOptions.CultureInvariant)]
    private static partial Regex Numbered();

    [GeneratedRegex("(?<![A-Za-z0-9])(train|training)(?![A-Za-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex TrainWords();

    [GeneratedRegex("(?<![A-Za-z0-9])(validation|valid|dev|val)(?![A-Za-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ValidationWords();

    [GeneratedRegex("(?<![A-Za-z0-9])(test|testing|eval|evaluation)(?![A-Za-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex TestWords();
}
