using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Contrastive;

/// <summary>Whole runs of the reference: losses, gradient norms and final weights of every step within 1e-5.</summary>
public class TrainingGoldenTests
{
    [Theory]
    [InlineData("contrastive-own-passages", false)]
    [InlineData("contrastive-in-batch", true)]
    public void A_bi_encoder_trains_as_in_torch(string run, bool inBatch)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using BiEncoder model = (BiEncoder)EncoderModel.FromPretrained(GoldenFile.Path("ministral3-bidirectional"), new ModelOptions { IsCausal = false });
        using TensorArchive batches = GoldenFile.Tensors("contrastive-own-passages.safetensors");
        ContrastiveLoss loss = new() { Temperature = 0.1f, InBatchNegatives = inBatch };
        ParameterArena arena = new(model.Parameters);
        ContrastiveObjective objective = new(context, model, loss, Precision.F32);
        GoldenRun golden = new(run, context, arena);
        for (int step = 0; step < golden.Steps; step++) golden.Check(step, objective.AddGradients(Batch(batches, step)));
        golden.CheckFinalWeights();
    }

    private static ContrastiveBatch Batch(TensorArchive batches, int step)
    {
        (int[] queryIds, Segments queries) = Tokens(batches, $"batch.{step}.q_");
        (int[] passageIds, Segments passages) = Tokens(batches, $"batch.{step}.p_");
        return new ContrastiveBatch(queryIds, queries, passageIds, passages, [.. Enumerable.Repeat(-1L, passages.Count)]);
    }

    private static (int[] Ids, Segments Segments) Tokens(TensorArchive batches, string prefix)
    {
        StoredTensor ids = batches[prefix + "input_ids"];
        PaddedBatch padded = PaddedBatch.Create((int)ids.Rows, (int)ids.Columns, batches[prefix + "attention_mask"].ToInt64Array(), PositionCount.Columns);
        return (padded.Tokens(ids.ToInt64Array(), "input_ids"), padded.Segments);
    }
}
