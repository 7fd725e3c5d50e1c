using System.Text;

namespace Sirocco.Training;

/// <summary>How a file of questions names its documents, and so how the mined file does.</summary>
internal enum MiningForm
{
    /// <summary>Records hold the texts.</summary>
    Inline,

    /// <summary>NeMo AutoModel's JSON: <c>corpus</c> and <c>data</c>, with documents by id.</summary>
    CorpusIds,

    /// <summary>Records <c>query</c>, <c>positive</c>, <c>negative</c> with ids, beside a file of documents.</summary>
    Queries,
}

/// <summary>
/// The questions of a training file and the documents that they are searched in, ordered by id (code points). Texts stay where the reader put them, once; they
/// become strings when they are asked for. Of a file of inline records the documents are the different texts in it, and a document's id is its text.
/// </summary>
internal sealed class MiningTask
{
    private const string EmptyQuestion = "##### keep empty questions #####"; // the original's, so that an empty question has a vector too

    private readonly RetrievalRows rows;
    private readonly Corpus? corpus;
    private readonly int[] documents;    // place → document of the corpus, or handle of a text
    private readonly int[] places;       // the way back; −1 for handles that are no document

    private MiningTask(MiningForm form, RetrievalRows rows, Corpus? corpus, int[] documents, int handles)
    {
        Form = form;
        this.rows = rows;
        this.corpus = corpus;
        Array.Sort(documents, (a, b) => Id(a).SequenceCompareTo(Id(b)));
        this.documents = documents;
        places = new int[handles];
        Array.Fill(places, -1);
        for (int place = 0; place < documents.Length; place++) places[documents[place]] = place;
    }

    public MiningForm Form { get; }

    /// <summary>The members of a file of <see cref="MiningForm.CorpusIds"/>, which the mined file repeats; of other forms none.</summary>
    public IReadOnlyList<JsonMember> Members { get; private set; } = [];

    public int Questions => rows.Rows.Count;

    public int Documents => documents.Length;

    /// <summary>Reads a file of questions in any of its forms.</summary>
    /// <param name="path">The file.</param>
    /// <param name="corpusFile">The documents that its queries name; null: the file says itself.</param>
    /// <param name="withNegatives">Whether negatives of the file are used, and so must exist.</param>
    /// <param name="cancellation">Stops between records.</param>
    /// <exception cref="InvalidDataException">A record cannot be used, or there is not exactly one corpus.</exception>
    public static MiningTask Read(string path, string? corpusFile, bool withNegatives, CancellationToken cancellation = default)
    {
        if (Directory.Exists(path))
            throw new InvalidDataException($"{path}: is a folder; train_qa_file_path takes a file: JSON with 'corpus' and 'data', or inline records (.jsonl)");
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: no such file; check train_qa_file_path", path);
        RetrievalRows rows = new() { AreForMining = true, Cancellation = cancellation };
        bool named = corpusFile is null && TableRecords.Members(path).ContainsKey("corpus");
        MiningForm form = corpusFile is not null ? MiningForm.Queries : named ? MiningForm.CorpusIds : MiningForm.Inline;
        if (corpusFile is not null) QueryRecords.Read(path, corpusFile, rows);
        else if (named) CorpusRecords.Read(path, rows);
        else InlineRecords.Read(path, rows);
        if (rows.Rows.Count == 0) throw new InvalidDataException($"{path}: holds no questions");
        RowCheck.Run(
            new RetrievalDatasetOptions { Sources = [new RetrievalSource(path, Corpus: corpusFile)], PassagesPerQuery = 1, CyclePositives = true },
            rows,
            [.. Enumerable.Range(0, rows.Rows.Count)],
            []);
        MiningTask task;
        if (form == MiningForm.Inline)
        {
            task = new MiningTask(form, rows, null, [.. rows.Documents.Distinct()], rows.Pool.Count);
        }
        else
        {
            if (rows.Corpora.Count != 1)
            {
                throw new InvalidDataException(
                    $"{path}: names {rows.Corpora.Count} corpora ({string.Join(", ", rows.Corpora.Keys)}); negatives are mined from exactly one");
            }
            Corpus only = rows.Corpora.Values.Single();
            task = new MiningTask(form, rows, only, [.. Enumerable.Range(0, only.Count)], only.Count);
        }

        if (named) task.Members = JsonRecords.MembersBesideData(path);
        if (task.Documents == 0) throw new InvalidDataException($"{path}: there are no documents to mine");
        if (withNegatives) task.RequireNegatives();
        return task;
    }

    /// <summary>The record's question; empty where it is.</summary>
    public string Question(int question) => rows.Pool[rows.Rows[question].Question];

    public string QuestionId(int question) => rows.Pool[rows.Rows[question].QuestionId];

    public string CorpusId(int question) => rows.Pool[rows.Rows[question].CorpusId];

    /// <summary>The text that is encoded for a question, without its prefix.</summary>
    public string QuestionText(int question) => Question(question) is { Length: > 0 } text ? text : EmptyQuestion;

    public string DocumentId(int place) => Encoding.UTF8.GetString(Id(documents[place]));

    /// <summary>The document's text as UTF-8, as it was read.</summary>
    public ReadOnlySpan<byte> DocumentBytes(int place) => corpus is null ? rows.Pool.Bytes(documents[place]) : corpus.TextBytes(documents[place]);

    /// <summary>The text that is encoded for a document, without its prefix.</summary>
    public string DocumentText(int place) => PythonText.Strip(Encoding.UTF8.GetString(DocumentBytes(place)));

    /// <summary>Places of the positives of a question, in the order of the record, repetitions included.</summary>
    public int[] Positives(int question) => Places(rows.Rows[question].FirstDocument, rows.Rows[question].Positives);

    /// <summary>Places of the negatives that the record has.</summary>
    public int[] SuppliedNegatives(int question) => Places(rows.Rows[question].FirstDocument + rows.Rows[question].Positives, rows.Rows[question].Negatives);

    private int[] Places(int first, int count)
    {
        int[] found = new int[count];
        for (int i = 0; i < count; i++) found[i] = Place(rows.Documents[first + i]);
        return found;
    }

    private int Place(int handle)
    {
        int document = corpus is null ? handle : corpus.Find(rows.Pool.Bytes(handle));
        return document < 0 ? -1 : places[document];
    }

    private ReadOnlySpan<byte> Id(int document) => corpus is null ? rows.Pool.Bytes(document) : corpus.IdBytes(document);

    private void RequireNegatives()
    {
        foreach (RetrievalRows.Row row in rows.Rows)
        {
            for (int i = row.FirstDocument + row.Positives; i < row.FirstDocument + row.Positives + row.Negatives; i++)
            {
                if (Place(rows.Documents[i]) < 0)
                {
                    throw new InvalidDataException($"{rows.Place(row)}: {(Form == MiningForm.Queries ? "'negative'" : "'neg_doc'")} names the document "
                        + $"'{rows.Pool[rows.Documents[i]]}', which the corpus '{corpus!.Description.Id}' in {corpus.Description.Path} lacks");
                }
            }
        }
    }
}
