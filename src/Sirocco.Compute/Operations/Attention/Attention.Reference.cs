namespace Sirocco.Compute;

/// <summary>Attention in plain loops, with the whole row of probabilities in memory.</summary>
internal static class AttentionReference
{
    public static double[] Forward(AttentionShape shape, double[] q, double[] k, double[] v)
    {
        (int d, int queryColumns, int keyColumns) = (shape.HeadSize, shape.Heads * shape.HeadSize, shape.KvHeads * shape.HeadSize);
        double[] o = new double[q.Length];
        for (int s = 0; s < shape.Segments.Count; s++)
        {
            int query = shape.Segments.QueryStarts[s], queries = shape.Segments.QueryStarts[s + 1] - query;
            int key = shape.Segments.KeyStarts[s], keys = shape.Segments.KeyStarts[s + 1] - key;
            for (int i = 0; i < queries; i++)
            {
                for (int head = 0; head < shape.Heads; head++)
                {
                    int at = ((query + i) * queryColumns) + (head * d), column = head / shape.Group * d;
                    double[] p = new double[keys];
                    double sum = 0;
                    for (int j = 0; j < keys; j++)
                    {
                        if (!Sees(shape.Mask, i + keys - queries, j)) continue;
                        double score = 0;
                        for (int c = 0; c < d; c++) score += q[at + c] * k[((key + j) * keyColumns) + column + c];
                        sum += p[j] = Math.Exp(score * shape.Scale);
                    }

                    for (int j = 0; j < keys; j++)
                    {
                        for (int c = 0; c < d && p[j] > 0; c++) o[at + c] += p[j] / sum * v[((key + j) * keyColumns) + column + c];
                    }
                }
            }
        }

        return o;
    }

    private static bool Sees(AttentionMask mask, int i, int j) =>
        (!mask.Causal || j <= i) && (mask.Window is not { } window || (mask.Causal ? i - j < window : Math.Abs(i - j) < window));
}
