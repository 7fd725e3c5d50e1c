using System.Numerics;
using System.Text;

namespace Sirocco.Training.Plots;

/// <summary>Panels of curves under a title and one legend, as SVG or PNG.</summary>
public sealed record Figure
{
    private const float Margin = 28, Gap = 36, TickLength = 8;

    // Okabe and Ito (2008): told apart with any colour vision; the yellow, too pale on white, gives way to black.
    private static readonly Color[] Palette =
    [
        new(0x00, 0x72, 0xB2), new(0xD5, 0x5E, 0x00), new(0x00, 0x9E, 0x73), new(0xCC, 0x79, 0xA7), new(0xE6, 0x9F, 0x00), new(0x56, 0xB4, 0xE9),
        new(0x22, 0x22, 0x22),
    ];

    private static readonly Color Ink = new(0x1F, 0x29, 0x37), Faint = new(0x5B, 0x64, 0x72), Grid = new(0xE3, 0xE6, 0xEB), Base = new(0x9A, 0xA3, 0xB0);
    private static readonly TextStyle TitleText = new(21, Ink, Bold: true), PanelText = new(15, Ink, Bold: true), LegendText = new(14, Ink),
        TickText = new(13, Faint);

    /// <summary>Above everything.</summary>
    public required string Title { get; init; }

    /// <summary>What positions count, such as steps.</summary>
    public required string HorizontalTitle { get; init; }

    /// <summary>Laid out in rows.</summary>
    public required IReadOnlyList<Panel> Panels { get; init; }

    /// <summary>In pixels.</summary>
    public int Width { get; init; } = 1200;

    /// <summary>In pixels.</summary>
    public int Height { get; init; } = 700;

    /// <summary>The figure as SVG.</summary>
    public string ToSvg()
    {
        SvgCanvas canvas = new(Width, Height, Title);
        Draw(canvas);
        return canvas.ToString();
    }

    /// <summary>Writes the figure as SVG.</summary>
    public void WriteSvg(Stream output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Write(Encoding.UTF8.GetBytes(ToSvg()));
    }

    /// <summary>Writes the figure as PNG.</summary>
    public void WritePng(Stream output)
    {
        ArgumentNullException.ThrowIfNull(output);
        RasterCanvas canvas = new(Width, Height);
        Draw(canvas);
        PngWriter.Write(output, canvas.Pixels, Width, Height);
    }

    private void Draw(Canvas canvas)
    {
        string[] names = [.. Panels.SelectMany(panel => panel.Curves).Select(curve => curve.Name).Distinct()];
        canvas.Text(new Vector2(Margin, 40), Title, TitleText);
        float top = DrawLegend(canvas, names, 52);
        int columns = Panels.Count switch { 1 => 1, <= 4 => 2, _ => 3 }, rows = (Panels.Count + columns - 1) / columns;
        float width = (Width - (2 * Margin) - (Gap * (columns - 1))) / columns, height = (Height - top - 16 - (Gap / 2 * (rows - 1))) / rows;
        for (int i = 0; i < Panels.Count; i++)
        {
            float left = Margin + (i % columns * (width + Gap)), upper = top + (i / columns * (height + (Gap / 2)));
            DrawPanel(canvas, Panels[i], names, new Frame(left, upper, width, height, i / columns == rows - 1, i + columns >= Panels.Count));
        }
    }

    /// <summary>Names with their colours in as many lines as they need; none where there is one curve to name.</summary>
    /// <returns>Where the panels begin.</returns>
    private float DrawLegend(Canvas canvas, string[] names, float top)
    {
        if (names.Length < 2) return top + 8;
        float x = Margin, y = top + 18;
        for (int i = 0; i < names.Length; i++)
        {
            float width = 26 + (StrokeFont.Measure(names[i], LegendText) * 1.04f);
            if (x > Margin && x + width > Width - Margin)
            {
                x = Margin;
                y += 24;
            }

            canvas.Line([new(x + 2, y - 5), new(x + 18, y - 5)], ColorOf(i), 4);
            canvas.Text(new Vector2(x + 26, y), names[i], LegendText);
            x += width + 26;
        }

        return y + 14;
    }

    private void DrawPanel(Canvas canvas, Panel panel, string[] names, Frame outer)
    {
        Axis vertical = Vertical(panel, outer.Height), horizontal = Horizontal(outer.Width);
        float labels = vertical.Ticks.Select(tick => StrokeFont.Measure(tick.Label, TickText)).Append(20).Max();
        float left = outer.Left + labels + TickLength + 4, right = outer.Left + outer.Width - 6, top = outer.Top + 34,
            bottom = outer.Top + outer.Height - (outer.InLastRow ? 50 : 28);
        canvas.Text(new Vector2(outer.Left, outer.Top + 16), panel.Title, PanelText);
        foreach ((double value, string label) in vertical.Ticks)
        {
            float y = bottom - ((float)vertical.Place(value) * (bottom - top));
            float crisp = MathF.Floor(y) + 0.5f;
            canvas.Line([new(left, crisp), new(right, crisp)], Grid, 1);
            canvas.Text(new Vector2(left - TickLength, y + 4.5f), label, TickText, TextAnchor.End);
        }

        float ground = MathF.Floor(bottom) + 0.5f;
        canvas.Line([new(left, ground), new(right, ground)], Base, 1);
        foreach ((double value, string label) in horizontal.Ticks)
        {
            float x = left + ((float)horizontal.Place(value) * (right - left)), crisp = MathF.Floor(x) + 0.5f;
            canvas.Line([new(crisp, ground), new(crisp, ground + 5)], Base, 1);
            canvas.Text(new Vector2(x, bottom + 20), label, TickText, x > right - 12 ? TextAnchor.End : TextAnchor.Middle);
        }

        if (outer.IsLowest) canvas.Text(new Vector2((left + right) / 2, bottom + 42), HorizontalTitle, TickText, TextAnchor.Middle);
        Vector2 Place(double x, double y) => new(
            left + ((float)horizontal.Place(x) * (right - left)), bottom - ((float)Math.Clamp(vertical.Place(y), -2, 3) * (bottom - top)));

        // Noise first, courses over it, marks on top: nothing that matters is covered.
        using (canvas.Clip(left, top, right - left, bottom - top))
        {
            foreach (Curve curve in panel.Curves.Where(curve => curve.Smoothing > 1))
                DrawCurve(canvas, curve, curve.Y, panel.Logarithmic, Place, ColorOf(names, curve), 1, 0.28);
        }

        using IDisposable clip = canvas.Clip(left - 6, top - 6, right - left + 12, bottom - top + 12);
        foreach (Curve curve in panel.Curves)
            DrawCurve(canvas, curve, Course(curve), panel.Logarithmic, Place, ColorOf(names, curve), curve.Marked ? 1.5 : 2.25, 1);
        foreach (Curve curve in panel.Curves.Where(curve => curve.Marked || curve.Y.Count == 1))
            DrawMarks(canvas, curve, panel.Logarithmic, Place, ColorOf(names, curve));
    }

    private static IReadOnlyList<double> Course(Curve curve) => curve.Smoothing > 1 ? curve.RunningMean() : curve.Y;

    private static void DrawCurve(
        Canvas canvas,
        Curve curve,
        IReadOnlyList<double> values,
        bool logarithmic,
        Func<double, double, Vector2> place,
        Color color,
        double width,
        double opacity)
    {
        List<Vector2> line = [];
        for (int i = 0; i <= values.Count; i++)
        {
            if (i < values.Count && IsShown(values[i], logarithmic))
            {
                line.Add(place(curve.X[i], values[i]));
                continue;
            }

            if (line.Count > 0) canvas.Line(Thinned(line), color, width, opacity);
            line.Clear();
        }
    }

    private static void DrawMarks(Canvas canvas, Curve curve, bool logarithmic, Func<double, double, Vector2> place, Color color)
    {
        for (int i = 0; i < curve.Y.Count; i++)
        {
            if (!IsShown(curve.Y[i], logarithmic)) continue;
            Vector2 centre = place(curve.X[i], curve.Y[i]);
            canvas.Disc(centre, 5.5, Color.White);
            canvas.Disc(centre, 4, color);
        }
    }

    /// <summary>
    /// Of points that share a column of pixels the first, the lowest, the highest and the last: the picture is the same, its size no longer that of the run.
    /// </summary>
    private static Vector2[] Thinned(List<Vector2> points)
    {
        List<Vector2> kept = [];
        for (int start = 0, end; start < points.Count; start = end)
        {
            int low = start, high = start;
            for (end = start + 1; end < points.Count && MathF.Floor(points[end].X) == MathF.Floor(points[start].X); end++)
            {
                if (points[end].Y < points[low].Y) low = end;
                if (points[end].Y > points[high].Y) high = end;
            }

            foreach (int index in (int[])[.. new SortedSet<int> { start, low, high, end - 1 }]) kept.Add(points[index]);
        }

        return [.. kept];
    }

    private static bool IsShown(double value, bool logarithmic) => double.IsFinite(value) && (!logarithmic || value > 0);

    /// <summary>Courses and marks fit; of the noise around them all but the hundredth at either end.</summary>
    private static Axis Vertical(Panel panel, float height)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (Curve curve in panel.Curves)
        {
            double[] course = [.. Course(curve).Where(value => IsShown(value, panel.Logarithmic)).Order()];
            if (course.Length == 0) continue;
            (low, high) = (Math.Min(low, course[0]), Math.Max(high, course[^1]));
            if (curve.Smoothing <= 1) continue;
            double[] noise = [.. curve.Y.Where(value => IsShown(value, panel.Logarithmic)).Order()];
            (low, high) = (Math.Min(low, noise[noise.Length / 100]), Math.Max(high, noise[^(1 + (noise.Length / 100))]));
        }

        if (low > high) (low, high) = panel.Logarithmic ? (1, 10) : (0, 1);
        return panel.Logarithmic ? Axis.Logarithmic(low, high) : Axis.Rounded(low, high, Math.Clamp((int)(height / 62), 2, 8));
    }

    /// <summary>The same for all panels.</summary>
    private Axis Horizontal(float width)
    {
        double[] positions =
            [.. Panels.SelectMany(panel => panel.Curves).Where(curve => curve.X.Count > 0).SelectMany(curve => (double[])[curve.X[0], curve.X[^1]])];
        return positions.Length == 0 ? Axis.Exact(0, 1, 5) : Axis.Exact(positions.Min(), positions.Max(), Math.Clamp((int)(width / 110), 2, 10));
    }

    private static Color ColorOf(string[] names, Curve curve) => ColorOf(Array.IndexOf(names, curve.Name));

    private static Color ColorOf(int index) => Palette[index % Palette.Length];

    /// <summary>A panel's place; the lowest of a column names what positions count.</summary>
    private readonly record struct Frame(float Left, float Top, float Width, float Height, bool InLastRow, bool IsLowest);
}
