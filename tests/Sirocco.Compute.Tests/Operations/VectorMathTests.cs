using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Operations;

/// <summary>The bounds that the elementary functions document, over a hundred thousand floats of every magnitude.</summary>
public sealed class VectorMathTests
{
    [Fact]
    public void Exp_is_within_two_ulp() => Check(x => VectorMath.Exp(x), Math.Exp, -87, 88, 2);

    [Fact]
    public void Sigmoid_is_within_three_ulp() => Check(x => VectorMath.Sigmoid(x), x => 1 / (1 + Math.Exp(-x)), -80, 80, 3);

    [Fact]
    public void Silu_is_within_four_ulp_and_keeps_what_is_not_finite()
    {
        Check(x => VectorMath.Silu(x), x => x / (1 + Math.Exp(-x)), -80, 1e30f, 4);
        Assert.True(float.IsNaN(VectorMath.Silu(Vector256.Create(float.NaN)).ToScalar()));
        Assert.True(float.IsNaN(VectorMath.Sigmoid(Vector256.Create(float.NaN)).ToScalar()));
        Assert.Equal(float.PositiveInfinity, VectorMath.Silu(Vector256.Create(float.PositiveInfinity)).ToScalar());
        Assert.InRange(VectorMath.Silu(Vector256.Create(-1000f)).ToScalar(), -1e-30f, 0);
    }

    [Fact]
    public void Tanh_is_within_three_ulp() => Check(x => VectorMath.Tanh(x), Math.Tanh, -20, 20, 3);

    [Fact]
    public void Erf_is_within_four_ulp() => Check(x => VectorMath.Erf(x), Special.Erf, -6, 6, 4);

    [Fact]
    public void Powers_of_two_of_a_softmax_are_within_one_and_a_half_ulp()
    {
        Check(x => SoftmaxRow<Vector256<float>, SoftmaxLanes256>.Power(x), x => Math.Pow(2, x), -124, 0, 1.5);
        Check(
            x => SoftmaxRow<Vector512<float>, SoftmaxLanes512>.Power(Vector512.Create(x, x)).GetLower(), x => Math.Pow(2, x), -124, 0, 1.5);
        Assert.True(float.IsNaN(SoftmaxRow<Vector256<float>, SoftmaxLanes256>.Power(Vector256.Create(float.NaN)).ToScalar()));
    }

    [Fact]
    public unsafe void Softmax_rows_of_both_widths_agree_and_leave_what_is_beyond_them_out()
    {
        Random random = new(1);
        for (int count = 1; count < 60; count++)
        {
            float[] scores = [.. Enumerable.Range(0, 80).Select(i => i < count ? (random.NextSingle() * 20) - 25 : 1e30f)], wide = [.. scores];
            fixed (float* narrowRow = scores, wideRow = wide)
            {
                float largest = SoftmaxRow<Vector256<float>, SoftmaxLanes256>.Largest(narrowRow, count);
                Assert.Equal(scores.Take(count).Max(), largest);
                Assert.Equal(largest, SoftmaxRow<Vector512<float>, SoftmaxLanes512>.Largest(wideRow, count));
                double exact = scores.Take(count).Sum(x => Math.Pow(2, x - largest));
                Assert.Equal(exact, SoftmaxRow<Vector256<float>, SoftmaxLanes256>.Power(narrowRow, largest, count, narrowRow, null), 1e-5 * exact);
                Assert.Equal(exact, SoftmaxRow<Vector512<float>, SoftmaxLanes512>.Power(wideRow, largest, count, wideRow, null), 1e-5 * exact);
            }

            Assert.Equal(scores[..count], wide[..count]);
        }
    }

    [Theory]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.PositiveInfinity, 1)]
    [InlineData(float.NegativeInfinity, -1)]
    public void Tanh_and_erf_of_what_is_not_finite_are_limits(float x, float expected)
    {
        Assert.Equal(expected, VectorMath.Tanh(Vector256.Create(x)).ToScalar());
        Assert.Equal(expected, VectorMath.Erf(Vector256.Create(x)).ToScalar());
    }

    private static void Check(Func<Vector256<float>, Vector256<float>> function, Func<double, double> exact, float low, float high, double ulps)
    {
        for (uint bits = 0; bits < 0x7f800000; bits += 39979)
        {
            foreach (float sign in new[] { 1f, -1f })
            {
                float x = sign * BitConverter.UInt32BitsToSingle(bits);
                if (x < low || x > high) continue;
                double expected = exact(x), ulp = MathF.BitIncrement((float)Math.Abs(expected)) - (double)(float)Math.Abs(expected);
                double error = Math.Abs(function(Vector256.Create(x)).ToScalar() - expected) / ulp;
                Assert.True(error <= ulps, $"at {x:r}: {function(Vector256.Create(x)).ToScalar():r} instead of {expected:r}, {error:g3} ulp");
            }
        }
    }
}
