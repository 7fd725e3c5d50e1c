using System.Globalization;
using System.Numerics;
using System.Security;
using System.Text;

namespace Sirocco.Training.Plots;

/// <summary>A drawing as SVG text (SVG 1.1), with texts as texts.</summary>
internal sealed class SvgCanvas : Canvas
{
    private readonly StringBuilder svg = new();
    private int clips;

    public SvgCanvas(int width, int height, string title)
    {
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" ");
        Add($"font-family=\"Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif\">\n");
        Add($"<title>{Escape(title)}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"{Color.White}\"/>\n");
    }

    public override IDisposable Clip(float left, float top, float width, float height)
    {
        Add($"<clipPath id=\"c{++clips}\"><rect x=\"{left:0.##}\" y=\"{top:0.##}\" width=\"{width:0.##}\" height=\"{height:0.##}\"/></clipPath>\n");
        Add($"<g clip-path=\"url(#c{clips})\">\n");
        return new Group(svg);
    }

    public override void Line(ReadOnlySpan<Vector2> points, Color color, double width, double opacity = 1)
    {
        if (points.IsEmpty) return;
        svg.Append("<path fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\" d=\"");
        for (int i = 0; i < points.Length; i++) Add($"{(i == 0 ? 'M' : 'L')}{points[i].X:0.##} {points[i].Y:0.##}");
        Add($"\" stroke=\"{color}\" stroke-width=\"{width:0.##}\"");
        if (opacity < 1) Add($" stroke-opacity=\"{opacity:0.##}\"");
        svg.Append("/>\n");
    }

    public override void Disc(Vector2 centre, double radius, Color color) =>
        Add($"<circle cx=\"{centre.X:0.##}\" cy=\"{centre.Y:0.##}\" r=\"{radius:0.##}\" fill=\"{color}\"/>\n");

    public override void Text(Vector2 position, string text, TextStyle style, TextAnchor anchor = TextAnchor.Start)
    {
        Add($"<text x=\"{position.X:0.##}\" y=\"{position.Y:0.##}\" font-size=\"{style.Size:0.##}\" fill=\"{style.Color}\"");
        if (style.Bold) svg.Append(" font-weight=\"600\"");
        if (anchor != TextAnchor.Start) Add($" text-anchor=\"{(anchor == TextAnchor.Middle ? "middle" : "end")}\"");
        Add($">{Escape(text)}</text>\n");
    }

    public override string ToString() => svg + "</svg>\n";

    // Control characters are no XML, whatever their spelling.
    private static string Escape(string text) => SecurityElement.Escape(string.Concat(text.EnumerateRunes().Where(rune => !Rune.IsControl(rune))));

    private void Add(FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));

    private sealed class Group(StringBuilder svg) : IDisposable
    {
        public void Dispose() => svg.Append("</g>\n");
    }
}
