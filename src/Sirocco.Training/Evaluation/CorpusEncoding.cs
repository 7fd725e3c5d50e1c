using System.Runtime.InteropServices;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Vectors of many tokenized texts, for evaluation and mining.</summary>
public static class CorpusEncoding
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
        BiEncoder model, ComputeContext context, TokenizedTexts texts, int length, Precision precision, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        int features = model.Features;
        float[] vectors = new float[checked(texts.Count * features)];
        int[] byLength = [.. Enumerable.Range(0, texts.Count).OrderBy(text => Math.Min(texts[text].Length, length))];
        List<int> ids = [], lengths = [];
        for (int done = 0; done < byLength.Length;)
        {
            ids.Clear();
            lengths.Clear();
            int first = done;
            while (done < byLength.Length && (lengths.Count == 0 || ids.Count + Math.Min(texts[byLength[done]].Length, length) <= TokensAtATime))
            {
                ReadOnlySpan<int> text = texts[byLength[done++]];
                text = text[..Math.Min(text.Length, length)];
                ids.AddRange(text);
                lengths.Add(text.Length);
            }

            using Scope f = context.BeginScope(precision, null, cancellation);
            float[] rows = model.Encode(f, CollectionsMarshal.AsSpan(ids), Segments.FromLengths(CollectionsMarshal.AsSpan(lengths))).ToArray();
            for (int i = 0; i < lengths.Count; i++) rows.AsSpan(i * features, features).CopyTo(vectors.AsSpan(byLength[first + i] * features));
            progress?.Invoke(done);
        }

        return vectors;
    }
}
