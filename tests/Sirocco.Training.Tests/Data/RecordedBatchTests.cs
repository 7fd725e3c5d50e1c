using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training.Tests;

/// <summary>What the reference fed to its models, row for row and token for token.</summary>
public class RecordedBatchTests
{
    private static readonly string[] Names =
    [
        "bi-extract-submodel", "bi-llama-cls", "bi-llama-colbert", "bi-llama-inline", "bi-llama-instruction", "bi-llama-last", "bi-llama-weighted_avg",
        "bi-ministral3-corpus", "bi-ministral3-dora", "bi-ministral3-inbatch", "bi-ministral3-inline", "bi-ministral3-last", "bi-ministral3-lora",
        "bi-ministral3-lora-bf16", "cross-llama", "cross-llama-temperature", "cross-ministral3", "distill",
    ];

    public static TheoryData<string> Cases => [.. Names];

    public static TheoryData<string> CasesWithValidation => [.. Names.Where(name => new RecordedCase(name).Has("validation_dataset"))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Batches_and_their_order_are_those_of_the_reference(string name)
    {
        RecordedCase recorded = new(name);
        RetrievalDataset dataset = recorded.Dataset();
        BatchSampler sampler = recorded.Sampler(dataset);
        JsonElement steps = recorded.Json("steps.json");
        using TensorArchive batches = recorded.Batches();
        Dictionary<int, IEnumerator<ExampleBatch>> epochs = [];
        foreach (JsonElement step in steps.GetProperty("steps").EnumerateArray())
        {
            int epoch = step.GetProperty("epoch").GetInt32(), number = step.GetProperty("step").GetInt32(), micro = 0;
            if (!epochs.TryGetValue(epoch, out IEnumerator<ExampleBatch>? batch))
                epochs.Add(epoch, batch = Loader(recorded, dataset, sampler, "dataloader", epoch).GetEnumerator());
            foreach (JsonElement rows in step.GetProperty("rows").EnumerateArray())
            {
                Assert.True(batch.MoveNext());
                Assert.Equal(rows.EnumerateArray().Select(row => row.GetInt32()), batch.Current.Records);
                if (number < 3) Same(batches, $"step{number}.micro{micro++}.", batch.Current);
            }
        }

        foreach (IEnumerator<ExampleBatch> epoch in epochs.Values) epoch.Dispose();
    }

    [Theory]
    [MemberData(nameof(CasesWithValidation))]
    public void Validation_batches_are_those_of_the_reference(string name)
    {
        RecordedCase recorded = new(name);
        RetrievalDataset dataset = recorded.Dataset("validation_dataset");
        BatchSampler sampler = recorded.Sampler(dataset, "validation_dataloader");
        using TensorArchive batches = recorded.Batches();
        int number = 0;
        JsonElement rows = recorded.Json("steps.json").GetProperty("validation_rows");
        foreach (ExampleBatch batch in Loader(recorded, dataset, sampler, "validation_dataloader", 0))
        {
            Assert.Equal(rows[number].EnumerateArray().Select(row => row.GetInt32()), batch.Records);
            string prefix = $"validation{number++}.";
            if (batches.Tensors.Any(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))) Same(batches, prefix, batch);
        }

        Assert.Equal(rows.GetArrayLength(), number);
    }

    [Theory]
    [InlineData("two-process-detached")]
    [InlineData("two-process-differentiable")]
    public void Each_of_two_processes_gets_the_batches_of_the_reference(string name)
    {
        RecordedCase recorded = new(name);
        RetrievalDataset dataset = recorded.Dataset();
        for (int rank = 0; rank < 2; rank++)
        {
            using TensorArchive batches = recorded.Batches($"rank{rank}.safetensors");
            using IEnumerator<ExampleBatch> batch = Loader(recorded, dataset, recorded.Sampler(dataset, rank: rank, worldSize: 2), "dataloader", 0)
                .GetEnumerator();
            int micro = 0;
            foreach (JsonElement rows in recorded.Json($"rank{rank}.json").GetProperty("rows").EnumerateArray())
            {
                Assert.True(batch.MoveNext());
                Assert.Equal(rows.EnumerateArray().Select(row => row.GetInt32()), batch.Current.Records);
                if (micro < 4) Same(batches, $"micro{micro++}.", batch.Current);
            }
        }
    }

    [Fact]
    public void A_resumed_run_goes_on_with_the_batch_after_the_last_one()
    {
        JsonElement rows = JsonDocument.Parse(File.ReadAllBytes(GoldenFile.Path("retrieval/resume/resume.json"))).RootElement.GetProperty("rows");
        RetrievalDataset dataset = RetrievalDataset.Load(
            new RetrievalDatasetOptions { Sources = [new RetrievalSource(GoldenFile.Path("retrieval/common/data/train.jsonl"))] });
        BatchSampler sampler = new(dataset.Count, new DataLoaderOptions(), 4);
        int consumed = rows.GetProperty("first").GetArrayLength() % sampler.Count;
        int[][] rest = [.. sampler.Batches(0).Skip(consumed), .. sampler.Batches(1)];
        JsonElement second = rows.GetProperty("second");
        for (int i = 0; i < second.GetArrayLength(); i++) Assert.Equal(second[i].EnumerateArray().Select(row => row.GetInt32()), rest[i]);
    }

    private static IEnumerable<ExampleBatch> Loader(RecordedCase recorded, RetrievalDataset dataset, BatchSampler sampler, string section, int epoch)
    {
        string kind = recorded.Value(section + ".collate_fn._target_")!;
        TrainingTokenizer tokenizer = recorded.Tokenizer();
        if (kind.EndsWith("CrossEncoderCollator", StringComparison.Ordinal))
            return new RetrievalDataLoader<RerankingBatch>(dataset, new CrossEncoderCollator(tokenizer, recorded.CrossEncoder(section)), sampler).Epoch(epoch);
        BiEncoderCollatorOptions options = recorded.BiEncoder(section);
        if (kind.EndsWith("BiEncoderCollator", StringComparison.Ordinal))
            return new RetrievalDataLoader<RetrievalBatch>(dataset, new BiEncoderCollator(tokenizer, options), sampler).Epoch(epoch);
        DistillationCollatorOptions distillation = new()
        {
            QueryLength = options.QueryLength,
            PassageLength = options.PassageLength,
            QueryPrefix = options.QueryPrefix,
            PassagePrefix = options.PassagePrefix,
            PadToMultipleOf = options.PadToMultipleOf,
        };
        return new RetrievalDataLoader<DistillationBatch>(dataset, new DistillationCollator(tokenizer, distillation), sampler).Epoch(epoch);
    }

    private static void Same(TensorArchive recorded, string prefix, ExampleBatch batch)
    {
        switch (batch)
        {
            case RetrievalBatch retrieval:
                Same(recorded, prefix + "q_", retrieval.Queries);
                Same(recorded, prefix + "d_", retrieval.Passages);
                bool hasIds = recorded.TryGet(prefix + "passage_doc_ids", out StoredTensor? ids);

                // Recordings keep the ids where the loss uses them.
                if (hasIds) Assert.Equal(ids!.ToInt64Array(), retrieval.DocumentIds);
                break;
            case RerankingBatch reranking:
                Same(recorded, prefix, reranking.Pairs);
                break;
            case DistillationBatch distillation:
                Same(recorded, prefix + "q_", distillation.Queries);
                Same(recorded, prefix + "d_", distillation.Positives);
                Same(recorded, prefix + "n_", distillation.Negatives);
                Assert.Equal(recorded[prefix + "n_mask"].ToInt64Array().Select(value => value == 1), distillation.IsNegative);
                break;
            default:
                throw new InvalidOperationException(batch.GetType().Name);
        }
    }

    private static void Same(TensorArchive recorded, string prefix, TokenizedBatch batch)
    {
        StoredTensor ids = recorded[prefix + "input_ids"];
        Assert.Equal((int)ids.Shape[^1], batch.Columns);
        Assert.Equal(ids.ToInt64Array(), batch.PaddedIds().Select(id => (long)id));
        Assert.Equal(recorded[prefix + "attention_mask"].ToInt64Array(), batch.Mask().Select(cell => (long)cell));
    }
}
