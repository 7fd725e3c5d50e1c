using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Formats;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Train;

/// <summary>What <c>train --explain</c> prints: every value of a recipe with its origin, then sizes, memory and time.</summary>
internal static class RecipeListing
{
    public static void Write(Invocation invocation, ResolvedRecipe<RetrievalRecipe> resolved)
    {
        string? model = FindLocal(resolved.Recipe.Encoder.Path);
        RecipeExplanation explanation = RecipeExplanation.Of(resolved.Recipe, model, invocation.Threads ?? 0);
        Facts facts = Describe(explanation);
        if (model is null) facts.Add("model", $"{resolved.Recipe.Encoder.Path} is not on this machine: parameters, memory and time are not known");
        if (invocation.Json)
        {
            new Facts().Add("recipe", resolved.Path)
                .Add(
                    "values",
                    resolved.Values.Select(value => new Facts().Add("key", value.Key).Add("value", value.Value).Add("origin", $"{value.Origin}")).ToList())
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
