using System.Text.RegularExpressions;
using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>Which weights of a model train where some of its modules are frozen.</summary>
public static class FrozenModules
{
    /// <summary>The weights outside of the frozen modules, in the model's order.</summary>
    /// <param name="model">Its own weights; an adapter's are not among them.</param>
    /// <param name="frozen">
    /// Modules by whole components of their names: <c>embed_tokens</c>, <c>layers.0</c> (all of it, not of <c>layers.10</c>), <c>self_attn</c> (of every
    /// layer), <c>layers.*.mlp</c>, where <c>*</c> is any run of characters.
    /// </param>
    /// <exception cref="ArgumentException">An entry names no module, or nothing is left to train.</exception>
    public static IReadOnlyList<Parameter> TrainedBeside(PretrainedModel model, IReadOnlyList<string> frozen)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(frozen);
        Parameter[] all = [.. model.Parameters], trained = all;
        foreach (string module in frozen)
        {
            string any = Regex.Escape(module).Replace(@"\*", ".*", StringComparison.Ordinal);
            Regex pattern = new($@"(\A|\.){any}(\.|\z)", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
            if (module.Length == 0 || !Array.Exists(all, parameter => pattern.IsMatch(parameter.Name)))
            {
                throw new ArgumentException(
                    $"freeze: '{module}' names no module of {model.Path}; its weights have names like {all[0].Name} and {all[all.Length / 2].Name}");
            }

            trained = [.. trained.Where(parameter => !pattern.IsMatch(parameter.Name))];
        }

        return trained.Length > 0 ? trained : throw new ArgumentException($"freeze: [{string.Join(", ", frozen)}] leave no weight of {model.Path} to train");
    }
}
