namespace Sirocco.Compute.Tests.Operations;

/// <summary>The operations of adapters and their gradients against references in double, over odd shapes.</summary>
public sealed class LowRankTests
{
    private static readonly (int Rows, int Columns, int Rank)[] Shapes = [(1, 1, 1), (2, 3, 1), (7, 13, 4), (17, 8, 3), (33, 61, 16)];

    [Fact]
    public void Any_number_of_linear_layers_share_their_input_and_the_first_adds_a_residual() => ForShapes((c, rows, columns, rank) =>
    {
        Variable x = c.Input(rows, columns), w = c.Parameter(9, columns), a = c.Parameter(rank, columns), b = c.Parameter(9, rank), residual = c.Input(rows, 9);
        c.Check(
            v => Sum(
                Sum(
                    LinearReference.Forward(v[x], v[w], columns),
                    LinearReference.Forward(LinearReference.Forward(v[x], v[a], columns), v[b], rank)),
                v[residual]),
            (f, bound) =>
            {
                Tensor[] y = new Tensor[2];
                f.Linear(bound.Tensor(x), [bound.Weight(w), bound.Weight(a)], bound.Tensor(residual), y);
                return f.Linear(y[1], bound.Weight(b), residual: y[0]);
            });
    });

    [Fact]
    public void A_frozen_weight_passes_the_gradient_on_and_gets_none() => ForShapes((c, rows, columns, rank) =>
    {
        double[] values = [.. Enumerable.Range(0, 5 * columns).Select(_ => (double)(float)c.Random.NextDouble())];
        Parameter frozen = Parameter.FromValues("frozen", [5, columns], [.. values.Select(value => (float)value)]);
        Variable x = c.Input(rows, columns);
        c.Check(v => LinearReference.Forward(v[x], values, columns), (f, bound) => f.Linear(bound.Tensor(x), frozen));
        c.Check(v => LinearReference.Gated(v[x], values, values, columns), (f, bound) => f.GatedLinear(bound.Tensor(x), frozen, frozen));
        Assert.False(frozen.Trainable);
        Assert.Null(frozen.Master);
    });

    [Fact]
    public void Gate_is_silu_of_one_matrix_times_another() => ForShapes((c, rows, columns, _) =>
    {
        Variable a = c.Input(rows, columns, scale: 4), b = c.Input(rows, columns);
        c.Check(v => [.. v[a].Zip(v[b], (gate, up) => gate / (1 + Math.Exp(-gate)) * up)], (f, bound) => f.Gate(bound.Tensor(a), bound.Tensor(b)));
    });

    [Fact]
    public void Magnitude_turns_lengths_into_trained_ones_and_adds_its_residual() => ForShapes((c, rows, columns, _) =>
    {
        float[] norms = [.. Enumerable.Range(0, columns).Select(_ => 0.5f + c.Random.NextSingle())];
        Variable z = c.Input(rows, columns), m = c.Parameter(0, columns), residual = c.Input(rows, columns);
        double[] Scaled(Values v) => [.. v[z].Select((value, i) => value * v[m][i % columns] / norms[i % columns])];
        c.Check(Scaled, (f, bound) => f.Magnitude(bound.Tensor(z), bound.Weight(m), f.Upload(norms, 1, columns)));
        c.Check(
            v => Sum(Scaled(v), v[residual]), (f, bound) => f.Magnitude(bound.Tensor(z), bound.Weight(m), f.Upload(norms, 1, columns), bound.Tensor(residual)));
    });

    [Fact]
    public void Magnitude_of_more_columns_than_the_stack_holds_gets_its_gradient_on_one_thread()
    {
        const int Columns = 1_000_003;
        Parameter magnitude = Parameter.FromValues("m", [Columns], new float[Columns]);
        ParameterArena arena = new([magnitude]);
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor z = f.Upload([.. Enumerable.Range(0, Columns).Select(i => i % 97f)], 1, Columns),
            norms = f.Upload([.. Enumerable.Repeat(0.5f, Columns)], 1, Columns);
        Tensor y = f.Magnitude(z, magnitude, norms);
        tape.Backward(y, norms);
        Assert.Equal(Enumerable.Range(0, Columns).Select(i => i % 97f), arena.Gradients.Span(0, Columns).ToArray());
    }

    [Fact]
    public void A_recomputed_block_keeps_the_row_norms_that_it_reads_from_a_scope_that_has_ended()
    {
        using ComputeContext context = new();
        Parameter magnitude = Parameter.FromValues("m", [2], [3, 4]);
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor x = f.Upload([1, 1], 1, 2), y;
        tape.Watch(x);
        using (Scope inner = f.BeginScope())
        {
            Tensor norms = inner.Upload([2, 8], 1, 2);
            y = inner.Keep(inner.Recomputed(x, (g, z) => g.Magnitude(z, magnitude, norms)));
        }

        tape.Backward(y, f.Upload([1, 1], 1, 2));
        Assert.Equal([1.5f, 0.5f], tape.Gradient(x)!.ToArray());
    }

    [Fact]
    public void Row_norms_are_those_of_the_weight_with_its_update_and_follow_a_weight_that_moves()
    {
        Random random = new(3);
        using ComputeContext context = new();
        foreach ((int rows, int columns, int rank) in Shapes)
        {
            Parameter Draw(string name, int height, int width) =>
                Parameter.FromValues(name, [height, width], [.. Enumerable.Range(0, height * width).Select(_ => (random.NextSingle() * 2) - 1)]);
            Parameter weight = Draw("W", rows, columns), a = Draw("A", rank, columns), b = Draw("B", rows, rank);
            for (int round = 0; round < 2; round++)
            {
                float[] w = Values(weight), low = Values(b), narrow = Values(a);
                double[] expected = [.. Enumerable.Range(0, rows).Select(row => Math.Sqrt(Enumerable.Range(0, columns).Sum(column =>
                {
                    double update = Enumerable.Range(0, rank).Sum(i => (double)low[(row * rank) + i] * narrow[(i * columns) + column]);
                    return Math.Pow(w[(row * columns) + column] + (0.25 * update), 2);
                })))];
                using (Scope f = context.BeginScope()) OperationCase.Close(expected, f.RowNorms(weight, a, b, 0.25f).ToArray(), 3e-6, "length of row");
                weight.SetValues([.. w.Select(value => value * 2)]);
            }
        }
    }

    [Fact]
    public void A_table_of_columns_is_looked_up_by_token_and_gives_the_padding_column_no_gradient() => ForShapes((c, rows, columns, rank) =>
    {
        const int Padding = 0;
        int[] ids = [.. Enumerable.Range(0, rows).Select(_ => c.Random.Next(columns))];
        Variable table = c.Parameter(rank, columns);
        double[] constant = [.. new Values([table])[table]];
        c.Check(
            v => [.. ids.SelectMany(id => Enumerable.Range(0, rank).Select(i => (id == Padding ? constant : v[table])[(i * columns) + id]))],
            (f, bound) => f.EmbeddingColumns(bound.Weight(table), ids, Padding));
    });

    [Fact]
    public void Dropout_by_the_scope_drops_nothing_without_a_draw_and_the_same_in_a_recomputed_block()
    {
        using ComputeContext context = new();
        float[] values = [.. Enumerable.Repeat(1f, 40 * 16)];
        using (Scope f = context.BeginScope())
        {
            Tensor x = f.Upload(values, 40, 16);
            Assert.Same(x, f.Dropout(x, 0.5f, 7));
        }

        using Tape tape = new();
        using Scope training = context.BeginScope(Precision.F32, tape, new DropoutDraw(1, 2));
        Tensor input = training.Upload(values, 40, 16);
        tape.Watch(input);
        Tensor y = training.Recomputed(input, (g, x) => g.Dropout(x, 0.5f, 7));
        float[] kept = y.ToArray();
        Assert.Contains(0f, kept);
        tape.Backward(y, training.Upload(values, 40, 16));
        Assert.Equal(kept, tape.Gradient(input)!.ToArray());
    }

    [Fact]
    public void Tokens_taken_piece_by_piece_drop_what_they_drop_together()
    {
        using ComputeContext context = new();
        DropoutDraw draw = new(1, 2);
        using Scope f = context.BeginScope(Precision.F32, null, draw);
        float[] Dropped(int first, int count)
        {
            using Scope piece = f.BeginScope(dropout: draw with { FirstToken = first });
            return piece.Dropout(piece.Upload([.. Enumerable.Repeat(1f, count * 16)], count, 16), 0.5f, 7).ToArray();
        }

        float[] whole = Dropped(0, 40);
        Assert.Equal(whole, (float[])[.. Dropped(0, 13), .. Dropped(13, 20), .. Dropped(33, 7)]);
        Assert.NotEqual(whole[..(13 * 16)], Dropped(13, 13));
    }

    private static void ForShapes(Action<OperationCase, int, int, int> check)
    {
        Random random = new(11);
        foreach ((int rows, int columns, int rank) in Shapes) check(new OperationCase(random), rows, columns, rank);
    }

    private static float[] Values(Parameter parameter)
    {
        float[] values = new float[parameter.Count];
        parameter.CopyTo(values);
        return values;
    }

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
