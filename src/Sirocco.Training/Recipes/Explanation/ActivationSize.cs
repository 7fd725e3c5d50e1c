using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// What a training pass keeps for each token, measured: a network of one layer and one of two, with every width of the model's divided by the same number, run
/// forward and back. What a pass keeps is proportional to the widths, and each further layer adds the same, so the model's own size follows without its
/// weights.
/// </summary>
internal static class ActivationSize
{
    private const int Tokens = 256, TextTokens = 64;

    /// <summary>Bytes at the largest moment of a pass, for each token.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="adapter">The adapter that trains beside frozen weights; null: all weights train.</param>
    /// <param name="recompute">Whether layers run again on the way back instead of keeping what they made.</param>
    /// <param name="precision">Of products.</param>
    public static long OfToken(ModelConfig config, AdapterOptions? adapter, bool recompute, Precision precision)
    {
        // Heads of eight features at least, and widths that stay multiples of eight.
        int divisor = 1;
        while (divisor < 16 && config.HeadSize % (16 * divisor) == 0 && config.HiddenSize % (16 * divisor) == 0
            && config.IntermediateSize % (16 * divisor) == 0) divisor *= 2;
        ModelConfig small = config with
        {
            HiddenSize = config.HiddenSize / divisor,
            HeadSize = config.HeadSize / divisor,
            IntermediateSize = config.IntermediateSize / divisor,
            VocabularySize = TextTokens,
            TieWordEmbeddings = true,
        };
        AdapterOptions? narrow = adapter is null ? null : adapter with { Rank = Math.Max(1, adapter.Rank / divisor) };
        long one = Peak(small with { Layers = 1 }, narrow, recompute, precision), two = Peak(small with { Layers = 2 }, narrow, recompute, precision);
        return (one + ((config.Layers - 1) * (two - one))) * divisor / Tokens;
    }

    private static long Peak(ModelConfig config, AdapterOptions? adapter, bool recompute, Precision precision)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = new(new Decoder(config, new RandomParameters(config, seed: 1)), new EncoderSettings());
        IEnumerable<Parameter> trained = adapter is null ? model.Parameters : Adapter.Attach(model, adapter).Parameters;
        _ = new ParameterArena(trained);
        model.Decoder.Recompute = recompute;
        using Tape tape = new();
        using Scope f = context.BeginScope(precision, tape);
        int[] ids = [.. Enumerable.Range(0, Tokens).Select(i => i % TextTokens)];
        Tensor vectors = model.Encode(f, ids, Segments.FromLengths([.. Enumerable.Repeat(TextTokens, Tokens / TextTokens)]));
        tape.Backward(vectors, f.Upload(new float[vectors.Count], vectors.Rows, vectors.Columns));
        return context.PeakBytes;
    }
}
