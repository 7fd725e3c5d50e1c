namespace Sirocco.Training;

/// <summary>Records of all sources before any is chosen: texts and ids as handles into one pool, documents as a flat list.</summary>
internal sealed class RetrievalRows
{
    /// <summary>
    /// A record. Its documents are Documents[FirstDocument …], positives before negatives: handles of texts, or of ids where it names a corpus.
    /// </summary>
    /// <param name="Source">Index into <see cref="Sources"/>.</param>
    /// <param name="Index">Number of the record in its source.</param>
    /// <param name="Line">Its line, or 0.</param>
    /// <param name="QuestionId">Handle.</param>
    /// <param name="Question">Handle.</param>
    /// <param name="CorpusId">Handle.</param>
    /// <param name="HasTexts">Whether documents are texts rather than ids.</param>
    /// <param name="FirstDocument">Index into <see cref="Documents"/>.</param>
    /// <param name="Positives">Their number.</param>
    /// <param name="Negatives">Their number.</param>
    public readonly record struct Row(
        int Source, int Index, int Line, int QuestionId, int Question, int CorpusId, bool HasTexts, int FirstDocument, int Positives, int Negatives);

    private readonly Dictionary<string, int> sourceNumbers = [];

    public TextPool Pool { get; } = new();

    /// <summary>Whether a record may lack a question or positives: mining has rules for these, training has none.</summary>
    public bool AreForMining { get; init; }

    /// <summary>Stops reading between records and between documents.</summary>
    public CancellationToken Cancellation { get; init; }

    public List<Row> Rows { get; } = [];

    public List<int> Documents { get; } = [];

    public List<string> Sources { get; } = [];

    public Dictionary<string, Corpus> Corpora { get; } = new(StringComparer.Ordinal);

    public RecordPlace Place(Row row) => new(Sources[row.Source], row.Index, row.Line);

    /// <summary>Adds a record whose documents are texts.</summary>
    public void AddTexts(
        RecordPlace place, string questionId, string question, string corpusId, IReadOnlyList<string> positives, IReadOnlyList<string> negatives) =>
        Add(place, questionId, question, corpusId, hasTexts: true, positives, negatives);

    /// <summary>Adds a record whose documents are ids in a corpus.</summary>
    public void AddIds(
        RecordPlace place, string questionId, string question, string corpusId, IReadOnlyList<string> positives, IReadOnlyList<string> negatives) =>
        Add(place, questionId, question, corpusId, hasTexts: false, positives, negatives);

    /// <summary>Registers a corpus unless it is there; <paramref name="load"/> is called for a new one only.</summary>
    /// <exception cref="InvalidDataException">Another corpus has the same id.</exception>
    public void AddCorpus(CorpusDescription description, Func<Corpus> load)
    {
        if (!Corpora.TryGetValue(description.Id, out Corpus? known)) Corpora.Add(description.Id, load());
        else if (known.Description.Path != description.Path)
        {
            throw new InvalidDataException(
                $"{description.Path}: has the corpus_id '{description.Id}', as has {known.Description.Path}; give each corpus an id of its own");
        }
    }

    /// <summary>Registers a corpus, or adds its documents to the one of the same id, with which it must agree.</summary>
    /// <exception cref="InvalidDataException">Instructions or a document differ.</exception>
    public void MergeCorpus(Corpus corpus)
    {
        if (Corpora.TryAdd(corpus.Description.Id, corpus)) return;
        Corpus known = Corpora[corpus.Description.Id];
        if (known.Description with { Path = corpus.Description.Path } != corpus.Description)
        {
            throw new InvalidDataException($"{corpus.Description.Path}: the corpus '{corpus.Description.Id}' has other instructions than in "
                + $"{known.Description.Path}; give each corpus an id of its own");
        }
        for (int i = 0; i < corpus.Count; i++)
        {
            int same = known.Find(corpus.IdBytes(i));
            if (same < 0) known.Add(corpus.IdBytes(i), corpus.TextBytes(i));
            else if (!known.TextBytes(same).SequenceEqual(corpus.TextBytes(i)))
            {
                throw new InvalidDataException($"{corpus.Description.Path}: document '{corpus.IdOf(i)}' of the corpus '{corpus.Description.Id}' has another "
                    + $"text than in {known.Description.Path}");
            }
        }
    }

    private void Add(
        RecordPlace place, string questionId, string question, string corpusId, bool hasTexts, IReadOnlyList<string> positives, IReadOnlyList<string> negatives)
    {
        Cancellation.ThrowIfCancellationRequested();
        if (!sourceNumbers.TryGetValue(place.File, out int source))
        {
            source = Sources.Count;
            Sources.Add(place.File);
            sourceNumbers.Add(place.File, source);
        }

        int first = Documents.Count;
        foreach (string document in positives) Documents.Add(Pool.Intern(document));
        foreach (string document in negatives) Documents.Add(Pool.Intern(document));
        Rows.Add(new Row(
            source,
            place.Index,
            place.Line,
            Pool.Append(questionId),
            Pool.Intern(question),
            Pool.Intern(corpusId),
            hasTexts,
            first,
            positives.Count,
            negatives.Count));
    }
}
