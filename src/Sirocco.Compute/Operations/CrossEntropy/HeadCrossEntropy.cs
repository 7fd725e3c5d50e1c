using System.Runtime.InteropServices;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>Tokens whose logits are computed together.</summary>
    private const int HeadTokens = 1024;

    /// <summary>Logits in memory at one time: 32 MB of f32.</summary>
    private const int HeadLogits = 8 << 20;

    /// <summary>
    /// <see cref="CrossEntropy"/> of hidden · Wᵀ without a matrix of all logits: chunks of tokens times chunks of the vocabulary, whose softmax statistics are
    /// merged. Rows without a label cost nothing. Backward computes each chunk of logits again: dhidden = dlogits · W, dW += dlogitsᵀ · hidden. The tape keeps
    /// the labelled rows and their log-sums.
    /// </summary>
    /// <param name="f">Where the result lives, and the precision of the products.</param>
    /// <param name="hidden">[tokens, hidden]</param>
    /// <param name="head">W [vocabulary, hidden]</param>
    /// <param name="labels">One token id for each row; negative (−100 by custom): the row does not count.</param>
    /// <param name="normalizer">What the sum of losses is divided by; 0: the number of labelled rows.</param>
    /// <returns>[1, 1]</returns>
    /// <exception cref="ArgumentOutOfRangeException">A label beyond the vocabulary.</exception>
    public static Tensor HeadCrossEntropy(this Scope f, Tensor hidden, Parameter head, ReadOnlySpan<int> labels, float normalizer = 0)
    {
        Expect.Inputs(head, hidden);
        Expect.Length(labels.Length, hidden.Rows, "labels");
        int count = CountLabels(labels, head.Rows);
        if (normalizer == 0) normalizer = Math.Max(count, 1);
        Tensor rows = f.New(1, count), targets = f.New(1, count);
        for (int t = 0, i = 0; t < labels.Length; t++)
        {
            if (labels[t] < 0) continue;
            rows.Integers[i] = t;
            targets.Integers[i++] = labels[t];
        }

        bool recorded = f.Records([hidden], [head]);
        Tensor labelled = f.New(count, hidden.Columns);
        RowDriver.Rows(
            f.Context.Backend, count, hidden.Columns, new RowsFrom { X = hidden.Data, Rows = (int*)rows.Pointer, Y = labelled.Data, Columns = hidden.Columns });
        Tensor operand = ProductInput(f, labelled, recorded, kept: true), normalizers = f.New(count, SoftmaxNormalizer.Columns), loss = f.New(1, 1);
        Precision precision = f.Precision == Precision.BF16 ? Precision.BF16 : Precision.F32;
        *loss.Data = (float)(HeadLoss(f, operand, head, targets, normalizers, precision) / normalizer);
        if (recorded) Record(f.Tape!, hidden, head, rows, targets, operand, normalizers, normalizer, precision, loss);
        return loss;

        static void Record(
            Tape tape, Tensor hidden, Parameter head, Tensor rows, Tensor targets, Tensor operand, Tensor normalizers, float normalizer,
            Precision precision, Tensor loss) =>
            tape.Record([loss], [head], [rows, targets, operand, normalizers], pass =>
            {
                float factor = *pass.Gradient(loss).Data / normalizer;
                Tensor? dx = pass.Wants(hidden) ? pass.Scope.Zeros(operand.Rows, operand.Columns) : null;
                HeadBackward(pass.Scope, operand, head, targets, normalizers, factor, precision, dx);
                if (dx is null) return;
                Tensor dhidden = pass.Target(hidden, out bool add);
                if (!add) NativeMemory.Clear(dhidden.Data, (nuint)(dhidden.Count * sizeof(float)));
                RowsAdded toHidden = new() { X = dx.Data, Rows = (int*)rows.Pointer, Y = dhidden.Data, Count = dx.Rows, Stride = dx.Columns };
                RowDriver.Columns(hidden.Context.Backend, dx.Rows, dx.Columns, toHidden);
            });
    }

    /// <summary>Σ_t log-sum − logit of the label; fills what the gradient needs.</summary>
    private static double HeadLoss(Scope f, Tensor x, Parameter head, Tensor targets, Tensor normalizers, Precision precision)
    {
        using Scope scope = f.BeginScope();
        Tensor logits = scope.New(1, HeadChunk(x.Rows, head.Rows));
        double loss = 0;
        SoftmaxStatistics* statistics = (SoftmaxStatistics*)scope.New(HeadTokens, sizeof(SoftmaxStatistics) / sizeof(float)).Pointer;
        for (int token = 0; token < x.Rows; token += HeadTokens)
        {
            int tokens = Math.Min(HeadTokens, x.Rows - token);
            new Span<SoftmaxStatistics>(statistics, tokens).Fill(SoftmaxStatistics.Empty);
            foreach ((int first, int classes) in new HeadChunks(tokens, head.Rows))
            {
                f.Cancellation.ThrowIfCancellationRequested();
                HeadProduct(x, token, tokens, head, first, classes, logits.Data, precision);
                RowDriver.Rows(
                    f.Context.Backend, tokens, 8L * classes, new HeadStatistics { Logits = logits.Data, Statistics = statistics, Classes = classes });
                for (int t = 0; t < tokens; t++)
                {
                    int label = targets.Integers[token + t] - first;
                    if ((uint)label < (uint)classes) loss -= logits.Data[((long)t * classes) + label];
                }
            }

            for (int t = 0; t < tokens; t++)
            {
                SoftmaxNormalizer normalizer = statistics[t].Normalizer;
                ((SoftmaxNormalizer*)normalizers.Pointer)[token + t] = normalizer;
                loss += normalizer.Minus(0);
            }
        }

        return loss;
    }

    private static void HeadBackward(
        Scope f, Tensor x, Parameter head, Tensor targets, Tensor normalizers, float factor, Precision precision, Tensor? dx)
    {
        CpuBackend backend = x.Context.Backend;
        Tensor logits = f.New(1, HeadChunk(x.Rows, head.Rows));
        for (int token = 0; token < x.Rows; token += HeadTokens)
        {
            int tokens = Math.Min(HeadTokens, x.Rows - token);
            foreach ((int first, int classes) in new HeadChunks(tokens, head.Rows))
            {
                f.Cancellation.ThrowIfCancellationRequested();
                HeadProduct(x, token, tokens, head, first, classes, logits.Data, precision);
                HeadGradient gradient = new()
                {
                    Logits = logits.Data,
                    Normalizers = (SoftmaxNormalizer*)normalizers.Pointer + token,
                    Targets = (int*)targets.Pointer + token,
                    First = first,
                    Classes = classes,
                    Factor = factor,
                };
                RowDriver.Rows(backend, tokens, 8L * classes, gradient);
                Operand dlogits = Operand.Dense(logits.Data, ElementType.F32, tokens, classes);
                if (dx is not null)
                {
                    Gemm.Multiply(
                        backend,
                        dlogits,
                        RowRange(head.Operand, first, classes),
                        dx.Data + ((long)token * dx.Columns),
                        dx.Columns,
                        precision,
                        accumulate: true);
                }
                if (head.Gradient is { } dw)
                {
                    Gemm.Multiply(
                        backend,
                        dlogits.T,
                        RowRange(Matrix(x), token, tokens),
                        dw.Pointer + ((long)first * head.Columns),
                        head.Columns,
                        precision,
                        accumulate: true);
                }
            }
        }
    }

    private static void HeadProduct(Tensor x, int token, int tokens, Parameter head, int first, int classes, float* logits, Precision precision) =>
        Gemm.Multiply(x.Context.Backend, RowRange(Matrix(x), token, tokens), RowRange(head.Operand, first, classes).T, logits, classes, precision);

    private static Operand RowRange(Operand matrix, int first, int rows) => matrix with { Data = matrix.At(first, 0), Rows = rows };

    /// <summary>Logits of the largest chunk.</summary>
    private static int HeadChunk(int rows, int vocabulary) => (int)Math.Min((long)Math.Min(rows, HeadTokens) * vocabulary, Math.Max(HeadLogits, HeadTokens));

    /// <summary>Cuts a vocabulary into ranges whose logits for some tokens fit the budget.</summary>
    private ref struct HeadChunks(int tokens, int vocabulary)
    {
        private readonly int width = Math.Max(1, HeadLogits / Math.Max(tokens, 1));
        private int first = -1;

        public readonly (int First, int Classes) Current => (first, Math.Min(width, vocabulary - first));

        public readonly HeadChunks GetEnumerator() => this;

        public bool MoveNext()
        {
            first = first < 0 ? 0 : first + width;
            return first < vocabulary;
        }
    }

    private struct HeadStatistics : IRowKernel
    {
        public float* Logits;
        public SoftmaxStatistics* Statistics;
        public int Classes;

        public readonly void Row(int row) => Statistics[row] = Statistics[row].Merge(SoftmaxStatistics.Of(Logits + ((long)row * Classes), Classes));
    }

    /// <summary>dlogits = factor · (softmax − onehot), in place.</summary>
    private struct HeadGradient : IRowKernel
    {
        public float* Logits;
        public SoftmaxNormalizer* Normalizers;
        public int* Targets;
        public int First, Classes;
        public float Factor;

        public readonly void Row(int row)
        {
            float* logits = Logits + ((long)row * Classes);
            SoftmaxStatistics.Probabilities(logits, Normalizers[row], Factor, logits, Classes);
            int label = Targets[row] - First;
            if ((uint)label < (uint)Classes) logits[label] -= Factor;
        }
    }
}
