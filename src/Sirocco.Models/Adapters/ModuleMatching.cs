namespace Sirocco.Models;

/// <summary>Which modules of a model an adapter adapts, by the rules of the two libraries whose configurations are read.</summary>
internal static class ModuleMatching
{
    /// <summary>
    /// NeMo AutoModel's rules over names with the wrapper's <c>model.</c>: a name equals a target, or matches it as <c>^target$</c> with <c>*</c> for any
    /// characters; beyond them a target that is a bare last component matches too, which the library's own example recipes mean.
    /// </summary>
    /// <exception cref="ArgumentException">Nothing matches, or a target is no regular expression.</exception>
    public static List<Projection> Select(PretrainedModel model, AdapterOptions options)
    {
        options.Validate();
        IReadOnlyList<string> names = options.TargetModules.Count > 0 ? options.TargetModules
            : options.ExcludeModules.Count > 0 ? options.ExcludeModules : ["*_proj"];
        bool wanted = options.TargetModules.Count > 0 || options.ExcludeModules.Count == 0;
        ModulePattern[] patterns = [.. names.Select(name => ModulePattern.Of(name.Replace("*", ".*", StringComparison.Ordinal)))];
        List<Projection> selected = [];
        foreach (Projection projection in model.Projections.Where(projection => projection.Name != Embedding))
        {
            string name = Wrapper + model.ModuleName(projection), last = name[(name.LastIndexOf('.') + 1)..];
            if (options.MatchAllLinear
                || wanted == (names.Contains(name) || (wanted && names.Contains(last)) || Array.Exists(patterns, pattern => pattern.IsMatch(name))))
            {
                selected.Add(projection);
            }
        }

        return selected.Count > 0 ? selected : throw new ArgumentException(
            $"peft: {(wanted ? "target_modules" : "exclude_modules")} [{string.Join(", ", names)}] {(wanted ? "match" : "leave")} no linear layer of "
                + $"{model.Path}; its names are like {Wrapper}{model.ModuleName(model.Projections.ElementAt(1))}");
    }

    /// <summary>peft's rules over the names that the model's modules have in transformers.</summary>
    /// <exception cref="ArgumentException">Nothing matches, or a pattern is no regular expression.</exception>
    public static List<Projection> Select(PretrainedModel model, PeftOptions options)
    {
        List<Projection> selected = [.. Matches(model, options)];
        return selected.Count > 0 ? selected : throw new ArgumentException(
            $"target_modules [{string.Join(", ", options.TargetModules)}] match no module of {model.Path}; "
                + $"its names are like {model.ModuleName(model.Projections.ElementAt(1))}");
    }

    /// <summary>As <see cref="Select(PretrainedModel, PeftOptions)"/>; possibly none.</summary>
    public static IEnumerable<Projection> Matches(PretrainedModel model, PeftOptions options)
    {
        bool all = options is { TargetIsPattern: true, TargetModules: [var targets] } && targets.Equals("all-linear", StringComparison.OrdinalIgnoreCase);
        Func<string, bool> target = all ? _ => true : Matcher(options.TargetModules, options.TargetIsPattern),
            excluded = Matcher(options.ExcludeModules, options.ExcludeIsPattern);
        ModulePattern[] saved = [.. options.ModulesToSave.Select(name => ModulePattern.Of($@"(|.*\.){name}($|\..*)"))];
        ModulePattern[] layers = [.. options.LayersToTransform.SelectMany(layer => (options.LayersPattern.Count > 0 ? options.LayersPattern : [@"[^.]*"])
            .Select(list => ModulePattern.Of($@"(.*\.)?{list}\.{layer}\..*")))];
        foreach (Projection projection in model.Projections)
        {
            if (all && projection.Name is Embedding or "lm_head" or "score") continue;
            string name = model.ModuleName(projection);
            if (excluded(name) || Array.Exists(saved, pattern => pattern.IsMatch(name)) || !target(name)) continue;

            // A regular expression or a whole name says which layers by itself.
            bool everywhere = layers.Length == 0 || options.TargetIsPattern || options.TargetModules.Contains(name);
            if (everywhere || Array.Exists(layers, pattern => pattern.IsMatch(name))) yield return projection;
        }
    }

    /// <summary>Modules that are trained whole.</summary>
    public static IEnumerable<Projection> SavedWhole(PretrainedModel model, PeftOptions options) =>
        model.Projections.Where(projection => options.ModulesToSave.Any(name => EndsWith(model.ModuleName(projection), name)));

    /// <summary>Module name of the embedding table, the only one that is not linear.</summary>
    public const string Embedding = "embed_tokens";

    /// <summary>The attribute of NeMo's and peft's wrappers that holds the model.</summary>
    public const string Wrapper = "model.";

    private static Func<string, bool> Matcher(IReadOnlyList<string> names, bool isPattern)
    {
        if (!isPattern) return module => names.Any(name => EndsWith(module, name));
        ModulePattern[] patterns = [.. names.Select(ModulePattern.Of)];
        return module => Array.Exists(patterns, pattern => pattern.IsMatch(module));
    }

    private static bool EndsWith(string module, string name) => module == name || module.EndsWith("." + name, StringComparison.Ordinal);
}
