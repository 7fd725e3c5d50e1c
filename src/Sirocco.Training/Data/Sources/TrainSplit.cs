namespace Sirocco.Training;

/// <summary>The files of a folder's train split, as Hugging Face datasets finds them.</summary>
internal static class TrainSplit
{
    private static readonly string[] Extensions = [".parquet", ".arrow", ".jsonl", ".json", ".csv", ".tsv"];

    private static readonly string[] OtherSplits = ["test", "validation", "valid", "val", "dev", "eval", "evaluation"];

    /// <summary>Whether a name ends like a table.</summary>
    public static bool IsTable(string path) => Extensions.Contains(Path.GetExtension(path).ToLowerInvariant());

    /// <exception cref="FileNotFoundException">There are none.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"{folder}: no such folder");
        foreach (string place in (string[])[folder, Path.Combine(folder, "data"), Path.Combine(folder, "train")])
        {
            if (!Directory.Exists(place)) continue;
            string[] files = [.. Directory.EnumerateFiles(place).Where(IsData).Order(StringComparer.Ordinal)];
            string[] train = [.. files.Where(file => place.EndsWith("train", StringComparison.Ordinal) || Named(file, "train"))];
            if (train.Length == 0) train = [.. files.Where(file => !Array.Exists(OtherSplits, split => Named(file, split)))];
            if (train.Length == 0) continue;
            string first = Path.GetExtension(train[0]);
            return Array.TrueForAll(train, file => Path.GetExtension(file) == first) ? train
                : throw new InvalidDataException($"{place}: holds a train split in several formats ({Path.GetFileName(train[0])}, {Path.GetFileName(Array.Find(train, file => Path.GetExtension(file) != first))}); keep one");
        }

        throw new FileNotFoundException($"{folder}: has no train split; put train.parquet, train.jsonl, train.arrow or train.csv there");
    }

    // What describes a dataset is no part of it.
    private static bool IsData(string file) =>
        IsTable(file) && Path.GetFileName(file) is not ("merlin_metadata.json" or "dataset_metadata.json" or "dataset_info.json" or "dataset_dict.json" or "dataset_infos.json" or "state.json" or "metadata.json" or "source_config.json");

    private static bool Named(string file, string split)
    {
        string name = Path.GetFileNameWithoutExtension(file);
        int at = name.IndexOf(split, StringComparison.OrdinalIgnoreCase);
        return at >= 0 && (at == 0 || !char.IsAsciiLetter(name[at - 1])) && (at + split.Length == name.Length || !char.IsAsciiLetter(name[at + split.Length]));
    }
}
