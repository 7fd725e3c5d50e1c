using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>What a model folder is used as.</summary>
internal enum ModelTask
{
    /// <summary>Next-token logits.</summary>
    Causal,

    /// <summary>One vector for a text.</summary>
    Embedding,

    /// <summary>Scores of a sequence: a reranker or another classifier.</summary>
    Classification,
}

/// <summary>A decoder with its weights, loaded from a folder or file, and whatever head its task needs. Disposing it closes the files.</summary>
/// <remarks>
/// A pass of the model itself (<see cref="BiEncoder.Encode"/>, <see cref="CrossEncoder"/>'s scores, logits, saving) that runs on another thread while it is
/// disposed ends first; one that comes later throws <see cref="ObjectDisposedException"/>. Passes of its <see cref="Decoder"/> are the caller's to end before.
/// </remarks>
public abstract class PretrainedModel : IDisposable
{
    private readonly Checkpoint? checkpoint;
    private readonly SharedReads reads;

    private protected PretrainedModel(Decoder decoder, Checkpoint? checkpoint)
    {
        Decoder = decoder;
        this.checkpoint = checkpoint;
        reads = new SharedReads(this, () => checkpoint?.Dispose());
    }

    /// <summary>The network.</summary>
    public Decoder Decoder { get; }

    /// <summary>Shapes and settings.</summary>
    public ModelConfig Config => Decoder.Config;

    /// <summary>All weights, by the names of the checkpoint; those of Mistral's own files by their public ones.</summary>
    public virtual IEnumerable<Parameter> Parameters => Decoder.Parameters;

    /// <summary>The embedding table and every linear layer, heads included: what an <see cref="Adapter"/> can adapt.</summary>
    public virtual IEnumerable<Projection> Projections => Decoder.Projections;

    /// <summary>peft's word for what the model is for.</summary>
    internal virtual string TaskType => "FEATURE_EXTRACTION";

    /// <summary>A module's name in transformers, where models with a head keep the decoder under <c>model.</c></summary>
    internal string ModuleName(Projection projection) =>
        TaskType == "FEATURE_EXTRACTION" || projection.Name is "lm_head" or "score" ? projection.Name : "model." + projection.Name;

    /// <summary>The adapter that is attached, or null.</summary>
    public Adapter? Adapter { get; internal set; }

    /// <summary>Precision of products that keeps what the file stores.</summary>
    public Precision NaturalPrecision => checkpoint?.NaturalPrecision ?? Precision.F32;

    /// <summary>The folder or file, for messages.</summary>
    public string Path => checkpoint?.Path ?? "the model";

    /// <summary>Loads a model as what its folder says it is.</summary>
    /// <param name="path">A folder in Hugging Face layout, a GGUF file, or a hub id; one that the cache lacks is downloaded first.</param>
    /// <param name="options">Attention other than the folder's.</param>
    public static PretrainedModel Open(string path, ModelOptions? options = null)
    {
        ModelFolder folder = ModelFolder.Open(path);
        return folder.Task(options?.IsCausal) == ModelTask.Causal ? Adapter.Attached(CausalModel.Load(folder), options?.Adapter)
            : EncoderModel.Load(folder, options);
    }

    /// <summary>
    /// The first weight that is not a finite number, for messages when a result is not; null where all are finite. Weights held in int8 only are left out.
    /// </summary>
    public Parameter? FirstDamagedParameter()
    {
        using SharedReads.Reading reading = BeginReading();
        foreach (Parameter parameter in Parameters.Concat(Adapter?.Parameters ?? []).Where(parameter => parameter.HasValues))
        {
            float[] row = new float[parameter.Columns];
            for (int i = 0; i < parameter.Rows; i++)
            {
                parameter.CopyRowTo(i, row);
                if (!System.Numerics.Tensors.TensorPrimitives.IsFiniteAll(row)) return parameter;
            }
        }

        return null;
    }

    /// <summary>Refuses results that are not finite, in one line that names the weight concerned where one is damaged.</summary>
    internal void RequireFinite(ReadOnlySpan<float> results, string what)
    {
        if (System.Numerics.Tensors.TensorPrimitives.IsFiniteAll(results)) return;
        throw new InvalidDataException(FirstDamagedParameter() is not { } damaged
            ? $"{Path}: {what} is not a finite number although every weight is; the weights are too large for this precision, try --precision f32"
            : Adapter is { } adapter && adapter.Parameters.Contains(damaged)
            ? $"{adapter.Path}: {what} is not a finite number because tensor '{AdapterNames.Key(damaged.Name)}' holds values that are not; "
                + "train or download the adapter again"
            : $"{Path}: {what} is not a finite number because tensor '{damaged.Name}' holds values that are not; download the model again");
    }

    /// <summary>Refuses what reads the values of all weights, where some are held in int8 only.</summary>
    /// <param name="purpose">What is to be done with them.</param>
    /// <exception cref="NotSupportedException">A weight has no values to be read.</exception>
    internal void RequireValues(string purpose)
    {
        if (Parameters.FirstOrDefault(parameter => !parameter.HasValues) is { } held)
        {
            throw new NotSupportedException(
                $"{Path}: tensor '{held.Name}' is held in int8 only, but its values are needed to {purpose}; load it with --precision bf16 or f32");
        }
    }

    /// <summary>Keeps the weights mapped until the result is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    internal SharedReads.Reading BeginReading() => reads.Begin();

    /// <inheritdoc/>
    public void Dispose()
    {
        reads.Close();
        GC.SuppressFinalize(this);
    }
}
