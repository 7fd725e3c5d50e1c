using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>How the frequencies of a rotary embedding are scaled for longer contexts.</summary>
public enum RopeScaling
{
    /// <summary>Not at all: θ^(−2i/d).</summary>
    None,

    /// <summary>Llama 3.1: low frequencies divided, high ones kept, blended between.</summary>
    Llama3,

    /// <summary>YaRN (Peng et al. 2023): interpolation and extrapolation blended by a ramp over dimensions.</summary>
    Yarn,
}

/// <summary>The <c>rope_parameters</c> (or <c>rope_theta</c> and <c>rope_scaling</c>) of a config.json.</summary>
public sealed record RopeParameters
{
    /// <summary>θ, the base of the frequencies.</summary>
    public double Theta { get; init; } = 10_000;

    /// <summary>Which formula scales them.</summary>
    public RopeScaling Scaling { get; init; }

    /// <summary>How many times longer the context is made.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>Positions that the model was trained with before scaling (Llama 3, YaRN), also the period of Ministral's query scale.</summary>
    public int OriginalMaxPositions { get; init; }

    /// <summary>Llama 3: wavelengths above OriginalMaxPositions / LowFrequencyFactor are divided by <see cref="Factor"/>.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Llama 3: wavelengths below OriginalMaxPositions / HighFrequencyFactor are kept.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>YaRN: rotations over the original context above which a dimension is kept.</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>YaRN: rotations over the original context below which a dimension is interpolated.</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>YaRN: whether the ramp's ends are rounded outwards to whole dimensions.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>YaRN: numerator's coefficient of the attention factor; null or 0 means not given.</summary>
    public double? Mscale { get; init; }

    /// <summary>YaRN: denominator's coefficient of the attention factor; null or 0 means not given.</summary>
    public double? MscaleAllDim { get; init; }

    /// <summary>YaRN: the attention factor itself, where the file gives it.</summary>
    public double? AttentionFactor { get; init; }

    /// <summary>β of Ministral's position-dependent query scale; 0 means none.</summary>
    public double QueryScaleBeta { get; init; }

    /// <summary>
    /// [headSize / 2] divisors of the frequencies that a GGUF carries as <c>rope_freqs.weight</c>; they take the place of <see cref="Scaling"/>.
    /// </summary>
    public IReadOnlyList<float>? Divisors { get; init; }

    /// <summary>The embedding that operations take.</summary>
    /// <param name="headSize">d: features of one head.</param>
    public RotaryEmbedding ToEmbedding(int headSize)
    {
        float[] frequencies = Divisors is { } divisors ? Divided(headSize, divisors) : Scaling switch
        {
            RopeScaling.Llama3 => Llama3Frequencies(headSize),
            RopeScaling.Yarn => YarnFrequencies(headSize),
            _ => Frequencies(headSize),
        };
        float factor = Scaling == RopeScaling.Yarn ? (float)YarnAttentionFactor() : 1;
        return new RotaryEmbedding(frequencies, factor, (float)QueryScaleBeta, Math.Max(OriginalMaxPositions, 1));
    }

    /// <summary>
    /// The same frequencies by a formula that a config.json can name: divisors are taken for those that llama.cpp's converter makes of Llama 3.1's scaling with
    /// low 1 and high 4, whose largest is the factor and whose blended ones tell the original positions. Null where the formula does not give these divisors.
    /// </summary>
    /// <param name="headSize">d: features of one head.</param>
    public RopeParameters? WithoutDivisors(int headSize)
    {
        if (Divisors is not { } divisors) return this;
        if (QueryScaleBeta != 0) return null; // whose period are the original positions
        const int Published = 8192; // positions that Llama 3 was trained with
        const double Rounding = 1e-6; // the converter computes in f32
        RopeParameters plain = this with { Divisors = null, Scaling = RopeScaling.None };
        float[] frequencies = plain.Frequencies(headSize);
        RopeParameters scaled = plain with
        {
            Scaling = RopeScaling.Llama3,
            Factor = divisors.Max(),
            LowFrequencyFactor = 1,
            HighFrequencyFactor = 4,
            OriginalMaxPositions = Published,
        };
        int blended = Array.FindIndex([.. divisors], divisor => divisor > 1 && divisor < scaled.Factor);
        if (blended >= 0)
        {
            // 1/divisor = (1 − s)/factor + s and s = (N/λ − low)/(high − low), solved for N.
            double s = ((1 / (double)divisors[blended]) - (1 / scaled.Factor)) / (1 - (1 / scaled.Factor)), wavelength = 2 * Math.PI / frequencies[blended];
            double positions = wavelength * (scaled.LowFrequencyFactor + (s * (scaled.HighFrequencyFactor - scaled.LowFrequencyFactor)));
            if (positions is < 1 or > int.MaxValue) return null;
            scaled = scaled with { OriginalMaxPositions = (int)Math.Round(positions) };
        }

        float[] given = scaled.Llama3Frequencies(headSize);
        for (int i = 0; i < given.Length; i++)
        {
            if (Math.Abs(((double)frequencies[i] / given[i] / divisors[i]) - 1) > Rounding) return null;
        }

        return scaled;
    }

    /// <summary>[d/2] f[i] = θ^(−2i/d), rounded to f32 as the reference's tables are.</summary>
    private float[] Frequencies(int headSize)
    {
        float[] frequencies = new float[headSize / 2];
        for (int i = 0; i < frequencies.Length; i++) frequencies[i] = 1 / (float)Math.Pow(Theta, 2.0 * i / headSize);
        return frequencies;
    }

    private float[] Divided(int headSize, IReadOnlyList<float> divisors)
    {
        float[] frequencies = Frequencies(headSize);
        for (int i = 0; i < frequencies.Length; i++) frequencies[i] /= divisors[i];
        return frequencies;
    }

    /// <summary>
    /// Llama 3.1's scaling of each frequency f with wavelength λ = 2π/f over N original positions: f/factor where λ &gt; N/low, f where λ &lt; N/high,
    /// else (1 − s)·f/factor + s·f with s = (N/λ − low)/(high − low).
    /// </summary>
    private float[] Llama3Frequencies(int headSize)
    {
        float[] frequencies = Frequencies(headSize);
        for (int i = 0; i < frequencies.Length; i++)
        {
            double f = frequencies[i], wavelength = 2 * Math.PI / f;
            if (wavelength < OriginalMaxPositions / HighFrequencyFactor) continue;
            if (wavelength > OriginalMaxPositions / LowFrequencyFactor)
            {
                frequencies[i] = (float)(f / Factor);
                continue;
            }

            double s = ((OriginalMaxPositions / wavelength) - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor);
            frequencies[i] = (float)(((1 - s) * f / Factor) + (s * f));
        }

        return frequencies;
    }

    /// <summary>
    /// YaRN: with corr(r) = d · ln(N / 2πr) / (2 ln θ), ramp from corr(βfast) to corr(βslow); below it f is kept, above it f/factor, blended between.
    /// </summary>
    private float[] YarnFrequencies(int headSize)
    {
        double Correction(double rotations) => headSize * Math.Log(OriginalMaxPositions / (rotations * 2 * Math.PI)) / (2 * Math.Log(Theta));
        double low = Correction(BetaFast), high = Correction(BetaSlow);
        if (Truncate) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        low = Math.Max(low, 0);
        high = Math.Min(high, headSize - 1); // d − 1, not d/2 − 1, as in the reference
        if (low == high) high += 0.001;

        float[] frequencies = Frequencies(headSize);
        for (int i = 0; i < frequencies.Length; i++)
        {
            float power = (float)Math.Pow(Theta, 2.0 * i / headSize);
            float interpolated = 1 / ((float)Factor * power);
            float ramp = Math.Clamp((i - (float)low) / (float)(high - low), 0, 1);
            frequencies[i] = (interpolated * ramp) + (frequencies[i] * (1 - ramp));
        }

        return frequencies;
    }

    /// <summary>
    /// m, which multiplies cosine and sine: given, or g(mscale)/g(mscale_all_dim) where both are, else g(1); g(k) = 0.1 · k · ln(factor) + 1.
    /// </summary>
    private double YarnAttentionFactor()
    {
        if (AttentionFactor is { } given) return given;
        double Magnitude(double k) => Factor <= 1 ? 1 : (0.1 * k * Math.Log(Factor)) + 1;
        return Mscale is > 0 or < 0 && MscaleAllDim is > 0 or < 0 ? Magnitude(Mscale!.Value) / Magnitude(MscaleAllDim!.Value) : Magnitude(1);
    }
}
