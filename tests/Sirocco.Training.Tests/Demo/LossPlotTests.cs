using System.Xml.Linq;
using Sirocco.Training.Demo;

namespace Sirocco.Training.Tests.Demo;

public class LossPlotTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(500)]
    public void The_plot_is_well_formed_whatever_the_number_of_steps(int steps)
    {
        double[] minutes = [.. Enumerable.Range(1, steps).Select(i => i / 250.0)];
        float[] losses = [.. Enumerable.Range(1, steps).Select(i => 5f / i)];
        XElement svg = XDocument.Parse(LossPlot.Svg("loss < 1 & falling", minutes, losses)).Root!;
        Assert.Equal("svg", svg.Name.LocalName);
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
        Assert.Contains("loss < 1 & falling", svg.Value, StringComparison.Ordinal);
    }
}
