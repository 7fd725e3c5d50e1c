using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Operations;

/// <summary>The tape on a small transformer: what it keeps, what it frees, what it reports and when.</summary>
public sealed class TapeTests
{
    [Fact]
    public void Blocks_recomputed_give_the_same_gradients_as_blocks_kept_with_less_memory()
    {
        (float[] kept, float[] keptInput, long keptPeak) = Gradients(recomputed: false);
        (float[] again, float[] againInput, long againPeak) = Gradients(recomputed: true);
        Assert.Equal(kept, again);
        Assert.Equal(keptInput, againInput);
        Assert.True(againPeak < keptPeak, $"{againPeak} bytes recomputed, {keptPeak} kept");

        static (float[] Parameters, float[] Input, long Peak) Gradients(bool recomputed)
        {
            using ComputeContext context = new(new ComputeOptions { Threads = 2 });
            SmallTransformer network = new(layers: 4);
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor x = network.Input(f, 50);
            tape.Watch(x);
            tape.Backward(network.Loss(f, x, recomputed));
            return (network.Arena.Gradients.ToArray(), tape.Gradient(x)!.ToArray(), context.PeakBytes);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_parameter_is_called_complete_once_after_its_last_contribution_in_backward_order(bool recomputed)
    {
        using ComputeContext context = new();
        SmallTransformer network = new(layers: 3);
        List<string> order = [];
        Dictionary<Parameter, float[]> atCallback = [];
        using Tape tape = new();
        tape.ParameterGradientComplete = parameter =>
        {
            order.Add(parameter.Name);
            atCallback[parameter] = Copy(parameter);
        };
        using Scope f = context.BeginScope(Precision.F32, tape);
        tape.Backward(network.Loss(f, network.Embed(f, 20), recomputed));

        Assert.Equal(network.Parameters.Select(p => p.Name).Order(), order.Order());
        Assert.Equal("embedding", order[^1]);
        Assert.True(order.IndexOf("layers.2.down") < order.IndexOf("layers.1.down") && order.IndexOf("layers.1.down") < order.IndexOf("layers.0.down"));
        Assert.All(atCallback, entry => Assert.Equal(entry.Value, Copy(entry.Key)));
    }

    [Fact]
    public void A_parameter_used_as_embedding_and_head_gets_both_gradients()
    {
        using ComputeContext context = new();
        float[] values = [.. Enumerable.Range(0, 12).Select(i => MathF.Sin(i))];
        float[] Gradient(bool tied)
        {
            Parameter table = Parameter.FromValues("table", [4, 3], values), head = tied ? table : Parameter.FromValues("head", [4, 3], values);
            ParameterArena arena = new(tied ? [table] : [table, head]);
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape);
            tape.Backward(f.HeadCrossEntropy(f.Embedding(table, [1, 3]), head, [2, 0]));
            return tied ? Copy(table) : [.. Copy(table).Zip(Copy(head), (a, b) => a + b)];
        }

        float[] tied = Gradient(true), apart = Gradient(false);
        for (int i = 0; i < tied.Length; i++) Assert.Equal(apart[i], tied[i], 1e-6f);
    }

    [Fact]
    public void Frozen_parameters_get_no_gradient_and_nothing_is_computed_below_the_lowest_trainable_one()
    {
        using ComputeContext context = new();
        Parameter frozen = Parameter.FromValues("frozen", [3, 3], new float[9]), trained = Parameter.FromValues("trained", [3, 3], new float[9]);
        _ = new ParameterArena([trained]);
        using Tape tape = new();
        List<string> complete = [];
        tape.ParameterGradientComplete = parameter => complete.Add(parameter.Name);
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor x = f.Upload([1, 2, 3], 1, 3), below = f.Linear(x, frozen), y = f.Linear(f.Linear(below, trained), frozen);
        Assert.False(tape.Tracks(below));
        tape.Backward(y, y);
        Assert.Null(frozen.Gradient);
        Assert.Null(tape.Gradient(x));
        Assert.Equal(["trained"], complete);
    }

    [Fact]
    public void A_gradient_that_is_passed_on_can_still_be_read_by_the_same_operation_and_passed_on_again()
    {
        using ComputeContext context = new();
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor a = f.Upload([1, 2], 1, 2), b = f.Upload([3, 4], 1, 2), c = f.Upload([5, 6], 1, 2), y = f.Upload([9, 12], 1, 2);
        foreach (Tensor input in (Tensor[])[a, b, c]) tape.Watch(input);
        tape.Record([y], [], [], pass =>
        {
            pass.PassOn(y, a);
            pass.PassOn(y, b);
            pass.Add(c, pass.Gradient(y));
        });
        tape.Backward(y, f.Upload([7, 8], 1, 2));
        foreach (Tensor input in (Tensor[])[a, b, c]) Assert.Equal([7, 8], tape.Gradient(input)!.ToArray());
    }

    [Fact]
    public void Several_tapes_are_recorded_at_once_and_run_back_in_any_order()
    {
        using ComputeContext context = new();
        float[] Alone(int tokens) => Run([tokens], [0]);
        float[] together = Run([7, 12, 9], [1, 0, 2]);
        float[] sum = [.. Alone(7).Zip(Alone(12), (a, b) => a + b).Zip(Alone(9), (a, b) => a + b)];
        for (int i = 0; i < sum.Length; i++) Assert.Equal(sum[i], together[i], 1e-5f);
        Assert.Equal(0, context.BytesInUse);

        float[] Run(int[] batches, int[] order)
        {
            SmallTransformer network = new(layers: 2);
            Tape[] tapes = [.. batches.Select(_ => new Tape())];
            Scope[] scopes = [.. tapes.Select(tape => context.BeginScope(Precision.F32, tape))];
            Tensor[] losses = [.. scopes.Select((f, i) => network.Loss(f, network.Embed(f, batches[i]), recomputed: false))];
            foreach (int i in order) tapes[i].Backward(losses[i]);
            foreach (Scope scope in scopes) scope.Dispose();
            foreach (Tape tape in tapes) tape.Dispose();
            return network.Arena.Gradients.ToArray();
        }
    }

    [Fact]
    public void Pieces_of_a_network_on_tapes_of_their_own_are_chained_by_seed_gradients()
    {
        using ComputeContext context = new();
        SmallTransformer network = new(layers: 2);
        using Tape whole = new(), lower = new(), upper = new();
        using Scope f = context.BeginScope(Precision.F32, whole),
            below = context.BeginScope(Precision.F32, lower),
            above = context.BeginScope(Precision.F32, upper);
        whole.Backward(network.Loss(f, network.Embed(f, 11), recomputed: false));
        float[] expected = network.Arena.Gradients.ToArray();

        network.Arena.ZeroGradients();
        Tensor cut = network.Embed(below, 11);
        upper.Watch(cut);
        upper.Backward(network.Loss(above, cut, recomputed: false));
        lower.Backward(cut, upper.Gradient(cut));
        Assert.Equal(expected, network.Arena.Gradients.ToArray());
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void All_memory_is_given_back_whether_the_tape_ran_or_not(bool backward, bool recomputed)
    {
        using ComputeContext context = new();
        SmallTransformer network = new(layers: 2);
        using (Tape tape = new())
        {
            Tensor loss;
            using (Scope f = context.BeginScope(Precision.F32, tape))
            {
                Tensor x = network.Input(f, 30);
                tape.Watch(x);
                loss = network.Loss(f, x, recomputed);
                if (backward) tape.Backward(loss);
            }

            Assert.NotEqual(0, context.BytesInUse);
            Assert.Throws<ObjectDisposedException>(() => loss.Scalar());
        }

        Assert.Equal(0, context.BytesInUse);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_backward_pass_stops_between_operations_when_asked_to(bool recomputed)
    {
        using ComputeContext context = new();
        SmallTransformer network = new(layers: 3);
        using CancellationTokenSource stop = new();
        int complete = 0;
        using (Tape tape = new() { ParameterGradientComplete = _ => Complete() })
        {
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor loss = network.Loss(f, network.Embed(f, 9), recomputed);
            Assert.ThrowsAny<OperationCanceledException>(() => tape.Backward(loss, cancellation: stop.Token));
        }

        Assert.InRange(complete, 1, network.Arena.Parameters.Count - 1);
        Assert.Equal(0, context.BytesInUse);

        void Complete()
        {
            complete++;
            stop.Cancel();
        }
    }

    [Fact]
    public void A_recomputed_block_does_not_begin_when_asked_to_stop()
    {
        using ComputeContext context = new();
        using CancellationTokenSource stop = new();
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape, stop.Token);
        Tensor x = f.Upload([1], 1, 1);
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => f.Recomputed(x, (_, _) => throw new InvalidOperationException("the block ran")));
    }

    [Fact]
    public void The_backward_pass_of_a_head_stops_between_its_chunks_when_asked_to()
    {
        // One operation of two chunks of tokens: the tape itself looks at the token only before it.
        const int Tokens = 1500, Hidden = 3;
        using CancellationTokenSource stop = new();
        StoppingKernel kernel = new(stop);
        using ComputeContext context = new(new CpuBackend(1, kernels: new KernelTable(kernel, kernel, new ScalarPanelKernel(PanelFormat.S16S8), null)));
        using (Tape tape = new())
        {
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor hidden = f.Upload(new float[Tokens * Hidden], Tokens, Hidden);
            tape.Watch(hidden);
            Tensor loss = f.HeadCrossEntropy(hidden, Parameter.FromValues("head", [2, Hidden], new float[2 * Hidden]), new int[Tokens]);
            kernel.Stops = true;
            Assert.Throws<OperationCanceledException>(() => tape.Backward(loss, cancellation: stop.Token));
        }

        Assert.Equal(0, context.BytesInUse);
    }

    [Fact]
    public void A_tape_runs_backwards_once()
    {
        using ComputeContext context = new();
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor x = f.Upload([1], 1, 1);
        tape.Watch(x);
        Tensor y = f.Scale(x, 2);
        tape.Backward(y);
        Assert.Throws<InvalidOperationException>(() => tape.Backward(y));
        Assert.Equal(2, tape.Gradient(x)!.Scalar());
    }

    [Fact]
    public void A_recomputed_block_that_reads_a_second_tracked_tensor_is_refused()
    {
        using ComputeContext context = new();
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor x = f.Upload([1], 1, 1), other = f.Upload([2], 1, 1);
        tape.Watch(x);
        tape.Watch(other);
        Assert.Throws<InvalidOperationException>(() => f.Recomputed(x, (inner, input) => inner.Add(input, other)));
        Assert.Throws<InvalidOperationException>(() => f.Recomputed(x, (inner, input) => inner.GroupScores(input, other)));
        Assert.Throws<InvalidOperationException>(() => f.Recomputed(x, (inner, input) => inner.Add(input, inner.ExcludeScores(other, new bool[other.Count]))));
    }

    private static float[] Copy(Parameter parameter) => parameter.Gradient!.ToArray();

    /// <summary>Asks to stop while a product runs.</summary>
    private sealed unsafe class StoppingKernel(CancellationTokenSource stop) : PanelKernel(PanelFormat.F32, 4, 16)
    {
        private readonly ScalarPanelKernel kernel = new(PanelFormat.F32, 4, 16);

        public bool Stops { get; set; }

        public override string Name => kernel.Name;

        public override void Run(int rows, PanelArguments* arguments)
        {
            if (Stops) stop.Cancel();
            kernel.Run(rows, arguments);
        }
    }
}
