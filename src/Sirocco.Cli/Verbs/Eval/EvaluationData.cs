using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Eval;

/// <summary>What everything in one table is measured on.</summary>
/// <param name="Corpus">The documents; null where nothing needs their texts.</param>
/// <param name="Queries">What is asked; none where only runs are measured.</param>
/// <param name="Judgements">The right answers.</param>
internal sealed record EvaluationData(Corpus? Corpus, IReadOnlyList<RetrievalQuery> Queries, RelevanceJudgements Judgements);

/// <summary>A row of the table.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Run">What it found.</param>
internal sealed record EvaluationRow(string Name, RetrievalRun Run);
