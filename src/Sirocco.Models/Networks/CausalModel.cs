using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// A language model: the decoder under causal attention and a head for next-token logits, which is the embedding where the checkpoint has none.
/// </summary>
public sealed class CausalModel : PretrainedModel
{
    private readonly Projection head;

    private CausalModel(Decoder decoder, Parameter? head, Checkpoint? checkpoint)
        : base(decoder, checkpoint)
    {
        IsTied = head is null;
        this.head = new Projection("lm_head", head ?? decoder.EmbeddingTable);
    }

    /// <summary>[vocabulary, hidden]</summary>
    public Parameter Head => head.Weight;

    /// <summary>Whether the head is the embedding table.</summary>
    public bool IsTied { get; }

    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters => IsTied ? base.Parameters : [.. base.Parameters, Head];

    /// <inheritdoc/>
    public override IEnumerable<Projection> Projections => [.. base.Projections, head];

    /// <inheritdoc/>
    internal override string TaskType => "CAUSAL_LM";

    /// <summary>Loads a folder, a GGUF file or a hub id.</summary>
    /// <param name="path">Text models, and vision-language models, whose text network is taken; a hub id that the cache lacks is downloaded first.</param>
    /// <param name="precision">Of the products to come: what GGUF's quantised blocks become.</param>
    public static CausalModel FromPretrained(string path, Precision precision = Precision.BF16) => Load(ModelFolder.Open(path), precision);

    internal static CausalModel Load(ModelFolder folder, Precision precision = Precision.BF16)
    {
        var (decoder, checkpoint) = folder.LoadNetwork(precision);
        try
        {
            Parameter? head = checkpoint.HasHead
                ? checkpoint.Take("lm_head.weight", [folder.Config.VocabularySize, folder.Config.HiddenSize], ShardAxis.Rows)
                : null;
            return new CausalModel(decoder, head, checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Writes the model as a folder that this library and transformers load. It appears when it is complete.</summary>
    /// <param name="folder">The folder; missing parents are made.</param>
    /// <param name="options">Tokenizer, element type.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    public void Save(string folder, ExportOptions? options = null, CancellationToken cancellation = default) =>
        ModelExport.Write(this, folder, options ?? new ExportOptions(), cancellation);

    /// <summary>Next-token logits.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="hidden">[tokens, hidden] after the final norm.</param>
    /// <returns>[tokens, vocabulary]</returns>
    public Tensor Logits(Scope f, Tensor hidden)
    {
        using SharedReads.Reading reading = BeginReading();
        return f.Linear(hidden, head);
    }

    /// <summary>Mean cross-entropy of next-token logits and labels.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="hidden">[tokens, hidden] after the final norm.</param>
    /// <param name="labels">One token id for each row, already shifted; negative: the row does not count.</param>
    /// <param name="normalizer">What the sum of losses is divided by; 0: the number of labelled rows.</param>
    /// <returns>[1, 1]</returns>
    public Tensor Loss(Scope f, Tensor hidden, ReadOnlySpan<int> labels, float normalizer = 0)
    {
        using SharedReads.Reading reading = BeginReading();
        return f.HeadCrossEntropy(hidden, head, labels, normalizer);
    }
}
