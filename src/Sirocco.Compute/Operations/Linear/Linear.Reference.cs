namespace Sirocco.Compute;

/// <summary>Linear layers in plain loops.</summary>
internal static class LinearReference
{
    /// <summary>x · Wᵀ.</summary>
    public static double[] Forward(double[] x, double[] weight, int inputs)
    {
        int tokens = x.Length / inputs, outputs = weight.Length / inputs;
        double[] y = new double[tokens * outputs];
        for (int t = 0; t < tokens; t++)
        {
            for (int o = 0; o < outputs; o++)
            {
                for (int i = 0; i < inputs; i++) y[(t * outputs) + o] += x[(t * inputs) + i] * weight[(o * inputs) + i];
            }
        }

        return y;
    }

    /// <summary>silu(x · Gᵀ) ⊙ (x · Uᵀ).</summary>
    public static double[] Gated(double[] x, double[] gate, double[] up, int inputs)
    {
        double[] g = Forward(x, gate, inputs), u = Forward(x, up, inputs);
        for (int i = 0; i < g.Length; i++) u[i] *= g[i] / (1 + Math.Exp(-g[i]));
        return u;
    }
}
