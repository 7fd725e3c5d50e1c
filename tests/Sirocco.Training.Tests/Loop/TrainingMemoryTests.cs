using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Loop;

public class TrainingMemoryTests
{
    [Theory]
    [InlineData(OptimizerKind.AdamW, false, 0.0, 16)]
    [InlineData(OptimizerKind.Adam, true, 0.0, 20)]
    [InlineData(OptimizerKind.Sgd, false, 0.0, 8)]
    [InlineData(OptimizerKind.Sgd, false, 0.9, 12)]
    public void A_weight_takes_its_master_its_gradient_and_what_the_optimizer_really_keeps(OptimizerKind kind, bool largest, double momentum, long expected)
    {
        OptimizerOptions options = new() { Kind = kind, AmsGrad = largest, Momentum = momentum };
        Assert.Equal(expected, TrainingMemory.Bytes(1, options));
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model();
        ParameterArena arena = new(model.Parameters);
        Assert.Equal(expected, 8 + (4 * Optimizer.Create(context, arena, options).States.Count));
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_one_line_that_says_how_much_it_would_take()
    {
        OptimizerOptions options = new();
        TrainingMemory.Require(3_000_000_000, options, available: 48_000_000_000);
        string message = Assert.Throws<InsufficientMemoryException>(
            () => TrainingMemory.Require(3_429_000_000, options, available: 24_000_000_000)).Message;
        Assert.Contains("training 3,429,000,000 weights takes 54.9 GB", message, StringComparison.Ordinal);
        Assert.Contains("24.0 GB here", message, StringComparison.Ordinal);
    }
}
