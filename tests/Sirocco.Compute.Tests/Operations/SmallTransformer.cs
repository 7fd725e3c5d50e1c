namespace Sirocco.Compute.Tests.Operations;

/// <summary>A transformer of a few narrow layers with the embedding as its head, trainable.</summary>
internal sealed class SmallTransformer
{
    private const int Vocabulary = 31;
    private readonly int headSize;
    private readonly Parameter embedding, finalNorm;
    private readonly Layer[] layers;
    private readonly RotaryEmbedding rope;

    public SmallTransformer(int layers, int headSize = 16, int heads = 2, int kvHeads = 1, bool trainable = true)
    {
        this.headSize = headSize;
        Hidden = headSize * heads;
        Random random = new(1);
        Parameter Matrix(string name, int outputs, int inputs) => Add(Parameter.FromValues(
            name, [outputs, inputs], [.. Enumerable.Range(0, outputs * inputs).Select(_ => (random.NextSingle() - 0.5f) / MathF.Sqrt(inputs))]));
        Parameter Gain(string name) => Add(Parameter.FromValues(name, [Hidden], [.. Enumerable.Repeat(1f, Hidden)]));
        embedding = Matrix("embedding", Vocabulary, Hidden);
        this.layers = [.. Enumerable.Range(0, layers).Select(i => new Layer(
            Gain($"layers.{i}.norm1"), Matrix($"layers.{i}.q", Hidden, Hidden), Matrix($"layers.{i}.k", kvHeads * headSize, Hidden),
            Matrix($"layers.{i}.v", kvHeads * headSize, Hidden), Matrix($"layers.{i}.o", Hidden, Hidden), Gain($"layers.{i}.norm2"),
            Matrix($"layers.{i}.gate", 3 * Hidden, Hidden), Matrix($"layers.{i}.up", 3 * Hidden, Hidden), Matrix($"layers.{i}.down", Hidden, 3 * Hidden)))];
        finalNorm = Gain("norm");
        rope = new RotaryEmbedding([.. Enumerable.Range(0, headSize / 2).Select(i => MathF.Pow(1e4f, -2f * i / headSize))]);
        Arena = new ParameterArena(trainable ? Parameters : []);
    }

    public int Hidden { get; }

    public List<Parameter> Parameters { get; } = [];

    public ParameterArena Arena { get; }

    public Tensor Input(Scope f, int tokens) => f.Upload([.. Enumerable.Range(0, tokens * Hidden).Select(i => MathF.Sin(i))], tokens, Hidden);

    public Tensor Embed(Scope f, int tokens) => f.Embedding(embedding, [.. Enumerable.Range(0, tokens).Select(i => i * 7 % Vocabulary)]);

    public Tensor Forward(Scope f, Tensor x, Segments segments, bool recomputed)
    {
        RotaryTable table = f.RotaryTable(rope, segments.Positions);
        foreach (Layer layer in layers)
        {
            Tensor Block(Scope g, Tensor h) => Run(g, h, layer, table, segments);
            x = recomputed ? f.Recomputed(x, Block) : f.Block(x, Block);
        }

        return f.RmsNorm(x, finalNorm, 1e-5f);
    }

    public Tensor Loss(Scope f, Tensor x, bool recomputed)
    {
        Segments segments = Segments.FromLengths([x.Rows / 3, 0, x.Rows - (x.Rows / 3)]);
        int[] labels = [.. Enumerable.Range(0, x.Rows).Select(i => i % 5 == 0 ? -100 : i * 3 % Vocabulary)];
        return f.HeadCrossEntropy(Forward(f, x, segments, recomputed), embedding, labels);
    }

    private Tensor Run(Scope f, Tensor x, Layer layer, RotaryTable table, Segments segments)
    {
        Tensor h = f.RmsNorm(x, layer.Norm1, 1e-5f, forProducts: true);
        (Tensor q, Tensor k, Tensor v) = f.Linear(h, layer.Q, layer.K, layer.V);
        (q, k) = f.Rotary(q, k, table, headSize);
        x = f.Linear(f.Attention(q, k, v, segments, AttentionMask.CausalAll, headSize, 1 / MathF.Sqrt(headSize)), layer.O, x);
        h = f.RmsNorm(x, layer.Norm2, 1e-5f, forProducts: true);
        return f.Linear(f.GatedLinear(h, layer.Gate, layer.Up), layer.Down, x);
    }

    private Parameter Add(Parameter parameter)
    {
        Parameters.Add(parameter);
        return parameter;
    }

    private sealed record Layer(
        Parameter Norm1, Parameter Q, Parameter K, Parameter V, Parameter O, Parameter Norm2, Parameter Gate, Parameter Up, Parameter Down);
}
