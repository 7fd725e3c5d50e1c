using System.Globalization;
using System.Text;

namespace Sirocco.Training.Demo;

/// <summary>The loss over a run, as an SVG drawing that any browser shows.</summary>
public static class LossPlot
{
    private const int Width = 720, Height = 400, Left = 64, Right = 24, Top = 44, Bottom = 52;

    /// <summary>Draws each step as a thin line and a running mean over it.</summary>
    /// <param name="title">Above the plot.</param>
    /// <param name="minutes">When each step ended.</param>
    /// <param name="losses">Its loss.</param>
    public static string Svg(string title, ReadOnlySpan<double> minutes, ReadOnlySpan<float> losses)
    {
        if (minutes.Length != losses.Length) throw new ArgumentException($"{minutes.Length} times for {losses.Length} losses", nameof(losses));
        double end = minutes.IsEmpty ? 1 : Math.Max(minutes[^1], 1e-3), highest = 0;
        foreach (float loss in losses) highest = Math.Max(highest, float.IsFinite(loss) ? loss : 0);
        double step = Step(highest), top = Math.Max(step, Math.Ceiling(highest / step) * step);

        StringBuilder svg = new();
        Line(svg, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{Height}\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"13\">");
        Line(svg, $"<rect width=\"{Width}\" height=\"{Height}\" fill=\"white\"/>");
        Line(svg, $"<text x=\"{Left}\" y=\"26\" font-size=\"16\">{Escape(title)}</text>");
        for (double value = 0; value <= top + (step / 2); value += step)
        {
            double y = Y(value, top);
            Line(svg, $"<path d=\"M{Left} {y:0.#}H{Width - Right}\" stroke=\"#ddd\"/><text x=\"{Left - 8}\" y=\"{y + 4:0.#}\" text-anchor=\"end\">{value:0.##}</text>");
        }

        for (int i = 0; i <= 4; i++)
        {
            double minute = end * i / 4;
            Line(svg, $"<text x=\"{X(minute, end):0.#}\" y=\"{Height - Bottom + 20}\" text-anchor=\"middle\">{minute:0.##}</text>");
        }

        Line(svg, $"<text x=\"{Left + ((Width - Left - Right) / 2)}\" y=\"{Height - 12}\" text-anchor=\"middle\">minutes of training</text>");
        Path(svg, "#9ecae1", 1, minutes, losses, end, top);
        Path(svg, "#08519c", 2, minutes, RunningMean(losses), end, top);
        svg.Append("</svg>\n");
        return svg.ToString();
    }

    /// <summary>Mean of the last steps: a twentieth of the run, at most 50.</summary>
    private static float[] RunningMean(ReadOnlySpan<float> losses)
    {
        int window = Math.Clamp(losses.Length / 20, 1, 50);
        float[] means = new float[losses.Length];
        double sum = 0;
        for (int i = 0; i < losses.Length; i++)
        {
            sum += losses[i];
            if (i >= window) sum -= losses[i - window];
            means[i] = (float)(sum / Math.Min(i + 1, window));
        }

        return means;
    }

    private static void Path(StringBuilder svg, string color, int width, ReadOnlySpan<double> minutes, ReadOnlySpan<float> losses, double end, double top)
    {
        svg.Append(CultureInfo.InvariantCulture, $"<path fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" d=\"");
        for (int i = 0; i < losses.Length; i++) svg.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? 'M' : 'L')}{X(minutes[i], end):0.#} {Y(losses[i], top):0.#}");
        svg.Append("\"/>\n");
    }

    private static double X(double minute, double end) => Left + (minute / end * (Width - Left - Right));

    private static double Y(double loss, double top) => Height - Bottom - (loss / top * (Height - Top - Bottom));

    /// <summary>1, 2 or 5 times a power of ten, so that at most six lines cross the plot.</summary>
    private static double Step(double highest)
    {
        double raw = Math.Max(highest, 1e-6) / 5, power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        return power * ((raw / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
    }

    private static string Escape(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private static void Line(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
