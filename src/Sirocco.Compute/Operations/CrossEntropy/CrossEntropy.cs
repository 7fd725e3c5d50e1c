namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// L = mean over rows with a label ≥ 0 of log Σ_j exp(x[t,j]) − x[t, label]; 0 where there is no such row. Backward: dx = (softmax(x) − onehot(label)) /
    /// count in those rows, 0 in others. The tape keeps x and what normalises each row.
    /// </summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="scores">x [rows, classes]</param>
    /// <param name="labels">One class for each row; negative (−100 by custom): the row does not count.</param>
    /// <returns>[1, 1]</returns>
    /// <exception cref="ArgumentOutOfRangeException">A label beyond the classes.</exception>
    public static Tensor CrossEntropy(this Scope f, Tensor scores, ReadOnlySpan<int> labels)
    {
        Expect.Length(labels.Length, scores.Rows, "labels");
        int count = CountLabels(labels, scores.Columns);
        Tensor loss = f.New(1, 1), normalizers = f.New(scores.Rows, SoftmaxNormalizer.Columns);
        fixed (int* at = labels)
        {
            NormalizerRow kernel = new() { X = scores.Data, Labels = at, Normalizers = (SoftmaxNormalizer*)normalizers.Pointer, Classes = scores.Columns };
            RowDriver.Rows(f.Context.Backend, scores.Rows, 8L * scores.Columns, kernel);
        }

        double sum = 0;
        for (int t = 0; t < labels.Length; t++)
        {
            if (labels[t] >= 0) sum += ((SoftmaxNormalizer*)normalizers.Pointer)[t].Minus(scores.Row(t)[labels[t]]);
        }

        *loss.Data = count == 0 ? 0 : (float)(sum / count);
        if (f.Records([scores])) Record(f.Tape!, scores, f.Integers(labels), normalizers, count, loss);
        return loss;

        static void Record(Tape tape, Tensor scores, Tensor labels, Tensor normalizers, int count, Tensor loss) =>
            tape.Record([loss], [], [scores, labels, normalizers], pass =>
            {
                Tensor dx = pass.Target(scores, out bool add);
                CrossEntropyRow toScores = new()
                {
                    X = scores.Data,
                    DX = dx.Data,
                    Normalizers = (SoftmaxNormalizer*)normalizers.Pointer,
                    Labels = (int*)labels.Pointer,
                    Classes = scores.Columns,
                    Factor = count == 0 ? 0 : *pass.Gradient(loss).Data / count,
                    Accumulate = add,
                };
                RowDriver.Rows(scores.Context.Backend, scores.Rows, 8L * scores.Columns, toScores);
            });
    }

    private static int CountLabels(ReadOnlySpan<int> labels, int classes)
    {
        int count = 0;
        foreach (int label in labels)
        {
            if (label >= classes) throw new ArgumentOutOfRangeException(nameof(labels), $"label {label} is beyond the {classes} classes");
            if (label >= 0) count++;
        }

        return count;
    }

    private struct NormalizerRow : IRowKernel
    {
        public float* X;
        public SoftmaxNormalizer* Normalizers;
        public int* Labels;
        public int Classes;

        public readonly void Row(int row) =>
            Normalizers[row] = Labels[row] < 0 ? default : SoftmaxStatistics.Of(X + ((long)row * Classes), Classes).Normalizer;
    }

    private struct CrossEntropyRow : IRowKernel
    {
        public float* X, DX;
        public SoftmaxNormalizer* Normalizers;
        public int* Labels;
        public int Classes;
        public float Factor;
        public bool Accumulate;

        public readonly void Row(int row)
        {
            float* dx = DX + ((long)row * Classes);
            if (Labels[row] < 0)
            {
                if (!Accumulate) new Span<float>(dx, Classes).Clear();
                return;
            }

            SoftmaxStatistics.Probabilities(X + ((long)row * Classes), Normalizers[row], Factor, dx, Classes, Accumulate);
            dx[Labels[row]] -= Factor;
        }
    }
}

/// <summary>Cross-entropy in plain loops.</summary>
internal static class CrossEntropyReference
{
    public static double Forward(double[] scores, int[] labels, double normalizer = 0)
    {
        int classes = scores.Length / labels.Length;
        double sum = 0;
        for (int t = 0; t < labels.Length; t++)
        {
            if (labels[t] < 0) continue;
            double[] row = scores[(t * classes)..((t + 1) * classes)];
            double largest = row.Max();
            sum += largest + Math.Log(row.Sum(x => Math.Exp(x - largest))) - row[labels[t]];
        }

        return sum / (normalizer != 0 ? normalizer : Math.Max(labels.Count(label => label >= 0), 1));
    }
}
