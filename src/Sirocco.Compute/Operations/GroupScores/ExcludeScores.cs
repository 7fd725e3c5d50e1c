namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>Scores with the excluded ones replaced by the lowest f32, so that a softmax gives them nothing and no gradient flows to them.</summary>
    /// <param name="f">Where the result is made.</param>
    /// <param name="scores">[rows, candidates]</param>
    /// <param name="excluded">[rows · candidates], row by row.</param>
    /// <returns>[rows, candidates]</returns>
    public static Tensor ExcludeScores(this Scope f, Tensor scores, ReadOnlySpan<bool> excluded)
    {
        if (excluded.Length != scores.Count) throw new ArgumentException($"{excluded.Length} marks for {scores}", nameof(excluded));
        Tensor kept = f.New(scores.Rows, scores.Columns);
        for (int i = 0; i < scores.Rows; i++)
        {
            ReadOnlySpan<bool> marks = excluded.Slice(i * scores.Columns, scores.Columns);
            Span<float> from = scores.Row(i), to = kept.Row(i);
            for (int j = 0; j < to.Length; j++) to[j] = marks[j] ? float.MinValue : from[j];
        }

        if (f.Records([scores])) Record(f.Tape!, scores, kept, excluded.ToArray());
        return kept;

        static void Record(Tape tape, Tensor scores, Tensor kept, bool[] excluded) => tape.Record([kept], [], [], pass =>
        {
            if (!pass.Wants(scores)) return;
            Tensor gradient = pass.Gradient(kept), target = pass.Target(scores, out bool add);
            for (int i = 0; i < target.Rows; i++)
            {
                Span<float> from = gradient.Row(i), to = target.Row(i);
                for (int j = 0; j < to.Length; j++) to[j] = (add ? to[j] : 0) + (excluded[(i * to.Length) + j] ? 0 : from[j]);
            }
        });
    }
}
