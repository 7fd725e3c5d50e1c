using System.Diagnostics;
using System.Globalization;

namespace Sirocco.Cli.Verbs.Bench;

/// <summary>What a benchmark found: its settings, every run's time, and the one figure that it is about.</summary>
internal sealed record Measurement
{
    /// <summary>Name of the figure: <c>gflops</c>, <c>tokens_per_second</c>, <c>megabytes_per_second</c>.</summary>
    public required string Figure { get; init; }

    /// <summary>Units of the figure done in one run.</summary>
    public required double Work { get; init; }

    /// <summary>Seconds of each run, in order, the warm-up not among them.</summary>
    public required IReadOnlyList<double> Seconds { get; init; }

    public required int Threads { get; init; }

    public required string Precision { get; init; }

    /// <summary>Which kernels ran.</summary>
    public required string Kernel { get; init; }

    /// <summary>What else was fixed: shape, tokens, sequences.</summary>
    public IReadOnlyList<(string Name, object Value)> Settings { get; init; } = [];

    /// <summary>What was measured beside it, to compare with.</summary>
    public IReadOnlyList<(string Name, object Value)> Beside { get; init; } = [];

    /// <summary>
    /// The figure of the fastest run: what the program and the machine can do together. Slower runs shared the machine with something else.
    /// </summary>
    public double Best => Work / Seconds.Min();

    public string DescribeRuns() => string.Create(CultureInfo.InvariantCulture, $"{Seconds.Count} runs, {Seconds.Min():0.000} to {Seconds.Max():0.000}");

    /// <summary>Runs something once to warm up and then until it has run often and long enough.</summary>
    /// <param name="run">one run</param>
    /// <param name="runs">how many, or null for at least three and at least a second and a half</param>
    /// <param name="cancellation">ends the measurement between two runs</param>
    public static List<double> Time(Action run, int? runs, CancellationToken cancellation)
    {
        const int Fewest = 3;
        const int Most = 1000;
        const double LongEnough = 1.5;
        run();
        List<double> seconds = [];
        while (runs is { } fixedNumber ? seconds.Count < fixedNumber : seconds.Count < Fewest || (seconds.Sum() < LongEnough && seconds.Count < Most))
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            run();
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return seconds;
    }

    /// <summary>Most memory that the process has had in use at one time.</summary>
    public static long PeakResidentBytes()
    {
        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64;
    }
}
