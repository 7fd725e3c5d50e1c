namespace Sirocco.Training;

/// <summary>
/// Queries that name their documents by id (<c>query</c>, <c>positive</c>, perhaps <c>negative</c>; each an id or a list of ids) beside one file of documents
/// (<c>id</c>, <c>text</c>): what <c>sirocco index</c> and <c>sirocco eval</c> read.
/// </summary>
internal static class QueryRecords
{
    public static void Read(string path, string corpusFile, RetrievalRows rows)
    {
        foreach (string file in (string[])[path, corpusFile])
        {
            if (!File.Exists(file)) throw new FileNotFoundException($"{file}: no such file; check data_dir_list", file);
        }

        CorpusDescription description = new() { Id = Path.GetFileName(corpusFile), Path = Path.GetFullPath(corpusFile) };
        rows.AddCorpus(description, () => Load(description, rows.Cancellation));
        string name = Path.GetFileName(path);
        TableRecords.Read(path, (record, place) =>
        {
            RecordFields fields = new(record, place);
            string[] positives = Ids(fields, "positive"), negatives = fields.Has("negative") ? Ids(fields, "negative") : [];
            if (positives.Length == 0) throw fields.Wrong("positive", "is empty; every query needs at least one positive document");
            rows.AddIds(
                place, InlineRecords.QuestionId(fields, place, name), fields.Text("query", fields.Required("query")), description.Id, positives, negatives);
        });
    }

    private static Corpus Load(CorpusDescription description, CancellationToken cancellation)
    {
        Corpus corpus = new(description);
        CorpusFolder.AddFile(corpus, description.Path, cancellation);
        return corpus;
    }

    private static string[] Ids(RecordFields fields, string key) => [.. RecordFields.Items(fields.Required(key)).Select(id => fields.Scalar(key, id))];
}
