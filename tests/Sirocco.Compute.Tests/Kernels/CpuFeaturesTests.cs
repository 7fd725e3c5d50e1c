using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed class CpuFeaturesTests
{
    private static readonly CpuFeatures Everything = new() { Avx2 = true, AvxVnni = true, Avx512 = true, Avx512Vnni = true, Avx512Bf16 = true };

    [Theory]
    [InlineData(null, "AVX-512 (VNNI, BF16)")]
    [InlineData("avx512vnni", "AVX-512 (VNNI)")]
    [InlineData("avx512", "AVX-512")]
    [InlineData("avxvnni", "AVX2 (VNNI)")]
    [InlineData("avx2", "AVX2")]
    public void A_level_hides_everything_above_it(string? level, string instructionSet) =>
        Assert.Equal(instructionSet, Everything.Limit(null, level).InstructionSet);

    [Fact]
    public void A_level_without_VNNI_hides_it_at_every_width()
    {
        CpuFeatures limited = Everything.Limit(null, "avx512");
        Assert.False(limited.AvxVnni || limited.Avx512Vnni || limited.Avx512Bf16);
        Assert.True(limited.Avx512);
    }

    [Theory]
    [InlineData("scalar", KernelTier.Scalar)]
    [InlineData("simd", KernelTier.Simd)]
    [InlineData("emitted", KernelTier.Emitted)]
    [InlineData("", KernelTier.Emitted)]
    public void The_tier_is_the_one_asked_for(string word, object tier) => Assert.Equal(tier, Everything.Limit(word, null).Tier);

    [Theory]
    [InlineData("fast", null, CpuFeatures.TierVariable)]
    [InlineData(null, "avx10", CpuFeatures.LevelVariable)]
    public void An_unknown_word_is_refused_by_name(string? tier, string? level, string variable)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Everything.Limit(tier, level));
        Assert.Contains(variable + "=" + (tier ?? level), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_tier_names_its_kernels()
    {
        Assert.Contains("scalar", KernelTable.For(CpuFeatures.Current.Limit("scalar", null)).Description, StringComparison.Ordinal);
        Assert.Contains("simd", KernelTable.For(CpuFeatures.Current.Limit("simd", null)).Description, StringComparison.Ordinal);
    }
}
