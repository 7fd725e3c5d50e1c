using System.Globalization;

namespace Sirocco.Training;

/// <summary>What training keeps for the weights that it changes. A system that has less ends the process without a word, so it is asked before.</summary>
internal static class TrainingMemory
{
    /// <summary>Bytes of f32 masters and gradients, and of the optimizer's moments.</summary>
    /// <param name="trained">Weights that change.</param>
    /// <param name="optimizer">The rule.</param>
    public static long Bytes(long trained, OptimizerOptions optimizer) => checked(trained * ((2 * sizeof(float)) + optimizer.MomentBytes));

    /// <summary>Refuses what this machine, or the container that the process runs in, has no memory for.</summary>
    /// <param name="trained">Weights that change.</param>
    /// <param name="optimizer">The rule.</param>
    /// <param name="available">Bytes of memory; null asks the runtime.</param>
    /// <exception cref="InsufficientMemoryException">It does not fit.</exception>
    public static void Require(long trained, OptimizerOptions optimizer, long? available = null)
    {
        long needed = Bytes(trained, optimizer), has = available ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed <= has) return;
        throw new InsufficientMemoryException(string.Create(
            CultureInfo.InvariantCulture,
            $"training {trained:N0} weights takes {needed / 1e9:0.0} GB for f32 masters, gradients and moments, and there are {has / 1e9:0.0} GB here; "
                + $"train an adapter (LoRA) or a smaller model"));
    }
}
