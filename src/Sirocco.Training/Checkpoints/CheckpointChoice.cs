namespace Sirocco.Training;

/// <summary>Which checkpoint a run goes on from: <c>checkpoint.restore_from</c>, or the newest of its folder that is whole and the same model's.</summary>
internal static class CheckpointChoice
{
    private const string LatestForm = "LATEST", LowestForm = "LOWEST_VAL";

    /// <param name="folder">The run's.</param>
    /// <param name="asked">restore_from, or null.</param>
    /// <param name="configuration">The run's own recipe as YAML, or null.</param>
    /// <param name="warn">Told of what is passed over.</param>
    /// <returns>The checkpoint's folder, or null to start anew.</returns>
    /// <exception cref="InvalidDataException">The one that is asked for, or every one there is, is damaged.</exception>
    /// <exception cref="FileNotFoundException">The one that is asked for is missing.</exception>
    public static string? Find(RunFolder folder, string? asked, string? configuration, Action<string> warn)
    {
        if (asked is null) return Newest(folder, configuration, mustMatch: true, warn);
        if (asked.Equals(LatestForm, StringComparison.OrdinalIgnoreCase))
        {
            string? latest = Newest(folder, configuration, mustMatch: false, warn);
            if (latest is null) warn($"restore_from is {asked}, but {folder.Path} holds no checkpoint; the run starts anew");
            return latest;
        }

        string path = asked == LowestForm && folder.LowestValidation.Target is { } lowest ? folder.PathOf(lowest)
            : Directory.Exists(Path.Combine(folder.Path, asked)) ? Path.Combine(folder.Path, asked) : asked;
        if (!Directory.Exists(path))
        {
            throw new FileNotFoundException(
                $"restore_from: {asked} is no checkpoint of {folder.Path} and no folder; name one of {string.Join(", ", ["LATEST", .. folder.Complete()])}",
                asked);
        }
        path = new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        if (!RunFolder.IsComplete(path)) throw new InvalidDataException($"restore_from: {path} was never finished; name another checkpoint, or LATEST");
        if (CheckpointSums.Damage(path) is { } damage) throw new InvalidDataException($"restore_from: {damage}; name another checkpoint, or LATEST");
        if (Difference(path, configuration) is { } key) warn($"{path} was made with another {key}; it is used because restore_from asks for it");
        return path;
    }

    private static string? Newest(RunFolder folder, string? configuration, bool mustMatch, Action<string> warn)
    {
        IReadOnlyList<CheckpointName> complete = folder.Complete();
        List<string> damages = [];
        foreach (string path in complete.Select(folder.PathOf))
        {
            if (CheckpointSums.Damage(path) is { } damage)
            {
                damages.Add(damage);
                continue;
            }

            if (Difference(path, configuration) is { } key)
            {
                if (mustMatch)
                {
                    warn($"{path} was made with another {key}; "
                        + $"the run starts anew, and moves the checkpoints that are there to {folder.NextEarlier} when it saves its first");
                    return null;
                }

                warn($"{path} was made with another {key}; it is used because restore_from asks for it");
            }

            foreach (string found in damages) warn($"{found}; the run goes on from the checkpoint before, {Path.GetFileName(path)}");
            return path;
        }

        if (damages.Count > 0)
        {
            throw new InvalidDataException(
                $"{damages[0]}, and {folder.Path} holds no other checkpoint to go on from; remove it to start anew, or name another checkpoint.checkpoint_dir");
        }
        return null;
    }

    private static string? Difference(string checkpoint, string? configuration) =>
        ModelSignature.Difference(Path.Combine(checkpoint, RunCheckpoints.Configuration), configuration);
}
