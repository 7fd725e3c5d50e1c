using System.Globalization;
using System.Numerics;

namespace Sirocco.Training.Plots;

/// <summary>A colour without transparency.</summary>
internal readonly record struct Color(byte Red, byte Green, byte Blue)
{
    public static readonly Color White = new(255, 255, 255);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"#{Red:x2}{Green:x2}{Blue:x2}");
}

/// <summary>Which point of a text its position is.</summary>
internal enum TextAnchor
{
    Start,
    Middle,
    End,
}

/// <summary>How large and heavy a text is.</summary>
/// <param name="Size">Of the type in pixels.</param>
/// <param name="Bold">Heavier strokes.</param>
/// <param name="Color">Its colour.</param>
internal readonly record struct TextStyle(double Size, Color Color, bool Bold = false);

/// <summary>What a figure is drawn on; coordinates are pixels from the upper left corner.</summary>
internal abstract class Canvas
{
    /// <summary>Everything that follows is cut off outside a rectangle, until the result is disposed.</summary>
    public abstract IDisposable Clip(float left, float top, float width, float height);

    /// <summary>A line with round ends and joints; where its pieces overlap it is no darker.</summary>
    public abstract void Line(ReadOnlySpan<Vector2> points, Color color, double width, double opacity = 1);

    /// <summary>A filled circle.</summary>
    public abstract void Disc(Vector2 centre, double radius, Color color);

    /// <summary>A line of text; <paramref name="position"/> lies on its baseline.</summary>
    public abstract void Text(Vector2 position, string text, TextStyle style, TextAnchor anchor = TextAnchor.Start);
}
