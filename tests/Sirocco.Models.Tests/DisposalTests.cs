using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests;

/// <summary>Models closed while other threads use them. A read of unmapped memory would end the test process.</summary>
public sealed class DisposalTests : IDisposable
{
    private const int Rounds = 12;
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_embedder_disposed_at_any_moment_of_embedding_ends_it_with_that_exception_or_lets_it_finish(bool damaged)
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("dense", temporary));
        if (damaged) Damage(Path.Combine(folder, "model.safetensors"));
        string[] texts = [.. Enumerable.Range(0, 40).Select(i => $"text number {i} of forty")];
        for (int round = 0; round < Rounds; round++)
        {
            Embedder embedder = Embedder.FromPretrained(folder, new EmbedderOptions { Threads = 2, BatchTokens = 32 });
            await CloseAmid(embedder, round, () => embedder.Embed(texts));
        }
    }

    [SkippableFact]
    public async Task A_reranker_disposed_at_any_moment_of_scoring_ends_it_with_that_exception_or_lets_it_finish()
    {
        string folder = Golden.SentenceTransformers("cross-encoder", temporary);
        for (int round = 0; round < Rounds; round++)
        {
            Reranker reranker = Reranker.FromPretrained(folder, new RerankerOptions { Threads = 2, BatchTokens = 32 });
            await CloseAmid(reranker, round, () => reranker.Rank("a query", ["a document", "another one", "and a third, which is longer"]));
        }
    }

    [SkippableFact]
    public async Task A_model_disposed_during_a_pass_keeps_its_weights_until_the_pass_ends()
    {
        string folder = Golden.SentenceTransformers("dense", temporary);
        for (int round = 0; round < Rounds; round++)
        {
            BiEncoder encoder = (BiEncoder)EncoderModel.FromPretrained(folder);
            await CloseAmid(encoder, round, () =>
            {
                using ComputeContext context = new(new ComputeOptions { Threads = 1 });
                using Scope f = context.BeginScope();
                encoder.Encode(f, TinyModels.Tokens(60, 1), Segments.FromLengths([20, 40]));
                Assert.Null(encoder.FirstDamagedParameter());
            });
        }
    }

    /// <summary>Runs a use on three threads until each was refused, and disposes after a few uses or, in every second round, at once.</summary>
    private static async Task CloseAmid(IDisposable model, int round, Action use)
    {
        using SemaphoreSlim used = new(0);
        Task[] users = [.. Enumerable.Range(0, 3).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (bool open = true; open;)
                {
                    try
                    {
                        use();
                    }
                    catch (ObjectDisposedException)
                    {
                        open = false;
                    }
                    catch (InvalidDataException e)
                    {
                        Assert.Contains("is not a finite number because tensor 'layers.1.mlp.up_proj.weight'", e.Message, StringComparison.Ordinal);
                    }

                    used.Release();
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        for (int i = 0; i < round % 2 * round; i++) await used.WaitAsync();
        model.Dispose();
        await Task.WhenAll(users);
    }

    private static void Damage(string weights)
    {
        byte[] bytes = File.ReadAllBytes(weights);
        using (TensorArchive archive = TensorArchive.Open(weights))
            BitConverter.TryWriteBytes(bytes.AsSpan((int)archive["layers.1.mlp.up_proj.weight"].FileOffset + 40), float.NaN);
        File.WriteAllBytes(weights, bytes);
    }
}
