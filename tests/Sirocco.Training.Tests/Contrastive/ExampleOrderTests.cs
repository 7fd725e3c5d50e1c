namespace Sirocco.Training.Tests.Contrastive;

public class ExampleOrderTests
{
    [Fact]
    public void Each_epoch_sees_every_example_once_in_an_order_of_its_own()
    {
        int[] first = ExampleOrder.Permutation(1009, 7, 0), second = ExampleOrder.Permutation(1009, 7, 1);
        Assert.Equal(Enumerable.Range(0, 1009), first.Order());
        Assert.Equal(Enumerable.Range(0, 1009), second.Order());
        Assert.NotEqual(first, second);
        Assert.NotEqual(first, ExampleOrder.Permutation(1009, 8, 0));
        Assert.Equal(first, ExampleOrder.Permutation(1009, 7, 0));
    }

    [Fact]
    public void Every_place_is_equally_likely()
    {
        int[] counts = new int[5];
        for (ulong seed = 0; seed < 5000; seed++) counts[Array.IndexOf(ExampleOrder.Permutation(5, seed, 0), 3)]++;
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }
}
