using System.Text.Json.Nodes;

namespace Sirocco.Formats;

/// <summary>
/// A GGUF file of the llama or mistral3 architecture seen as a Hugging Face checkpoint: tensors under their names there, rows of q and k in
/// half-split order, the configuration as config.json would say it, the tokenizer and the chat template.
/// </summary>
public sealed class GgufCheckpoint : TensorArchive
{
    private GgufCheckpoint(MappedFile file, GgufHeader header, StoredTensor[] tensors, JsonObject config, GgufTokenizer? tokenizer)
        : base(file.Path, tensors, GgufFile.Texts(header.Values), [file])
    {
        Config = config;
        Tokenizer = tokenizer;
        Values = new GgufMetadata(file.Path, header.Values);
    }

    /// <summary>
    /// What the model's config.json would say. Files converted from a model with Llama 3's rotary scaling keep its result only: their <c>rope_parameters</c>
    /// have <c>rope_type</c> "frequency_divisors" and an array <c>frequency_divisors</c> [head_dim / 2], inv_freq[i] = θ^(−2i/d) / divisor[i].
    /// </summary>
    public JsonObject Config { get; }

    /// <summary>The tokenizer, where the file carries one.</summary>
    public GgufTokenizer? Tokenizer { get; }

    /// <summary>All entries of the file.</summary>
    public GgufMetadata Values { get; }

    /// <summary>Maps a file and translates its header.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or of an architecture or element type that is not supported.</exception>
    public static new GgufCheckpoint Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            GgufHeader header = GgufHeader.Read(file);
            var values = new GgufMetadata(path, header.Values);
            GgufConfiguration.Dimensions sizes = GgufConfiguration.Read(path, values);
            StoredTensor[] tensors = Translate(file, header, sizes);

            long vocabulary = tensors.FirstOrDefault(tensor => tensor.Name == "model.embed_tokens.weight")?.Rows
                ?? throw new InvalidDataException($"{path}: tensor 'token_embd.weight' is missing; the file is incomplete: download it again");
            bool tiedHead = !tensors.Any(tensor => tensor.Name == "lm_head.weight");
            bool attentionBias = tensors.Any(tensor => tensor.Name.EndsWith("q_proj.bias", StringComparison.Ordinal));
            JsonObject config = GgufConfiguration.ToJson(values, sizes, vocabulary, tiedHead, attentionBias, RopeDivisors(file, header, sizes.HeadSize));
            return new GgufCheckpoint(file, header, tensors, config, GgufTokenizer.Read(path, values));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static StoredTensor[] Translate(MappedFile file, GgufHeader header, GgufConfiguration.Dimensions sizes)
    {
        var tensors = new List<StoredTensor>(header.Entries.Count);
        foreach (GgufEntry entry in header.Entries)
        {
            if (!GgufNames.TryTranslate(entry.Name, sizes.Layers, out GgufNames.Name name))
            {
                throw new InvalidDataException($"{file.Path}: tensor '{Visible.Short(entry.Name)}' is not part of a model with {sizes.Layers} layers of this "
                    + "architecture; the model is not supported");
            }
            if (name.Rows == GgufNames.Rows.NotAWeight) continue;
            if (!ElementConversion.CanReadAsSingle(entry.Type))
            {
                throw new InvalidDataException($"{file.Path}: tensor '{Visible.Short(entry.Name)}' is stored as {entry.Type.Name}, which is not supported; "
                    + "use a file with Q8_0, Q6_K, Q5_K, Q4_K or F16 weights");
            }
            tensors.Add(new StoredTensor(name.HuggingFace, entry.Type, entry.Shape, file, entry.Offset, entry.ByteCount, Order(file, entry, name.Rows, sizes)));
        }
        return [.. tensors];
    }

    private static RowOrder Order(MappedFile file, GgufEntry entry, GgufNames.Rows rows, GgufConfiguration.Dimensions sizes)
    {
        if (rows == GgufNames.Rows.Same) return default;
        long heads = rows == GgufNames.Rows.OfQueryHeads ? sizes.Heads : sizes.KeyValueHeads;
        if (entry.Shape.Length is not (1 or 2) || entry.Shape[0] != heads * sizes.HeadSize)
        {
            throw new InvalidDataException($"{file.Path}: tensor '{Visible.Short(entry.Name)}' has shape [{string.Join(", ", entry.Shape)}], "
                + $"but {heads} heads of {sizes.HeadSize} rows were expected");
        }
        return new RowOrder((int)sizes.HeadSize);
    }

    private static float[]? RopeDivisors(MappedFile file, GgufHeader header, long headSize)
    {
        GgufEntry entry = header.Entries.FirstOrDefault(entry => entry.Name == GgufNames.RopeDivisors);
        if (entry.Name is null) return null;
        if (entry.Type != StorageType.F32 || entry.Shape is not [long length] || length != headSize / 2)
        {
            throw new InvalidDataException($"{file.Path}: tensor '{GgufNames.RopeDivisors}' must be F32 of shape [{headSize / 2}], "
                + $"not {entry.Type.Name} of [{string.Join(", ", entry.Shape)}]");
        }
        float[] divisors = new StoredTensor(entry.Name, entry.Type, entry.Shape, file, entry.Offset, entry.ByteCount).ToSingleArray();
        return Array.TrueForAll(divisors, divisor => float.IsFinite(divisor) && divisor > 0)
            ? divisors
            : throw new InvalidDataException(
                $"{file.Path}: tensor '{GgufNames.RopeDivisors}' holds a divisor that is not a positive number; the file is damaged: download it again");
    }
}
