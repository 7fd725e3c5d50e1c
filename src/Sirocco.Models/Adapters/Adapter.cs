using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// A LoRA or DoRA adapter of a model: small matrices beside its frozen weights. Attaching it changes what the model computes until it is detached; training
/// gives its <see cref="Parameters"/>, and nothing else, a place in a <see cref="ParameterArena"/>.
/// <code>
/// using BiEncoder model = (BiEncoder)EncoderModel.FromPretrained("./ministral-3b");
/// Adapter adapter = Adapter.Attach(model, new AdapterOptions { Rank = 16 });
/// ParameterArena trained = new(adapter.Parameters);
/// </code>
/// </summary>
public sealed class Adapter
{
    private readonly PretrainedModel model;
    private readonly AdapterConfig config;
    private readonly Dictionary<Projection, Parameter> replaced;
    private ElementType storedType = ElementType.F32;

    private Adapter(PretrainedModel model, AdapterConfig config, Dictionary<Projection, LowRankUpdate> updates, Dictionary<Projection, Parameter> whole)
    {
        (this.model, this.config) = (model, config);
        if (model.Adapter is not null) throw new InvalidOperationException($"{model.Path} has an adapter already; detach or merge it first");
        replaced = whole.Keys.ToDictionary(projection => projection, projection => projection.Weight);
        foreach ((Projection projection, LowRankUpdate update) in updates) projection.Update = update;
        foreach ((Projection projection, Parameter weight) in whole) projection.Weight = weight;
        Parameters = [.. updates.Values.SelectMany(update => update.Parameters), .. whole.Values];
        model.Adapter = this;
    }

    /// <summary>
    /// What training changes, by the names inside the library's wrapper: <c>model.layers.0.self_attn.q_proj.lora_A.weight</c>, <c>….lora_B.weight</c>,
    /// <c>….lora_magnitude</c>, and modules saved whole.
    /// </summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The file that it was loaded from, for messages.</summary>
    internal string Path { get; private init; } = "the adapter";

    /// <summary>Ranks, patterns, targets.</summary>
    public PeftOptions Options => config.Options;

    /// <summary>Adds a fresh adapter by the rules of NeMo AutoModel's recipes.</summary>
    /// <param name="model">Its weights stay as they are.</param>
    /// <param name="options">What to adapt and how.</param>
    /// <param name="seed">Of the first factors.</param>
    /// <exception cref="ArgumentException">The options contradict each other or match nothing.</exception>
    public static Adapter Attach(PretrainedModel model, AdapterOptions options, ulong seed = 0)
    {
        List<Projection> targets = ModuleMatching.Select(model, options);
        AdapterConfig config = AdapterConfig.Of(options, targets.Select(model.ModuleName), model.TaskType);
        Dictionary<Projection, LowRankUpdate> updates = [];
        foreach (Projection projection in targets)
        {
            var (a, b, magnitude) = AdapterStart.Create(projection, Prefix(model, projection), options.Rank, options.Initialization, options.UseDora, seed);
            updates[projection] = new LowRankUpdate(a, b, magnitude, (float)(options.Alpha / options.Rank))
            {
                Dropout = (float)options.Dropout,
                DropoutPosition = options.DropoutPosition,
                DropoutIndex = (ulong)updates.Count,
            };
        }

        return new Adapter(model, config, updates, []);
    }

    /// <summary>Adds a fresh adapter by peft's rules.</summary>
    /// <param name="model">Its weights stay as they are.</param>
    /// <param name="options">What to adapt and how.</param>
    /// <param name="seed">Of the random factors.</param>
    /// <exception cref="ArgumentException">The options match nothing.</exception>
    /// <exception cref="NotSupportedException">DoRA of an embedding table.</exception>
    public static Adapter Attach(PretrainedModel model, PeftOptions options, ulong seed = 0)
    {
        Dictionary<Projection, LowRankUpdate> updates = [];
        foreach (Projection projection in ModuleMatching.Select(model, options))
        {
            string module = model.ModuleName(projection);
            if (options.UseDora && projection.Name == ModuleMatching.Embedding)
                throw new NotSupportedException("an embedding table cannot have a DoRA adapter here; leave it out or use LoRA");
            var (a, b, magnitude) = AdapterStart.Create(
                projection, Prefix(model, projection), options.RankOf(module), AdapterInitialization.KaimingUniform, options.UseDora, seed);
            updates[projection] = Update(options, module, a, b, magnitude, (ulong)updates.Count);
        }

        Dictionary<Projection, Parameter> whole = ModuleMatching.SavedWhole(model, options)
            .ToDictionary(projection => projection, projection => Copy(projection.Weight, Prefix(model, projection)));
        return new Adapter(model, AdapterConfig.Of(options, model.TaskType), updates, whole);
    }

    /// <summary>Attaches an adapter that peft or NeMo AutoModel saved.</summary>
    /// <param name="model">The model that it was trained on.</param>
    /// <param name="folder">With <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or another model's; the message names file and key.</exception>
    /// <exception cref="NotSupportedException">It is of a kind that is not built here.</exception>
    public static Adapter Load(PretrainedModel model, string folder)
    {
        AdapterConfig config = AdapterConfig.Read(folder);
        try
        {
            return Load(model, folder, config);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{System.IO.Path.Combine(folder, AdapterConfig.FileName)}: {e.Message}", e);
        }
    }

    private static Adapter Load(PretrainedModel model, string folder, AdapterConfig config)
    {
        using AdapterWeights weights = AdapterWeights.Open(folder, config.Options, model);
        Dictionary<Projection, LowRankUpdate> updates = [];
        foreach ((Projection projection, AdapterWeights.Factors factors) in weights.Updates)
        {
            var (a, b, magnitude) = AdapterWeights.Read(factors, Prefix(model, projection));
            updates[projection] = Update(config.Options, model.ModuleName(projection), a, b, magnitude, (ulong)updates.Count);
        }

        Dictionary<Projection, Parameter> whole = weights.Whole.ToDictionary(
            entry => entry.Key, entry => AdapterWeights.Read(entry.Value, Prefix(model, entry.Key) + AdapterNames.Whole));
        return new Adapter(model, config, updates, whole) { storedType = weights.StoredType, Path = System.IO.Path.Combine(folder, AdapterWeights.FileName) };
    }

    /// <summary>Writes a copy of a model's folder in which the adapter's update is part of the weights. It appears when it is complete.</summary>
    /// <param name="model">A folder with config.json and safetensors, or a hub id.</param>
    /// <param name="adapter">The adapter's folder.</param>
    /// <param name="output">A new folder.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    /// <exception cref="NotSupportedException">The base is stored in a form that cannot take the update.</exception>
    public static void Merge(string model, string adapter, string output, CancellationToken cancellation = default) =>
        AdapterMerge.Run(model, adapter, output, cancellation);

    /// <summary>The model itself with the adapter of a folder, where one is given; the model is disposed where that cannot be used.</summary>
    internal static T Attached<T>(T model, string? folder)
        where T : PretrainedModel
    {
        if (folder is null) return model;
        try
        {
            Load(model, folder);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Takes the adapter off the model, which then computes what it did before.</summary>
    public void Detach()
    {
        foreach (Projection projection in model.Projections) projection.Update = null;
        foreach ((Projection projection, Parameter weight) in replaced) projection.Weight = weight;
        model.Adapter = null;
    }

    /// <summary>Sets values of <see cref="Parameters"/>, such as a recording of a random start.</summary>
    /// <param name="values">By the parameters' names or by the keys of adapter files; each of the parameter's number of values, row by row.</param>
    /// <returns>The names that are none of this adapter's parameters.</returns>
    /// <exception cref="ArgumentException">A value's size is not that of its parameter.</exception>
    public IReadOnlyList<string> SetParameters(IEnumerable<KeyValuePair<string, float[]>> values)
    {
        Dictionary<string, Parameter> byName = Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        List<string> unknown = [];
        foreach ((string name, float[] given) in values)
        {
            if (byName.TryGetValue(AdapterNames.Canonical(name), out Parameter? parameter)) parameter.SetValues(given);
            else unknown.Add(name);
        }

        return unknown;
    }

    /// <summary>
    /// Writes the adapter's folder as the library does whose configuration it has: peft, or NeMo AutoModel, whose folders peft loads too. Its files appear when
    /// they are complete.
    /// </summary>
    /// <param name="folder">The folder; missing parents are made.</param>
    /// <param name="baseModel">What to call the base model; null keeps the name that was loaded.</param>
    /// <param name="type">How values are stored; null keeps the type of the folder that was loaded, and is f32 for a new adapter.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    public void Save(string folder, string? baseModel = null, ElementType? type = null, CancellationToken cancellation = default)
    {
        using AtomicFolder output = AtomicFolder.Create(folder);
        IEnumerable<OutgoingTensor> tensors = Parameters.Select(
            parameter => ModelExport.Outgoing(AdapterNames.Key(parameter.Name), parameter, StorageTypeOf(type ?? storedType)));
        if (!config.IsAutoModel) tensors = tensors.Concat(UntouchedTables());
        SafetensorsWriter.Write(
            output.PathOf(AdapterWeights.FileName), tensors, config.IsAutoModel ? null : new Dictionary<string, string> { ["format"] = "pt" }, cancellation);
        foreach ((string name, string text) in config.Files(baseModel)) AtomicFile.WriteAllText(output.PathOf(name), text);
        output.Commit();
    }

    /// <summary>Whether a projection's weight is another with the adapter than without.</summary>
    internal bool Changes(Projection projection) => projection.Update is not null || replaced.ContainsKey(projection);

    /// <summary>Name of a weight of the adapted model in the base model's files.</summary>
    internal string StoredName(Parameter weight) =>
        replaced.Where(module => module.Key.Weight == weight).Select(module => module.Value.Name).FirstOrDefault(weight.Name);

    /// <summary>peft stores the whole table beside the adapter of an embedding or a head.</summary>
    private IEnumerable<OutgoingTensor> UntouchedTables() => model.Projections
        .Where(projection => projection is { Update: not null, Name: ModuleMatching.Embedding or "lm_head" })
        .Select(projection => ModelExport.Outgoing(
            AdapterNames.FilePrefix + Prefix(model, projection) + AdapterNames.UntouchedTable, projection.Weight, StorageTypeOf(projection.Weight.ValueType)));

    private static StorageType StorageTypeOf(ElementType type) => type switch
    {
        ElementType.F32 => StorageType.F32,
        ElementType.BF16 => StorageType.BF16,
        _ => StorageType.F16,
    };

    private static string Prefix(PretrainedModel model, Projection projection) => ModuleMatching.Wrapper + model.ModuleName(projection);

    private static LowRankUpdate Update(PeftOptions options, string module, Parameter a, Parameter b, Parameter? magnitude, ulong index) =>
        new(a, b, magnitude, options.ScaleOf(module))
        {
            Dropout = (float)options.Dropout,
            DropoutPosition = DropoutPosition.Pre,
            DropoutIndex = index,
        };

    private static Parameter Copy(Parameter weight, string prefix)
    {
        float[] values = new float[weight.Count];
        weight.CopyTo(values);
        return Parameter.FromValues(prefix + AdapterNames.Whole, weight.Shape, values);
    }
}
