namespace Sirocco.Training;

/// <summary>Makes sure before training that every chosen row gives an example: its corpus is there, the documents that it uses exist and have a text.</summary>
internal static class RowCheck
{
    public static void Run(RetrievalDatasetOptions options, RetrievalRows rows, int[] chosen, List<string> warnings)
    {
        HashSet<int> warned = [];
        foreach (int number in chosen)
        {
            RetrievalRows.Row row = rows.Rows[number];
            int negatives = options.Negatives;
            if (negatives > 0 && row.Negatives == 0)
                throw Wrong(rows, row, $"'neg_doc' is empty, but {negatives} negatives are wanted; give negatives, or set n_passages to 1");
            if (row.Negatives < negatives && warned.Add(row.CorpusId))
            {
                warnings.Add($"{rows.Place(row)}: has {row.Negatives} negatives where {negatives} are wanted; "
                    + $"they are repeated, here and in other records of corpus '{rows.Pool[row.CorpusId]}'");
            }
            int positives = options.CyclePositives && options.Use == DatasetUse.Training ? row.Positives : 1;
            Documents(rows, row, "pos_doc", 0, positives, options);
            Documents(rows, row, "neg_doc", row.Positives, Math.Min(negatives, row.Negatives), options);
        }
    }

    private static void Documents(RetrievalRows rows, RetrievalRows.Row row, string key, int first, int count, RetrievalDatasetOptions options)
    {
        Corpus? corpus = null;
        if (!row.HasTexts && !rows.Corpora.TryGetValue(rows.Pool[row.CorpusId], out corpus))
        {
            throw Wrong(rows, row, $"'corpus_id' is '{rows.Pool[row.CorpusId]}', "
                + $"but there are only {string.Join(", ", rows.Corpora.Keys.Order(StringComparer.Ordinal).Select(id => $"'{id}'"))}");
        }
        if (row.HasTexts && options is { UseInstructions: true, Kind: not RetrievalDatasetKind.Inline })
            throw Wrong(rows, row, "has no corpus whose instructions could be used; set use_dataset_instruction: false, or give the record a corpus");
        for (int i = first; i < first + count; i++)
        {
            int handle = rows.Documents[row.FirstDocument + i];
            if (corpus is null)
            {
                if (rows.Pool.Bytes(handle).IsEmpty) throw Wrong(rows, row, $"'{key}' holds an empty text; give a text or remove the document");
                continue;
            }

            int document = corpus.Find(rows.Pool.Bytes(handle));
            if (document < 0)
            {
                throw Wrong(
                    rows,
                    row,
                    $"'{key}' names the document '{rows.Pool[handle]}', which the corpus '{corpus.Description.Id}' in {corpus.Description.Path} lacks");
            }
            if (corpus.TextBytes(document).IsEmpty)
                throw Wrong(rows, row, $"'{key}' names the document '{rows.Pool[handle]}', whose text is empty in {corpus.Description.Path}");
        }
    }

    private static InvalidDataException Wrong(RetrievalRows rows, RetrievalRows.Row row, string problem) => new($"{rows.Place(row)}: {problem}");
}
