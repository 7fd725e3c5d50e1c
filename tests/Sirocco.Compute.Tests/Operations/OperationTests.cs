namespace Sirocco.Compute.Tests.Operations;

/// <summary>Every operation and its gradients against the reference in double, over odd shapes.</summary>
public sealed class OperationTests
{
    private static readonly int[] Sizes = [1, 2, 3, 7, 8, 13, 17, 33];

    [Fact]
    public void Rms_norm_follows_its_formula() => ForShapes((c, rows, columns) =>
    {
        // With a small ε the gradient of a single feature is all cancellation.
        Variable x = c.Input(rows, columns), gain = c.Parameter(0, columns);
        double epsilon = columns == 1 ? 0.5 : 1e-5;
        c.Check(v => RmsNormReference.Forward(v[x], v[gain], epsilon), (f, b) => f.RmsNorm(b.Tensor(x), b.Weight(gain), (float)epsilon));
    });

    [Fact]
    public void A_linear_layer_multiplies_and_adds_its_residual() => ForShapes((c, rows, columns) =>
    {
        int outputs = Draw(c.Random);
        Variable x = c.Input(rows, columns), weight = c.Parameter(outputs, columns), residual = c.Input(rows, outputs);
        c.Check(v => LinearReference.Forward(v[x], v[weight], columns), (f, b) => f.Linear(b.Tensor(x), b.Weight(weight)));
        c.Check(
            v => Sum(LinearReference.Forward(v[x], v[weight], columns), v[residual]), (f, b) => f.Linear(b.Tensor(x), b.Weight(weight), b.Tensor(residual)));
    });

    [Fact]
    public void Three_linear_layers_share_their_input() => ForShapes((c, rows, columns) =>
    {
        Variable x = c.Input(rows, columns), q = c.Parameter(8, columns), k = c.Parameter(3, columns), w = c.Parameter(8, columns);
        c.Check(
            v => Sum(LinearReference.Forward(v[x], v[q], columns), LinearReference.Forward(v[x], v[w], columns)),
            (f, b) =>
            {
                (Tensor yq, _, Tensor yw) = f.Linear(b.Tensor(x), b.Weight(q), b.Weight(k), b.Weight(w));
                return f.Add(yq, yw);
            });
    });

    [Fact]
    public void A_gated_linear_layer_multiplies_silu_of_the_gate_by_the_up_projection() => ForShapes((c, rows, columns) =>
    {
        int outputs = Draw(c.Random);
        Variable x = c.Input(rows, columns), gate = c.Parameter(outputs, columns), up = c.Parameter(outputs, columns);
        c.Check(v => LinearReference.Gated(v[x], v[gate], v[up], columns), (f, b) => f.GatedLinear(b.Tensor(x), b.Weight(gate), b.Weight(up)));
    });

    [Fact]
    public void A_bias_is_added_to_every_row() => ForShapes((c, rows, columns) =>
    {
        Variable x = c.Input(rows, columns), bias = c.Parameter(0, columns);
        c.Check(
            v => [.. v[x].Select((value, i) => value + v[bias][i % columns])], (f, b) => f.AddBias(b.Tensor(x), b.Weight(bias)));
    });

    [Fact]
    public void Embedding_looks_rows_up_and_gives_the_padding_row_no_gradient() => ForShapes((c, rows, columns) =>
    {
        const int Vocabulary = 5, Padding = 2;
        int[] ids = [.. Enumerable.Range(0, rows).Select(_ => c.Random.Next(Vocabulary))];
        Variable table = c.Parameter(Vocabulary, columns);

        // Against a reference whose padding row is a constant, so that its difference is zero.
        double[] constant = [.. new Values([table])[table]];
        c.Check(
            v => [.. ids.SelectMany(id => (id == Padding ? constant : v[table]).Skip(id * columns).Take(columns))],
            (f, b) => f.Embedding(b.Weight(table), ids, Padding));
    });

    [Theory]
    [InlineData("silu")]
    [InlineData("gelu")]
    [InlineData("tanh")]
    [InlineData("sigmoid")]
    [InlineData("relu")]
    public void Activations_follow_their_formulas(string name) => ForShapes((c, rows, columns) =>
    {
        Variable x = c.Input(rows, columns, scale: 4);
        c.Check(
            v => [.. v[x].Select(z => name switch
            {
                "silu" => z / (1 + Math.Exp(-z)),
                "gelu" => z / 2 * (1 + Special.Erf(z / Math.Sqrt(2))),
                "tanh" => Math.Tanh(z),
                "sigmoid" => 1 / (1 + Math.Exp(-z)),
                _ => Math.Max(z, 0),
            })],
            (f, b) => name switch
            {
                "silu" => f.Silu(b.Tensor(x)),
                "gelu" => f.Gelu(b.Tensor(x)),
                "tanh" => f.Tanh(b.Tensor(x)),
                "sigmoid" => f.Sigmoid(b.Tensor(x)),
                _ => f.Relu(b.Tensor(x)),
            });
    });

    [Fact]
    public void Matrices_are_added_scaled_and_stacked() => ForShapes((c, rows, columns) =>
    {
        Variable x = c.Input(rows, columns), y = c.Input(rows, columns), z = c.Input(3, columns);
        c.Check(v => Sum(v[x], v[y]), (f, b) => f.Add(b.Tensor(x), b.Tensor(y)));
        c.Check(v => Sum(v[x], v[x]), (f, b) => f.Add(b.Tensor(x), b.Tensor(x)));
        c.Check(v => [.. v[x].Select(value => value * -2.5)], (f, b) => f.Scale(b.Tensor(x), -2.5f));
        c.Check(v => [.. v[x], .. v[z]], (f, b) => f.Concatenate(b.Tensor(x), b.Tensor(z)));
    });

    [Fact]
    public void Rows_are_gathered_with_repetition_and_scattered_without() => ForShapes((c, rows, columns) =>
    {
        int[] some = [.. Enumerable.Range(0, 9).Select(_ => c.Random.Next(rows))];
        int[] once = [.. some.Distinct().Order()];
        Variable x = c.Input(rows, columns), values = c.Input(once.Length, columns);
        c.Check(v => [.. some.SelectMany(row => v[x].Skip(row * columns).Take(columns))], (f, b) => f.GatherRows(b.Tensor(x), some));
        c.Check(
            v => [.. Enumerable.Range(0, rows).SelectMany(
                row => Array.IndexOf(once, row) is >= 0 and var i ? v[values].Skip(i * columns).Take(columns) : v[x].Skip(row * columns).Take(columns))],
            (f, b) => f.ScatterRows(b.Tensor(x), b.Tensor(values), once));
    });

    [Fact]
    public void Scattering_leaves_the_gradient_of_a_watched_result_as_it_is()
    {
        using ComputeContext context = new();
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor x = f.Upload([1, 2, 3], 3, 1), values = f.Upload([9], 1, 1);
        tape.Watch(x);
        tape.Watch(values);
        Tensor y = f.ScatterRows(x, values, [1]);
        tape.Watch(y);
        tape.Backward(y, f.Upload([4, 5, 6], 3, 1));
        Assert.Equal([4, 5, 6], tape.Gradient(y)!.ToArray());
        Assert.Equal([4, 0, 6], tape.Gradient(x)!.ToArray());
        Assert.Equal([5], tape.Gradient(values)!.ToArray());
    }

    [Fact]
    public void Rows_are_brought_to_unit_length() => ForShapes((c, rows, columns) =>
    {
        Variable x = c.Input(rows, columns);
        foreach (double epsilon in new[] { 1e-12, 100 })
        {
            c.Check(
                v => [.. Enumerable.Range(0, rows).Select(row => v[x][(row * columns)..((row + 1) * columns)])
                    .SelectMany(row => row.Select(value => value / Math.Max(Math.Sqrt(row.Sum(z => z * z)), epsilon)))],
                (f, b) => f.NormalizeRows(b.Tensor(x), (float)epsilon));
        }
    });

    [Fact]
    public void Scores_are_scaled_inner_products() => ForShapes((c, rows, columns) =>
    {
        int others = Draw(c.Random);
        Variable x = c.Input(rows, columns), y = c.Input(others, columns);
        c.Check(v => [.. LinearReference.Forward(v[x], v[y], columns).Select(score => 3 * score)], (f, b) => f.Scores(b.Tensor(x), b.Tensor(y), 3));
        c.Check(v => LinearReference.Forward(v[x], v[x], columns), (f, b) => f.Scores(b.Tensor(x), b.Tensor(x)));
    });

    [Fact]
    public void The_first_columns_are_kept() => ForShapes((c, rows, columns) =>
    {
        int kept = 1 + c.Random.Next(columns);
        Variable x = c.Input(rows, columns);
        c.Check(
            v => [.. Enumerable.Range(0, rows).SelectMany(row => v[x][(row * columns)..((row * columns) + kept)])],
            (f, b) => f.FirstColumns(b.Tensor(x), kept));
    });

    [Fact]
    public void Another_shape_keeps_the_order_of_elements() => ForShapes((c, rows, columns) =>
    {
        Variable x = c.Input(rows, columns);
        c.Check(v => [.. v[x]], (f, b) => f.Reshape(b.Tensor(x), columns, rows));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Late_interaction_sums_the_best_match_of_each_query_token(bool own) => ForShapes((c, rows, columns) =>
    {
        int queries = 1 + c.Random.Next(3), passages = queries * (1 + c.Random.Next(3)), width = own ? passages / queries : passages;
        int[] queryStarts = Starts(queries, 0), passageStarts = Starts(passages, 1);
        Variable q = c.Input(queryStarts[^1], columns), p = c.Input(passageStarts[^1], columns);
        c.Check(
            v =>
            [
                .. Enumerable.Range(0, queries * width).Select(cell =>
                {
                    int i = cell / width, j = own ? cell : cell % width;
                    return 0.5 * Enumerable.Range(queryStarts[i], queryStarts[i + 1] - queryStarts[i])
                        .Sum(t => Enumerable.Range(passageStarts[j], passageStarts[j + 1] - passageStarts[j])
                        .Max(u => Enumerable.Range(0, columns).Sum(k => v[q][(t * columns) + k] * v[p][(u * columns) + k])));
                }),
            ],
            (f, b) => f.MaxSimScores(b.Tensor(q), queryStarts, b.Tensor(p), passageStarts, own, 0.5f));

        int[] Starts(int count, int least)
        {
            int[] starts = new int[count + 1];
            for (int i = 0; i < count; i++) starts[i + 1] = starts[i] + least + c.Random.Next(Math.Min(rows, 7));
            return starts;
        }
    });

    [Theory]
    [InlineData(0, 100, 5)]
    [InlineData(-1, 2, 5)]
    [InlineData(1, 2, 5)]
    [InlineData(0, 2, 4)]
    public void Late_interaction_refuses_starts_that_leave_their_rows(params int[] starts)
    {
        using ComputeContext context = new();
        using Scope f = context.BeginScope();
        Tensor five = f.New(5, 3);
        Assert.Contains("5 rows", Assert.Throws<ArgumentException>(() => f.MaxSimScores(five, [0, 5], five, starts, own: false)).Message);
        Assert.Contains("5 rows", Assert.Throws<ArgumentException>(() => f.MaxSimScores(five, starts, five, [0, 2, 5], own: false)).Message);
    }

    [Fact]
    public void A_scalar_with_known_derivatives_passes_them_on() => ForShapes((c, rows, columns) =>
    {
        Variable x = c.Input(rows, columns), y = c.Input(columns, rows);
        c.Check(
            v => [v[x].Sum(value => value * value) + (3 * v[y].Sum())],
            (f, b) =>
            {
                float[] values = b.Tensor(x).ToArray(), others = b.Tensor(y).ToArray();
                return f.KnownGradient(
                    values.Sum(value => value * value) + (3 * others.Sum()),
                    (b.Tensor(x), Array.ConvertAll(values, value => 2 * value)),
                    (b.Tensor(y), Array.ConvertAll(others, _ => 3f)));
            },
            tolerance: 1e-5);
    });

    [Theory]
    [InlineData(Pooling.Average)]
    [InlineData(Pooling.Sum)]
    [InlineData(Pooling.First)]
    [InlineData(Pooling.Last)]
    [InlineData(Pooling.Max)]
    [InlineData(Pooling.AverageSquareRoot)]
    [InlineData(Pooling.PositionWeighted)]
    public void Ranges_of_rows_are_pooled_and_empty_ones_give_zeros(Pooling mode) => ForShapes((c, rows, columns) =>
    {
        int[] starts = new int[4], ends = new int[4];
        for (int s = 0; s < 3; s++)
        {
            starts[s] = c.Random.Next(rows + 1);
            ends[s] = starts[s] + c.Random.Next(rows + 1 - starts[s]);
        }

        Variable x = c.Input(rows, columns);
        c.Check(v => PoolReference.Forward(v[x], columns, starts, ends, mode), (f, b) => f.Pool(b.Tensor(x), starts, ends, mode));
    });

    [Fact]
    public void Cross_entropy_counts_labelled_rows_only() => ForShapes((c, rows, columns) =>
    {
        int[] labels = Labels(c.Random, rows, columns);
        Variable x = c.Input(rows, columns, scale: 5);
        c.Check(v => [CrossEntropyReference.Forward(v[x], labels)], (f, b) => f.CrossEntropy(b.Tensor(x), labels));
    });

    [Fact]
    public void Cross_entropy_fused_with_the_head_equals_the_two_apart() => ForShapes((c, rows, columns) =>
    {
        int vocabulary = Draw(c.Random);
        int[] labels = Labels(c.Random, rows, vocabulary);
        Variable x = c.Input(rows, columns), head = c.Parameter(vocabulary, columns, scale: 3);
        foreach (float normalizer in new[] { 0f, 7f })
        {
            c.Check(
                v => [CrossEntropyReference.Forward(LinearReference.Forward(v[x], v[head], columns), labels, normalizer)],
                (f, b) => f.HeadCrossEntropy(b.Tensor(x), b.Weight(head), labels, normalizer));
        }
    });

    [Fact]
    public void Rotary_turns_pairs_of_features_and_scales_queries()
    {
        Random random = new(5);
        foreach (int headSize in new[] { 2, 16, 64, 80, 128 })
        {
            const int Tokens = 3;
            int[] positions = [0, 20_000, random.Next(262_144)];
            int half = headSize / 2;
            RotaryEmbedding rope = new([.. Enumerable.Range(0, half).Select(i => (float)Math.Pow(1e6, -(double)i / half))], 1.25f, 0.1f, 16384);
            OperationCase c = new(random);
            Variable q = c.Input(Tokens, 2 * headSize), k = c.Input(Tokens, headSize);
            double[] angles = [.. positions.SelectMany(p => rope.InverseFrequencies.Select(frequency => (double)(p * frequency)))];
            double[] cosines = [.. angles.Select(angle => Math.Cos(angle) * 1.25)], sines = [.. angles.Select(angle => Math.Sin(angle) * 1.25)];
            double[] scales = [.. positions.Select(p => 1 + (0.1 * Math.Log(1 + (p / 16384))))];
            c.Check(
                v => RotaryReference.Forward(v[q], cosines, sines, scales, Tokens, headSize),
                (f, b) => f.Rotary(b.Tensor(q), b.Tensor(k), f.RotaryTable(rope, positions), headSize).Q);
            c.Check(
                v => RotaryReference.Forward(v[k], cosines, sines, null, Tokens, headSize),
                (f, b) => f.Rotary(b.Tensor(q), b.Tensor(k), f.RotaryTable(rope, positions), headSize).K);
        }
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Heads_that_have_no_two_halves_are_not_rotated(int headSize)
    {
        using ComputeContext context = new();
        using Scope f = context.BeginScope();
        Tensor x = f.Upload([1, 2, 3], 1, 3);
        RotaryTable table = f.RotaryTable(new RotaryEmbedding(new float[Math.Max(headSize / 2, 0)]), [1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => f.Rotary(x, x, table, headSize));
    }

    [Fact]
    public void Dropout_keeps_the_mean_and_drops_the_same_again()
    {
        using ComputeContext context = new();
        using Scope f = context.BeginScope();
        Tensor ones = f.Upload([.. Enumerable.Repeat(1f, 300 * 101)], 300, 101);
        float[] first = f.Dropout(ones, 0.25f, 1, 2, 3).ToArray();
        Assert.All(first, value => Assert.True(value is 0 or 1 / 0.75f));
        Assert.InRange(first.Count(value => value == 0) / (double)first.Length, 0.24, 0.26);
        Assert.Equal(first, f.Dropout(ones, 0.25f, 1, 2, 3).ToArray());
        Assert.NotEqual(first, f.Dropout(ones, 0.25f, 1, 2, 4).ToArray());
        Assert.NotEqual(first, f.Dropout(ones, 0.25f, 1, 3, 3).ToArray());
        Assert.Same(ones, f.Dropout(ones, 0, 1, 2, 3));

        OperationCase c = new(new Random(1));
        Variable x = c.Input(300, 101);
        c.Check(v => [.. v[x].Select((value, i) => value * first[i])], (scope, b) => scope.Dropout(b.Tensor(x), 0.25f, 1, 2, 3));
    }

    private static void ForShapes(Action<OperationCase, int, int> check)
    {
        Random random = new(7);
        check(new OperationCase(random), 1, 1);
        check(new OperationCase(random), 37, 61);
        for (int trial = 0; trial < 6; trial++) check(new OperationCase(random), Draw(random), Draw(random));
    }

    private static int Draw(Random random) => Sizes[random.Next(Sizes.Length)];

    private static int[] Labels(Random random, int rows, int classes) =>
        [.. Enumerable.Range(0, rows).Select(_ => random.Next(3) == 0 ? -100 : random.Next(classes))];

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}

/// <summary>Functions that .NET lacks, in double.</summary>
internal static class Special
{
    /// <summary>erf by its Maclaurin series up to 3 and the continued fraction of erfc beyond; within 1e-13.</summary>
    public static double Erf(double x)
    {
        double z = Math.Abs(x);
        if (z < 3)
        {
            double term = z, sum = z;
            for (int n = 1; n < 200 && Math.Abs(term) > 1e-18; n++)
            {
                term *= -z * z / n;
                sum += term / ((2 * n) + 1);
            }

            return Math.Sign(x) * 2 / Math.Sqrt(Math.PI) * sum;
        }

        double fraction = 0;
        for (int n = 60; n > 0; n--) fraction = n / 2.0 / (z + fraction);
        return Math.Sign(x) * (1 - (Math.Exp(-z * z) / Math.Sqrt(Math.PI) / (z + fraction)));
    }
}
