namespace Sirocco.Training;

/// <summary>Student's t distribution.</summary>
internal static class StudentT
{
    /// <summary>P(|T| ≥ |t|) = I(ν/(ν + t²); ν/2, ½), the regularised incomplete beta function (DLMF 8.17, Abramowitz and Stegun 26.7.1).</summary>
    public static double TwoSided(double t, int degreesOfFreedom)
    {
        if (double.IsNaN(t) || degreesOfFreedom < 1) return double.NaN;
        if (double.IsInfinity(t)) return 0;
        double v = degreesOfFreedom, square = t * t;

        // Both arguments are given, because 1 − x loses digits where one of them is small.
        return IncompleteBeta(v / (v + square), square / (v + square), v / 2, 0.5);
    }

    /// <summary>I(x; a, b) with y = 1 − x.</summary>
    private static double IncompleteBeta(double x, double y, double a, double b)
    {
        if (x <= 0) return 0;
        if (y <= 0) return 1;
        double front = Math.Exp((a * Math.Log(x)) + (b * Math.Log(y)) + LogGamma(a + b) - LogGamma(a) - LogGamma(b));

        // The continued fraction converges quickly below the mean of the distribution; above it the mirrored one does.
        return x < (a + 1) / (a + b + 2) ? front * Fraction(x, a, b) / a : 1 - (front * Fraction(y, b, a) / b);
    }

    /// <summary>The continued fraction DLMF 8.17.22 by Lentz's method.</summary>
    private static double Fraction(double x, double a, double b)
    {
        const double Tiny = 1e-300;
        const int Steps = 10_000;
        double c = 1, d = 1 / Away(1 - ((a + b) * x / (a + 1))), value = d;
        for (int m = 1; m < Steps; m++)
        {
            double even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            d = 1 / Away(1 + (even * d));
            c = Away(1 + (even / c));
            value *= d * c;
            double odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / Away(1 + (odd * d));
            c = Away(1 + (odd / c));
            value *= d * c;
            if (Math.Abs((d * c) - 1) < 1e-15) break;
        }

        return value;

        static double Away(double from0) => Math.Abs(from0) < Tiny ? Tiny : from0;
    }

    /// <summary>ln Γ(x) for x > 0 by Stirling's series (DLMF 5.11.1), shifted to x ≥ 15 where its terms here are good to 1e-16.</summary>
    private static double LogGamma(double x)
    {
        double shift = 0;
        for (; x < 15; x++) shift += Math.Log(x);
        double inverse = 1 / x, square = inverse * inverse;
        double series = inverse * ((1.0 / 12) - (square * ((1.0 / 360) - (square * ((1.0 / 1260) - (square * ((1.0 / 1680) - (square * (1.0 / 1188)))))))));
        return ((x - 0.5) * Math.Log(x)) - x + (0.5 * Math.Log(2 * Math.PI)) + series - shift;
    }
}
