using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>Reads the sources of a dataset in the reference's order: hub sources, then files with a corpus, then files that hold their texts.</summary>
internal static class DatasetSources
{
    private static readonly string[] InlineExtensions = [".jsonl", ".csv", ".tsv", ".parquet", ".arrow"];

    /// <summary>Forms of a source, in the order in which they are read.</summary>
    private enum SourceForm
    {
        Hub,
        Bundle,
        Corpus,
        Queries,
        Folder,
        Inline,
    }

    /// <returns>The rows, the order of those that are kept, and what each source had.</returns>
    public static (RetrievalRows Rows, int[] Order, IReadOnlyDictionary<string, SourceReading> Readings) Read(
        RetrievalDatasetOptions options, HubAccess hub, List<string> warnings, CancellationToken cancellation)
    {
        RetrievalRows rows = new() { Cancellation = cancellation };
        List<int> order = [];
        Dictionary<string, SourceReading> readings = new(StringComparer.Ordinal);
        foreach ((RetrievalSource source, SourceForm form) in options.Sources.Select(source => (source, Form(options.Kind, source)))
            .OrderBy(pair => pair.Item2))
        {
            if (options.Seed < 0 && form == SourceForm.Bundle && source.Samples is not null) throw options.NegativeSeed($"{source.Path}: num_samples");
            int first = rows.Rows.Count;
            string place = Read(source, form, rows, hub);
            readings[source.Path] = new SourceReading(rows.Rows.Count - first, place);
            order.AddRange(Sample(source, form, first, rows.Rows.Count - first, options, warnings));
        }

        return (rows, [.. order], readings);
    }

    private static SourceForm Form(RetrievalDatasetKind kind, RetrievalSource source)
    {
        string path = source.Path;
        if (source.Corpus is not null) return SourceForm.Queries;
        if (kind != RetrievalDatasetKind.Inline && path.StartsWith(HubSource.Prefix, StringComparison.Ordinal)) return SourceForm.Hub;
        if (!Path.Exists(path)) throw new FileNotFoundException($"{path}: no such file or folder; check data_dir_list", path);
        if (kind == RetrievalDatasetKind.Normalized || (kind == RetrievalDatasetKind.Standard && NormalizedBundle.Find(path) is not null))
            return SourceForm.Bundle;
        if (Directory.Exists(path)) return SourceForm.Folder;
        if (kind == RetrievalDatasetKind.Inline || GzipContent.IsNamed(path) || InlineExtensions.Contains(Path.GetExtension(path).ToLowerInvariant()))
            return SourceForm.Inline;
        bool isCorpus = !Path.GetExtension(path).Equals(".json", StringComparison.OrdinalIgnoreCase) || JsonRecords.Outline(path).Members.ContainsKey("corpus");
        return isCorpus ? SourceForm.Corpus : SourceForm.Inline;
    }

    /// <returns>The file or folder that was read.</returns>
    private static string Read(RetrievalSource source, SourceForm form, RetrievalRows rows, HubAccess hub)
    {
        string path = source.Path;
        switch (form)
        {
            case SourceForm.Hub:
                return HubSource.Read(path, rows, hub);
            case SourceForm.Bundle:
                NormalizedBundle.Read(NormalizedBundle.Find(path) ?? throw new InvalidDataException(
                    $"{path}: is no normalised bundle; its metadata.json should have the format nemo_automodel_normalized_vl_retrieval_arrow"), rows);
                break;
            case SourceForm.Folder:
                FolderSource.Read(path, rows);
                break;
            case SourceForm.Corpus:
                CorpusRecords.Read(path, rows);
                break;
            case SourceForm.Queries:
                QueryRecords.Read(path, source.Corpus!, rows);
                break;
            default:
                InlineRecords.Read(path, rows);
                break;
        }

        return path;
    }

    private static IEnumerable<int> Sample(
        RetrievalSource source, SourceForm form, int first, int count, RetrievalDatasetOptions options, List<string> warnings)
    {
        IEnumerable<int> all = Enumerable.Range(first, count);
        if (source.Samples is not { } size) return all;
        if (size >= count)
        {
            if (size > count) warnings.Add($"{source.Path}: num_samples is {size}, but there are {count} records; all are used");
            return all;
        }

        int[] places = form == SourceForm.Bundle ? NumpyRandom.Permutation(count, options.Seed)[..size] : new PythonRandom(options.Seed).Sample(count, size);
        return places.Select(place => first + place);
    }
}

/// <summary>What was read for a source.</summary>
/// <param name="Rows">Records, before any of them are chosen.</param>
/// <param name="Place">File or folder; of a hub source its snapshot, which is named after the revision.</param>
internal sealed record SourceReading(int Rows, string Place);
