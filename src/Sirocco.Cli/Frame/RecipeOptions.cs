using System.CommandLine;
using Sirocco.Training;

namespace Sirocco.Cli.Frame;

/// <summary>The words by which a verb that follows a recipe is told which one, and the values that change it.</summary>
internal sealed class RecipeOptions
{
    private readonly string word;
    private readonly string kind;
    private readonly Argument<string?> recipe;
    private readonly Option<string?> config;

    /// <param name="word">the verb's</param>
    /// <param name="kind">what the file is called in messages</param>
    /// <param name="description">of RECIPE</param>
    /// <param name="overrides">of --override, behind what is the same everywhere</param>
    public RecipeOptions(string word, string kind, string description, string overrides = "")
    {
        this.word = word;
        this.kind = kind;
        recipe = new Argument<string?>("RECIPE") { Description = description, Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => null };
        config = new Option<string?>("--config", "-c") { Description = $"The {kind}, in the spelling of the original's scripts", HelpName = "RECIPE" };
        Overrides = new Option<string[]>("--override")
        {
            Description = $"A value for a key of the {kind}; --KEY VALUE, --KEY=VALUE and KEY=VALUE say the same{overrides}",
            HelpName = "KEY=VALUE",
            Arity = ArgumentArity.ZeroOrMore,
        };
    }

    /// <summary>Receives the overrides, each as one word.</summary>
    public Option<string[]> Overrides { get; }

    /// <param name="verb">takes the words</param>
    /// <param name="others">the verb's own options, which help shows before the overrides</param>
    public void AddTo(Verb verb, params ReadOnlySpan<Option> others)
    {
        verb.Add(recipe);
        verb.Add(config);
        foreach (Option option in others) verb.Add(option);
        verb.Add(Overrides);
    }

    /// <summary>Reads the recipe, and tells what in it has no effect or deserves a warning.</summary>
    /// <param name="invocation">whose words</param>
    /// <param name="read">from a path and overrides</param>
    public ResolvedRecipe<TRecipe> Read<TRecipe>(Invocation invocation, Func<string, IReadOnlyList<string>, ResolvedRecipe<TRecipe>> read)
    {
        string? positional = invocation.Get(recipe), named = invocation.Get(config);
        if (positional is not null && named is not null) throw new UsageException($"the {kind} is given twice; name it as RECIPE or with --config");
        string path = positional ?? named ?? throw new UsageException($"RECIPE is missing; see sirocco {word} --help");
        ResolvedRecipe<TRecipe> resolved = read(path, invocation.Get(Overrides) ?? []);
        if (resolved.IgnoredKeys.Count > 0) invocation.Notice($"warning: without effect here: {string.Join(", ", resolved.IgnoredKeys)}");
        foreach (string warning in resolved.Warnings) invocation.Notice($"warning: {warning}");
        return resolved;
    }
}
