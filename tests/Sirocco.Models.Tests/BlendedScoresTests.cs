namespace Sirocco.Models.Tests;

public sealed class BlendedScoresTests
{
    private static readonly double Edge = Math.Sqrt(1.5); // 2 and 0 of 0, 1, 2 in standard deviations

    [Fact]
    public void Both_sides_count_in_standard_deviations()
    {
        float[] blended = BlendedScores.Of([0, 1, 2], [2, 0, 1], 0.75);
        double[] expected = [(-0.25 * Edge) + (0.75 * Edge), -0.75 * Edge, 0.25 * Edge];
        for (int i = 0; i < 3; i++) Assert.Equal(expected[i], blended[i], 1e-6);
    }

    [Fact]
    public void Neither_scale_nor_offset_of_a_side_matters()
    {
        float[] search = [0.71f, 0.66f, 0.64f, 0.2f], reranker = [-3, 4, 0.5f, 1];
        float[] blended = BlendedScores.Of(search, reranker, 0.4),
            same = BlendedScores.Of([.. search.Select(s => (100 * s) - 7)], [.. reranker.Select(s => s / 16)], 0.4);
        for (int i = 0; i < search.Length; i++) Assert.Equal(blended[i], same[i], 1e-4);
    }

    [Fact]
    public void A_side_whose_scores_are_equal_leaves_the_order_to_the_other()
    {
        float[] flat = [5, 5, 5], other = [1, 3, 2];
        Assert.Equal([0, 2, 1], Order(BlendedScores.Of(flat, other, 0.5)));
        Assert.Equal([0, 2, 1], Order(BlendedScores.Of(other, flat, 0.5)));

        static int[] Order(float[] scores) => [.. scores.Select(score => scores.Count(less => less < score))];
    }

    [Fact]
    public void At_share_one_the_rerankers_scores_stay_as_they_are() =>
        Assert.Equal([2f, float.NegativeInfinity], BlendedScores.Of([0.5f, 0.5f], [2, float.NegativeInfinity], 1));

    [Theory]
    [InlineData(0)]
    [InlineData(-0.5)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void A_share_is_above_0_and_up_to_1(double share) => Assert.Throws<ArgumentOutOfRangeException>(() => BlendedScores.Of([1], [1], share));

    [Fact]
    public void Sides_of_different_length_are_refused() => Assert.Throws<ArgumentException>(() => BlendedScores.Of([1, 2], [1], 0.5));
}
