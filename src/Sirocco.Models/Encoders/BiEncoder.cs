using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>A decoder, pooling over its last hidden states, and what follows: the network of an embedding model.</summary>
public sealed class BiEncoder : EncoderModel
{
    /// <summary>Puts a bi-encoder together from its parts, such as a new decoder that is to be trained.</summary>
    /// <param name="decoder">The network.</param>
    /// <param name="settings">Pooling and normalisation.</param>
    /// <param name="causal">Whether a token sees only those before it.</param>
    public BiEncoder(Decoder decoder, EncoderSettings settings, bool causal = false)
        : this(decoder, null, settings, [], causal)
    {
    }

    private BiEncoder(Decoder decoder, Checkpoint? checkpoint, EncoderSettings settings, IReadOnlyList<EncoderModule> modules, bool causal)
        : base(decoder, checkpoint, causal)
    {
        Settings = settings;
        Modules = modules;
    }

    /// <summary>Pooling, prompts, lengths.</summary>
    public EncoderSettings Settings { get; private set; }

    /// <summary>What follows pooling in a sentence-transformers folder.</summary>
    internal IReadOnlyList<EncoderModule> Modules { get; private set; }

    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters => [.. base.Parameters, .. Modules.SelectMany(module => module.Parameters)];

    /// <summary>Whether whole vectors are of unit length.</summary>
    public bool EndsNormalized => Settings.Normalize || (Modules.Count > 0 && Modules[^1] is NormalizeModule);

    /// <summary>Features of a vector before it is cut to <see cref="EncoderSettings.Dimensions"/>.</summary>
    public int Features => Modules.Aggregate(Config.HiddenSize * Settings.Poolings.Count, (features, module) => module.Output(features));

    internal static new BiEncoder Load(ModelFolder folder, ModelOptions? options) => Load(folder, options, null);

    private static BiEncoder Load(ModelFolder folder, ModelOptions? options, Pooling? chosen)
    {
        EncoderSettings settings;
        IReadOnlyList<EncoderModule> modules = [];
        if (folder.HasModules)
        {
            SentenceTransformersFolder library = SentenceTransformersFolder.Read(folder.ModulesDirectory!, folder.Config.HiddenSize);
            (settings, modules) = (library.Settings, library.Modules);
        }
        else
        {
            Pooling pooling;
            try
            {
                pooling = chosen ?? PoolingNames.Parse(folder.Config.Pooling ?? "avg");
            }
            catch (NotSupportedException e)
            {
                throw new NotSupportedException($"{folder.Path}: config.json: {e.Message}", e);
            }

            settings = new EncoderSettings { Poolings = [pooling], Prompts = PublishedPrompts.Of(folder) };
            if (folder.Directory is { } directory) settings = SentenceTransformersFolder.ReadPrompts(directory, settings);
        }

        // Sentence-transformers runs a checkpoint as its configuration says, so causal where that says nothing; the bi-encoder loader makes it bidirectional.
        bool causal = options?.IsCausal ?? folder.Config.IsCausal ?? settings.IsSentenceTransformers;
        bool silent = options?.IsCausal is null && folder.Config.IsCausal is null && !settings.IsSentenceTransformers;
        var (decoder, checkpoint) = folder.LoadNetwork(options?.Held ?? Precision.BF16);
        return new BiEncoder(decoder, checkpoint, settings, modules, causal)
        {
            Notice = silent ? $"{folder.Path} is a causal checkpoint; it is used with bidirectional attention (--causal keeps its own)" : null,
        };
    }

    /// <summary>Takes a checkpoint of any kind as what a retrieval recipe trains: bidirectional unless it says otherwise.</summary>
    /// <param name="path">A model folder, a GGUF file or a hub id.</param>
    /// <param name="options">What the recipe says.</param>
    /// <exception cref="FileNotFoundException">There is no such folder, or it lacks a file.</exception>
    /// <exception cref="InvalidDataException">A file is damaged or inconsistent; the message names it.</exception>
    public static BiEncoder FromBackbone(string path, BackboneOptions? options = null)
    {
        options ??= new BackboneOptions();
        ModelFolder folder = ModelFolder.Open(path);
        BiEncoder model = Load(
            folder, new ModelOptions { Precision = options.Precision, IsCausal = options.IsCausal ?? folder.Config.IsCausal ?? false }, options.Pooling);
        model.Adjust(options.Pooling, options.Normalize);
        return model;
    }

    /// <summary>Writes the model as a folder that this library, transformers and sentence-transformers load. It appears when it is complete.</summary>
    /// <param name="folder">The folder; missing parents are made.</param>
    /// <param name="options">Tokenizer, element type, prompts, length.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    public void Save(string folder, ExportOptions? options = null, CancellationToken cancellation = default) =>
        ModelExport.Write(this, folder, options ?? new ExportOptions(), cancellation);

    /// <summary>
    /// Puts the caller's pooling and unit length in place of the folder's; null keeps what the folder says. A choice of unit length takes the place of
    /// Normalize modules at the end, too: those come before a cut of the vectors, <see cref="EncoderSettings.Normalize"/> holds behind it.
    /// </summary>
    internal void Adjust(Pooling? pooling, bool? normalize)
    {
        if (pooling is { } chosen) Settings = Settings with { Poolings = [chosen] };
        if (normalize is not { } unitLength) return;
        while (Modules is [.., NormalizeModule]) Modules = [.. Modules.SkipLast(1)];
        Settings = Settings with { Normalize = unitLength };
    }

    /// <summary>Vectors of texts.</summary>
    /// <param name="f">Where tensors are made; under a tape, gradients flow as long as a single pooling is used and nothing is cut.</param>
    /// <param name="ids">[tokens]</param>
    /// <param name="segments">One sequence for each text.</param>
    /// <param name="skip">[sequences] tokens of each sequence's prompt that are not pooled; empty pools all.</param>
    /// <returns>[sequences, features], not yet cut to <see cref="EncoderSettings.Dimensions"/></returns>
    public Tensor Encode(Scope f, ReadOnlySpan<int> ids, Segments segments, ReadOnlySpan<int> skip = default)
    {
        using SharedReads.Reading reading = BeginReading();
        return PoolRead(f, Decoder.Forward(f, ids, segments, Mask), segments, skip);
    }

    /// <summary>Vectors from the last hidden states.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="hidden">[tokens, hidden] after the final norm.</param>
    /// <param name="segments">One sequence for each text.</param>
    /// <param name="skip">See <see cref="Encode"/>.</param>
    /// <returns>[sequences, features]</returns>
    public Tensor Pool(Scope f, Tensor hidden, Segments segments, ReadOnlySpan<int> skip = default)
    {
        using SharedReads.Reading reading = BeginReading();
        return PoolRead(f, hidden, segments, skip);
    }

    private Tensor PoolRead(Scope f, Tensor hidden, Segments segments, ReadOnlySpan<int> skip)
    {
        Tensor x = Settings.Poolings.Count == 1 ? Pooled(f, hidden, segments, skip, Settings.Poolings[0]) : Concatenated(f, hidden, segments, skip);
        foreach (EncoderModule module in Modules) x = module.Apply(f, x);
        return Settings.Normalize ? f.NormalizeRows(x) : x;
    }

    /// <summary>One pooling of what follows the prompts.</summary>
    private static Tensor Pooled(Scope f, Tensor hidden, Segments segments, ReadOnlySpan<int> skip, Pooling mode)
    {
        ReadOnlySpan<int> first = PooledStarts(segments, mode, skip), ends = segments.QueryStarts[1..];
        return mode == Pooling.PositionWeighted && !skip.IsEmpty ? PooledByPosition(f, hidden, first, ends, skip) : f.Pool(hidden, first, ends, mode);
    }

    /// <summary>
    /// Σ (i + 1) h_i / Σ (i + 1) over the m tokens i after a prompt of k tokens, which count. Of W, their mean weighted by places from the prompt's end, and A,
    /// their plain mean, that is ((m + 1)/2 · W + k · A) / ((m + 1)/2 + k).
    /// </summary>
    private static Tensor PooledByPosition(Scope f, Tensor hidden, ReadOnlySpan<int> first, ReadOnlySpan<int> ends, ReadOnlySpan<int> skip)
    {
        if (f.Tape is not null) throw new NotSupportedException("weightedmean without the prompt's tokens cannot be trained; pool the prompt too");
        float[] weighted = f.Pool(hidden, first, ends, Pooling.PositionWeighted).ToArray();     // [sequences, hidden]
        float[] plain = f.Pool(hidden, first, ends, Pooling.Average).ToArray();                 // [sequences, hidden]
        int width = hidden.Columns;
        for (int s = 0; s < first.Length; s++)
        {
            float half = (ends[s] - first[s] + 1) / 2f, total = half + skip[s];
            for (int i = s * width; i < (s + 1) * width; i++) weighted[i] = ((half * weighted[i]) + (skip[s] * plain[i])) / total;
        }

        return f.Upload(weighted, first.Length, width);
    }

    private Tensor Concatenated(Scope f, Tensor hidden, Segments segments, ReadOnlySpan<int> skip)
    {
        if (f.Tape is not null) throw new NotSupportedException("several poolings beside each other cannot be trained; use one");
        int width = hidden.Columns, count = Settings.Poolings.Count;
        float[] joined = new float[segments.Count * width * count];
        for (int mode = 0; mode < count; mode++)
        {
            float[] pooled = Pooled(f, hidden, segments, skip, Settings.Poolings[mode]).ToArray();
            for (int s = 0; s < segments.Count; s++) pooled.AsSpan(s * width, width).CopyTo(joined.AsSpan(((s * count) + mode) * width));
        }

        return f.Upload(joined, segments.Count, width * count);
    }
}
