using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// A folder as a source: a normalised Arrow bundle, the layout of embed-nemotron-dataset-v1, or a data set as Hugging Face datasets keeps them.
/// </summary>
internal static class FolderSource
{
    private const string SavedName = "dataset_dict.json";

    public static void Read(string folder, RetrievalRows rows)
    {
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(Path.Combine(root, HubLayout.MetadataName)))
            HubSource.ReadFolder(Path.GetDirectoryName(root)!, Path.GetDirectoryName(root)!, Path.GetFileName(root), rows);
        else if (!File.Exists(Path.Combine(root, SavedName)) && HubLayout.Subsets(root).Any()) HubSource.ReadFolder(root, root, null, rows);
        else foreach (string file in TrainFiles(root)) InlineRecords.Read(file, rows);
    }

    /// <summary>The files of the train split, whether saved by save_to_disk or laid out for the hub.</summary>
    public static IReadOnlyList<string> TrainFiles(string folder) => DatasetFolder.Open(folder).Files("train");
}
