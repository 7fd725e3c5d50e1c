using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>A language model: the decoder under causal attention and a head for next-token logits, which is the embedding where the checkpoint has none.</summary>
public sealed class CausalModel : PretrainedModel
{
    private readonly Parameter? head;

    private CausalModel(Decoder decoder, Parameter? head, Checkpoint? checkpoint)
        : base(decoder, checkpoint) => this.head = head;

    /// <summary>[vocabulary, hidden]</summary>
    public Parameter Head => head ?? Decoder.EmbeddingTable;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters => head is null ? base.Parameters : [.. base.Parameters, head];

    /// <summary>Loads a folder or GGUF file.</summary>
    /// <param name="path">Text models, and vision-language models, whose text network is taken.</param>
    /// <param name="convertTo">What GGUF's quantised blocks become.</param>
    public static CausalModel FromPretrained(string path, ElementType convertTo = ElementType.BF16) => Load(ModelFolder.Open(path), convertTo);

    internal static CausalModel Load(ModelFolder folder, ElementType convertTo = ElementType.BF16)
    {
        var (decoder, checkpoint) = folder.LoadNetwork(convertTo);
        try
        {
            Parameter? head = checkpoint.HasHead ? checkpoint.Take("lm_head.weight", [folder.Config.VocabularySize, folder.Config.HiddenSize], ShardAxis.Rows) : null;
            return new CausalModel(decoder, head, checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Writes the model as a folder that this library, transformers load. It appears when it is complete.</summary>
    /// <param name="folder">The folder; missing parents are made.</param>
    /// <param name="options">Tokenizer, element type.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    public void Save(string folder, ExportOptions? options = null, CancellationToken cancellation = default) => ModelExport.Write(this, folder, options ?? new ExportOptions(), cancellation);

    /// <summary>Next-token logits.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="hidden">[tokens, hidden] after the final norm.</param>
    /// <returns>[tokens, vocabulary]</returns>
    public Tensor Logits(Scope f, Tensor hidden)
    {
        using SharedReads.Reading reading = BeginReading();
        return f.Linear(hidden, Head);
    }
}
