namespace Sirocco.Compute;

/// <summary>RMSNorm in plain loops.</summary>
internal static class RmsNormReference
{
    public static double[] Forward(double[] x, double[] gain, double epsilon)
    {
        double[] y = new double[x.Length];
        int features = gain.Length;
        for (int t = 0; t < x.Length; t += features)
        {
            double squares = 0;
            for (int i = 0; i < features; i++) squares += x[t + i] * x[t + i];
            for (int i = 0; i < features; i++) y[t + i] = x[t + i] * gain[i] / Math.Sqrt((squares / features) + epsilon);
        }

        return y;
    }
}
