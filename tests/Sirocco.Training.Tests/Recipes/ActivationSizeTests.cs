using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Recipes;

public class ActivationSizeTests
{
    private static readonly ModelConfig Llama = TinyTask.Config with
    {
        Family = ModelFamily.Llama,
        VocabularySize = 300,
        HiddenSize = 256,
        IntermediateSize = 768,
        Layers = 5,
        Heads = 4,
        KeyValueHeads = 2,
        HeadSize = 64,
        MaxPositions = 512,
    };

    public static TheoryData<string, bool, bool, Precision> Cases => new()
    {
        { "llama", false, false, Precision.F32 },
        { "llama", true, false, Precision.F32 },
        { "llama", false, false, Precision.BF16 },
        { "llama", false, true, Precision.F32 },
        { "llama", true, true, Precision.BF16 },
        { "wide", false, false, Precision.BF16 },
        { "odd", false, false, Precision.F32 },
    };

    /// <summary>Of a batch of other sizes than those that the estimate looks at, in a network that is not divided.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void An_estimate_is_within_a_tenth_of_what_a_pass_needs(string shape, bool adapted, bool recompute, Precision precision)
    {
        ModelConfig config = shape switch
        {
            "llama" => Llama,
            "wide" => Llama with { Heads = 8, KeyValueHeads = 8, HiddenSize = 192, IntermediateSize = 320, Layers = 3 },
            _ => Llama with { Heads = 9, KeyValueHeads = 3, HeadSize = 24, HiddenSize = 216, IntermediateSize = 500, Layers = 7 },
        };
        AdapterOptions? adapter = adapted ? new AdapterOptions { MatchAllLinear = true, Rank = 16 } : null;
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using BiEncoder model = new(new Decoder(config, new RandomParameters(config, seed: 1)), new EncoderSettings());
        _ = new ParameterArena(adapter is null ? model.Parameters : Adapter.Attach(model, adapter).Parameters);
        model.Decoder.Recompute = recompute;
        int[] lengths = [.. Enumerable.Range(20, 15)], ids = [.. Enumerable.Range(0, lengths.Sum()).Select(i => i % 300)];
        using (Tape tape = new())
        {
            using Scope f = context.BeginScope(precision, tape);
            Tensor vectors = model.Encode(f, ids, Segments.FromLengths(lengths));
            tape.Backward(vectors, f.Upload(new float[vectors.Count], vectors.Rows, vectors.Columns));
        }

        double estimate = (double)ids.Length * ActivationSize.OfToken(config, adapter, recompute, precision);
        Assert.InRange(estimate / context.PeakBytes, 0.9, 1.1);
    }
}
