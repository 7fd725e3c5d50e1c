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
}
