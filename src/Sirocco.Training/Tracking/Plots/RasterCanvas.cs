using System.Numerics;

namespace Sirocco.Training.Plots;

/// <summary>
/// A drawing as pixels. Everything is strokes: a pixel's share of a line is ½ + half the line's width − the distance of the pixel's centre from it, within 0
/// and 1, and the largest share of a line's pieces counts once.
/// </summary>
internal sealed class RasterCanvas : Canvas
{
    private readonly float[] shares;
    private (int Left, int Top, int Right, int Bottom) window;

    public RasterCanvas(int width, int height)
    {
        (Width, Height) = (width, height);
        Pixels = new byte[checked(width * height * 3)];
        Pixels.AsSpan().Fill(255);
        shares = new float[width * height];
        window = (0, 0, width, height);
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>[height, width, 3] in sRGB.</summary>
    public byte[] Pixels { get; }

    public override IDisposable Clip(float left, float top, float width, float height)
    {
        Window outer = new(this, window);
        window = (Math.Max(window.Left, (int)left), Math.Max(window.Top, (int)top), Math.Min(window.Right, (int)MathF.Ceiling(left + width)), Math.Min(
            window.Bottom, (int)MathF.Ceiling(top + height)));
        return outer;
    }

    public override void Line(ReadOnlySpan<Vector2> points, Color color, double width, double opacity = 1)
    {
        if (points.IsEmpty) return;
        float radius = (float)Math.Max(width, 1) / 2;
        Vector2 least = points[0], most = points[0];
        foreach (Vector2 point in points) (least, most) = (Vector2.Min(least, point), Vector2.Max(most, point));
        if (points.Length == 1) Cover(points[0], points[0], radius);
        for (int i = 1; i < points.Length; i++) Cover(points[i - 1], points[i], radius);
        Blend(least, most, radius, color, (float)(opacity * Math.Min(width, 1)));
    }

    public override void Disc(Vector2 centre, double radius, Color color) => Line([centre], color, 2 * radius);

    public override void Text(Vector2 position, string text, TextStyle style, TextAnchor anchor = TextAnchor.Start)
    {
        float width = StrokeFont.Measure(text, style);
        position.X -= anchor switch
        {
            TextAnchor.Middle => width / 2,
            TextAnchor.End => width,
            _ => 0,
        };
        foreach (Vector2[] stroke in StrokeFont.Strokes(text, style, position)) Line(stroke, style.Color, StrokeFont.Weight(style));
    }

    private void Cover(Vector2 from, Vector2 to, float radius)
    {
        (int left, int top, int right, int bottom) = Around(Vector2.Min(from, to), Vector2.Max(from, to), radius);
        Vector2 along = to - from;
        float squared = along.LengthSquared(), scale = squared > 0 ? 1 / squared : 0;
        for (int y = top; y < bottom; y++)
        {
            Span<float> row = shares.AsSpan(y * Width, Width);
            for (int x = left; x < right; x++)
            {
                Vector2 centre = new Vector2(x + 0.5f, y + 0.5f) - from;
                float distance = Vector2.Distance(centre, along * Math.Clamp(Vector2.Dot(centre, along) * scale, 0, 1));
                row[x] = Math.Max(row[x], Math.Clamp(radius + 0.5f - distance, 0, 1));
            }
        }
    }

    /// <summary>Paints what a line covers, and forgets it.</summary>
    private void Blend(Vector2 least, Vector2 most, float radius, Color color, float opacity)
    {
        (int left, int top, int right, int bottom) = Around(least, most, radius);
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
            {
                float share = shares[(y * Width) + x] * opacity;
                if (share == 0) continue;
                shares[(y * Width) + x] = 0;
                Span<byte> pixel = Pixels.AsSpan(((y * Width) + x) * 3, 3);
                pixel[0] = Mix(pixel[0], color.Red, share);
                pixel[1] = Mix(pixel[1], color.Green, share);
                pixel[2] = Mix(pixel[2], color.Blue, share);
            }
        }
    }

    private static byte Mix(byte below, byte above, float share) => (byte)(below + ((above - below) * share) + 0.5f);

    private (int Left, int Top, int Right, int Bottom) Around(Vector2 least, Vector2 most, float radius) => (
        Math.Max(window.Left, (int)MathF.Floor(least.X - radius - 1)),
        Math.Max(window.Top, (int)MathF.Floor(least.Y - radius - 1)),
        Math.Min(window.Right, (int)MathF.Ceiling(most.X + radius + 1)),
        Math.Min(window.Bottom, (int)MathF.Ceiling(most.Y + radius + 1)));

    private sealed class Window(RasterCanvas canvas, (int Left, int Top, int Right, int Bottom) outer) : IDisposable
    {
        public void Dispose() => canvas.window = outer;
    }
}
