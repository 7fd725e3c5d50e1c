using BenchmarkDotNet.Attributes;
using Sirocco.Compute;

namespace Sirocco.Benchmarks;

/// <summary>
/// The operations of one Ministral 3 3B layer, one by one, forward only: which of them stands between the products and the hardware's limit.
/// </summary>
[MemoryDiagnoser]
public class TransformerOperations : IDisposable
{
    private const int Hidden = 3072, Intermediate = 9216, Heads = 32, KvHeads = 8, HeadSize = 128;

    private readonly ComputeContext context = new();
    private readonly RotaryEmbedding rope = new(new float[HeadSize / 2]);
    private Scope inputs = null!;
    private Segments segments = null!;
    private Parameter gain = null!, gate = null!, up = null!;
    private Tensor x = null!, q = null!, k = null!, v = null!;

    [Params(512, 2048)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        inputs = context.BeginScope(Precision.BF16);
        segments = Segments.FromLengths([Tokens]);
        gain = Random("norm.weight", [Hidden]);
        gate = Random("gate_proj.weight", [Intermediate, Hidden]);
        up = Random("up_proj.weight", [Intermediate, Hidden]);
        x = RandomTensor(Hidden);
        q = RandomTensor(Heads * HeadSize);
        k = RandomTensor(KvHeads * HeadSize);
        v = RandomTensor(KvHeads * HeadSize);
    }

    [Benchmark]
    public int RmsNorm()
    {
        using Scope f = inputs.BeginScope();
        return f.RmsNorm(x, gain, 1e-5f).Rows;
    }

    [Benchmark]
    public int Rotary()
    {
        using Scope f = inputs.BeginScope();
        return f.Rotary(q, k, f.RotaryTable(rope, segments.Positions), HeadSize).Q.Rows;
    }

    [Benchmark]
    public int Attention()
    {
        using Scope f = inputs.BeginScope();
        return f.Attention(q, k, v, segments, AttentionMask.Bidirectional, HeadSize, 1 / MathF.Sqrt(HeadSize)).Rows;
    }

    [Benchmark(Baseline = true)]
    public int GatedLinear()
    {
        using Scope f = inputs.BeginScope();
        return f.GatedLinear(x, gate, up).Rows;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        inputs.Dispose();
        context.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Parameter Random(string name, int[] shape) => Parameter.FromValues(name, shape, Values(shape.Aggregate(1, (a, b) => a * b)));

    private static float[] Values(int count)
    {
        Random random = new(1);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = random.NextSingle() - 0.5f;
        return values;
    }

    private Tensor RandomTensor(int columns) => inputs.Upload(Values(Tokens * columns), Tokens, columns);
}
