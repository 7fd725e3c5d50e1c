namespace Sirocco.Compute.Tests.Operations;

/// <summary>What must hold from the second pass on: no garbage for tokens, no memory from the system, the same bits.</summary>
[Collection(nameof(SteadyStateTests))]
[CollectionDefinition(nameof(SteadyStateTests), DisableParallelization = true)] // The collector counts for the whole process.
public sealed class SteadyStateTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_pass_over_many_tokens_allocates_no_more_managed_memory_than_one_over_few(bool training)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        SmallTransformer network = new(layers: 2, trainable: training);
        Segments few = Segments.FromLengths([20, 12]), many = Segments.FromLengths([700, 500]);
        Allocated(few);
        Allocated(many);
        long small = Enumerable.Range(0, 3).Min(_ => Allocated(few)), large = Enumerable.Range(0, 3).Min(_ => Allocated(many));
        Assert.True(large <= small + 256, $"{large} bytes for 1,200 tokens, {small} for 32");

        long Allocated(Segments segments)
        {
            float[] values = new float[segments.Tokens * network.Hidden];
            values.AsSpan().Fill(0.5f);
            long before = GC.GetTotalAllocatedBytes(precise: true);
            using Tape? tape = training ? new Tape() : null;
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor y = network.Forward(f, f.Upload(values, segments.Tokens, network.Hidden), segments, recomputed: false);
            tape?.Backward(y, y);
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_training_step_gives_the_same_bits_every_time(int threads)
    {
        float[] first = Step(), second = Step();
        Assert.Equal(first, second);

        float[] Step()
        {
            using ComputeContext context = new(new ComputeOptions { Threads = threads });
            SmallTransformer network = new(layers: 2, headSize: 64, heads: 4, kvHeads: 2);
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.BF16, tape);
            Tensor loss = network.Loss(f, network.Embed(f, 333), recomputed: false);
            tape.Backward(loss);
            return [loss.Scalar(), .. network.Arena.Gradients.ToArray()];
        }
    }
}
