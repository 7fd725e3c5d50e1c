namespace Sirocco.Training.Plots;

/// <summary>The curves of one or several runs.</summary>
public sealed record RunPlot
{
    // A loss and what validations make of it share axes.
    private static readonly Dictionary<string, string> Companions = new(StringComparer.Ordinal) { ["loss"] = ValidationRecord.LossName };

    /// <summary>What to draw, a panel each.</summary>
    public IReadOnlyList<string> Metrics { get; init; } = ["loss"];

    /// <summary>What the curves lie over.</summary>
    public HistoryAxis Axis { get; init; }

    /// <summary>Steps that running means go over; 1 draws values alone, null chooses by the length of the run.</summary>
    public int? Smoothing { get; init; }

    /// <summary>Whether values have a logarithmic scale.</summary>
    public bool Logarithmic { get; init; }

    /// <summary>Above everything; null says what is drawn.</summary>
    public string? Title { get; init; }

    /// <summary>In pixels.</summary>
    public int Width { get; init; } = 1200;

    /// <summary>In pixels.</summary>
    public int Height { get; init; } = 700;

    /// <summary>Lays the curves of runs out.</summary>
    /// <exception cref="InvalidDataException">No run has recorded a metric.</exception>
    public Figure Of(IReadOnlyList<RunHistory> runs)
    {
        ArgumentNullException.ThrowIfNull(runs);
        string[] names = Names([.. runs.Select(run => run.Path)]);
        return new Figure
        {
            Title = Title ?? (runs.Count == 1 ? names[0] : $"{string.Join(", ", Metrics)} of {runs.Count} runs"),
            HorizontalTitle = Axis switch
            {
                HistoryAxis.Tokens => "tokens",
                HistoryAxis.Minutes => "minutes of training",
                _ => "step",
            },
            Panels = [.. Metrics.Select(metric => PanelOf(metric, runs, names))],
            Width = Width,
            Height = Height,
        };
    }

    private Panel PanelOf(string metric, IReadOnlyList<RunHistory> runs, string[] names)
    {
        List<Curve> curves = [];
        string title = metric;
        for (int i = 0; i < runs.Count; i++)
        {
            if (runs[i].CurveOf(metric, names[i], Axis) is { } curve) curves.Add(curve with { Smoothing = SmoothingOf(metric, curve) });
            if (!Companions.TryGetValue(metric, out string? companion) || Metrics.Contains(companion)) continue;
            if (runs[i].CurveOf(companion, names[i], Axis) is not { Y.Count: > 0 } validations) continue;
            curves.Add(validations);
            title = $"{metric}, and {companion} as points";
        }

        if (curves.Count == 0)
        {
            throw new InvalidDataException(
                $"{runs[0].Path}: no '{metric}' is recorded; there are {string.Join(", ", runs.SelectMany(run => run.Metrics).Distinct())}");
        }
        return new Panel(title, curves, Logarithmic);
    }

    // A learning rate is set, not measured: its mean would show what never was.
    private int SmoothingOf(string metric, Curve curve) => curve.Marked || metric == "lr" ? 1 : Smoothing ?? Curve.SmoothingFor(curve.Y.Count);

    /// <summary>Paths without the parts that all begin or end with.</summary>
    private static string[] Names(string[] paths)
    {
        string[][] parts = [.. paths.Select(
            path => Path.GetFullPath(path).Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries))];
        if (parts.Length == 1) return [Last(parts[0])];
        int shortest = parts.Min(part => part.Length), before = 0, behind = 0;
        while (before < shortest - 1 && parts.All(part => part[before] == parts[0][before])) before++;
        while (behind < shortest - before - 1 && parts.All(part => part[^(behind + 1)] == parts[0][^(behind + 1)])) behind++;
        return [.. parts.Select(part => string.Join('/', part[before..^behind]))];
    }

    private static string Last(string[] parts) => parts[^1] == "training.jsonl" && parts.Length > 1 ? parts[^2] : parts[^1];
}
