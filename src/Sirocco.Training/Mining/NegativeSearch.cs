using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What the search found for a question.</summary>
/// <param name="Positives">Score of each positive, in the order of the record.</param>
/// <param name="Candidates">Documents that may be negatives, best first; those that only fill the list come last, with score −∞.</param>
internal sealed record FoundNegatives(float[] Positives, (int Document, float Score)[] Candidates);

/// <summary>Vectors of the documents: one file, or chunks of equal size.</summary>
/// <param name="Files">The chunks.</param>
/// <param name="ChunkSize">Documents of each but the last.</param>
internal sealed record DocumentVectors(IReadOnlyList<EmbeddingFile> Files, int ChunkSize) : IDisposable
{
    public int Features => Files[0].Features;

    public int Count => Files.Sum(file => file.Rows);

    public void Read(int document, Span<float> destination) => Files[document / ChunkSize].Read(document % ChunkSize, destination);

    public void Dispose()
    {
        foreach (EmbeddingFile file in Files) file.Dispose();
    }
}

/// <summary>
/// The best documents of each question that are no positives and do not come too near to them, by comparing every question with every document. Vectors stay on
/// disk: a block of questions with all that is kept for it takes at most <see cref="QuestionBytes"/>, a block of documents <see cref="DocumentBytes"/>, their
/// scores mining_batch_size · <see cref="MostDocumentRows"/> · 4 bytes; each block of questions reads the documents once.
/// </summary>
internal sealed class NegativeSearch
{
    private const long QuestionBytes = 256 << 20;
    private const int DocumentBytes = 32 << 20, MostDocumentRows = 8192;
    private const int HeapEntryBytes = 16;

    private readonly ComputeContext context;
    private readonly MiningRecipe recipe;
    private readonly int features;
    private readonly int wanted;

    /// <param name="context">The device.</param>
    /// <param name="recipe">Margin, and how many negatives.</param>
    /// <param name="features">Length of a vector.</param>
    /// <param name="wanted">Candidates for a question.</param>
    public NegativeSearch(ComputeContext context, MiningRecipe recipe, int features, int wanted) =>
        (this.context, this.recipe, this.features, this.wanted) = (context, recipe, features, wanted);

    /// <summary>Searches for all questions, block by block, in order.</summary>
    /// <param name="questions">Vectors of the questions.</param>
    /// <param name="documents">Vectors of the documents.</param>
    /// <param name="positives">Documents of a question that are right answers, as the record has them.</param>
    /// <param name="excluded">Further documents that are no negatives of a question, ascending.</param>
    /// <param name="progress">Called with the number of pairs compared.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    public IEnumerable<FoundNegatives> Run(
        EmbeddingFile questions,
        DocumentVectors documents,
        Func<int, int[]> positives,
        Func<int, int[]> excluded,
        Action<long>? progress,
        CancellationToken cancellation)
    {
        int count = documents.Count;
        long compared = 0;
        for (int start = 0, next; start < questions.Rows; start = next)
        {
            Block block = new(this, questions, start, positives, excluded);
            next = start + block.Count;
            block.ScorePositives(documents, cancellation);
            int rows = Math.Clamp(DocumentBytes / (features * sizeof(float)), 1, MostDocumentRows);
            for (int first = 0; first < count;)
            {
                int taken = Math.Min(Math.Min(rows, documents.ChunkSize - (first % documents.ChunkSize)), count - first);
                block.Compare(documents, first, taken, cancellation);
                first += taken;
                compared += (long)taken * block.Count;
                progress?.Invoke(compared);
            }

            foreach (FoundNegatives found in block.Results(count)) yield return found;
        }
    }

    /// <summary>Questions that are compared in one pass over the documents.</summary>
    private sealed class Block
    {
        private readonly NegativeSearch search;
        private readonly float[] vectors;
        private readonly int[][] positives;
        private readonly int[][] hidden;      // positives and excluded documents, ascending
        private readonly float[][] positiveScores;
        private readonly float[] thresholds;
        private readonly BestRows[] best;

        public Block(NegativeSearch search, EmbeddingFile questions, int start, Func<int, int[]> positivesOf, Func<int, int[]> excludedOf)
        {
            this.search = search;
            List<int[]> right = [], all = [];
            long bytes = 0;
            for (int question = start; question < questions.Rows; question++)
            {
                int[] own = positivesOf(question);
                bytes += ((long)(1 + own.Length) * search.features * sizeof(float)) + ((long)search.wanted * HeapEntryBytes);
                if (right.Count > 0 && bytes > QuestionBytes) break;
                right.Add(own);
                all.Add([.. own.Union(excludedOf(question)).Order()]);
            }

            (positives, hidden) = ([.. right], [.. all]);
            vectors = new float[checked(Count * search.features)];
            questions.Read(start, vectors);
            positiveScores = new float[Count][];
            thresholds = new float[Count];
            best = [.. Enumerable.Range(0, Count).Select(_ => new BestRows(search.wanted))];
        }

        public int Count => positives.Length;

        private int Tile => Math.Min(search.recipe.QueriesAtOnce, Count);

        /// <summary>
        /// Scores of positives come from the product that scores all other documents, so that a document with a positive's text scores exactly as it does.
        /// </summary>
        public void ScorePositives(DocumentVectors documents, CancellationToken cancellation)
        {
            int features = search.features;
            for (int start = 0; start < Count; start += Tile)
            {
                cancellation.ThrowIfCancellationRequested();
                int end = Math.Min(start + Tile, Count);
                int[] distinct = [.. positives[start..end].SelectMany(own => own).Distinct().Order()];
                float[] rows = new float[distinct.Length * features];
                for (int i = 0; i < distinct.Length; i++) documents.Read(distinct[i], rows.AsSpan(i * features, features));
                float[] scores = Scores(rows, start, end, distinct.Length);
                for (int q = start; q < end; q++)
                {
                    positiveScores[q] = [.. positives[q].Select(document => scores[((q - start) * distinct.Length) + Array.BinarySearch(distinct, document)])];
                    thresholds[q] = search.Threshold(positiveScores[q].Length == 0 ? 0 : positiveScores[q].Min());
                }
            }
        }

        /// <summary>Offers a block of documents to every question.</summary>
        public void Compare(DocumentVectors documents, int first, int count, CancellationToken cancellation)
        {
            float[] rows = new float[count * search.features];
            documents.Read(first, rows);
            using Scope f = search.context.BeginScope(cancellation: cancellation);
            Tensor uploaded = f.Upload(rows, count, search.features);
            for (int start = 0; start < Count; start += Tile)
            {
                cancellation.ThrowIfCancellationRequested();
                int end = Math.Min(start + Tile, Count), offset = start;
                float[] scores = Scores(f, uploaded, start, end);
                Parallel.For(
                    start,
                    end,
                    new ParallelOptions { MaxDegreeOfParallelism = search.context.Threads },
                    q => Offer(q, scores.AsSpan((q - offset) * count, count), first));
            }
        }

        public IEnumerable<FoundNegatives> Results(int documents)
        {
            for (int q = 0; q < Count; q++)
            {
                List<(int Document, float Score)> found = [.. best[q].Ranked()];
                int possible = Math.Min(search.wanted, documents - hidden[q].Length);
                if (!search.recipe.FiniteOnly && found.Count < possible) Fill(found, hidden[q], possible);
                yield return new FoundNegatives(positiveScores[q], [.. found]);
            }
        }

        /// <summary>
        /// As the original's top-k does, completes a list with documents that the margin removed. Which of them has no meaning (they all score −∞); here they
        /// are those with the lowest ids.
        /// </summary>
        private static void Fill(List<(int Document, float Score)> found, int[] hidden, int count)
        {
            HashSet<int> taken = [.. found.Select(hit => hit.Document), .. hidden];
            for (int document = 0; found.Count < count; document++)
            {
                if (!taken.Contains(document)) found.Add((document, float.NegativeInfinity));
            }
        }

        private void Offer(int question, Span<float> scores, int first)
        {
            int[] never = hidden[question];
            int at = Array.BinarySearch(never, first);
            for (int i = at < 0 ? ~at : at; i < never.Length && never[i] < first + scores.Length; i++) scores[never[i] - first] = float.PositiveInfinity;
            float threshold = thresholds[question];
            BestRows rows = best[question];
            for (int i = 0; i < scores.Length; i++)
            {
                if (scores[i] <= threshold && float.IsFinite(scores[i])) rows.Add(first + i, scores[i]);
            }
        }

        private float[] Scores(float[] rows, int start, int end, int count)
        {
            if (count == 0) return [];
            using Scope f = search.context.BeginScope();
            return Scores(f, f.Upload(rows, count, search.features), start, end);
        }

        private float[] Scores(Scope outer, Tensor documents, int start, int end)
        {
            using Scope f = outer.BeginScope();
            int features = search.features;
            return f.Scores(f.Upload(vectors.AsSpan(start * features, (end - start) * features), end - start, features), documents).ToArray();
        }
    }

    /// <summary>The highest score of a negative, in f32 as the original computes it.</summary>
    private float Threshold(float lowestPositive) => recipe.Margin is not { } margin ? float.PositiveInfinity
        : recipe.MarginType == MiningMargin.Absolute ? lowestPositive - (float)margin
        : lowestPositive * (float)margin;
}
