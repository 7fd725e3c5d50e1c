using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests;

public sealed class ForwardPassTests : IDisposable
{
    private static readonly ForwardPassOptions F32 = new() { Model = new ModelOptions { Precision = Precision.F32, Threads = 2 } };
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [SkippableTheory]
    [InlineData("ministral3-causal")]
    [InlineData("llama-causal-tied")]
    [InlineData("llama-causal-untied")]
    public void Causal_models_give_the_reference_logits_hidden_states_loss_and_gradients(string name)
    {
        string folder = Golden.Folder("models/" + name);
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"), ("labels", "input_ids"));
        IReadOnlyList<OutgoingTensor> outputs = ForwardPass.Run(folder, input, F32 with { Outputs = ["logits", "hidden_states", "loss", "grads"] });

        int compared = Compare(golden, outputs, name => name == "logits" || name == "loss" || name.StartsWith("hidden.", StringComparison.Ordinal), 2e-5);
        Assert.True(compared >= 2);
        Assert.True(Compare(golden, outputs, name => name.StartsWith("grad.", StringComparison.Ordinal), 1e-4) >= 10);
    }

    [SkippableTheory]
    [InlineData("ministral3-sliding-window")]
    [InlineData("ministral3-fp8")]
    public void Windows_and_fp8_weights_give_the_reference_logits(string name)
    {
        string folder = Golden.Folder("models/" + name);
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"));
        Assert.Equal(1, Compare(golden, ForwardPass.Run(folder, input, F32), name => name == "logits", 2e-5));
    }

    // llama-biased and ministral3-bidirectional-window hold what transformers' formulas (modeling_llama.py, modeling_ministral3.py, masking_utils.py), written
    // down in torch, give in f64. llama-biased has a sliding_window too, which Llama does not know.
    [SkippableFact]
    public void Llama_with_biases_everywhere_gives_the_reference_logits_loss_and_gradients()
    {
        string folder = Golden.Folder("models/llama-biased");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"), ("labels", "input_ids"));
        IReadOnlyList<OutgoingTensor> outputs = ForwardPass.Run(folder, input, F32 with { Outputs = ["logits", "loss", "grads"] });
        Assert.Equal(2, Compare(golden, outputs, name => name is "logits" or "loss", 2e-5));
        Assert.Equal(34, Compare(golden, outputs, name => name.StartsWith("grad.", StringComparison.Ordinal), 1e-4));
    }

    [SkippableFact]
    public void A_bidirectional_window_reaches_its_whole_width_to_both_sides()
    {
        string folder = Golden.Folder("models/ministral3-bidirectional-window");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"), ("attention_mask", "attention_mask"));
        IReadOnlyList<OutgoingTensor> outputs = ForwardPass.Run(folder, input, F32 with { Pooling = Pooling.Average });
        Golden.AssertClose(outputs.Single(output => output.Name == "last_hidden_state"), golden["last_hidden_state"], 2e-5);
        Golden.AssertClose(outputs.Single(output => output.Name == "embedding"), golden["avg"], 2e-5);
    }

    [SkippableFact]
    public void Positions_that_are_given_do_not_change_which_token_comes_first()
    {
        string folder = Golden.Folder("models/ministral3-bidirectional-window");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"), ("attention_mask", "attention_mask"), ("position_ids", "position_ids"));
        IReadOnlyList<OutgoingTensor> outputs = ForwardPass.Run(folder, input, F32 with { Pooling = Pooling.First, Outputs = ["embedding"] });
        Golden.AssertClose(outputs.Single(), golden["positions.cls"], 2e-5);
    }

    [SkippableFact]
    public void The_bidirectional_reranker_gives_the_reference_scores()
    {
        string folder = Golden.Folder("models/llama-reranker");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"), ("attention_mask", "attention_mask"));
        OutgoingTensor score = Assert.Single(ForwardPass.Run(folder, input, F32));
        Assert.Equal("score", score.Name);
        Golden.AssertClose(score, golden["logits"], 2e-5);
    }

    [SkippableFact]
    public void A_reranker_that_keeps_the_type_of_its_backbone_is_bidirectional_all_the_same()
    {
        string folder = temporary.Copy(Golden.Folder("models/llama-reranker")), config = Path.Combine(folder, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"llama_bidirec\"", "\"llama\"", StringComparison.Ordinal));
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"), ("attention_mask", "attention_mask"));
        Golden.AssertClose(ForwardPass.Run(folder, input, F32).Single(), golden["logits"], 2e-5);
    }

    [SkippableTheory]
    [InlineData("last", 5)]
    [InlineData("cls", 0)]
    public void A_rerankers_head_reads_the_pooling_that_is_asked_for(string pooling, int token)
    {
        string folder = Golden.Folder("models/llama-reranker");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors")), weights = TensorArchive.Open(folder);
        string path = temporary.File("row.safetensors");
        SafetensorsWriter.Write(path, [OutgoingTensor.Create<long>("input_ids", [1, 6], golden["input_ids"].ToInt64Array().AsMemory(0, 6))]);
        using TensorArchive input = TensorArchive.Open(path);
        IReadOnlyList<OutgoingTensor> outputs = ForwardPass.Run(
            folder, input, F32 with { Pooling = PoolingNames.Parse(pooling), Outputs = ["last_hidden_state", "score"] });
        float[] hidden = Golden.Values(outputs[0]), head = weights["score.weight"].ToSingleArray();
        float expected = System.Numerics.Tensors.TensorPrimitives.Dot(hidden.AsSpan(token * head.Length, head.Length), head) / 2; // its temperature
        Golden.AssertClose(Golden.Values(outputs[1]), [expected], 2e-5, pooling);
    }

    [SkippableFact]
    public void A_causal_checkpoint_gives_logits_under_either_attention_and_embeddings_from_the_same_pass()
    {
        string folder = Golden.Folder("models/ministral3-causal");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"));
        IReadOnlyList<OutgoingTensor> causal = ForwardPass.Run(
            folder, input, F32 with { Outputs = ["logits", "embedding", "last_hidden_state"], Pooling = Pooling.Last });
        Golden.AssertClose(causal[0], golden["logits"], 2e-5);
        Golden.AssertClose(Golden.Values(causal[1]), Rows(causal[2], last: true), 1e-6, "embedding of the last token");

        ForwardPassOptions bidirectional = F32 with { Model = F32.Model with { IsCausal = false } };
        IReadOnlyList<OutgoingTensor> both = ForwardPass.Run(folder, input, bidirectional with { Outputs = ["logits", "embedding", "last_hidden_state"] });
        IReadOnlyList<OutgoingTensor> encoder = ForwardPass.Run(folder, input, bidirectional);
        Golden.AssertClose(Golden.Values(both[1]), Golden.Values(encoder.Single(output => output.Name == "embedding")), 1e-6, "embedding");
        Golden.AssertClose(Golden.Values(both[2]), Golden.Values(encoder.Single(output => output.Name == "last_hidden_state")), 1e-6, "hidden states");
        Assert.True(Golden.Difference(Golden.Values(both[0]), golden["logits"].ToSingleArray()) > 0.01);
        using (TensorArchive weights = TensorArchive.Open(folder))
        {
            float[] head = new float[64];
            weights[weights.Contains("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight"].ReadRows(7, head);
            Golden.AssertClose(
                [Golden.Values(both[0])[7]],
                [System.Numerics.Tensors.TensorPrimitives.Dot<float>(Golden.Values(both[2]).AsSpan(0, 64), head)],
                2e-5,
                "a logit");
        }

        static float[] Rows(OutgoingTensor hidden, bool last)
        {
            float[] values = Golden.Values(hidden);
            int tokens = (int)hidden.Shape[1], width = (int)hidden.Shape[2];
            return [.. values.Chunk(tokens * width).SelectMany(row => last ? row[^width..] : row[..width])];
        }
    }

    [SkippableTheory]
    [InlineData("ministral3-bidirectional", "right")]
    [InlineData("ministral3-bidirectional", "left")]
    [InlineData("llama-bidirectional", "right")]
    [InlineData("llama-bidirectional", "left")]
    public void Encoders_give_the_reference_embeddings_for_every_pooling_and_padding_side(string name, string side)
    {
        string folder = Golden.Folder("models/" + name);
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", side + ".input_ids"), ("attention_mask", side + ".attention_mask"));
        foreach (string pooling in new[] { "avg", "weighted_avg", "cls", "last" })
        {
            foreach (bool normalize in new[] { false, true })
            {
                IReadOnlyList<OutgoingTensor> outputs = ForwardPass.Run(
                    folder, input, F32 with { Pooling = PoolingNames.Parse(pooling), Normalize = normalize });
                Golden.AssertClose(outputs.Single(output => output.Name == "embedding"), golden[$"{side}.{pooling}{(normalize ? ".l2" : "")}"], 2e-5);
                Golden.AssertClose(outputs.Single(output => output.Name == "last_hidden_state"), golden[side + ".last_hidden_state"], 2e-5);
            }
        }
    }

    [SkippableFact]
    public void Where_positions_count_tokens_cls_is_the_first_token_on_either_side_of_the_padding()
    {
        string folder = Golden.Folder("models/llama-bidirectional");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "left.input_ids"), ("attention_mask", "left.attention_mask"));
        IReadOnlyList<OutgoingTensor> outputs = ForwardPass.Run(folder, input, F32 with { Pooling = Pooling.First, Positions = PositionCount.Tokens });
        Golden.AssertClose(outputs.Single(output => output.Name == "embedding"), golden["right.cls"], 2e-5);
    }

    [SkippableTheory]
    [InlineData("ministral3-bidirectional")]
    [InlineData("llama-bidirectional")]
    public void A_contrastive_step_gives_the_reference_scores_loss_and_gradients(string name)
    {
        string folder = Golden.Folder("models/" + name);
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(
            golden, ("q_input_ids", "nce.q_input_ids"), ("q_mask", "nce.q_mask"), ("p_input_ids", "nce.p_input_ids"), ("p_mask", "nce.p_mask"));
        ForwardPassOptions options = F32 with { Normalize = true, Pooling = Pooling.Average };
        foreach (bool inBatch in new[] { false, true })
        {
            IReadOnlyList<OutgoingTensor> outputs = ContrastiveStep.Run(folder, input, 0.02f, inBatch, options);
            string prefix = inBatch ? "inbatch" : "nce";
            Golden.AssertClose(outputs.Single(output => output.Name == "scores"), golden[prefix + ".scores"], 1e-4);
            Golden.AssertClose(outputs.Single(output => output.Name == "loss"), golden[prefix + ".loss"], 1e-4);
            if (inBatch) continue;
            foreach (OutgoingTensor gradient in outputs.Where(output => output.Name.StartsWith("grad.", StringComparison.Ordinal)))
            {
                if (golden.TryGet("nce." + gradient.Name, out StoredTensor? expected)) Golden.AssertClose(gradient, expected, 1e-4);
            }
        }
    }

    [SkippableFact]
    public void The_text_network_of_a_vision_language_checkpoint_runs_and_images_are_refused()
    {
        string folder = Golden.SharedPath("goldens/models/mistral3-vlm");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive text = Input(golden, ("input_ids", "input_ids"));
        OutgoingTensor logits = Assert.Single(ForwardPass.Run(folder, text, F32));
        Assert.Equal([1, 39, 512], logits.Shape);

        // Before the first image (id 10) causal logits do not depend on it.
        int before = Array.IndexOf(golden["input_ids"].ToInt64Array(), 10) * 512;
        Golden.AssertClose(Golden.Values(logits).AsSpan(0, before), golden["logits"].ToSingleArray().AsSpan(0, before), 2e-5, "logits before the image");

        using TensorArchive image = Input(golden, ("input_ids", "input_ids"), ("pixel_values", "pixel_values"));
        Assert.Contains(
            "images are not supported yet", Assert.Throws<NotSupportedException>(() => ForwardPass.Run(folder, image, F32)).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("ministral3-causal")]
    [InlineData("ministral3-fp8")]
    public void Mistrals_own_layout_gives_what_the_public_one_gives(string name)
    {
        string folder = Golden.Folder("models/" + name), native = NativeFolder.Of(folder, temporary.File("native"));
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"));
        Assert.Equal(Golden.Values(ForwardPass.Run(folder, input, F32).Single()), Golden.Values(ForwardPass.Run(native, input, F32).Single()));
    }

    [SkippableFact]
    public void Inputs_that_cannot_be_run_are_refused_in_one_line()
    {
        string folder = Golden.Folder("models/ministral3-fp8");
        Refused<InvalidDataException>("tensor 'input_ids' has token id 512 at [0, 1], outside the vocabulary of 512", Tensor("input_ids", [1, 2], 1, 512));
        Refused<InvalidDataException>("attention_mask[0] has a hole", Tensor("input_ids", [1, 3], 1, 2, 3), Tensor("attention_mask", [1, 3], 1, 0, 1));
        Refused<InvalidDataException>(
            "tensor 'attention_mask' is [1, 2], expected [1, 3]", Tensor("input_ids", [1, 3], 1, 2, 3), Tensor("attention_mask", [1, 2], 1, 1));
        Refused<InvalidDataException>("tensor 'input_ids' is [3], expected [sequences, tokens]", Tensor("input_ids", [3], 1, 2, 3));
        Refused<InvalidDataException>("tensor 'input_ids' is missing, expected token ids [sequences, tokens]", Tensor("something", [1], 1));
        Refused<InvalidDataException>("tensor 'input_ids' holds no token ([0, 3])", Tensor("input_ids", [0, 3]));
        Refused<InvalidDataException>("tensor 'attention_mask' is 0 everywhere", Tensor("input_ids", [1, 2], 1, 2), Tensor("attention_mask", [1, 2], 0, 0));
        float[] embeddings = new float[2 * ModelConfig.Load(folder).HiddenSize];
        embeddings[^1] = float.NaN;
        Refused<InvalidDataException>(
            "tensor 'inputs_embeds' holds a value that is not a finite number at [0, 1]",
            OutgoingTensor.Create<float>("inputs_embeds", [1, 2, embeddings.Length / 2], embeddings));
        Refused<InvalidDataException>("tensor 'labels' is missing", new[] { "loss" }, Tensor("input_ids", [1, 1], 1));
        Refused<NotSupportedException>("is used as a causal language model, which gives no score", new[] { "logits", "score" }, Tensor("input_ids", [1, 1], 1));
        Refused<ArgumentException>("there is no output 'logit'", new[] { "logit" }, Tensor("input_ids", [1, 1], 1));
        Refused<ArgumentException>("outside the context of 1024 positions", Tensor("input_ids", [1, 1025], new long[1025]));

        OutgoingTensor Tensor(string name, long[] shape, params long[] values) => OutgoingTensor.Create<long>(name, shape, values);

        void Refused<T>(string message, params object[] rest)
            where T : Exception
        {
            string path = temporary.File(Guid.NewGuid().ToString("N"));
            SafetensorsWriter.Write(path, rest.OfType<OutgoingTensor>());
            using TensorArchive input = TensorArchive.Open(path);
            T error = Assert.ThrowsAny<T>(() => ForwardPass.Run(folder, input, F32 with { Outputs = rest.OfType<string[]>().FirstOrDefault() ?? [] }));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [SkippableTheory]
    [InlineData("llama-f32")]
    [InlineData("llama-f16")]
    [InlineData("llama-bf16")]
    [InlineData("llama-q4_0")]
    [InlineData("llama-q8_0")]
    [InlineData("llama3-rope-f16")]
    [InlineData("mistral3-f16")]
    [InlineData("mistral3-q8_0")]
    [InlineData("mistral3-q4_k_q6_k")]
    public void A_lone_gguf_file_gives_the_reference_logits(string name)
    {
        string folder = Golden.Folder("gguf");
        Skip.IfNot(File.Exists(Path.Combine(folder, name + ".gguf")), $"needs ../shared/goldens/formats/gguf/{name}.gguf");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, name + ".safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"));
        Assert.Equal(1, Compare(golden, ForwardPass.Run(Path.Combine(folder, name + ".gguf"), input, F32), output => output == "logits", 1e-4));
    }

    [SkippableFact]
    public void Gradients_of_weights_held_in_int8_only_are_refused_with_the_remedy()
    {
        string folder = Golden.Folder("gguf"), model = Path.Combine(folder, "mistral3-q8_0.gguf");
        string path = temporary.File("input");
        SafetensorsWriter.Write(
            path, new[] { "input_ids", "labels", "q_input_ids", "p_input_ids" }.Select(name => OutgoingTensor.Create<long>(name, [1, 2], new long[] { 1, 2 })));
        using TensorArchive input = TensorArchive.Open(path);
        ForwardPassOptions options = new() { Model = new ModelOptions { Precision = Precision.Int8, Threads = 2 }, Outputs = ["grads"] };
        foreach (Action run in (Action[])[() => ForwardPass.Run(model, input, options), () => ContrastiveStep.Run(model, input, 1, true, options)])
            Assert.Contains(
                "needed to compute gradients; load it with --precision bf16 or f32",
                Assert.Throws<NotSupportedException>(run).Message,
                StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("llama3-rope-f16", null)]
    [InlineData("mistral3-q8_0", null)]
    [InlineData("llama3-rope-f16", Precision.Int8)]
    [InlineData("mistral3-q8_0", Precision.Int8)]
    public void Narrow_files_in_their_own_precision_and_in_int8_stay_close_to_the_reference(string name, Precision? precision)
    {
        string folder = Golden.Folder("gguf");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, name + ".safetensors"));
        using TensorArchive input = Input(golden, ("input_ids", "input_ids"));
        float[] logits = Golden.Values(
            ForwardPass.Run(
                Path.Combine(folder, name + ".gguf"), input, new ForwardPassOptions { Model = new ModelOptions { Precision = precision, Threads = 2 } })
                .Single());
        Assert.True(System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(logits, golden["logits"].ToSingleArray()) > 0.998);
    }

    private static int Compare(TensorArchive golden, IReadOnlyList<OutgoingTensor> outputs, Func<string, bool> wanted, double tolerance)
    {
        int compared = 0;
        foreach (StoredTensor expected in golden.Tensors.Where(tensor => wanted(tensor.Name)))
        {
            Golden.AssertClose(outputs.Single(output => output.Name == expected.Name), expected, tolerance);
            compared++;
        }

        return compared;
    }

    private TensorArchive Input(TensorArchive golden, params (string Name, string From)[] tensors)
    {
        string path = temporary.File(Guid.NewGuid().ToString("N") + ".safetensors");
        SafetensorsWriter.Write(path, tensors.Select(tensor => OutgoingTensor.Copy(golden[tensor.From], tensor.Name)));
        return TensorArchive.Open(path);
    }
}
