using System.Text.Json;

namespace Sirocco.Training;

/// <summary>A folder as a source: a normalised Arrow bundle, the layout of embed-nemotron-dataset-v1, or a data set as Hugging Face datasets keeps them.</summary>
internal static class DatasetFolder
{
    private const string StateName = "state.json", SavedName = "dataset_dict.json";

    public static void Read(string folder, RetrievalRows rows)
    {
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(Path.Combine(root, HubLayout.MetadataName))) HubSource.ReadFolder(Path.GetDirectoryName(root)!, Path.GetDirectoryName(root)!, Path.GetFileName(root), rows);
        else if (!File.Exists(Path.Combine(root, SavedName)) && HubLayout.Subsets(root).Any()) HubSource.ReadFolder(root, root, null, rows);
        else foreach (string file in TrainFiles(root)) InlineRecords.Read(file, rows);
    }

    /// <summary>The files of the train split, whether saved by save_to_disk or laid out for the hub.</summary>
    public static IReadOnlyList<string> TrainFiles(string folder)
    {
        string saved = File.Exists(Path.Combine(folder, SavedName)) ? Path.Combine(folder, "train") : folder;
        string state = Path.Combine(saved, StateName);
        if (!File.Exists(state)) return saved == folder ? TrainSplit.Files(folder) : throw new FileNotFoundException($"{folder}: has no train split (no {Path.Combine("train", StateName)})", state);
        JsonElement root = CorpusMetadata.Parse(state);
        if (root.TryGetProperty("_indices_files", out JsonElement indices) && indices.ValueKind == JsonValueKind.Array && indices.GetArrayLength() > 0)
            throw new InvalidDataException($"{state}: the rows are in an order of their own ('_indices_files'); call flatten_indices() before save_to_disk()");
        if (!root.TryGetProperty("_data_files", out JsonElement files) || files.ValueKind != JsonValueKind.Array) throw new InvalidDataException($"{state}: has no list '_data_files'");
        return [.. files.EnumerateArray().Select(file => Inside(saved, state, file))];
    }

    private static string Inside(string folder, string state, JsonElement file)
    {
        string? name = file.ValueKind == JsonValueKind.Object && file.TryGetProperty("filename", out JsonElement text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
        if (name is null || name != Path.GetFileName(name) || name is "" or "." or "..") throw new InvalidDataException($"{state}: '_data_files' holds something other than a file name");
        return Path.Combine(folder, name);
    }
}
