using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>How data sets come from the hub.</summary>
/// <param name="Options">Cache, endpoint, token.</param>
/// <param name="Progress">Told about downloads.</param>
internal readonly record struct HubAccess(HubOptions Options, IProgress<HubProgress>? Progress);

/// <summary>Training data of the hub, <c>hf://org/repo[/subset]</c>, or a folder in the same layout.</summary>
internal static class HubSource
{
    public const string Prefix = "hf://";

    /// <returns>The snapshot's folder.</returns>
    public static string Read(string uri, RetrievalRows rows, HubAccess hub)
    {
        string[] parts = uri[Prefix.Length..].Trim('/').Split('/', 3);
        if (parts.Length < 2 || parts[1].Length == 0) throw new InvalidDataException($"{uri}: names no data set; write hf://org/name or hf://org/name/subset");
        string repository = $"{parts[0]}/{parts[1]}";
        string? subset = parts.Length > 2 ? parts[2] : null;
        string folder = HubDataset.ResolveAsync(
            repository,
            file => file == HubLayout.CardName || ((subset is null || file.StartsWith(subset + "/", StringComparison.Ordinal))
                && (file.EndsWith(HubLayout.MetadataName, StringComparison.Ordinal) || DatasetFolder.IsTable(file))),
            snapshot => subset is not null && new HubLayout(snapshot).Has(subset),
            hub.Options,
            hub.Progress,
            rows.Cancellation).GetAwaiter().GetResult();
        ReadFolder(folder, Prefix + repository, subset, rows);
        return folder;
    }

    /// <summary>Reads one subset, or all of them in the order of their names.</summary>
    /// <param name="folder">The folder of README.md.</param>
    /// <param name="name">What corpora are called in messages.</param>
    /// <param name="subset">A folder below, or null for all.</param>
    /// <param name="rows">Where to.</param>
    public static void ReadFolder(string folder, string name, string? subset, RetrievalRows rows)
    {
        HubLayout layout = new(folder);
        string[] subsets = subset is null ? [.. HubLayout.Subsets(folder)] : [subset];
        if (subsets.Length == 0) throw new InvalidDataException($"{name}: has no folder with {HubLayout.MetadataName}, which every subset needs");
        foreach (string part in subsets) ReadSubset(layout, $"{name}/{part}", part, rows);
    }

    private static void ReadSubset(HubLayout layout, string name, string subset, RetrievalRows rows)
    {
        string path = layout.Metadata(subset);
        if (!File.Exists(path)) throw new FileNotFoundException($"{name}: has no {HubLayout.MetadataName}; check the subset's name", path);
        (JsonElement metadata, CorpusDescription description) = CorpusMetadata.Read(path, name);
        if (metadata.TryGetProperty("ids_only", out JsonElement idsOnly) && idsOnly.ValueKind == JsonValueKind.True)
        {
            throw new InvalidDataException($"{name}: holds ids only (ids_only in {HubLayout.MetadataName}), its texts are elsewhere; "
                + "prepare it with the data set's data_preparation.py and give the JSON file that this writes");
        }
        rows.AddCorpus(description, () =>
        {
            Corpus corpus = new(description);
            foreach (string file in layout.Files(subset + "_corpus")) CorpusFolder.AddFile(corpus, file, rows.Cancellation);
            return corpus;
        });
        int index = 0;
        foreach (string file in layout.Files(subset))
        {
            TableRecords.Read(file, (record, place) =>
            {
                RecordFields fields = new(record, place);
                string id = fields.Has("question_id", out JsonElement own) ? fields.Scalar("question_id", own) : $"{subset}:{index}";
                CorpusRecords.Add(fields, place, id, description.Id, rows);
                index++;
            });
        }
    }
}
