using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training.Demo;

/// <summary>Builds the index of all documents with the encoder as it is, and searches it: what is measured is what is left on disk.</summary>
internal sealed class PackageSearchEvaluation(
    ComputeContext context, BiEncoder model, PackageSearchTask task, DemonstrationRecipe recipe, Precision precision, string folder) : IDisposable
{
    private const int Cutoff = 10;
    private VectorIndex? index;

    /// <summary>Replaces the index and ranks its documents for every test query.</summary>
    /// <param name="modelFolder">Where the model will be found that made the index.</param>
    /// <param name="encoded">Told how many of all documents have their vector.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public SearchQuality Measure(string modelFolder, Action<int, int>? encoded, CancellationToken cancellation)
    {
        int count = task.Documents.Count, features = model.Features;
        float[] vectors = CorpusEncoding.Encode(
            model, context, task.DocumentTokens, recipe.IndexedLength, precision, done => encoded?.Invoke(done, count), cancellation);
        string path = Path.Combine(folder, Demonstration.IndexFolder);
        index?.Dispose();
        IndexDescription description = new()
        {
            Dimensions = features,
            Store = VectorStore.F32,
            Model = modelFolder,
            Fingerprint = modelFolder.Length == 0 ? "" : ModelFingerprint.Of(folder),
        };
        using (VectorIndexBuilder builder = new(path, description))
        {
            for (int i = 0; i < count; i++) builder.Add(task.Documents[i].Id, task.Documents[i].Text, vectors.AsSpan(i * features, features));
            builder.Commit();
        }

        index = VectorIndex.Open(path);
        float[] queries = CorpusEncoding.Encode(model, context, task.QueryTokens, recipe.QueryLength, precision, null, cancellation);
        IReadOnlyList<IReadOnlyList<(int Row, float Score)>> found = index.SearchRows(queries, Cutoff, context.Threads, cancellation);
        return task.Measure([.. found.Select(hits => hits.Select(hit => hit.Row).ToArray())], Cutoff);
    }

    public IReadOnlyList<ExampleSearch> Search(Tokenizer tokenizer, IReadOnlyList<string> queries, int top, CancellationToken cancellation)
    {
        VectorIndex built = index ?? throw new InvalidOperationException("no index was built");
        float[] vectors = CorpusEncoding.Encode(
            model, context, PackageSearchData.Tokenize(tokenizer, queries), recipe.QueryLength, precision, null, cancellation);
        return [.. built.Search(vectors, top, context.Threads, cancellation).Select((hits, i) => new ExampleSearch(queries[i], hits))];
    }

    public void Dispose()
    {
        index?.Dispose();
        index = null;
    }
}
