using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// A decoder used to read whole texts: a <see cref="BiEncoder"/> that makes vectors or a <see cref="CrossEncoder"/> that makes scores.
/// <see cref="FromPretrained"/> picks the class from the folder.
/// </summary>
public abstract class EncoderModel : PretrainedModel
{
    private protected EncoderModel(Decoder decoder, Checkpoint? checkpoint, bool causal)
        : base(decoder, checkpoint) => IsCausal = causal;

    /// <summary>Whether a token sees only those before it.</summary>
    public bool IsCausal { get; }

    /// <summary>A remark for the user on how the folder was taken, or null: a plain causal checkpoint becomes bidirectional.</summary>
    public string? Notice { get; private protected init; }

    /// <summary>Which keys a query sees.</summary>
    public AttentionMask Mask => Config.Mask(IsCausal);

    /// <summary>
    /// Loads a bi-encoder or cross-encoder: a sentence-transformers folder, a published bidirectional model (<c>llama_bidirec</c>, <c>ministral3</c> with
    /// <c>is_causal: false</c>), a sequence classifier, the text network of a vision-language model, or a plain causal checkpoint or GGUF file, which is
    /// taken as a bidirectional bi-encoder.
    /// </summary>
    /// <param name="path">A folder in Hugging Face layout, a GGUF file, or a hub id; one that the cache lacks is downloaded first.</param>
    /// <param name="options">Precision and attention; null does what the folder says.</param>
    /// <exception cref="FileNotFoundException">There is no such folder, or it lacks a file.</exception>
    /// <exception cref="InvalidDataException">A file is damaged or inconsistent; the message names it.</exception>
    /// <exception cref="NotSupportedException">The folder describes a model that is not built here.</exception>
    public static EncoderModel FromPretrained(string path, ModelOptions? options = null) => Load(ModelFolder.Open(path), options);

    /// <summary>Refuses what saving would refuse, such as before a long training; nothing is written.</summary>
    /// <param name="options">Those of the saving to come.</param>
    /// <exception cref="NotSupportedException">A folder so written would lack a part of the model; the message names it.</exception>
    public void RequireSavable(ExportOptions? options = null) => ModelExport.Exportable(this, options ?? new ExportOptions());

    internal static EncoderModel Load(ModelFolder folder, ModelOptions? options)
    {
        bool classifier = folder.Config.IsClassifier || (folder.HasModules && SentenceTransformersFolder.IsCrossEncoder(folder.ModulesDirectory!));
        EncoderModel model = classifier ? CrossEncoder.Load(folder, options) : BiEncoder.Load(folder, options);
        return Adapter.Attached(model, options?.Adapter);
    }

    /// <summary>
    /// First pooled row of each sequence: the one behind its prompt. Where nothing follows the prompt, the first token stands for the sequence under
    /// <see cref="Pooling.First"/>, and zeros do otherwise, as in sentence-transformers. NeMo's cls reads column 0 of a padded batch, and zeros where that is
    /// padding: where positions count columns, a sequence that has no token at position 0 pools nothing.
    /// </summary>
    /// <param name="segments">One sequence for each text.</param>
    /// <param name="mode">What pools.</param>
    /// <param name="skip">[sequences] tokens of each sequence's prompt; empty skips none.</param>
    private protected static int[] PooledStarts(Segments segments, Pooling mode, ReadOnlySpan<int> skip)
    {
        int[] first = new int[segments.Count];
        for (int s = 0; s < first.Length; s++)
        {
            int start = segments.QueryStarts[s], end = segments.QueryStarts[s + 1], behind = start + (skip.IsEmpty ? 0 : skip[s]);
            if (mode == Pooling.First && start < end) first[s] = segments.Positions[start] != 0 ? end : behind < end ? behind : start;
            else first[s] = Math.Min(behind, end);
        }

        return first;
    }
}
