using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Vectors of many tokenized texts, for evaluation and mining.</summary>
internal static class CorpusEncoding
{
    /// <summary>Tokens that go through the network at a time: enough to fill its products, few enough to stay near the caches.</summary>
    private const int TokensAtATime = 4096;

    /// <summary>Encodes texts, those of similar length together.</summary>
    /// <param name="model">The encoder.</param>
    /// <param name="context">The device.</param>
    /// <param name="texts">Token ids, special tokens included.</param>
    /// <param name="length">Tokens kept of each.</param>
    /// <param name="precision">Of matrix products.</param>
    /// <param name="progress">Called with the number of texts done.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns>[texts · features], row by row, in the order of the texts.</returns>
    public static float[] Encode(
        BiEncoder model, ComputeContext context, TokenizedTexts texts, int length, Precision precision, Action<int>? progress = null,
        CancellationToken cancellation = default)
    {
        int features = model.Features, next = 0;
        float[] vectors = new float[checked(texts.Count * features)];
        foreach (float[] vector in Stream(model, context, texts, length, precision, progress, cancellation)) vector.CopyTo(vectors, next++ * features);
        return vectors;
    }

    /// <summary>As <see cref="Encode"/>, a vector at a time: no more than a window of texts is held.</summary>
    /// <returns>Vectors, [features] each, in the order of the texts.</returns>
    public static IEnumerable<float[]> Stream(
        BiEncoder model, ComputeContext context, TokenizedTexts texts, int length, Precision precision, Action<int>? progress = null,
        CancellationToken cancellation = default)
    {
        int features = model.Features;
        LengthBatcher<int, float[]> batcher = new()
        {
            Tokenize = text => texts[text][..Math.Min(texts[text].Length, length)].ToArray(),
            Compute = (batch, token) =>
            {
                using Scope f = context.BeginScope(precision, null, token);
                return [.. model.Encode(f, batch.Ids, batch.Segments).ToArray().Chunk(features)];
            },
            BatchTokens = TokensAtATime,
            Threads = context.Threads,
        };
        return batcher.Run(Enumerable.Range(0, texts.Count), progress, cancellation).Select(encoded => encoded.Result);
    }
}
