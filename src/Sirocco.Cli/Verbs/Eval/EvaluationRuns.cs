using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Eval;

/// <summary>Makes the rankings that a table compares.</summary>
internal sealed class EvaluationRuns(Invocation invocation, EvaluationData data, ModelSearchOptions options)
{
    private const int QueriesAtOnce = 64;

    private readonly List<EvaluationRow> rows = [];

    public IReadOnlyList<EvaluationRow> Rows => rows;

    public void Add(Subject subject, EmbedderOptions encoder, EvaluationVariants variants)
    {
        switch (subject.Kind)
        {
            case SubjectKind.Run:
                rows.Add(new EvaluationRow(subject.Name, RetrievalRun.Load(subject.Name)));
                break;
            case SubjectKind.Index:
                AddIndex(subject.Name, encoder, variants);
                break;
            default:
                foreach (Precision? precision in variants.Precisions) AddModel(subject.Name, encoder with { Precision = precision }, variants);
                break;
        }
    }

    public void AddBm25()
    {
        Corpus corpus = data.Corpus!;
        Bm25Index index;
        using (ProgressLine reading = invocation.Progress("indexing words", "documents", corpus.Count)) index = new Bm25Index(Texts(corpus, reading));
        using ProgressLine progress = invocation.Progress("BM25", "queries", data.Queries.Count);
        RetrievalRun run = new();
        foreach (RetrievalQuery[] batch in data.Queries.Chunk(QueriesAtOnce))
        {
            IReadOnlyList<Bm25Hit>[] found =
                [.. batch.AsParallel().AsOrdered().WithCancellation(invocation.Cancellation).Select(query => index.Search(query.Text, options.Top))];
            for (int i = 0; i < batch.Length; i++) run.Add(batch[i].Id, found[i].Select(hit => new ScoredDocument(corpus.IdOf(hit.Document), hit.Score)));
            progress.Report(run.Queries.Count);
        }

        rows.Add(new EvaluationRow("BM25", run));
    }

    /// <summary>
    /// For every row so far another one, in which a reranker orders the best documents, alone or with the row's own scores; those that it does not read
    /// stay behind them in their order.
    /// </summary>
    public void AddReranked(string model, int? candidates, double share, EmbedderOptions encoder)
    {
        RerankerOptions settings = new() { Threads = encoder.Threads, Deterministic = encoder.Deterministic };
        using Reranker reranker = Invocation.Load(() => Reranker.FromPretrained(invocation.Model(model), settings));
        int read = candidates ?? Reranker.DefaultCandidates;
        foreach (EvaluationRow row in rows.ToArray())
        {
            using ProgressLine progress = invocation.Progress($"reranking {row.Name}", "queries", data.Queries.Count);
            RetrievalRun run = new();
            foreach (RetrievalQuery query in data.Queries.Where(query => row.Run.Contains(query.Id)))
            {
                run.Add(query.Id, Rerank(reranker, query, row.Run.Ranking(query.Id), read, share));
                progress.Report(run.Queries.Count);
            }

            string judge = share == 1 ? model : string.Create(CultureInfo.InvariantCulture, $"{share} {model}");
            rows.Add(new EvaluationRow($"{row.Name} + {judge}", run));
        }
    }

    private IEnumerable<ScoredDocument> Rerank(Reranker reranker, RetrievalQuery query, ScoredDocument[] found, int read, double share)
    {
        ScoredDocument[] first = [.. found.Take(read)];
        string[] texts = [.. first.Select(hit => Text(hit.Document))];
        float[] scores = [.. first.Select(hit => (float)hit.Score)];
        IReadOnlyList<RankedDocument> ranked = reranker.Rank(query.Text, texts, scores, share, cancellation: invocation.Cancellation);
        foreach (RankedDocument document in ranked) yield return first[document.Index] with { Score = document.Score };
        float least = ranked.Count == 0 ? 0 : ranked[^1].Score;
        for (int i = first.Length; i < found.Length; i++) yield return found[i] with { Score = least - (i - first.Length + 1) };
    }

    private string Text(string document) => data.Corpus!.Find(document) is >= 0 and var row ? data.Corpus.TextOf(row)
        : throw new InvalidDataException(
            $"{data.Corpus.Description.Path} lacks the document '{document}', which a reranker should read; give the corpus that was searched");

    private IEnumerable<string> Texts(Corpus corpus, ProgressLine progress)
    {
        for (int i = 0; i < corpus.Count; i++)
        {
            invocation.Cancellation.ThrowIfCancellationRequested();
            progress.Report(i);
            yield return corpus.TextOf(i);
        }
    }

    private void AddModel(string model, EmbedderOptions encoder, EvaluationVariants variants)
    {
        string folder = invocation.Model(model);
        using Embedder embedder = Invocation.Load(() => Embedder.FromPretrained(folder, encoder));
        if (embedder.Notice is { } notice) invocation.Notice("note: " + notice);
        using ProgressLine progress = invocation.Progress($"embedding with {model}", "texts", (long)data.Queries.Count + data.Corpus!.Count);
        IReadOnlyList<RetrievalRun> runs = Invocation.Load(() => ModelSearch.Run(
            embedder, data.Corpus, data.Queries, variants.Vectors, options, new Callback<int>(done => progress.Report(done)), invocation.Cancellation));
        AddVariants(model, encoder.Precision, variants, runs);
        if (embedder.TextsCut > 0) invocation.Notice($"note: {embedder.TextsCut} texts were longer than {embedder.MaxLength} tokens and were cut");
    }

    /// <summary>A row for each way of keeping vectors.</summary>
    private void AddVariants(string name, Precision? precision, EvaluationVariants variants, IReadOnlyList<RetrievalRun> runs)
    {
        foreach ((VectorVariant vectors, RetrievalRun run) in variants.Vectors.Zip(runs))
            rows.Add(new EvaluationRow(variants.Name(name, precision, vectors), run));
    }

    private void AddIndex(string place, EmbedderOptions encoder, EvaluationVariants variants)
    {
        using SemanticIndex index = SemanticIndex.Open(
            place, new SearchOptions { Locate = invocation.Model, Threads = encoder.Threads, Deterministic = encoder.Deterministic });
        using ProgressLine progress = invocation.Progress($"searching {place}", "queries", data.Queries.Count);
        if (variants.ChangeVectors)
        {
            IReadOnlyList<RetrievalRun> runs = Invocation.Load(() => ModelSearch.Run(
                index, data.Queries, variants.Vectors, options, new Callback<int>(done => progress.Report(done)), invocation.Cancellation));
            AddVariants(place, null, variants, runs);
            return;
        }

        RetrievalRun run = new();
        foreach (RetrievalQuery[] batch in data.Queries.Chunk(QueriesAtOnce))
        {
            IReadOnlyList<IReadOnlyList<SearchHit>> found = index.Search(
                [.. batch.Select(query => query.Text)], options.Top, cancellation: invocation.Cancellation);
            for (int i = 0; i < batch.Length; i++)
            {
                if (found[i].Any(hit => !float.IsFinite(hit.Score)))
                    throw new InvalidDataException($"{place} gives scores that are no numbers, so its vectors are damaged; make the index again");
                run.Add(batch[i].Id, found[i].DistinctBy(hit => hit.Id).Select(hit => new ScoredDocument(hit.Id, hit.Score)));
            }

            progress.Report(run.Queries.Count);
        }

        rows.Add(new EvaluationRow(place, run));
    }
}
