using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Sirocco.Cli.Frame;

/// <summary>
/// How far a long run has come: on a terminal one line that redraws itself (bar, rate, time left), otherwise a plain line
/// every few seconds, with --quiet nothing.
/// </summary>
internal sealed class ProgressLine : IDisposable
{
    private const int BarWidth = 24;
    private static readonly TimeSpan RedrawEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PlainLineEvery = TimeSpan.FromSeconds(5);

    private readonly Terminal terminal;
    private readonly bool quiet;
    private readonly string activity;
    private readonly string unit;
    private readonly long? total;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private (long Done, double Part, TimeSpan Since) before;
    private readonly Lock gate = new();
    private TimeSpan next;
    private int drawn;

    public ProgressLine(Terminal terminal, bool quiet, string activity, string unit, long? total)
    {
        (this.terminal, this.quiet, this.activity, this.unit, this.total) = (terminal, quiet, activity, unit, total);
        next = terminal.Interactive ? TimeSpan.Zero : PlainLineEvery; // a run that is over sooner says nothing
    }

    /// <summary>What an earlier run did, or a cache held: it cost no time in this run, so rate and time left are those of what follows.</summary>
    /// <param name="done">units of it, where <see cref="Report"/> counts them too</param>
    /// <param name="part">how much of the whole it is, where the units cannot be counted beforehand</param>
    public void GoOnFrom(long done, double? part = null)
    {
        lock (gate) GoOnFrom(done, part, clock.Elapsed);
    }

    /// <param name="done">units done, with those that <see cref="GoOnFrom(long, double?)"/> named</param>
    /// <param name="detail">appended, such as a loss</param>
    /// <param name="part">how much of the whole that is, from 0 to 1, where the units cannot be counted beforehand</param>
    public void Report(long done, string? detail = null, double? part = null)
    {
        if (quiet) return;
        lock (gate)
        {
            if (clock.Elapsed < next) return;
            next = clock.Elapsed + (terminal.Interactive ? RedrawEvery : PlainLineEvery);
            string line = Describe(done, detail, part, clock.Elapsed);
            if (terminal.Interactive) Redraw(line);
            else terminal.ErrorWriter.WriteLine(line);
        }
    }

    /// <summary>A line that stays, above the bar.</summary>
    public void Notice(string line)
    {
        if (quiet) return;
        lock (gate)
        {
            Clear();
            terminal.ErrorWriter.WriteLine(line);
        }
    }

    public void Dispose()
    {
        lock (gate) Clear();
    }

    internal void GoOnFrom(long done, double? part, TimeSpan elapsed) => before = (done, part ?? PartOf(done) ?? 0, elapsed);

    internal string Describe(long done, string? detail, double? part, TimeSpan elapsed)
    {
        StringBuilder line = new(activity);
        TimeSpan spent = elapsed - before.Since;
        double rate = spent > TimeSpan.Zero ? (done - before.Done) / spent.TotalSeconds : 0;
        part ??= PartOf(done);
        if (part is { } known)
        {
            known = Math.Clamp(known, 0, 1);
            if (terminal.Interactive)
            {
                int full = (int)(known * BarWidth);
                line.Append(" [").Append('#', full).Append('.', BarWidth - full).Append(']');
            }

            line.Append(CultureInfo.InvariantCulture, $" {known,4:0%}");
        }

        line.Append(CultureInfo.InvariantCulture, $" {done:N0}");
        if (total is > 0) line.Append(CultureInfo.InvariantCulture, $"/{total:N0}");
        line.Append(CultureInfo.InvariantCulture, $" {unit}, {Rate(rate)} {unit}/s");
        if (part < 1 && part > before.Part) line.Append(", ").Append(Span(spent * ((1 - part.Value) / (part.Value - before.Part)))).Append(" left");
        if (detail is not null) line.Append(", ").Append(detail);
        return line.ToString();
    }

    private double? PartOf(long done) => total is > 0 ? (double)done / total.Value : null;

    private static string Rate(double rate) => rate.ToString(rate >= 100 ? "N0" : "0.0", CultureInfo.InvariantCulture);

    /// <summary>Minutes and seconds, with hours before them where there are any.</summary>
    public static string Span(TimeSpan span) => span.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours}:{span.Minutes:00}:{span.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{span.Minutes}:{span.Seconds:00}");

    private void Redraw(string line)
    {
        if (line.Length >= Terminal.Width) line = line[..Math.Max(0, Terminal.Width - 1)];
        terminal.ErrorWriter.Write("\r" + line.PadRight(drawn));
        drawn = line.Length;
    }

    private void Clear()
    {
        if (drawn > 0) terminal.ErrorWriter.Write("\r" + new string(' ', drawn) + "\r");
        drawn = 0;
    }
}
