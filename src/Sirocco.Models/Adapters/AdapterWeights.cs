using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// <c>adapter_model.safetensors</c>, sorted out by the modules of the base model and checked against them: what is there, complete, and of the right shapes.
/// </summary>
internal sealed class AdapterWeights : IDisposable
{
    public const string FileName = "adapter_model.safetensors";

    private static readonly string[] Norms = ["norm.weight", "layernorm.weight"];

    private readonly TensorArchive archive;

    private AdapterWeights(TensorArchive archive) => this.archive = archive;

    /// <summary>Low-rank updates by the module that they adapt, in the order of the network.</summary>
    public IReadOnlyDictionary<Projection, Factors> Updates { get; private set; } = new Dictionary<Projection, Factors>();

    /// <summary>Weights that replace a module's whole.</summary>
    public IReadOnlyDictionary<Projection, StoredTensor> Whole { get; private set; } = new Dictionary<Projection, StoredTensor>();

    /// <summary>How the file stores values; f32 where tensors differ or are of another type.</summary>
    public ElementType StoredType => archive.Tensors.Select(tensor => tensor.Type).Distinct().ToArray() switch
    {
        [StorageType.BF16] => ElementType.BF16,
        [StorageType.F16] => ElementType.F16,
        _ => ElementType.F32,
    };

    /// <summary>The stored parts of one update.</summary>
    public sealed record Factors(StoredTensor A, StoredTensor B, StoredTensor? Magnitude);

    /// <param name="folder">The adapter's folder.</param>
    /// <param name="options">Its configuration.</param>
    /// <param name="model">The base model.</param>
    public static AdapterWeights Open(string folder, PeftOptions options, PretrainedModel model)
    {
        string file = Path.Combine(folder, FileName);
        if (!File.Exists(file)) throw new FileNotFoundException($"{folder}: holds no {FileName}; is this an adapter's folder, complete?", file);
        AdapterWeights weights = new(SafetensorsFile.Open(file));
        try
        {
            weights.Sort(options, model);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>The factors as parameters of their own memory.</summary>
    /// <param name="factors">Stored.</param>
    /// <param name="prefix">Name of the module in parameters' names.</param>
    public static (Parameter A, Parameter B, Parameter? Magnitude) Read(Factors factors, string prefix)
    {
        AdapterNames names = AdapterNames.Of(factors.A.Name.Contains(".lora_embedding_", StringComparison.Ordinal));
        return (
            Read(factors.A, prefix + names.A),
            Read(factors.B, prefix + names.B),
            factors.Magnitude is null ? null : Read(factors.Magnitude, prefix + AdapterNames.Magnitude));
    }

    /// <summary>A stored tensor as a parameter of its own memory.</summary>
    public static Parameter Read(StoredTensor tensor, string name) =>
        Parameter.FromValues(name, [.. tensor.Shape.ToArray().Select(extent => checked((int)extent))], tensor.ToSingleArray());

    public void Dispose() => archive.Dispose();

    private void Sort(PeftOptions options, PretrainedModel model)
    {
        Projection[] modules = [.. model.Projections];
        HashSet<Projection> targets = [.. ModuleMatching.Matches(model, options)];
        Dictionary<string, Projection> byName = modules.ToDictionary(module => module.Name, StringComparer.Ordinal);
        Dictionary<Projection, StoredTensor> a = [], b = [], magnitudes = [], whole = [];
        foreach (StoredTensor tensor in archive.Tensors)
        {
            string name = AdapterNames.Canonical(tensor.Name);
            if (name.EndsWith(AdapterNames.UntouchedTable, StringComparison.Ordinal)) continue;
            if (name.EndsWith(".bias", StringComparison.Ordinal))
            {
                throw new NotSupportedException(
                    $"{archive.Path}: tensor '{Visible.Short(tensor.Name)}' replaces a bias, which adapters cannot do here; merge it with peft");
            }
            var (suffix, parts) = Part(name, a, b, magnitudes, whole) ?? throw Unusable(tensor, "is no part of a LoRA or DoRA adapter");
            Projection? module = AdapterNames.InNetwork(name[..^suffix.Length]).Select(byName.GetValueOrDefault).FirstOrDefault(found => found is not null);
            if (module is null && parts == whole && Array.Exists(Norms, norm => name.EndsWith(norm, StringComparison.Ordinal)))
            {
                throw new NotSupportedException(
                    $"{archive.Path}: tensor '{Visible.Short(tensor.Name)}' replaces a norm, which adapters cannot do here; merge it with peft");
            }
            if (module is null)
            {
                throw Unusable(tensor, $"adapts a module that {model.Path} does not have"
                    + $"{(options.BaseModel is { Length: > 0 } known ? $"; the adapter was trained on {Visible.Short(known)}" : "")}");
            }
            if (!parts.TryAdd(module, tensor)) throw Unusable(tensor, $"is a second one for {module.Name}, beside '{parts[module].Name}'");
        }

        Dictionary<Projection, Factors> updates = [];
        foreach (Projection module in modules.Where(module => a.ContainsKey(module) || b.ContainsKey(module) || magnitudes.ContainsKey(module)))
        {
            if (!a.TryGetValue(module, out StoredTensor? first)) throw Incomplete(module, "A");
            if (!b.TryGetValue(module, out StoredTensor? second)) throw Incomplete(module, "B");
            bool dora = magnitudes.TryGetValue(module, out StoredTensor? magnitude);
            if (dora != options.UseDora)
            {
                throw dora ? Unusable(magnitude!, "is a magnitude, but use_dora is not set in adapter_config.json")
                    : Incomplete(module, "magnitude (use_dora is set)");
            }
            Check(module, options.RankOf(model.ModuleName(module)), first, second, magnitude);
            updates.Add(module, new Factors(first, second, magnitude));
        }

        foreach ((Projection module, StoredTensor tensor) in whole)
            Expect(tensor, $"the {module.Name} of {model.Path}", module.Weight.Shape[0], module.Weight.Shape[1]);
        if (updates.Count + whole.Count == 0) throw new InvalidDataException($"{archive.Path}: holds no adapter: not one tensor is called lora_A or lora_B");
        if (Array.Find(modules, module => targets.Contains(module) && !updates.ContainsKey(module) && !whole.ContainsKey(module)) is { } lacking)
        {
            throw new InvalidDataException($"{archive.Path}: holds nothing for {model.ModuleName(lacking)}, which target_modules of adapter_config.json name; "
                + $"is {model.Path} the model that it was trained on?");
        }
        (Updates, Whole) = (updates, whole);
    }

    private static (string Suffix, Dictionary<Projection, StoredTensor> Parts)? Part(
        string name, Dictionary<Projection, StoredTensor> a, Dictionary<Projection, StoredTensor> b, Dictionary<Projection, StoredTensor> magnitudes,
        Dictionary<Projection, StoredTensor> whole)
    {
        AdapterNames linear = AdapterNames.Of(embedding: false), embedding = AdapterNames.Of(embedding: true);
        (string Suffix, Dictionary<Projection, StoredTensor> Parts)[] kinds =
            [(linear.A, a), (linear.B, b), (embedding.A, a), (embedding.B, b), (AdapterNames.Magnitude, magnitudes), (AdapterNames.Whole, whole)];
        int kind = Array.FindIndex(kinds, kind => name.EndsWith(kind.Suffix, StringComparison.Ordinal));
        return kind < 0 ? null : kinds[kind];
    }

    private void Check(Projection module, int rank, StoredTensor a, StoredTensor b, StoredTensor? magnitude)
    {
        bool embedding = module.Name == ModuleMatching.Embedding;
        if (embedding != a.Name.Contains(".lora_embedding_", StringComparison.Ordinal))
            throw Unusable(a, $"does not fit {module.Name}, which is {(embedding ? "an embedding table" : "a linear layer")}");
        if (embedding && magnitude is not null)
        {
            throw new NotSupportedException(
                $"{archive.Path}: tensor '{Visible.Short(magnitude.Name)}' is DoRA of an embedding table, which cannot be used here; merge it with peft");
        }
        (int inputs, int outputs) = embedding ? (module.Weight.Rows, module.Weight.Columns) : (module.Weight.Columns, module.Weight.Rows);
        string expected = $"rank {rank} by adapter_config.json and a weight [{module.Weight.Rows}, {module.Weight.Columns}] in the base model";
        Expect(a, expected, rank, inputs);
        Expect(b, expected, outputs, rank);
        if (magnitude is not null) Expect(magnitude, expected, outputs);
    }

    private void Expect(StoredTensor tensor, string because, params ReadOnlySpan<long> shape)
    {
        if (!tensor.Shape.SequenceEqual(shape)) throw Unusable(tensor, $"is {tensor.ShapeText}, expected [{string.Join(", ", shape.ToArray())}] for {because}");
    }

    private InvalidDataException Incomplete(Projection module, string part) =>
        new($"{archive.Path}: holds a part of an adapter for {module.Name} but not its {part}; save the adapter again");

    private InvalidDataException Unusable(StoredTensor tensor, string why) => new($"{archive.Path}: tensor '{Visible.Short(tensor.Name)}' {why}");
}
