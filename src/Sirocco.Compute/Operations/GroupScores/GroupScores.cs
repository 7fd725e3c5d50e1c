using System.Numerics.Tensors;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>s[i,j] = scale · q_i · p_{i·n+j}: each query with the n candidates that follow each other in <paramref name="candidates"/>.</summary>
    /// <param name="f">Where the result is made.</param>
    /// <param name="queries">[groups, features]</param>
    /// <param name="candidates">[groups · n, features]</param>
    /// <param name="scale">Usually 1 / temperature.</param>
    /// <returns>[groups, n]; f32 products whatever the scope's precision.</returns>
    public static Tensor GroupScores(this Scope f, Tensor queries, Tensor candidates, float scale = 1)
    {
        if (queries.Columns != candidates.Columns || queries.Rows == 0 || candidates.Rows % queries.Rows != 0)
            throw new ArgumentException($"{candidates} are not groups of equal size for {queries}", nameof(candidates));
        int size = candidates.Rows / queries.Rows;
        Tensor scores = f.New(queries.Rows, size);
        for (int i = 0; i < queries.Rows; i++)
        {
            Span<float> row = scores.Row(i);
            for (int j = 0; j < size; j++) row[j] = scale * TensorPrimitives.Dot(queries.Row(i), candidates.Row((i * size) + j));
        }

        if (f.Records([queries, candidates])) RecordGroupScores(f.Tape!, queries, candidates, scores, scale);
        return scores;
    }

    /// <summary>dq_i = scale Σ_j ds_ij p_{i·n+j}; dp_{i·n+j} = scale · ds_ij q_i.</summary>
    private static void RecordGroupScores(Tape tape, Tensor queries, Tensor candidates, Tensor scores, float scale) =>
        tape.Record([scores], [], [queries, candidates], pass =>
        {
            Tensor gradient = pass.Gradient(scores);
            if (pass.Wants(queries)) Accumulate(pass.Target(queries, out bool add), add, candidates, ofQueries: true);
            if (pass.Wants(candidates)) Accumulate(pass.Target(candidates, out bool add), add, queries, ofQueries: false);

            void Accumulate(Tensor target, bool add, Tensor other, bool ofQueries)
            {
                if (!add)
                {
                    for (int row = 0; row < target.Rows; row++) target.Row(row).Clear();
                }

                for (int i = 0; i < scores.Rows; i++)
                {
                    for (int j = 0; j < scores.Columns; j++)
                    {
                        int candidate = (i * scores.Columns) + j;
                        Span<float> row = target.Row(ofQueries ? i : candidate);
                        TensorPrimitives.MultiplyAdd(other.Row(ofQueries ? candidate : i), scale * gradient.Row(i)[j], row, row);
                    }
                }
            }
        });
}
