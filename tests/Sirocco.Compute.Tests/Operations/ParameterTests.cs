using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Operations;

public sealed unsafe class ParameterTests
{
    [Fact]
    public void Contexts_that_ask_at_once_share_one_operand()
    {
        ushort[] bits = GC.AllocateArray<ushort>(1 << 14, pinned: true);
        fixed (ushort* data = bits)
        {
            Parameter parameter = Parameter.FromMemory("weight", [128, 128], ElementType.BF16, (nint)data, bits);
            ComputeContext[] contexts = [.. Enumerable.Range(0, 4).Select(_ => new ComputeContext(new ComputeOptions { Threads = 1 }))];
            QuantizedWeight[] weights = new QuantizedWeight[contexts.Length];
            nint[] vectors = new nint[contexts.Length];
            using Barrier start = new(contexts.Length);
            Thread[] threads = [.. contexts.Select((context, i) => new Thread(() =>
            {
                start.SignalAndWait();
                weights[i] = parameter.Quantized(context.Backend);
                vectors[i] = (nint)parameter.Vector;
            }))];
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();
            Assert.All(weights, weight => Assert.Same(weights[0], weight));
            Assert.All(vectors, vector => Assert.Equal(vectors[0], vector));
            foreach (ComputeContext context in contexts) context.Dispose();
        }
    }

    [Fact]
    public void The_int8_operand_is_made_again_when_the_master_moves_and_nobody_keeps_the_old_one()
    {
        using ComputeContext context = new();
        Parameter parameter = Parameter.FromValues("weight", [2, 2], [1, 2, 3, 4]);
        _ = new ParameterArena([parameter]);
        WeakReference old = Made();
        parameter.MasterChanged();
        Made();
        for (int i = 0; i < 10 && old.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(old.IsAlive);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference Made() => new(parameter.Quantized(context.Backend).Panels);
    }

    [Fact]
    public void A_weight_in_int8_only_multiplies_but_has_no_values()
    {
        using ComputeContext context = new();
        Parameter whole = Parameter.FromValues("weight", [3, 2], [1, 2, 3, 4, 5, 6]);
        NativeBlock values = new(6 * sizeof(float));
        whole.CopyTo(new Span<float>((void*)values.Pointer, 6));
        Parameter narrow = Parameter.FromQuantized(context.Backend, "weight", [3, 2], ElementType.F32, values, ShardAxis.Rows);
        using Scope f = context.BeginScope(Precision.Int8);
        Tensor x = f.Upload([1, -1], 1, 2);
        Assert.Equal(f.Linear(x, whole).ToArray(), f.Linear(x, narrow).ToArray());
        using Scope wide = context.BeginScope();
        Assert.Throws<InvalidOperationException>(() => wide.Linear(x, narrow));
    }

    [Fact]
    public void Values_of_a_parameter_that_is_not_held_in_f32_are_not_replaced_without_a_master()
    {
        NativeBlock block = new(3 * sizeof(ushort));
        Parameter parameter = Parameter.FromMemory("weight", [3], ElementType.BF16, block.Pointer, block);
        Assert.Throws<InvalidOperationException>(() => parameter.SetValues([1, 2, 3]));
        Assert.Equal(0, parameter.Version);
        _ = new ParameterArena([parameter]);
        parameter.SetValues([1, 2, 3]);
        float[] values = new float[3];
        parameter.CopyTo(values);
        Assert.Equal([1, 2, 3], values);
    }

    [Fact]
    public void An_arena_takes_all_its_parameters_or_none()
    {
        using ComputeContext context = new();
        Parameter first = Parameter.FromValues("first", [2], [1, 2]);
        Parameter narrow = Parameter.FromQuantized(context.Backend, "narrow", [3, 2], ElementType.F32, new NativeBlock(6 * sizeof(float)), ShardAxis.Rows);
        Assert.Throws<InvalidOperationException>(() => new ParameterArena([first, narrow]));
        Assert.Throws<ArgumentException>(() => new ParameterArena([first, first]));
        Assert.Null(first.Master);
        Assert.False(first.Trainable);
    }

    [Fact]
    public void Updates_of_ranges_that_lie_outside_their_arena_are_refused()
    {
        using ComputeContext context = new();
        ParameterArena arena = new([Parameter.FromValues("weight", [20], new float[20]), Parameter.FromValues("bias", [4], new float[4])]);
        AdamCoefficients adam = new()
        {
            OneMinusBeta1 = 0.1f,
            Beta2 = 0.999f,
            OneMinusBeta2 = 0.001f,
            Keep = 1,
            CoupledDecay = 0,
            StepSize = 0.1f,
            RootOfSecondCorrection = 1,
            Epsilon = 1e-8f,
            Active = true,
        };
        SgdCoefficients sgd = new() { LearningRate = 0.1f, Decay = 0, Keep = 0, Take = 1, LookAhead = 0, Active = true };
        ArenaRange[] outside =
        [
            new(0, 0, 21), new(0, -1, 2), new(0, 0, -1), new(1, 0, 4), new(1, 33, 4), new(0, long.MaxValue, 1), new(2, 0, 1), new(-1, 0, 1),
        ];
        foreach (ArenaRange range in outside)
        {
            Assert.Throws<ArgumentException>(() => context.Adam(arena, arena.NewBlock(), arena.NewBlock(), null, [range], [adam, adam], 1));
            Assert.Throws<ArgumentException>(() => context.Sgd(arena, null, [range], [sgd, sgd], 1));
        }

        context.Sgd(arena, null, ArenaRange.Of(arena), [sgd, sgd], 1);
    }
}
