using System.CommandLine;
using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Cli.Verbs.Eval;
using Sirocco.Models;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco eval</c>: how well models, indexes or runs of other programs find the right documents, in one table.</summary>
internal sealed class EvalVerb : Verb
{
    private const string DefaultMetrics = "ndcg@10,mrr@10,recall@10,recall@100,map@100";

    private readonly Argument<string[]> inputs = new("MODEL")
    {
        Description = "Model folders or hub ids, .gguf files, indexes of `sirocco index`, TREC run files; each is a row of the table",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> corpus = new("--corpus")
    {
        Description = "Documents with _id or id, text and perhaps title: .jsonl (also .gz), .csv, .tsv, .parquet, .arrow, a BEIR or corpus folder",
        HelpName = "FILE",
    };

    private readonly Option<string?> queries = new("--queries")
    {
        Description = "Queries: records with query or text, _id or id, and positive (an id or a list) where there is no --qrels",
        HelpName = "FILE",
    };

    private readonly Option<string?> qrels = new("--qrels") { Description = "Judgements: BEIR's .tsv or TREC's four columns, also .gz", HelpName = "FILE" };

    private readonly Option<string?> pairs = new("--pairs")
    {
        Description = "Instead of a search: sentence1, sentence2, score; correlations of the cosine with the score",
        HelpName = "FILE",
    };

    private readonly Option<string> metrics = new("--metrics")
    {
        Description = "Names with commas between, such as ndcg@10, mrr@10, recall@100, map, p@5, success@1",
        HelpName = "LIST",
        DefaultValueFactory = _ => DefaultMetrics,
    };

    private readonly Option<bool> bm25 = new("--bm25") { Description = "Add a row for BM25, the baseline without a model" };

    private readonly Option<string?> dimensions = new("--dimensions")
    {
        Description = "Keep the first N features of each vector; several numbers with commas between make a row each",
        HelpName = "N,…",
    };

    private readonly Option<string> store = new("--store")
    {
        Description = "How vectors are kept: f32, int8, binary; several with commas between make a row each",
        HelpName = "LIST",
        DefaultValueFactory = _ => "f32",
    };

    private readonly Option<string> precision = new("--precision")
    {
        Description = "How weights are held and multiplied: auto, f32, bf16, int8; several with commas between make a row each",
        HelpName = "LIST",
        DefaultValueFactory = _ => "auto",
    };

    private readonly Option<string?> queryPrompt = new("--query-prompt")
    {
        Description = "Put this before each query [the model's prompt for queries]",
        HelpName = "STR",
    };

    private readonly Option<string?> prompt = new("--prompt")
    {
        Description = "Put this before each document [the model's prompt for documents]",
        HelpName = "STR",
    };

    private readonly Option<int?> top = CommonOptions.Integer("--top", "N", 1, 1 << 20, "Documents ranked for each query [as many as the metrics look at]");
    private readonly Option<int?> maxQueries = CommonOptions.Integer("--max-queries", "N", 1, int.MaxValue, "Ask the first N judged queries only");

    private readonly Option<string?> rerank = new("--rerank")
    {
        Description = "Add rows in which this reranker orders the best documents of each row",
        HelpName = "MODEL",
    };

    private readonly Option<int?> candidates = CommonOptions.Integer("--candidates", "N", 1, 1 << 20, "Documents that the reranker reads for each query [50]");

    private readonly Option<bool> compare = new("--compare")
    {
        Description = "Show how each row differs from the first: difference, t, p and Cohen's d of a paired t-test over queries",
    };

    private readonly Option<string> missing = CommonOptions.Choice("--missing", "zero",
        "What a judged query counts that a run lacks: 0, as in ir_measures, or nothing, as in pytrec_eval", "zero", "skip");

    private readonly Option<string?> output = new("--output")
    {
        Description = "Write the ranking as a TREC run; of several rows each with its number before the extension",
        HelpName = "FILE",
    };

    private readonly Option<string?> perQuery = new("--per-query")
    {
        Description = "Write the metrics of each query of each row as JSON Lines",
        HelpName = "FILE",
    };

    private readonly EncoderOptions encoder = new();

    public EvalVerb()
        : base("eval", "Measures how well models, indexes or runs find the right documents (definitions of trec_eval), several in one table.",
            new Example(
                "a model on the shipped test queries, beside BM25",
                "./sirocco eval ./demo-output --corpus demo/corpus.jsonl.gz --queries demo/queries.test.jsonl.gz --bm25"),
            new Example(
                "a BEIR data set: two models, cut to 256 features and kept as bytes too",
                "./sirocco eval ./base ./trained --corpus scifact/corpus.jsonl --queries scifact/queries.jsonl --qrels scifact/qrels/test.tsv"
                + " --dimensions 256,768 --store f32,int8 --compare"),
            new Example("what another program found", "./sirocco eval run.trec --qrels qrels.txt --metrics ndcg_cut_10,recip_rank,map --json"))
    {
        Add(inputs);
        Option[] options =
        [
            corpus, queries, qrels, pairs, metrics, bm25, dimensions, store, precision, queryPrompt, prompt, top, maxQueries, rerank, candidates,
            CommonOptions.RerankShare, compare, missing, output, perQuery,
            CommonOptions.Adapter,
        ];
        foreach (Option option in options) Add(option);
        encoder.AddTo(this, variants: true);
    }

    public override int Run(Invocation invocation)
    {
        string[] given = invocation.Get(inputs);
        EvaluationVariants variants = EvaluationVariants.Read(invocation.Get(precision)!, invocation.Get(dimensions), invocation.Get(store)!);
        EmbedderOptions options = encoder.Read(invocation) with { Adapter = invocation.Adapter() };
        if (invocation.Get(pairs) is { } file)
        {
            if (given.Length == 0) throw new UsageException("name the MODEL whose similarities are compared with --pairs");
            invocation.Refuse(
                "has no use with --pairs, which searches nothing; leave it out",
                corpus, queries, qrels, metrics, bm25, store, prompt, top, maxQueries, rerank, candidates, CommonOptions.RerankShare, compare, missing, output,
                perQuery);
            return PairSimilarity.Run(invocation, file, given, options, variants, invocation.Get(queryPrompt));
        }

        RetrievalMetric[] measured = Metrics(invocation.Get(metrics)!);
        if (given.Length == 0 && !invocation.Get(bm25)) throw new UsageException("name a MODEL, an index or a run file to evaluate, or give --bm25");
        Subject[] subjects = [.. given.Select(Subject.Of)];
        RequireMeaning(invocation, subjects, variants);
        string? ranking = invocation.Get(output), values = invocation.Get(perQuery);
        DataFiles.RequireFolder("--output", ranking);
        DataFiles.RequireFolder("--per-query", values);
        EvaluationData data = Read(invocation, subjects);
        EvaluationRuns runs = new(invocation, data, new ModelSearchOptions
        {
            Top = invocation.Get(top)
                ?? Math.Max(SearchDepth.Of(measured), invocation.Get(rerank) is null ? 0 : invocation.Get(candidates) ?? Reranker.DefaultCandidates),
            QueryPrompt = invocation.Get(queryPrompt),
            DocumentPrompt = invocation.Get(prompt),
            NormalizeCuts = options.Normalize,
        });
        foreach (Subject subject in subjects) runs.Add(subject, options, variants);
        if (invocation.Get(bm25)) runs.AddBm25();
        if (invocation.Get(rerank) is { } judge) runs.AddReranked(judge, invocation.Get(candidates), invocation.Get(CommonOptions.RerankShare) ?? 1, options);

        EvaluationReport report = new(runs.Rows, data, measured, invocation.Get(missing) == "skip" ? MissingQueries.LeftOut : MissingQueries.Zero);
        if (invocation.Json) report.WriteJson(invocation.Terminal);
        else report.WriteTable(invocation.Terminal, invocation.Get(compare));
        if (values is not null) report.WriteQueries(values, invocation.Terminal);
        if (ranking is not null) WriteRuns(invocation, ranking, runs.Rows);
        return ExitStatus.Success;
    }

    /// <summary>Refuses options that nothing of what is measured would read.</summary>
    private void RequireMeaning(Invocation invocation, Subject[] subjects, EvaluationVariants variants)
    {
        bool embeds = subjects.Any(subject => subject.Kind == SubjectKind.Model), asksIndexes = subjects.Any(subject => subject.Kind == SubjectKind.Index);
        if (invocation.Get(rerank) is null) invocation.Refuse("needs --rerank MODEL", candidates, CommonOptions.RerankShare);
        if (invocation.Get(queries) is null) invocation.Refuse("needs --queries FILE", maxQueries);
        if (!embeds) invocation.Refuse("needs a MODEL that embeds the documents", prompt, CommonOptions.Adapter);
        if (!embeds && !asksIndexes) invocation.Refuse("needs a MODEL or an index, whose vectors it changes", dimensions, store);
        if (!embeds && !(asksIndexes && variants.ChangeVectors)) invocation.Refuse("needs a MODEL; an index has the prompt that it was made with", queryPrompt);
        if (!embeds && !asksIndexes && !invocation.Get(bm25)) invocation.Refuse("needs a MODEL, an index or --bm25 that searches", top);
    }

    private static RetrievalMetric[] Metrics(string list)
    {
        string[] names = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (names.Length == 0) throw new UsageException("--metrics names no metric; leave the option out or name one, such as ndcg@10");
        return [.. names.Select(name => Invocation.Load(() => RetrievalMetric.Parse(name))).DistinctBy(metric => metric.Name)];
    }

    private EvaluationData Read(Invocation invocation, Subject[] subjects)
    {
        (string? documents, string? questions, string? judgements) = (invocation.Get(corpus), invocation.Get(queries), invocation.Get(qrels));
        bool searches = subjects.Any(subject => subject.Kind != SubjectKind.Run) || invocation.Get(bm25);
        bool readsCorpus = subjects.Any(subject => subject.Kind == SubjectKind.Model) || invocation.Get(bm25) || invocation.Get(rerank) is not null;
        if ((searches || invocation.Get(rerank) is not null) && questions is null) throw new UsageException("give the queries with --queries FILE");
        if (readsCorpus && documents is null) throw new UsageException("give the documents with --corpus FILE");
        if (questions is null && judgements is null)
            throw new UsageException("give judgements with --qrels FILE, or --queries FILE whose records name their positives");
        RetrievalQueries? asked = questions is null ? null : RetrievalQueries.Load(questions, judgements, invocation.Get(maxQueries));
        Corpus? known = readsCorpus ? EvaluationCorpus.Load(documents!, invocation.Cancellation) : null;
        if (known is not null && asked!.MissingFrom(known) is { Count: > 0 } missingDocuments)
        {
            if (judgements is null)
            {
                throw new InvalidDataException(
                    $"{questions} names the document '{missingDocuments.First}', which {documents} lacks; add it or remove the query");
            }
            invocation.Notice(string.Create(CultureInfo.InvariantCulture, $"note: {documents} lacks {missingDocuments.Count:N0} relevant documents of "
                + $"{judgements}, such as '{missingDocuments.First}'; they count as not found"));
        }

        return new EvaluationData(known, asked?.Judged ?? [], asked?.Judgements ?? RelevanceJudgements.Load(judgements!));
    }

    private static void WriteRuns(Invocation invocation, string path, IReadOnlyList<EvaluationRow> rows)
    {
        for (int i = 0; i < rows.Count; i++)
        {
            string name = rows.Count == 1 ? path : Path.ChangeExtension(path, $"{(i + 1).ToString(CultureInfo.InvariantCulture)}{Path.GetExtension(path)}");
            using OutputFile file = OutputFile.Open(name, invocation.Terminal);
            rows[i].Run.Write(file.Stream, rows[i].Name);
            file.Commit();
            if (rows.Count > 1) invocation.Notice($"{rows[i].Name} is in {name}");
        }
    }
}
