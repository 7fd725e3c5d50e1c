namespace Sirocco.Training;

/// <summary>Reads the sources of a dataset in the reference's order: hub sources, then files with a corpus, then files that hold their texts.</summary>
internal static class DatasetSources
{
    private const string HubPrefix = "hf://";

    private static readonly string[] InlineExtensions = [".jsonl", ".csv", ".tsv"];

    /// <returns>The rows, and the order of those that are kept.</returns>
    public static (RetrievalRows Rows, int[] Order) Read(RetrievalDatasetOptions options, List<string> warnings)
    {
        RetrievalRows rows = new();
        List<int> order = [];
        foreach ((RetrievalSource source, SourceForm form) in options.Sources.Select(source => (source, Form(options.Kind, source.Path))).OrderBy(pair => pair.Item2))
        {
            int first = rows.Rows.Count;
            Read(source.Path, form, rows);
            order.AddRange(Sample(source, first, rows.Rows.Count - first, options, warnings));
        }

        return (rows, [.. order]);
    }

    private enum SourceForm
    {
        Hub,
        Corpus,
        Inline,
    }

    private static SourceForm Form(RetrievalDatasetKind kind, string path)
    {
        if (kind == RetrievalDatasetKind.Inline) return SourceForm.Inline;
        if (path.StartsWith(HubPrefix, StringComparison.Ordinal)) return SourceForm.Hub;
        if (InlineExtensions.Contains(Path.GetExtension(path).ToLowerInvariant())) return SourceForm.Inline;
        return SourceForm.Corpus;
    }

    private static void Read(string path, SourceForm form, RetrievalRows rows)
    {
        if (form != SourceForm.Hub && !File.Exists(path)) throw new FileNotFoundException($"{path}: no such file; check data_dir_list", path);
        switch (form)
        {
            case SourceForm.Corpus:
                CorpusRecords.Read(path, rows);
                break;
            default:
                InlineRecords.Read(path, rows);
                break;
        }
    }

    private static IEnumerable<int> Sample(RetrievalSource source, int first, int count, RetrievalDatasetOptions options, List<string> warnings)
    {
        IEnumerable<int> all = Enumerable.Range(first, count);
        if (source.Samples is not { } size) return all;
        if (size >= count)
        {
            warnings.Add($"{source.Path}: num_samples is {size}, but there are {count} records; all are used");
            return all;
        }

        return new PythonRandom(options.Seed).Sample(count, size).Select(place => first + place);
    }
}
