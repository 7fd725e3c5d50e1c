using System.Buffers.Binary;
using System.IO.Compression;
using System.Xml.Linq;
using Sirocco.Training.Plots;

namespace Sirocco.Training.Tests.Tracking;

public class FigureTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(500, false)]
    [InlineData(500, true)]
    public void A_figure_is_well_formed_whatever_the_number_of_values(int count, bool logarithmic)
    {
        double[] x = [.. Enumerable.Range(0, count).Select(i => (double)i)], y = [.. x.Select(i => i % 7 == 3 ? double.NaN : 5 / (i + 1))];
        Figure figure = Plot(
            "loss < 1 & \"falling\"",
            logarithmic,
            new Curve { Name = "a<b", X = x, Y = y, Smoothing = 9 },
            new Curve { Name = "c", X = x, Y = y, Marked = true });
        XElement svg = XDocument.Parse(figure.ToSvg()).Root!;
        Assert.Equal("svg", svg.Name.LocalName);
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
        Assert.Contains("loss < 1 & \"falling\"", svg.Value, StringComparison.Ordinal);
        Assert.Contains("a<b", svg.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_run_makes_no_larger_picture_than_a_short_one()
    {
        double[] x = [.. Enumerable.Range(0, 200_000).Select(i => (double)i)];
        Curve curve = new() { Name = "loss", X = x, Y = [.. x.Select(i => Math.Sin(i * 1.7) + 2)] };
        Assert.InRange(Plot("long", false, curve).ToSvg().Length, 10_000, 120_000);
    }

    [Fact]
    public void A_png_holds_the_pixels_that_were_drawn()
    {
        Figure figure = Plot("pixels", false, new Curve { Name = "rising", X = [0, 1], Y = [0, 1] });
        using MemoryStream file = new();
        figure.WritePng(file);
        (int width, int height, byte[] pixels) = ReadPng(file.ToArray());
        Assert.Equal((figure.Width, figure.Height), (width, height));
        int blue = Enumerable.Range(0, width * height).Count(i => pixels[3 * i] == 0 && pixels[(3 * i) + 1] == 0x72 && pixels[(3 * i) + 2] == 0xB2);
        Assert.InRange(blue, 1000, 6000); // a diagonal of some 1,200 pixels, a little over 2 wide
        Assert.All(Enumerable.Range(0, 3 * width), i => Assert.Equal(255, pixels[i]));
    }

    [Theory]
    [InlineData(0.4, 3.7, new[] { "0", "1", "2", "3", "4" })]
    [InlineData(0, 2e-5, new[] { "0", "0.5e-5", "1.0e-5", "1.5e-5", "2.0e-5" })]
    [InlineData(0.82, 0.93, new[] { "0.80", "0.85", "0.90", "0.95" })]
    [InlineData(-3, 5, new[] { "-4", "-2", "0", "2", "4", "6" })]
    [InlineData(1200, 4100, new[] { "0", "1,000", "2,000", "3,000", "4,000", "5,000" })]
    public void Ticks_are_round_numbers_that_enclose_the_values(double low, double high, string[] labels) =>
        Assert.Equal(labels, Axis.Rounded(low, high, 5).Ticks.Select(tick => tick.Label));

    [Fact]
    public void A_logarithmic_axis_has_equal_steps_for_equal_factors()
    {
        Axis axis = Axis.Logarithmic(0.01, 100);
        Assert.Equal(["0.01", "0.1", "1", "10", "100"], axis.Ticks.Select(tick => tick.Label).ToArray());
        Assert.Equal(0.25, axis.Place(0.1), 1e-12);
        Assert.Equal(0.5, axis.Place(1), 1e-12);
    }

    [Fact]
    public void A_running_mean_neither_lags_nor_spreads_a_gap()
    {
        double[] line = [.. Enumerable.Range(0, 9).Select(i => (double)i)];
        Curve curve = new() { Name = "line", X = line, Y = line, Smoothing = 3 };
        Assert.Equal(4, curve.RunningMean()[4], 1e-12);
        double[] broken = [1, 1, double.NaN, 1, 1];
        Assert.Equal([1, 1, double.NaN, 1, 1], (curve with { X = broken, Y = broken }).RunningMean());
    }

    [Theory]
    [InlineData("The quick brown fox jumps over the lazy dog 0123456789")]
    [InlineData("run-a/checkpoints_2 (lr=2e-5, 50%) [#1] é漢")]
    public void Every_character_has_strokes_within_its_width(string text)
    {
        TextStyle style = new(20, new Color(0, 0, 0));
        float width = StrokeFont.Measure(text, style);
        Assert.NotEmpty(StrokeFont.Strokes(text, style, default));
        Assert.All(StrokeFont.Strokes(text, style, default).SelectMany(stroke => stroke), point => Assert.InRange(point.X, -1f, width + 1));
    }

    private static Figure Plot(string title, bool logarithmic, params Curve[] curves) => new()
    {
        Title = title,
        HorizontalTitle = "step",
        Panels = [new Panel("loss", curves, logarithmic)],
    };

    /// <summary>Reads what the writer may write: 8-bit RGB with the filters "none" and "up".</summary>
    private static (int Width, int Height, byte[] Pixels) ReadPng(byte[] file)
    {
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], file[..8]);
        int width = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)), height = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20));
        Assert.Equal("IDAT"u8, file.AsSpan(37, 4));
        using ZLibStream inflate = new(new MemoryStream(file, 41, BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(33))), CompressionMode.Decompress);
        byte[] pixels = new byte[width * height * 3], line = new byte[1 + (width * 3)];
        for (int y = 0; y < height; y++)
        {
            inflate.ReadExactly(line);
            for (int i = 0; i < width * 3; i++)
                pixels[(y * width * 3) + i] = (byte)(line[1 + i] + (line[0] == 2 && y > 0 ? pixels[((y - 1) * width * 3) + i] : 0));
        }

        Assert.Equal("IEND"u8, file.AsSpan(file.Length - 8, 4));
        Assert.Equal([0xAE, 0x42, 0x60, 0x82], file[^4..]); // the checksum of an empty IEND, the same in every PNG
        return (width, height, pixels);
    }
}
