using System.Globalization;

namespace Sirocco.Training.Plots;

/// <summary>A range of values, with ticks at numbers that people like.</summary>
internal sealed class Axis
{
    private readonly double least, most;
    private readonly bool logarithmic;

    private Axis(double least, double most, bool logarithmic, IReadOnlyList<(double Value, string Label)> ticks)
    {
        (this.least, this.most, this.logarithmic) = (least, most, logarithmic);
        Ticks = ticks;
    }

    /// <summary>From the least to the greatest.</summary>
    public IReadOnlyList<(double Value, string Label)> Ticks { get; }

    /// <summary>Where a value lies, from 0 to 1 within the range.</summary>
    public double Place(double value) => logarithmic ? Math.Log(value / least) / Math.Log(most / least) : (value - least) / (most - least);

    /// <summary>An axis whose ends are ticks.</summary>
    /// <param name="low">The least value.</param>
    /// <param name="high">The greatest.</param>
    /// <param name="intervals">About so many between ticks.</param>
    public static Axis Rounded(double low, double high, int intervals)
    {
        (low, high) = Widened(low, high);
        if (low > 0 && low < 0.3 * high) low = 0;
        double step = Step((high - low) / intervals);
        double first = Math.Floor((low / step) + 1e-9), last = Math.Ceiling((high / step) - 1e-9);
        return new Axis(first * step, last * step, false, Between(first, last, step));
    }

    /// <summary>An axis that ends where the values do, and begins at 0 where they nearly do.</summary>
    public static Axis Exact(double low, double high, int intervals)
    {
        (low, high) = Widened(low, high);
        if (low > 0 && low < 0.05 * high) low = 0;
        double step = Math.Max(Step((high - low) / intervals), high - low > intervals ? 1 : 0);
        return new Axis(low, high, false, Between(Math.Ceiling((low / step) - 1e-9), Math.Floor((high / step) + 1e-9), step));
    }

    /// <summary>An axis of powers of ten, with 2 and 5 times them where they are few.</summary>
    public static Axis Logarithmic(double low, double high)
    {
        if (low >= high) (low, high) = (low / 2, high * 2);
        int first = (int)Math.Floor(Math.Log10(low)), last = (int)Math.Ceiling(Math.Log10(high)), every = Math.Max(1, (last - first) / 8);
        double[] factors = last - first <= 3 ? [1, 2, 5] : [1];
        List<(double, string)> ticks = [];
        for (int power = first; power <= last; power += every)
        {
            foreach (double factor in factors)
            {
                double value = factor * Math.Pow(10, power);
                if (value >= low * 0.999 && value <= high * 1.001) ticks.Add((value, Label(value, value, value)));
            }
        }

        return new Axis(low, high, true, ticks);
    }

    private static (double Low, double High) Widened(double low, double high)
    {
        if (high > low) return (low, high);
        double around = low == 0 ? 1 : Math.Abs(low) / 2;
        return (low - around, high + around);
    }

    /// <summary>1, 2 or 5 times a power of ten, the next from a number up.</summary>
    private static double Step(double raw)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        return power * ((raw / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
    }

    private static List<(double, string)> Between(double first, double last, double step)
    {
        List<(double, string)> ticks = [];
        for (double i = first; i <= last; i++) ticks.Add((i * step, Label(i * step, step, Math.Max(Math.Abs(first), Math.Abs(last)) * step)));
        return ticks;
    }

    /// <summary>A number to the precision of the distance between ticks, as thousandths to millions or with the power of ten of the greatest.</summary>
    private static string Label(double value, double step, double greatest)
    {
        if (value == 0) return "0";
        int exponent = (int)Math.Floor(Math.Log10(greatest) + 1e-9), finest = (int)Math.Floor(Math.Log10(step) + 1e-9);
        bool plain = exponent is < 6 and >= -3;
        string digits = (plain ? value : value / Math.Pow(10, exponent))
            .ToString("N" + Math.Clamp(plain ? -finest : exponent - finest, 0, 8), CultureInfo.InvariantCulture);
        return plain ? digits : $"{digits}e{exponent.ToString(CultureInfo.InvariantCulture)}";
    }
}
