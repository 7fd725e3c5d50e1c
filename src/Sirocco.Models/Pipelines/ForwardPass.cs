using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>What <see cref="ForwardPass"/> computes and how.</summary>
public sealed record ForwardPassOptions
{
    /// <summary>Precision, threads, attention.</summary>
    public ModelOptions Model { get; init; } = new();

    /// <summary>
    /// Of <c>logits</c>, <c>hidden_states</c>, <c>last_hidden_state</c>, <c>embedding</c>, <c>score</c>, <c>loss</c>, <c>grads</c>; empty takes what suits the
    /// model: logits of causal models, the last hidden state and embedding of encoders, the score of rerankers. A causal checkpoint gives logits and embedding
    /// from one pass, under causal attention unless <see cref="Model"/> says otherwise; an embedding alone is bidirectional.
    /// </summary>
    public IReadOnlyList<string> Outputs { get; init; } = [];

    /// <summary>How tokens become one embedding, or what a reranker's head reads, in place of the folder's.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>
    /// Whether embeddings are made of unit length; null: not in <see cref="ForwardPass"/>, as the folder says in <see cref="ContrastiveStep"/>.
    /// </summary>
    public bool? Normalize { get; init; }

    /// <summary>What positions count where the input gives none.</summary>
    public PositionCount Positions { get; init; } = PositionCount.Columns;
}

/// <summary>
/// One pass of a network over a padded batch of token ids, with every output that another implementation can be compared by. All outputs are f32, rows of
/// padding are zero.
/// </summary>
public static class ForwardPass
{
    /// <summary>What <see cref="ForwardPassOptions.Outputs"/> may name.</summary>
    public static IReadOnlyList<string> OutputNames { get; } = ["logits", "hidden_states", "last_hidden_state", "embedding", "score", "loss", "grads"];

    /// <summary>Runs the pass.</summary>
    /// <param name="model">A model folder or GGUF file.</param>
    /// <param name="input">
    /// <c>input_ids</c> [B, S] or <c>inputs_embeds</c> [B, S, H]; optionally <c>attention_mask</c>, <c>position_ids</c> and <c>labels</c> [B, S].
    /// </param>
    /// <param name="options">What to compute.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns>
    /// The outputs by name: <c>hidden.0</c> … for hidden states, <c>grad.</c> and the name in the checkpoint for gradients, which are the adapter's where there
    /// is one.
    /// </returns>
    /// <exception cref="InvalidDataException">The input or the model is not usable; the message names file and tensor.</exception>
    public static IReadOnlyList<OutgoingTensor> Run(string model, TensorArchive input, ForwardPassOptions options, CancellationToken cancellation = default)
    {
        foreach (string name in options.Outputs)
        {
            if (!OutputNames.Contains(name))
                throw new ArgumentException($"there is no output '{name}'; there are {string.Join(", ", OutputNames)}", nameof(options));
        }

        if (input.Contains("pixel_values"))
            throw new NotSupportedException($"{input.Path}: tensor 'pixel_values': images are not supported yet; leave it out to run the text network");
        using PretrainedModel network = Adapter.Attached(OpenModel(model, options), options.Model.Adapter);
        PaddedInput batch = PaddedInput.Read(input, network.Config, options.Positions);
        IReadOnlyList<string> outputs = options.Outputs.Count > 0 ? options.Outputs : network switch
        {
            CausalModel => ["logits"],
            CrossEncoder => ["score"],
            _ => ["last_hidden_state", "embedding"],
        };
        bool differentiate = outputs.Contains("grads");
        if (differentiate && network.Adapter is null) network.RequireValues("compute gradients");
        ParameterArena? arena = differentiate ? new ParameterArena(network.Adapter?.Parameters ?? network.Parameters) : null;
        using ComputeContext context = options.Model.NewContext();
        using Tape? tape = differentiate ? new Tape() : null;
        using Scope f = context.BeginScope(options.Model.Precision ?? network.NaturalPrecision, tape, cancellation);

        List<OutgoingTensor> results = [];
        Decoder decoder = network.Decoder;
        AttentionMask mask = network is EncoderModel encoder ? encoder.Mask : decoder.Config.Mask(options.Model.IsCausal ?? true);
        void Add(string name, long[] shape, float[] values)
        {
            network.RequireFinite(values, $"output '{name}'");
            results.Add(OutgoingTensor.Create<float>(name, shape, values));
        }

        void AddPadded(string name, Tensor x) => Add(name, [batch.Shape.Rows, batch.Shape.Columns, x.Columns], batch.Shape.Spread(x.ToArray(), x.Columns));
        void AddMatrix(string name, Tensor x) => Add(name, [x.Rows, x.Columns], x.ToArray());
        void Observe(int layer, Tensor x) => AddPadded($"hidden.{layer}", x);
        Action<int, Tensor>? observe = outputs.Contains("hidden_states") ? Observe : null;
        Segments segments = batch.Shape.Segments;
        Tensor hidden = batch.Embeddings is { } embeddings                              // [tokens, hidden]
            ? decoder.Forward(f, f.Upload(embeddings, segments.Tokens, decoder.Config.HiddenSize), segments, mask, null, observe)
            : decoder.Forward(f, batch.Ids, segments, mask, null, observe);

        Tensor? loss = null;
        foreach (string output in outputs)
        {
            switch (output)
            {
                case "last_hidden_state":
                    AddPadded(output, hidden);
                    break;
                case "logits":
                    AddPadded(output, As<CausalModel>(network, output).Logits(f, hidden));
                    break;
                case "embedding":
                    AddMatrix(output, Embedding(network, options, f, hidden, batch.Shape.Places));
                    break;
                case "score":
                    AddMatrix(output, As<CrossEncoder>(network, output).Score(f, hidden, batch.Ids, batch.Shape.Places));
                    break;
                case "loss" or "grads" when loss is null:
                    CausalModel causal = As<CausalModel>(network, output);
                    loss = causal.Loss(f, hidden, batch.Labels ?? throw new InvalidDataException(
                        $"{input.Path}: tensor 'labels' is missing, expected [{batch.Shape.Rows}, {batch.Shape.Columns}], because {output} is asked for"));
                    break;
            }
        }

        if (loss is not null && outputs.Contains("loss")) Add("loss", [], [loss.Scalar()]);
        if (differentiate) results.AddRange(Gradients(tape!, loss!, arena!, cancellation));
        return results;
    }

    /// <summary>Backward from the loss; one tensor <c>grad.NAME</c> for each parameter.</summary>
    internal static IEnumerable<OutgoingTensor> Gradients(Tape tape, Tensor loss, ParameterArena arena, CancellationToken cancellation)
    {
        tape.Backward(loss, cancellation: cancellation);
        foreach (Parameter parameter in arena.Parameters)
        {
            float[] values = new float[parameter.Count];
            for (int row = 0; row < parameter.Rows; row++)
                parameter.Gradient!.Span((long)row * parameter.Columns, parameter.Columns).CopyTo(values.AsSpan(row * parameter.Columns));
            yield return OutgoingTensor.Create<float>("grad." + parameter.Name, [.. parameter.Shape.Select(extent => (long)extent)], values);
        }
    }

    internal static OutgoingTensor Matrix(string name, Tensor x) => OutgoingTensor.Create<float>(name, [x.Rows, x.Columns], x.ToArray());

    internal static OutgoingTensor Scalar(string name, Tensor x) => OutgoingTensor.Create<float>(name, [], new[] { x.Scalar() });

    private static PretrainedModel OpenModel(string path, ForwardPassOptions options)
    {
        ModelOptions model = options.Model;
        ModelFolder folder = ModelFolder.Open(path);
        ModelTask task = folder.Task(model.IsCausal);
        if (task == ModelTask.Classification) return CrossEncoder.Load(folder, model, options.Pooling);
        bool wantsHead = options.Outputs.Any(output => output is "logits" or "loss" or "grads"),
            hasHead = task == ModelTask.Causal || folder.Task(null) == ModelTask.Causal;
        bool wantsEmbedding = options.Outputs.Contains("embedding") || options.Pooling is not null;
        if (wantsHead ? hasHead : task == ModelTask.Causal && !wantsEmbedding)
            return CausalModel.Load(folder, model.Held);
        BiEncoder encoder = BiEncoder.Load(folder, model with { IsCausal = model.IsCausal ?? folder.Config.IsCausal });
        encoder.Adjust(options.Pooling, options.Normalize ?? false);
        return encoder;
    }

    /// <summary>Of a causal model: what a bi-encoder around its decoder would give.</summary>
    private static Tensor Embedding(PretrainedModel network, ForwardPassOptions options, Scope f, Tensor hidden, Segments segments)
    {
        if (network is not CausalModel) return As<BiEncoder>(network, "embedding").Pool(f, hidden, segments);
        Pooling pooling = options.Pooling ?? PoolingNames.Parse(network.Config.Pooling ?? "avg");
        using BiEncoder encoder = new(network.Decoder, new EncoderSettings { Poolings = [pooling], Normalize = options.Normalize ?? false });
        return encoder.Pool(f, hidden, segments);
    }

    private static T As<T>(PretrainedModel model, string output)
        where T : PretrainedModel =>
        model as T ?? throw new NotSupportedException($"{model.Path} is used as {Kind(model)}, which gives no {output}; ask for another output or model");

    private static string Kind(PretrainedModel model) => model switch
    {
        CausalModel => "a causal language model",
        CrossEncoder => "a reranker",
        _ => "an embedding model",
    };
}
