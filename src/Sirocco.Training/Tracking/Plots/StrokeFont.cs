using System.Globalization;
using System.Numerics;

namespace Sirocco.Training.Plots;

/// <summary>
/// A sans-serif face of single strokes for pixels, drawn for this project: no font file is needed. Glyphs are paths of M(ove), L(ine) and Q(uadratic curve) in
/// units of 1/14 of the height of capitals, y upward from the baseline; small letters are 10 high and reach 4 below.
/// </summary>
internal static class StrokeFont
{
    private const float CapitalHeight = 14, Spacing = 3.6f, Space = 5;
    private const int CurvePieces = 8;

    // Of the size of the type, as in common sans-serif faces.
    private const double CapitalsOfSize = 0.715, RegularOfSize = 0.088, BoldOfSize = 0.125;

    private static readonly Glyph Missing = new(7, [[new(0, 0), new(7, 0), new(7, 14), new(0, 14), new(0, 0)]]);
    private static readonly Dictionary<char, Glyph> Glyphs = Parse("""
        0 7.5 M3.75 14Q0 14 0 7Q0 0 3.75 0Q7.5 0 7.5 7Q7.5 14 3.75 14
        1 7.5 M1.2 11.3L4.3 14L4.3 0
        2 7.5 M0.4 10.8Q0.9 14 3.9 14Q7.2 14 7.2 10.6Q7.2 8.4 5 5.9L0.2 0L7.5 0
        3 7.5 M0.4 11.5Q1.2 14 3.8 14Q7 14 7 10.8Q7 7.6 3.4 7.6Q7.4 7.6 7.4 3.9Q7.4 0 3.7 0Q0.8 0 0 2.7
        4 7.5 M5.6 0L5.6 14L0 4.4L7.6 4.4
        5 7.5 M6.7 14L1.2 14L0.6 7.6Q1.9 9 3.9 9Q7.5 9 7.5 4.6Q7.5 0 3.6 0Q0.9 0 0.1 2.5
        6 7.5 M6.7 12Q5.8 14 3.9 14Q0.1 14 0.1 6.2Q0.1 0 3.8 0Q7.4 0 7.4 4.3Q7.4 8.5 3.9 8.5Q0.6 8.5 0.1 4.8
        7 7.5 M0 14L7.5 14L2.8 0
        8 7.5 M3.75 7.5Q0.5 7.5 0.5 10.8Q0.5 14 3.75 14Q7 14 7 10.8Q7 7.5 3.75 7.5Q7.5 7.5 7.5 3.7Q7.5 0 3.75 0Q0 0 0 3.7Q0 7.5 3.75 7.5
        9 7.5 M0.8 2Q1.7 0 3.6 0Q7.4 0 7.4 7.8Q7.4 14 3.7 14Q0.1 14 0.1 9.7Q0.1 5.5 3.6 5.5Q6.9 5.5 7.4 9.2
        A 10 M0 0L5 14L10 0M1.8 5L8.2 5
        B 8.2 M0 0L0 14L4.5 14Q7.5 14 7.5 10.7Q7.5 7.4 4.5 7.4L0 7.4M4.5 7.4Q8.2 7.4 8.2 3.7Q8.2 0 4.5 0L0 0
        C 9.5 M9.5 11Q8 14 5 14Q0 14 0 7Q0 0 5 0Q8 0 9.5 3
        D 9.3 M0 0L0 14L3.5 14Q9.3 14 9.3 7Q9.3 0 3.5 0L0 0
        E 7.6 M7.5 14L0 14L0 0L7.7 0M0 7.3L6.5 7.3
        F 7.3 M7.3 14L0 14L0 0M0 7.2L6.3 7.2
        G 9.8 M9.5 11Q8 14 5 14Q0 14 0 7Q0 0 5 0Q8.2 0 9.8 2.5L9.8 6.8L5.5 6.8
        H 9 M0 14L0 0M9 14L9 0M0 7.2L9 7.2
        I 0 M0 14L0 0
        J 5.5 M5.5 14L5.5 4Q5.5 0 2.7 0Q0 0 0 3.5
        K 8.6 M0 14L0 0M8.2 14L0 5M3 8.3L8.7 0
        L 6.8 M0 14L0 0L6.8 0
        M 11 M0 0L0 14L5.5 2L11 14L11 0
        N 9 M0 0L0 14L9 0L9 14
        O 10.4 M5.2 14Q0 14 0 7Q0 0 5.2 0Q10.4 0 10.4 7Q10.4 14 5.2 14
        P 8 M0 0L0 14L4.5 14Q8 14 8 10.2Q8 6.4 4.5 6.4L0 6.4
        Q 10.4 M5.2 14Q0 14 0 7Q0 0 5.2 0Q10.4 0 10.4 7Q10.4 14 5.2 14M6.5 3L10.4 -0.8
        R 8.4 M0 0L0 14L4.5 14Q8 14 8 10.2Q8 6.4 4.5 6.4L0 6.4M4.5 6.4L8.4 0
        S 8.2 M7.7 11.3Q6.7 14 4 14Q0.5 14 0.5 10.6Q0.5 8 4 7.2Q8.2 6.3 8.2 3.6Q8.2 0 4.1 0Q1 0 0 3
        T 9 M0 14L9 14M4.5 14L4.5 0
        U 9 M0 14L0 5Q0 0 4.5 0Q9 0 9 5L9 14
        V 9.5 M0 14L4.75 0L9.5 14
        W 14 M0 14L3.5 0L7 13.5L10.5 0L14 14
        X 8.5 M0 14L8.5 0M8.5 14L0 0
        Y 9 M0 14L4.5 6.8L9 14M4.5 6.8L4.5 0
        Z 8.2 M0 14L8 14L0 0L8.2 0
        a 7 M7 10L7 0M7 5Q7 10 3.5 10Q0 10 0 5Q0 0 3.5 0Q7 0 7 5
        b 7 M0 14L0 0M0 5Q0 10 3.5 10Q7 10 7 5Q7 0 3.5 0Q0 0 0 5
        c 6.5 M6.5 8Q5.5 10 3.5 10Q0 10 0 5Q0 0 3.5 0Q5.5 0 6.5 2
        d 7 M7 14L7 0M7 5Q7 10 3.5 10Q0 10 0 5Q0 0 3.5 0Q7 0 7 5
        e 7 M0 5L7 5Q7 10 3.5 10Q0 10 0 5Q0 0 3.5 0Q5.7 0 6.7 1.8
        f 4.2 M4.6 13.9Q1.6 14.6 1.6 11L1.6 0M0 10L4.2 10
        g 7 M7 10L7 0Q7 -4 3.5 -4Q1.3 -4 0.3 -2.6M7 5Q7 10 3.5 10Q0 10 0 5Q0 0 3.5 0Q7 0 7 5
        h 7 M0 14L0 0M0 6.5Q1 10 4 10Q7 10 7 6.5L7 0
        i 0 M0 10L0 0M0 13.6L0 13.8
        j 2 M2 10L2 -1.5Q2 -4 -0.3 -4M2 13.6L2 13.8
        k 6.3 M0 14L0 0M6 10L0 4M2.3 6.2L6.3 0
        l 1.6 M0 14L0 2Q0 0 1.7 0
        m 11 M0 10L0 0M0 6.5Q0.8 10 3 10Q5.5 10 5.5 6.5L5.5 0M5.5 6.5Q6.3 10 8.5 10Q11 10 11 6.5L11 0
        n 7 M0 10L0 0M0 6.5Q1 10 4 10Q7 10 7 6.5L7 0
        o 7 M3.5 10Q0 10 0 5Q0 0 3.5 0Q7 0 7 5Q7 10 3.5 10
        p 7 M0 10L0 -4M0 5Q0 10 3.5 10Q7 10 7 5Q7 0 3.5 0Q0 0 0 5
        q 7 M7 10L7 -4M7 5Q7 10 3.5 10Q0 10 0 5Q0 0 3.5 0Q7 0 7 5
        r 4 M0 10L0 0M0 6Q0.8 10 4.2 9.9
        s 6 M5.8 8.3Q5 10 3 10Q0.3 10 0.3 7.6Q0.3 5.6 3 5.1Q6 4.6 6 2.5Q6 0 3 0Q0.7 0 0 1.9
        t 4 M1.6 13L1.6 2.5Q1.6 -0.3 4.2 0.2M0 10L4 10
        u 7 M0 10L0 3.5Q0 0 3 0Q6 0 7 3.5M7 10L7 0
        v 7 M0 10L3.5 0L7 10
        w 10 M0 10L2.6 0L5 9.5L7.4 0L10 10
        x 6.5 M0 10L6.5 0M6.5 10L0 0
        y 7 M0 10L3.6 0.2M7 10L3.2 -1.5Q2.3 -4 0.3 -3.9
        z 6.2 M0 10L6 10L0 0L6.2 0
        . 0 M0 0L0 0.2
        , 0.6 M0.6 0.2L0 -2.4
        : 0 M0 0.6L0 0.8M0 8.4L0 8.6
        ; 0.6 M0.6 0.2L0 -2.4M0.6 8.4L0.6 8.6
        ! 0 M0 14L0 4.5M0 0L0 0.2
        ? 6.5 M0 11Q0.6 14 3.4 14Q6.5 14 6.5 11Q6.5 8.8 4.6 7.4Q3.2 6.3 3.2 4.2M3.2 0L3.2 0.2
        ' 0 M0 14L0 10.5
        " 2.6 M0 14L0 10.5M2.6 14L2.6 10.5
        ` 2 M0 14L2 11.5
        - 4.5 M0 5.4L4.5 5.4
        – 7 M0 5.4L7 5.4
        _ 7.5 M0 -2L7.5 -2
        + 7.5 M3.75 10L3.75 2M0 6L7.5 6
        = 7.5 M0 8L7.5 8M0 4L7.5 4
        * 5 M2.5 14L2.5 8M0 12.5L5 9.5M5 12.5L0 9.5
        × 6 M0 9L6 3M6 9L0 3
        · 0 M0 6L0 6.2
        … 8 M0 0L0 0.2M4 0L4 0.2M8 0L8 0.2
        / 5.5 M0 -1.5L5.5 14.5
        \ 5.5 M0 14.5L5.5 -1.5
        | 0 M0 15L0 -3
        ( 3 M3 15.5Q0 12 0 6.2Q0 0.5 3 -3
        ) 3 M0 15.5Q3 12 3 6.2Q3 0.5 0 -3
        [ 2.8 M2.8 15L0 15L0 -3L2.8 -3
        ] 2.8 M0 15L2.8 15L2.8 -3L0 -3
        { 3.6 M3.6 15Q1.8 15 1.8 12.5L1.8 8.5Q1.8 6 0 6Q1.8 6 1.8 3.5L1.8 -0.5Q1.8 -3 3.6 -3
        } 3.6 M0 15Q1.8 15 1.8 12.5L1.8 8.5Q1.8 6 3.6 6Q1.8 6 1.8 3.5L1.8 -0.5Q1.8 -3 0 -3
        < 6.5 M6.5 10L0 6L6.5 2
        > 6.5 M0 10L6.5 6L0 2
        ^ 6 M0 9L3 14L6 9
        ~ 7.5 M0 5Q1.5 7.5 3.75 6Q6 4.5 7.5 7
        # 9 M3.4 14L1.8 0M7.4 14L5.8 0M0.6 9.6L9.2 9.6M0 4.4L8.6 4.4
        $ 8.2 M7.7 11.3Q6.7 13.5 4 13.5Q0.5 13.5 0.5 10.4Q0.5 8 4 7.2Q8.2 6.3 8.2 3.6Q8.2 0.5 4.1 0.5Q1 0.5 0 3M4.1 16L4.1 -2
        % 11 M9.5 14L1.5 0M2.6 14Q0 14 0 10.8Q0 7.6 2.6 7.6Q5.2 7.6 5.2 10.8Q5.2 14 2.6 14M8.4 6.4Q5.8 6.4 5.8 3.2Q5.8 0 8.4 0Q11 0 11 3.2Q11 6.4 8.4 6.4
        & 9.5 M9.5 0L2.2 9.2Q1.4 10.2 1.4 11.2Q1.4 14 4 14Q6.5 14 6.5 11.3Q6.5 9.2 3.4 7.8Q0 6.2 0 3.6Q0 0 3.8 0Q7.8 0 8.6 6
        @ 13 M9 9.5L9 5Q9 3 10.8 3Q13 3 13 7Q13 13.5 6.7 13.5Q0 13.5 0 6Q0 -2 7 -2Q9 -2 10.5 -1.2M9 6.2Q9 9.3 6.4 9.3Q3.8 9.3 3.8 6.2Q3.8 3 6.3 3Q9 3 9 6.2
        """);

    /// <summary>How wide a text is, in pixels.</summary>
    public static float Measure(string text, TextStyle style)
    {
        float width = 0;
        foreach (char character in text) width += Advance(character);
        return Math.Max(0, width - Spacing) * Scale(style);
    }

    /// <summary>The width of its strokes, in pixels.</summary>
    public static double Weight(TextStyle style) => style.Size * (style.Bold ? BoldOfSize : RegularOfSize);

    /// <summary>The strokes of a text whose baseline begins at a point of a canvas.</summary>
    public static IEnumerable<Vector2[]> Strokes(string text, TextStyle style, Vector2 position)
    {
        float scale = Scale(style);
        foreach (char character in text)
        {
            if (character != ' ')
            {
                foreach (Vector2[] stroke in Glyphs.GetValueOrDefault(character, Missing).Strokes)
                    yield return Array.ConvertAll(stroke, point => position + (new Vector2(point.X, -point.Y) * scale));
            }

            position.X += Advance(character) * scale;
        }
    }

    private static float Scale(TextStyle style) => (float)(style.Size * CapitalsOfSize) / CapitalHeight;

    private static float Advance(char character) => Spacing + (character == ' ' ? Space - Spacing : Glyphs.GetValueOrDefault(character, Missing).Width);

    private static Dictionary<char, Glyph> Parse(string table)
    {
        Dictionary<char, Glyph> glyphs = [];
        foreach (string line in table.Split('\n'))
        {
            string[] parts = line.TrimEnd('\r').Split(' ', 3);
            glyphs.Add(
                parts[0][0],
                new Glyph(float.Parse(parts[1], CultureInfo.InvariantCulture), [.. parts[2].Split('M', StringSplitOptions.RemoveEmptyEntries).Select(Stroke)]));
        }

        return glyphs;
    }

    /// <summary>One path without its M, curves in straight pieces.</summary>
    private static Vector2[] Stroke(string path)
    {
        List<Vector2> points = [];
        int at = 0;
        char command = 'M';
        while (at < path.Length)
        {
            int end = path.IndexOfAny(['L', 'Q'], at);
            if (end < 0) end = path.Length;
            float[] numbers = [.. path[at..end].Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
            if (command != 'Q')
            {
                points.Add(new Vector2(numbers[0], numbers[1]));
            }
            else
            {
                Vector2 from = points[^1], control = new(numbers[0], numbers[1]), to = new(numbers[2], numbers[3]);
                for (int i = 1; i <= CurvePieces; i++)
                {
                    float t = (float)i / CurvePieces;
                    points.Add(Vector2.Lerp(Vector2.Lerp(from, control, t), Vector2.Lerp(control, to, t), t));
                }
            }

            if (end < path.Length) command = path[end];
            at = end + 1;
        }

        return [.. points];
    }

    private sealed record Glyph(float Width, Vector2[][] Strokes);
}
