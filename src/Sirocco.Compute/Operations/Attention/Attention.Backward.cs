using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

internal static unsafe class AttentionBackward
{
    public static void Run(
        CpuBackend backend, AttentionShape shape, float* q, float* k, float* v, float* o, float* logSums, float* dO, float* dq, float* dk, float* dv)
    {
        Work work = new() { Shape = shape, Q = q, K = k, V = v, O = o, LogSums = logSums, DO = dO, DQ = dq, DK = dk, DV = dv };
        backend.Team.Run(ref work, shape.Segments.Count * shape.KvHeads);
    }

    private struct Work : IWork
    {
        public AttentionShape Shape;
        public float* Q, K, V, O, LogSums, DO, DQ, DK, DV;

        public readonly void Execute(int item, int worker)
        {
            (int s, int kvHead) = Math.DivRem(item, Shape.KvHeads);
            int query = Shape.Segments.QueryStarts[s], queries = Shape.Segments.Length(s);
            int key = Shape.Segments.KeyStarts[s], keys = Shape.Segments.KeyStarts[s + 1] - key;
            int d = Shape.HeadSize;
            for (int i = 0; i < queries; i++)
            {
                (int first, int end) = Shape.Visible(i, queries, keys);
                for (int head = kvHead * Shape.Group; head < (kvHead + 1) * Shape.Group; head++)
                {
                    long place = ((long)(query + i) * Shape.Heads) + head, at = place * d;
                    float diagonal = VectorRow.Dot(DO + at, O + at, d);
                    for (int j = first; j < end; j++)
                    {
                        long other = (((long)(key + j) * Shape.KvHeads) + kvHead) * d;
                        float p = MathF.Exp((Shape.Scale * VectorRow.Dot(Q + at, K + other, d)) - (LogSums[place] * 0.6931472f));
                        float ds = Shape.Scale * p * (VectorRow.Dot(DO + at, V + other, d) - diagonal);
                        VectorRow.AddScaled(DO + at, p, DV + other, d);
                        VectorRow.AddScaled(K + other, ds, DQ + at, d);
                        VectorRow.AddScaled(Q + at, ds, DK + other, d);
                    }
                }
            }
        }
    }
}
