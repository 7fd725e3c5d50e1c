using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training.Tests;

/// <summary>Logits of several sequences in one pass, and gradients that start at logits, against recorded runs of causal models.</summary>
public class LanguageModelDistillationTests
{
    private const double Temperature = 2, DivergenceShare = 0.7;

    [Theory]
    [InlineData("distillation-forward-kl", true)]
    [InlineData("distillation-reverse-kl", false)]
    public void A_student_follows_its_teachers_distribution_as_in_torch(string run, bool forward)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using CausalModel student = CausalModel.FromPretrained(GoldenFile.Path("ministral3-causal"));
        using CausalModel teacher = CausalModel.FromPretrained(GoldenFile.Path("ministral3-teacher"));
        using TensorArchive batches = GoldenFile.Tensors("distillation-forward-kl.safetensors");
        GoldenRun golden = new(run, context, new ParameterArena(student.Parameters));
        for (int step = 0; step < golden.Steps; step++)
        {
            StoredTensor ids = batches[$"batch.{step}.input_ids"];
            PaddedBatch padded = PaddedBatch.Create(
                (int)ids.Rows, (int)ids.Columns, batches[$"batch.{step}.attention_mask"].ToInt64Array(), PositionCount.Columns);
            int[] tokens = padded.Tokens(ids.ToInt64Array(), "input_ids"), labels = padded.ShiftedLabels(batches[$"batch.{step}.labels"].ToInt64Array());
            float[] target = Logits(context, teacher, tokens, padded.Segments);
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor logits = student.Logits(f, student.Decoder.Forward(f, tokens, padded.Segments, student.Config.Mask(causal: true)));   // [tokens, vocabulary]
            (double loss, float[] gradient) = Distil(logits.ToArray(), target, labels, logits.Columns, forward);
            tape.Backward(logits, f.Upload(gradient, logits.Rows, logits.Columns));
            golden.Check(step, (float)loss);
        }

        golden.CheckFinalWeights();
    }

    [Fact]
    public void Documents_packed_into_one_pass_give_the_logits_the_loss_and_the_gradients_of_a_packed_row_in_torch()
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using CausalModel model = CausalModel.FromPretrained(GoldenFile.Path("ministral3-causal"));
        using TensorArchive golden = GoldenFile.Tensors("packed.safetensors");
        long[] documents = golden["segment_ids"].ToInt64Array(), labels = golden["labels"].ToInt64Array();
        int[] tokens = [.. golden["input_ids"].ToInt64Array().Select(id => (int)id)];
        Segments segments = Segments.FromLengths([.. documents.GroupBy(document => document).Select(document => document.Count())]);
        Assert.Equal(golden["position_ids"].ToInt64Array(), segments.Positions.ToArray().Select(position => (long)position));
        ParameterArena arena = new(model.Parameters);
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor hidden = model.Decoder.Forward(f, tokens, segments, model.Config.Mask(causal: true));
        float[] expected = golden.Values("logits");
        Assert.InRange(GoldenFile.RelativeError(model.Logits(f, hidden).ToArray(), expected, expected.Max(Math.Abs)), 0, 1e-5);

        // A document's last token predicts nothing: the next document's first is no target.
        int[] next = [.. labels.Select((_, i) => i + 1 < labels.Length && documents[i + 1] == documents[i] ? (int)labels[i + 1] : -1)];
        Tensor loss = f.HeadCrossEntropy(hidden, model.Head, next, 0);
        Assert.InRange(Math.Abs(loss.Scalar() - golden.Values("loss")[0]), 0, 1e-5);
        tape.Backward(loss);
        foreach (Parameter parameter in arena.Parameters)
        {
            float[] gradient = golden.Values("grad." + parameter.Name);
            Assert.InRange(GoldenFile.RelativeError(parameter.Gradient!.ToArray(), gradient, gradient.Max(Math.Abs)), 0, 1e-4);
        }
    }

    private static float[] Logits(ComputeContext context, CausalModel model, int[] tokens, Segments segments)
    {
        using Scope f = context.BeginScope(Precision.F32);
        return model.Logits(f, model.Decoder.Forward(f, tokens, segments, model.Config.Mask(causal: true))).ToArray();
    }

    /// <summary>
    /// 0.7 · T² · KL + 0.3 · cross-entropy, each a mean over rows with a label, and its gradient by the student's logits z: with p and q the distributions of
    /// teacher and student at temperature T, ∂KL(p‖q)/∂z = (q − p) / T and ∂KL(q‖p)/∂z = q · (ln q − ln p − KL(q‖p)) / T.
    /// </summary>
    private static (double Loss, float[] Gradient) Distil(float[] student, float[] teacher, int[] labels, int vocabulary, bool forward)
    {
        double counted = labels.Count(label => label >= 0), sum = 0;
        float[] gradient = new float[student.Length];
        for (int row = 0; row < labels.Length; row++)
        {
            if (labels[row] < 0) continue;
            int first = row * vocabulary;
            double[] p = LogSoftmax(teacher.AsSpan(first, vocabulary), Temperature), q = LogSoftmax(student.AsSpan(first, vocabulary), Temperature);
            double[] plain = LogSoftmax(student.AsSpan(first, vocabulary), 1);
            double divergence = forward ? Divergence(p, q) : Divergence(q, p);
            sum += (DivergenceShare * Temperature * Temperature * divergence) - ((1 - DivergenceShare) * plain[labels[row]]);
            for (int i = 0; i < vocabulary; i++)
            {
                double towards = forward ? Math.Exp(q[i]) - Math.Exp(p[i]) : Math.Exp(q[i]) * (q[i] - p[i] - divergence);
                double towardsLabel = Math.Exp(plain[i]) - (i == labels[row] ? 1 : 0);
                gradient[first + i] = (float)(((DivergenceShare * Temperature * towards) + ((1 - DivergenceShare) * towardsLabel)) / counted);
            }
        }

        return (sum / counted, gradient);
    }

    private static double Divergence(double[] of, double[] from) => of.Zip(from, (a, b) => Math.Exp(a) * (a - b)).Sum();

    private static double[] LogSoftmax(ReadOnlySpan<float> logits, double temperature)
    {
        double[] scaled = [.. logits.ToArray().Select(logit => logit / temperature)];
        double most = scaled.Max(), sum = Math.Log(scaled.Sum(value => Math.Exp(value - most)));
        return [.. scaled.Select(value => value - most - sum)];
    }
}
