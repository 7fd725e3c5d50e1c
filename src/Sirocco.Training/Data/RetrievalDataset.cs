using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>A training record with every document that it names.</summary>
/// <param name="QuestionId">Id of the query.</param>
/// <param name="Question">The query.</param>
/// <param name="CorpusId">Its corpus.</param>
/// <param name="Positives">Documents to find; without ids where texts stand in the record, without texts where the corpus lacks them.</param>
/// <param name="Negatives">Documents not to find.</param>
internal sealed record RetrievalRecord(
    string QuestionId, string Question, string CorpusId, IReadOnlyList<RetrievalDocument> Positives, IReadOnlyList<RetrievalDocument> Negatives);

/// <summary>Training records in the order of the reference's dataset, each turned into an example when it is asked for. Safe on many threads.</summary>
internal sealed class RetrievalDataset
{
    private readonly RetrievalDatasetOptions options;
    private readonly RetrievalRows rows;
    private readonly int[] chosen;

    private RetrievalDataset(RetrievalDatasetOptions options, RetrievalRows rows, int[] chosen, IReadOnlyList<string> warnings)
    {
        this.options = options;
        this.rows = rows;
        this.chosen = chosen;
        Warnings = warnings;
    }

    /// <summary>Rows.</summary>
    public int Count => chosen.Length;

    /// <summary>n: documents of each example.</summary>
    public int PassagesPerQuery => options.Negatives + 1;

    /// <summary>The corpora that records name.</summary>
    public IReadOnlyCollection<Corpus> Corpora => rows.Corpora.Values;

    /// <summary>What was read for each source, by the path that the options name it by.</summary>
    internal IReadOnlyDictionary<string, SourceReading> Readings { get; private init; } = new Dictionary<string, SourceReading>();

    /// <summary>What a user should know: sources smaller than the sample asked for, negatives that repeat.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Reads the sources, chooses rows, and checks that each can be turned into an example.</summary>
    /// <param name="options">Sources and choice.</param>
    /// <param name="hub">Cache and endpoint of hf:// sources; null: as the environment says.</param>
    /// <param name="progress">Told about downloads.</param>
    /// <param name="cancellation">Stops a download, which goes on from there the next time, and between records.</param>
    /// <exception cref="InvalidDataException">
    /// An option is out of range or a record cannot be used; the message names file, line or record, and key.
    /// </exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static RetrievalDataset Load(
        RetrievalDatasetOptions options, HubOptions? hub = null, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        List<string> warnings = [];
        HubAccess access = new(hub ?? HubOptions.FromEnvironment(), progress);
        (RetrievalRows rows, int[] order, IReadOnlyDictionary<string, SourceReading> readings) = DatasetSources.Read(options, access, warnings, cancellation);
        int[] chosen = Choose(options, order);
        RowCheck.Run(options, rows, chosen, warnings);
        return new RetrievalDataset(options, rows, chosen, warnings) { Readings = readings };
    }

    /// <summary>The example of a row.</summary>
    /// <param name="row">From 0.</param>
    /// <param name="epoch">Chooses the positive where positives take turns.</param>
    public RetrievalExample Get(int row, int epoch = 0)
    {
        RetrievalRows.Row from = rows.Rows[chosen[row]];
        Corpus? corpus = from.HasTexts ? null : rows.Corpora[rows.Pool[from.CorpusId]];
        RetrievalDocument[] documents = new RetrievalDocument[PassagesPerQuery];
        bool takesTurns = options.CyclePositives && options.Use == DatasetUse.Training;
        documents[0] = Document(from, corpus, takesTurns ? epoch % from.Positives : 0);
        for (int i = 1; i < documents.Length; i++) documents[i] = Document(from, corpus, from.Positives + ((i - 1) % from.Negatives));
        return new RetrievalExample
        {
            Record = from.Index,
            Place = rows.Place(from).ToString(),
            QuestionId = rows.Pool[from.QuestionId],
            Question = rows.Pool[from.Question],
            Documents = documents,
            QueryInstruction = options.UseInstructions && corpus is not null ? corpus.Description.QueryInstruction : "",
            PassageInstruction = options.UseInstructions && corpus is not null ? corpus.Description.PassageInstruction : "",
        };
    }

    /// <summary>The record behind a row, whole.</summary>
    /// <param name="row">From 0.</param>
    public RetrievalRecord Record(int row)
    {
        RetrievalRows.Row from = rows.Rows[chosen[row]];
        string corpusId = rows.Pool[from.CorpusId];
        Corpus? corpus = from.HasTexts ? null : rows.Corpora.GetValueOrDefault(corpusId);
        RetrievalDocument[] documents = [.. Enumerable.Range(0, from.Positives + from.Negatives).Select(i => Document(from, corpus, i))];
        return new RetrievalRecord(rows.Pool[from.QuestionId], rows.Pool[from.Question], corpusId, documents[..from.Positives], documents[from.Positives..]);
    }

    private RetrievalDocument Document(RetrievalRows.Row row, Corpus? corpus, int number)
    {
        int handle = rows.Documents[row.FirstDocument + number];
        if (row.HasTexts) return new RetrievalDocument(rows.Pool[handle], "");
        int document = corpus?.Find(rows.Pool.Bytes(handle)) ?? -1;
        return new RetrievalDocument(document < 0 ? "" : corpus!.TextOf(document), rows.Pool[handle]);
    }

    private static int[] Choose(RetrievalDatasetOptions options, int[] order)
    {
        if (options.Use == DatasetUse.Evaluation) return order;
        if (options.Shuffles) order = [.. NumpyRandom.Permutation(order.Length, options.Seed).Select(place => order[place])];
        if (options.MaximumExamples is not { } most) return order;
        int first = Math.Min(options.FirstExample, order.Length);
        return order[first..(int)Math.Min((long)first + most, order.Length)];
    }
}
