namespace Sirocco.Training;

/// <summary>The checkpoints of a run in the order of their validation.</summary>
/// <param name="Best">The best one, which <c>LOWEST_VAL</c> names; null where none was validated.</param>
/// <param name="Kept">Those that stay whatever their age.</param>
internal sealed record BestCheckpoints(CheckpointName? Best, IReadOnlyList<CheckpointName> Kept)
{
    /// <summary>Ranks the complete checkpoints of a folder; of equals the older one wins.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">Metric and number.</param>
    /// <param name="abandoned">Those that are not ranked.</param>
    public static BestCheckpoints Of(RunFolder folder, CheckpointOptions options, IReadOnlyList<SerialRange> abandoned)
    {
        string metric = options.BestMetric == "default" ? ValidationRecord.LossName : options.BestMetric;
        List<(CheckpointName Name, double Value, long Serial)> found = [];
        foreach (CheckpointName name in folder.Complete())
        {
            if (folder.StateOf(name) is not { } state || abandoned.Any(range => state.Serial >= range.First && state.Serial <= range.Last)) continue;
            if (state.Validation.TryGetValue(metric, out double value) && double.IsFinite(value)) found.Add((name, value, state.Serial));
        }

        found.Sort((a, b) => ValidationRecord.IsBetter(metric, a.Value, b.Value) ? -1 : ValidationRecord.IsBetter(metric, b.Value, a.Value) ? 1
            : a.Serial.CompareTo(b.Serial));
        return new BestCheckpoints(found.Count > 0 ? found[0].Name : null, [.. found.Take(options.KeepBest ?? 1).Select(entry => entry.Name)]);
    }
}
