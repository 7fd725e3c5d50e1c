using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// Late interaction (Khattab and Zaharia 2020), where every token of a text has a vector: s[i, j] = scale · Σ over tokens t of query i of the largest q_t ·
    /// p_u over tokens u of passage j. Backward: the token u that was largest (the first of equals) takes and gives all of the gradient.
    /// </summary>
    /// <param name="f">Where the result is made.</param>
    /// <param name="queries">[query tokens, features]</param>
    /// <param name="queryStarts">[B + 1] where each query's tokens begin.</param>
    /// <param name="passages">[passage tokens, features]</param>
    /// <param name="passageStarts">[N + 1] where each passage's tokens begin; none is empty.</param>
    /// <param name="own">Whether query i meets its own N / B passages, which follow each other, or all of them.</param>
    /// <param name="scale">Usually 1 / temperature.</param>
    /// <returns>[B, N / B] or [B, N]; f32 products whatever the scope's precision.</returns>
    public static Tensor MaxSimScores(
        this Scope f, Tensor queries, ReadOnlySpan<int> queryStarts, Tensor passages, ReadOnlySpan<int> passageStarts, bool own, float scale = 1)
    {
        Expect.Columns(passages, queries.Columns, "the matrix of passage tokens");
        int count = queryStarts.Length - 1, all = passageStarts.Length - 1;
        if (count < 1 || all < 1 || (own && all % count != 0))
            throw new ArgumentException($"{all} passages are not the same number for each of {count} queries", nameof(passageStarts));
        Expect.Starts(queryStarts, queries.Rows, "queries");
        Expect.Starts(passageStarts, passages.Rows, "passages");
        for (int j = 0; j < all; j++)
        {
            if (passageStarts[j] == passageStarts[j + 1]) throw new ArgumentException($"passage {j} has no token", nameof(passageStarts));
        }

        int width = own ? all / count : all;
        Tensor scores = f.New(count, width);
        Tensor best = f.New(queries.Rows, width);                                       // integers: the token chosen for each query token and passage
        for (int i = 0; i < count; i++)
        {
            int first = own ? i * width : 0, from = passageStarts[first], tokens = passageStarts[first + width] - from;
            int start = queryStarts[i], length = queryStarts[i + 1] - start;
            Span<float> row = scores.Row(i);
            row.Clear();
            if (length == 0) continue;
            using Scope inner = f.BeginScope();
            Tensor similarity = inner.New(length, tokens);                              // [tokens of query i, tokens of its candidates]
            Operand left = Operand.Dense(queries.Data + ((long)start * queries.Columns), ElementType.F32, length, queries.Columns);
            Operand right = Operand.Dense(passages.Data + ((long)from * passages.Columns), ElementType.F32, tokens, passages.Columns);
            Gemm.Multiply(f.Context.Backend, left, right.T, similarity.Data, tokens, Precision.F32);
            for (int t = 0; t < length; t++)
            {
                ReadOnlySpan<float> line = similarity.Row(t);
                for (int j = 0; j < width; j++)
                {
                    int begin = passageStarts[first + j] - from;
                    ReadOnlySpan<float> candidates = line[begin..(passageStarts[first + j + 1] - from)];
                    int largest = System.Numerics.Tensors.TensorPrimitives.IndexOfMax(candidates);
                    row[j] += scale * candidates[largest];
                    best.Integers[((start + t) * width) + j] = from + begin + largest;
                }
            }
        }

        if (f.Records([queries, passages])) RecordMaxSim(f.Tape!, queries, f.Integers(queryStarts), passages, best, scores, scale);
        else f.Free(best);
        return scores;
    }

    private static void RecordMaxSim(Tape tape, Tensor queries, Tensor queryStarts, Tensor passages, Tensor best, Tensor scores, float scale) =>
        tape.Record([scores], [], [queries, queryStarts, passages, best], pass =>
        {
            Tensor gradient = pass.Gradient(scores);
            foreach (bool ofQueries in (ReadOnlySpan<bool>)[true, false])
            {
                Tensor input = ofQueries ? queries : passages;
                if (!pass.Wants(input)) continue;
                Tensor target = pass.Target(input, out bool add);
                if (!add) System.Runtime.InteropServices.NativeMemory.Clear(target.Data, (nuint)(target.Count * sizeof(float)));
                RowDriver.Columns(input.Context.Backend, queries.Rows * scores.Columns, input.Columns, new ChosenRows
                {
                    Gradient = gradient.Data,
                    From = ofQueries ? passages.Data : queries.Data,
                    To = target.Data,
                    Starts = (int*)queryStarts.Pointer,
                    Best = (int*)best.Pointer,
                    Queries = queryStarts.Columns - 1,
                    Width = scores.Columns,
                    Features = input.Columns,
                    Scale = scale,
                    OfQueries = ofQueries,
                });
            }
        });

    /// <summary>dq_t += scale · ds_ij · p_u and dp_u += scale · ds_ij · q_t, in order of t and j.</summary>
    private struct ChosenRows : IColumnKernel
    {
        public float* Gradient, From, To;
        public int* Starts, Best;
        public int Queries, Width, Features;
        public float Scale;
        public bool OfQueries;

        public readonly void Columns(int first, int count)
        {
            for (int i = 0; i < Queries; i++)
            {
                for (int t = Starts[i]; t < Starts[i + 1]; t++)
                {
                    for (int j = 0; j < Width; j++)
                    {
                        long u = Best[((long)t * Width) + j], from = OfQueries ? u : t, to = OfQueries ? t : u;
                        VectorRow.AddScaled(From + (from * Features) + first, Scale * Gradient[((long)i * Width) + j], To + (to * Features) + first, count);
                    }
                }
            }
        }
    }
}
