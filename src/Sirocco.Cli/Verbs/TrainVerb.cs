using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Formats;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco train</c>: a retrieval recipe of NeMo AutoModel, as published.</summary>
internal sealed class TrainVerb : Verb, ITakesOverrides
{
    private readonly Argument<string?> recipe = new("RECIPE") { Description = "A YAML recipe; then overrides such as --step_scheduler.max_steps 20 or optimizer.lr=1e-5", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => null };
    private readonly Option<string?> config = new("--config", "-c") { Description = "The recipe, in the spelling of the original's scripts", HelpName = "RECIPE" };
    private readonly Option<bool> explain = new("--explain") { Description = "Show what the recipe resolves to, sizes, memory and time; do not train" };
    private readonly Option<int?> processes = CommonOptions.Integer("--nproc-per-node", "N", 1, 1 << 16, "Accepted for the original's command lines; one process trains");

    public TrainVerb()
        : base("train", "Trains a bi-encoder, a cross-encoder or a student by a recipe.",
            new Example("what a recipe will do, and where each value comes from", "./sirocco train llama3_2_1b.yaml --explain --model.pretrained_model_name_or_path ./llama"),
            new Example("the same for a program", "./sirocco train --config llama3_2_1b.yaml --explain --json --step_scheduler.max_steps 20 --lr_scheduler.lr_warmup_steps=2"))
    {
        Add(recipe);
        foreach (Option option in (Option[])[config, explain, processes, CommonOptions.Threads, Overrides]) Add(option);
    }

    public Option<string[]> Overrides { get; } = new("--override")
    {
        Description = "A value for a key of the recipe; --KEY VALUE, --KEY=VALUE and KEY=VALUE say the same",
        HelpName = "KEY=VALUE",
        Arity = ArgumentArity.ZeroOrMore,
    };

    public override int Run(Invocation invocation)
    {
        string? positional = invocation.Get(recipe), named = invocation.Get(config);
        if (positional is not null && named is not null) throw new UsageException("the recipe is given twice; name it as RECIPE or with --config");
        string path = positional ?? named ?? throw new UsageException("RECIPE is missing; see sirocco train --help");
        ResolvedRecipe<RetrievalRecipe> resolved = RecipeFile.ReadTraining(path, invocation.Get(Overrides));
        if (resolved.IgnoredKeys.Count > 0) invocation.Notice($"warning: without effect here: {string.Join(", ", resolved.IgnoredKeys)}");
        foreach (string warning in resolved.Warnings) invocation.Notice($"warning: {warning}");
        if (invocation.Get(processes) is > 1) invocation.Notice("warning: --nproc-per-node is without effect: one process trains");
        if (!invocation.Get(explain)) throw new NotSupportedException("this version explains recipes but does not run them yet; add --explain");
        Explain(invocation, resolved);
        return ExitStatus.Success;
    }

    private static void Explain(Invocation invocation, ResolvedRecipe<RetrievalRecipe> resolved)
    {
        string? model = FindLocal(resolved.Recipe.Encoder.Path);
        RecipeExplanation explanation = RecipeExplanation.Of(resolved.Recipe, model, invocation.Threads ?? 0);
        Facts facts = Describe(explanation);
        if (model is null) facts.Add("model", $"{resolved.Recipe.Encoder.Path} is not on this machine: parameters, memory and time are not known");
        if (invocation.Json)
        {
            new Facts().Add("recipe", resolved.Path)
                .Add("values", resolved.Values.Select(value => new Facts().Add("key", value.Key).Add("value", value.Value).Add("origin", $"{value.Origin}")).ToList())
                .Add("ignored", resolved.IgnoredKeys.ToList())
                .Add("warnings", resolved.Warnings.ToList())
                .Add("run", facts)
                .WriteJson(invocation.Terminal.Output);
            return;
        }

        WriteValues(invocation.Terminal.OutputWriter, resolved.Values);
        invocation.Terminal.OutputWriter.WriteLine();
        facts.WriteText(invocation.Terminal.OutputWriter);
    }

    // Looked up, not downloaded: an explanation costs nothing.
    private static string? FindLocal(string model) =>
        Directory.Exists(model) ? model : HubModelId.TryParse(model, out HubModelId? id) ? HubModel.FindCached(id, HubOptions.FromEnvironment()) : null;

    // A tree: a key's sections are written once, values and origins are aligned.
    private static void WriteValues(TextWriter output, IReadOnlyList<ResolvedValue> values)
    {
        const int MostName = 46, MostValue = 44;
        string[] open = [];
        List<string> order = [.. values.Select(value => value.Key.Split('.')[0]).Distinct()];
        IEnumerable<IGrouping<string, ResolvedValue>> sections = values
            .GroupBy(value => value.Key.Contains('.', StringComparison.Ordinal) ? value.Key[..value.Key.LastIndexOf('.')] : "")
            .OrderBy(section => section.Key.Length == 0 ? -1 : order.IndexOf(section.Key.Split('.')[0])).ThenBy(section => section.Key, StringComparer.Ordinal);
        foreach (IGrouping<string, ResolvedValue> section in sections)
        {
            string[] path = section.Key.Split('.', StringSplitOptions.RemoveEmptyEntries);
            for (int i = 0; i < path.Length; i++)
            {
                if (i >= open.Length || !path.AsSpan(0, i + 1).SequenceEqual(open.AsSpan(0, i + 1))) output.WriteLine($"{new string(' ', 2 * i)}{path[i]}:");
            }

            open = path;
            foreach (ResolvedValue value in section)
            {
                string name = $"{new string(' ', 2 * path.Length)}{value.Key[(value.Key.LastIndexOf('.') + 1)..]}: ";
                string shown = value.Value.Length <= MostValue ? value.Value : value.Value[..(MostValue - 1)] + "…";
                output.WriteLine($"{name.PadRight(MostName)}{shown.PadRight(MostValue + 2)}{value.Origin}".TrimEnd());
            }
        }
    }

    private static Facts Describe(RecipeExplanation run) => new Facts()
        .Add("queries_per_micro_batch", run.LocalBatchSize)
        .Add("micro_batches_per_step", run.MicroBatches)
        .Add("queries_per_step", run.GlobalBatchSize)
        .Add("passages_per_query", run.PassagesPerQuery)
        .Add("most_tokens_per_step", run.MostTokensPerStep)
        .Add("most_tokens_at_once", run.MostTokensAtOnce)
        .Add("examples", run.Examples)
        .Add("steps", run.Steps)
        .Add("parameters", run.Parameters)
        .Add("trained_parameters", run.TrainedParameters)
        .Add("state_bytes", run.StateBytes)
        .Add("most_activation_bytes", run.MostActivationBytes)
        .Add("most_seconds", run.MostTime is { } time ? Math.Round(time.TotalSeconds, 1) : null);
}
