using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training.Tests;

/// <summary>Fine-tuning of a causal model and of a reranker through the same optimizer, against recorded runs.</summary>
public class LanguageModelGoldenTests
{
    [Theory]
    [InlineData("sft-causal-token-normalised", true)]
    [InlineData("sft-causal-mean-of-means", false)]
    [InlineData("sft-causal-linear-noclip", true)]
    public void A_causal_model_trains_as_in_torch(string run, bool byTokens)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using CausalModel model = CausalModel.FromPretrained(GoldenFile.Path("ministral3-causal"));
        using TensorArchive batches = GoldenFile.Tensors("sft-causal-token-normalised.safetensors");
        int[] extents = [.. batches["input_ids"].Shape.ToArray().Select(extent => (int)extent)];    // [step, micro-batch, row, length]
        int rows = extents[2], length = extents[3];
        long[] allIds = batches["input_ids"].ToInt64Array(), allMasks = batches["attention_mask"].ToInt64Array(), allLabels = batches["labels"].ToInt64Array();
        ParameterArena arena = new(model.Parameters);
        GoldenRun golden = new(run, context, arena);
        for (int step = 0; step < golden.Steps; step++)
        {
            var micros = Enumerable.Range(step * extents[1], extents[1]).Select(micro =>
            {
                Range cells = (micro * rows * length)..((micro + 1) * rows * length);
                PaddedBatch padded = PaddedBatch.Create(rows, length, allMasks[cells], PositionCount.Columns);
                return (Padded: padded, Ids: padded.Tokens(allIds[cells], "input_ids"), Labels: padded.ShiftedLabels(allLabels[cells]));
            }).ToArray();
            float counted = micros.Sum(micro => micro.Labels.Count(label => label >= 0)), loss = 0;
            foreach (var (padded, ids, labels) in micros)
            {
                using Tape tape = new();
                using Scope f = context.BeginScope(Precision.F32, tape);
                Tensor hidden = model.Decoder.Forward(f, ids, padded.Segments, model.Config.Mask(causal: true));
                Tensor part = f.HeadCrossEntropy(hidden, model.Head, labels, byTokens ? counted : 0);
                float share = byTokens ? 1 : 1f / micros.Length;
                tape.Backward(part, f.Upload([share], 1, 1));
                loss += share * part.Scalar();
            }

            golden.Check(step, loss);
        }

        golden.CheckFinalWeights();
    }

    [Fact]
    public void A_reranker_trains_as_in_torch()
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using EncoderModel encoder = EncoderModel.FromPretrained(GoldenFile.Path("llama-bidirectional"), new ModelOptions { IsCausal = false });
        using TensorArchive batches = GoldenFile.Tensors("reranker-listwise.safetensors");
        CrossEncoder model = new(
            encoder.Decoder, Parameter.FromValues("score.weight", [1, encoder.Config.HiddenSize], batches.Values("init.score.weight")), Pooling.Average);
        GoldenRun golden = new("reranker-listwise", context, new ParameterArena(model.Parameters));
        for (int step = 0; step < golden.Steps; step++)
        {
            StoredTensor ids = batches[$"batch.{step}.input_ids"];
            PaddedBatch padded = PaddedBatch.Create(
                (int)ids.Rows, (int)ids.Columns, batches[$"batch.{step}.attention_mask"].ToInt64Array(), PositionCount.Columns);
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor scores = model.Score(f, padded.Tokens(ids.ToInt64Array(), "input_ids"), padded.Segments);      // [queries · 3, 1]
            int queries = padded.Rows / 3;
            Tensor lists = f.GroupScores(f.Upload([.. Enumerable.Repeat(1f, queries)], queries, 1), scores);        // [queries, 3]
            Tensor loss = f.CrossEntropy(lists, new int[queries]);
            tape.Backward(loss);
            golden.Check(step, loss.Scalar());
        }

        golden.CheckFinalWeights();
    }
}
