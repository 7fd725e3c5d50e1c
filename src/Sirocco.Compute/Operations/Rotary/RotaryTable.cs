namespace Sirocco.Compute;

/// <summary>Cosines, sines and query scales of the tokens of one pass: made once, used by every layer.</summary>
public sealed class RotaryTable
{
    internal RotaryTable(Tensor cosines, Tensor sines, Tensor queryScales)
    {
        Cosines = cosines;
        Sines = sines;
        QueryScales = queryScales;
    }

    /// <summary>[tokens, headSize / 2], attention factor included.</summary>
    public Tensor Cosines { get; }

    /// <summary>[tokens, headSize / 2], attention factor included.</summary>
    public Tensor Sines { get; }

    /// <summary>[tokens, 1]: what queries are multiplied by after the rotation.</summary>
    public Tensor QueryScales { get; }
}

public static unsafe partial class Operations
{
    /// <summary>
    /// cos and sin of position · inverseFrequency[i], times the attention factor. The angle is rounded to f32 as the reference implementations do
    /// (it matters beyond 10⁴ positions); its cosine is that of the rounded angle, taken in double.
    /// </summary>
    /// <param name="f">Where the table lives.</param>
    /// <param name="rope">Frequencies and factors.</param>
    /// <param name="positions">One for each token.</param>
    public static RotaryTable RotaryTable(this Scope f, RotaryEmbedding rope, ReadOnlySpan<int> positions)
    {
        int half = rope.InverseFrequencies.Length, tokens = positions.Length;
        RotaryTable table = new(f.New(tokens, half), f.New(tokens, half), f.New(tokens, 1));
        for (int t = 0; t < tokens; t++) table.QueryScales.Data[t] = rope.QueryScale(positions[t]);
        fixed (int* at = positions)
        fixed (float* frequencies = rope.InverseFrequencies)
        {
            RotaryAngles angles = new()
            {
                Positions = at,
                Frequencies = frequencies,
                Cosines = table.Cosines.Data,
                Sines = table.Sines.Data,
                Half = half,
                Factor = rope.AttentionFactor,
            };
            RowDriver.Rows(f.Context.Backend, tokens, 64L * half, angles);
        }

        return table;
    }

    private struct RotaryAngles : IRowKernel
    {
        public int* Positions;
        public float* Frequencies, Cosines, Sines;
        public int Half;
        public float Factor;

        public readonly void Row(int row)
        {
            for (int i = 0; i < Half; i++)
            {
                float angle = Positions[row] * Frequencies[i];
                (double sine, double cosine) = Math.SinCos(angle);
                Cosines[((long)row * Half) + i] = (float)cosine * Factor;
                Sines[((long)row * Half) + i] = (float)sine * Factor;
            }
        }
    }
}
