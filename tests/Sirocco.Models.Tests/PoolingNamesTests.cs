using Sirocco.Compute;

namespace Sirocco.Models.Tests;

public sealed class PoolingNamesTests
{
    [Fact]
    public void A_name_of_a_pooling_that_keeps_every_token_is_refused_with_what_it_means()
    {
        foreach (string name in PoolingNames.MultiVector)
        {
            Assert.Contains(
                "keeps a vector for each token", Assert.Throws<NotSupportedException>(() => PoolingNames.Parse(name)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_long_name_is_cut()
    {
        string message = Assert.Throws<NotSupportedException>(() => PoolingNames.Parse(new string('x', 500) + "\n")).Message;
        Assert.Contains(new string('x', 80) + "…'", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Names_of_an_export_are_read_back()
    {
        foreach (Pooling pooling in (Pooling[])[Pooling.Average, Pooling.First, Pooling.Last, Pooling.Sum])
            Assert.Equal(pooling, PoolingNames.Parse(PoolingNames.ConfigName(pooling)));
    }
}
