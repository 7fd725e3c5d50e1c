using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// Search of a whole corpus with a model that is being trained. Texts are read and tokenized once; every evaluation then encodes and ranks them anew.
/// <code>
/// CorpusEvaluation evaluation = CorpusEvaluation.Load(options, tokenizer, collator);
/// double quality = evaluation.Evaluate(model, context, Precision.BF16)["ndcg@10"];
/// </code>
/// </summary>
/// <remarks>The same weights give the same figures, whatever was computed before.</remarks>
internal sealed class CorpusEvaluation
{
    private const int BlockDocuments = 1024;

    private readonly IReadOnlyList<RetrievalMetric> metrics;
    private readonly RelevanceJudgements judgements;
    private readonly string[] queryIds;
    private readonly string[] documentIds;
    private readonly TokenizedTexts queries;
    private readonly TokenizedTexts documents;

    private CorpusEvaluation(
        IReadOnlyList<RetrievalMetric> metrics,
        RelevanceJudgements judgements,
        string[] queryIds,
        TokenizedTexts queries,
        string[] documentIds,
        TokenizedTexts documents)
    {
        this.metrics = metrics;
        this.judgements = judgements;
        this.queryIds = queryIds;
        this.queries = queries;
        this.documentIds = documentIds;
        this.documents = documents;
    }

    /// <summary>Queries that are asked.</summary>
    public int Queries => queryIds.Length;

    /// <summary>Documents that are searched.</summary>
    public int Documents => documentIds.Length;

    /// <summary>Reads and tokenizes what the options name.</summary>
    /// <param name="options">Corpus, queries, judgements, metrics, limits.</param>
    /// <param name="tokenizer">The recipe's.</param>
    /// <param name="texts">Prefixes of queries and passages, and their lengths where the options give none, as in training.</param>
    /// <param name="cancellation">Stops between documents.</param>
    /// <exception cref="InvalidDataException">A file is damaged, or a query names a document that the corpus lacks.</exception>
    /// <exception cref="ArgumentException">There is no metric of a name.</exception>
    public static CorpusEvaluation Load(
        CorpusEvaluationOptions options, TrainingTokenizer tokenizer, BiEncoderCollatorOptions texts, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(texts);
        RetrievalMetric[] metrics = [.. options.Metrics.Select(RetrievalMetric.Parse)];
        RetrievalQueries asked = RetrievalQueries.Load(options.Queries, options.Judgements, options.MaximumQueries);
        Corpus corpus = EvaluationCorpus.Load(options.Corpus, cancellation);
        if (options.Judgements is null && asked.MissingFrom(corpus) is { Count: > 0, First: { } missing })
            throw new InvalidDataException($"{options.Queries}: names the document '{missing}', which {options.Corpus} lacks");
        int[] rows = Chosen(corpus, asked.Judgements, options.MaximumDocuments);
        (string queryPrefix, string passagePrefix) = texts.UseDatasetInstruction
            ? (corpus.Description.QueryInstruction, corpus.Description.PassageInstruction)
            : (texts.QueryPrefix, texts.PassagePrefix);
        return new CorpusEvaluation(
            metrics,
            asked.Judgements,
            [.. asked.Judged.Select(query => query.Id)],
            Tokenize(
                asked.Judged.Count,
                i => asked.Judged[i].Text,
                queryPrefix,
                options.QueryLength ?? texts.QueryLength,
                i => $"{options.Queries}: query '{asked.Judged[i].Id}'"),
            [.. rows.Select(corpus.IdOf)],
            Tokenize(
                rows.Length,
                i => corpus.TextOf(rows[i]),
                passagePrefix,
                options.PassageLength ?? texts.PassageLength,
                i => $"{options.Corpus}: document '{corpus.IdOf(rows[i])}'"));

        TokenizedTexts Tokenize(int count, Func<int, string> text, string prefix, int length, Func<int, string> place) =>
            TokenizedTexts.From([.. Enumerable.Range(0, count).AsParallel().AsOrdered().WithCancellation(cancellation).Select(i =>
            {
                int[] ids = tokenizer.Encode(prefix.Length == 0 ? text(i) : $"{prefix} {text(i)}", length);
                return ids.Length > 0
                    ? ids
                    : throw new InvalidDataException($"{place(i)} gives no tokens; remove it, or use a tokenizer that adds a begin or end token");
            })]);
    }

    /// <summary>Encodes queries and documents, and ranks every document for every query by inner product.</summary>
    /// <param name="model">The encoder as it is now.</param>
    /// <param name="context">The device.</param>
    /// <param name="precision">Of the network's products; scores are always in f32.</param>
    /// <param name="progress">Called with the number of documents done.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns>The mean of each metric, by its name.</returns>
    /// <exception cref="InvalidDataException">The model gives vectors that are no numbers.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(
        BiEncoder model, ComputeContext context, Precision precision, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(context);
        int features = model.Features;
        ExactRanking ranking = new(
            context, CorpusEncoding.Encode(model, context, queries, int.MaxValue, precision, null, cancellation), features, SearchDepth.Of(metrics));
        float[] block = new float[Math.Min(BlockDocuments, Documents) * features];
        int held = 0;
        foreach (float[] vector in CorpusEncoding.Stream(model, context, documents, int.MaxValue, precision, progress, cancellation))
        {
            vector.CopyTo(block, held++ * features);
            if (held * features < block.Length) continue;
            ranking.Add(block, cancellation);
            held = 0;
        }

        ranking.Add(block.AsSpan(0, held * features), cancellation);
        RetrievalRun run = new();
        (int Document, float Score)[][] best = ranking.Best();
        for (int q = 0; q < best.Length; q++)
        {
            if (best[q].Any(hit => float.IsNaN(hit.Score)))
                throw new TrainingDivergedException("the model gives vectors that are no numbers; lower the learning rate or train in f32");
            run.Add(queryIds[q], best[q].Select(hit => new ScoredDocument(documentIds[hit.Document], hit.Score)));
        }

        RetrievalScores scores = RetrievalScores.Of(run, judgements, metrics);
        return metrics.Select((metric, m) => (metric.Name, scores.Mean(m))).DistinctBy(entry => entry.Name)
            .ToDictionary(entry => entry.Name, entry => entry.Item2, StringComparer.Ordinal);
    }

    /// <summary>All documents, or the relevant ones and the first others up to a limit, in the order of the corpus.</summary>
    private static int[] Chosen(Corpus corpus, RelevanceJudgements judgements, int? most)
    {
        IEnumerable<int> all = Enumerable.Range(0, corpus.Count);
        if (most is not { } limit || limit >= corpus.Count) return [.. all];
        HashSet<int> relevant = [.. judgements.Queries.SelectMany(query => judgements.Of(query)).Where(judged => judged.Value > 0)
            .Select(judged => corpus.Find(judged.Key)).Where(document => document >= 0)];
        return [.. relevant.Concat(all.Where(document => !relevant.Contains(document)).Take(Math.Max(0, limit - relevant.Count))).Order()];
    }
}
