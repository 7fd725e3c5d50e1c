namespace Sirocco.Compute;

/// <summary>
/// Rotary position embedding (Su et al. 2021) in the half-split pairing: dimension i turns with i + d/2 by position · <see cref="InverseFrequencies"/>[i].
/// </summary>
/// <param name="InverseFrequencies">[headSize / 2], after any scaling (Llama 3, YaRN).</param>
/// <param name="AttentionFactor">Multiplies cosine and sine (YaRN's m; 1 in every published Ministral 3).</param>
/// <param name="QueryScaleBeta">
/// β of the query scale 1 + β · ln(1 + ⌊position / <paramref name="QueryScalePeriod"/>⌋) (Llama 4, Ministral 3); 0 means none.
/// </param>
/// <param name="QueryScalePeriod">Positions per step of the query scale.</param>
public sealed record RotaryEmbedding(float[] InverseFrequencies, float AttentionFactor = 1, float QueryScaleBeta = 0, int QueryScalePeriod = 1)
{
    /// <summary>Factor that queries at a position are multiplied by after the rotation.</summary>
    public float QueryScale(int position) => QueryScaleBeta == 0 ? 1 : 1 + (QueryScaleBeta * MathF.Log(1 + (position / QueryScalePeriod)));
}
