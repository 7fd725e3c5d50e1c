using System.Globalization;
using System.Numerics.Tensors;
using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Training.Demo;
using Sirocco.Training;

namespace Sirocco.Benchmarks;

/// <summary>
/// What narrower products cost in quality: the cosine of each embedding to its f32 twin, and ranking metrics on the shipped package descriptions.
/// Prints the table of docs/precision.md.
/// </summary>
internal static class PrecisionAccuracy
{
    private const int Cutoff = 10;

    /// <param name="model">An embedding model's folder.</param>
    /// <param name="demo">The repository's demo folder.</param>
    /// <param name="queries">Test queries to rank.</param>
    /// <param name="documents">Documents to rank: those that the queries look for, filled up from the start of the corpus.</param>
    public static void Print(string model, string demo, int queries, int documents)
    {
        PackageSearchData data = PackageSearchData.Load(demo);
        PackageQuery[] asked = [.. data.TestQueries.Take(queries)];
        HashSet<string> wanted = [.. asked.Select(query => query.Positive)];
        PackageDescription[] corpus =
        [
            .. data.Documents.Where(document => wanted.Contains(document.Id)),
            .. data.Documents.Where(document => !wanted.Contains(document.Id)).Take(Math.Max(0, documents - wanted.Count)),
        ];

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{asked.Length} queries over {corpus.Length} documents"));
        Console.WriteLine("| precision | mean cosine to f32 | lowest | MRR@10 | Recall@10 | nDCG@10 |");
        Console.WriteLine("|---|---|---|---|---|---|");
        float[][]? exactQueries = null, exactDocuments = null;
        foreach (Precision precision in (Precision[])[Precision.F32, Precision.BF16, Precision.Int8])
        {
            using Embedder embedder = Embedder.FromPretrained(model, new EmbedderOptions { Precision = precision, IsCausal = false, Normalize = true, MaxLength = 128 });
            float[][] left = embedder.Embed([.. asked.Select(query => query.Query)], prompt: embedder.QueryPrompt);
            float[][] right = embedder.Embed([.. corpus.Select(document => document.Text)], prompt: embedder.DocumentPrompt);
            exactQueries ??= left;
            exactDocuments ??= right;
            float[] cosines = [.. Cosines(exactQueries, left), .. Cosines(exactDocuments, right)];
            RetrievalMetrics metrics = Rank(asked, corpus, left, right);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {precision} | {cosines.Average():0.00000} | {cosines.Min():0.0000} | {metrics.ReciprocalRank:0.000} | {metrics.Recall:0.000} | {metrics.NormalizedGain:0.000} |"));
        }
    }

    private static IEnumerable<float> Cosines(float[][] exact, float[][] other) => exact.Zip(other, (a, b) => TensorPrimitives.CosineSimilarity<float>(a, b));

    private static RetrievalMetrics Rank(PackageQuery[] queries, PackageDescription[] documents, float[][] left, float[][] right)
    {
        RetrievalMetrics metrics = new(Cutoff);
        for (int i = 0; i < queries.Length; i++)
        {
            float[] query = left[i];
            string[] best =
            [
                .. documents.Select((document, row) => (document.Id, Score: TensorPrimitives.Dot<float>(query, right[row])))
                    .OrderByDescending(pair => pair.Score).ThenBy(pair => pair.Id, StringComparer.Ordinal).Take(Cutoff).Select(pair => pair.Id),
            ];
            metrics.Add<string>(best, new HashSet<string> { queries[i].Positive });
        }

        return metrics;
    }
}
