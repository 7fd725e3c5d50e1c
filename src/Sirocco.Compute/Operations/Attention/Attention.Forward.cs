using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>
/// Attention with the panel products of linear layers. An item is a block of queries of one sequence with all query heads of one key/value head as its rows;
/// its worker takes them over one block of keys after another: S = Q · Kᵀ, P = 2^(S − running maximum), O = O · shrink + P · V. Scores, probabilities and O
/// stay in the level-2 cache.
/// </summary>
/// <remarks>
/// Q is multiplied by scale · log₂ e on the way in, so that exponentials are powers of two. Blocks of keys are counted from the sequence's first key: a row's
/// arithmetic does not depend on what else is in the batch.
/// </remarks>
internal static unsafe class AttentionForward
{
    public static void Run(Scope f, PanelKernel kernel, AttentionShape shape, Tensor q, Tensor k, Tensor v, Tensor o, Tensor? logSums)
    {
        CpuBackend backend = f.Context.Backend;
        AttentionKeys keys = new(kernel, shape, k, v);
        using Scope scope = f.BeginScope();
        SegmentPlan* plan = (SegmentPlan*)scope.New(shape.Segments.Count + 1, sizeof(SegmentPlan) / sizeof(float)).Pointer;
        Plan(shape, keys, plan);
        SegmentPlan total = plan[shape.Segments.Count];
        byte* panels = total.Panels == 0 ? null : (byte*)scope.New(checked((int)((total.Panels + 4095) / 4096)), 1024).Pointer;

        PackWork pack = new() { Shape = shape, Keys = keys, Plan = plan, Panels = panels };
        backend.Team.Run(ref pack, total.PackItem);
        if (backend.Features.Avx512 && Vector512.IsHardwareAccelerated)
            Attend<Vector512<float>, SoftmaxLanes512>(backend, kernel, shape, keys, plan, panels, q, o, logSums);
        else Attend<Vector256<float>, SoftmaxLanes256>(backend, kernel, shape, keys, plan, panels, q, o, logSums);
    }

    private static void Attend<TVector, TLanes>(
        CpuBackend backend, PanelKernel kernel, AttentionShape shape, AttentionKeys keys, SegmentPlan* plan, byte* panels, Tensor q, Tensor o, Tensor? logSums)
        where TVector : struct
        where TLanes : ISoftmaxLanes<TVector>
    {
        Work<TVector, TLanes> work = new(backend, kernel, shape, keys, plan, panels)
        {
            Q = q.Data,
            O = o.Data,
            LogSums = logSums is null ? null : logSums.Data,
        };
        backend.Team.Run(ref work, plan[shape.Segments.Count].Item);
    }

    /// <summary>Fills, for each sequence, its first item of each run and where its panels lie; the last entry holds the totals.</summary>
    private static void Plan(AttentionShape shape, AttentionKeys panels, SegmentPlan* plan)
    {
        SegmentPlan next = default;
        for (int s = 0; s <= shape.Segments.Count; s++)
        {
            plan[s] = next;
            if (s == shape.Segments.Count) break;
            (_, int queries, _, int keys) = shape.Sequence(s);
            next.Item = checked(next.Item + (shape.KvHeads * Blocks(queries, shape.QueryBlock)));
            if (queries <= shape.QueryBlock) continue;
            next.PackItem += shape.KvHeads * Blocks(keys, AttentionShape.KeyBlock);
            next.Panels += shape.KvHeads * panels.HeadBytes(keys);
        }
    }

    private static int Blocks(int count, int block) => (count + block - 1) / block;

    private struct SegmentPlan
    {
        public int Item;
        public int PackItem;
        public long Panels;

        /// <summary>The sequence that an item belongs to.</summary>
        public static int Find(SegmentPlan* plan, int count, int item, bool packing)
        {
            int low = 0, high = count;
            while (high - low > 1)
            {
                int middle = (low + high) / 2;
                if ((packing ? plan[middle].PackItem : plan[middle].Item) <= item) low = middle;
                else high = middle;
            }

            return low;
        }
    }

    private struct PackWork : IWork
    {
        public AttentionShape Shape;
        public AttentionKeys Keys;
        public SegmentPlan* Plan;
        public byte* Panels;

        public readonly void Execute(int item, int worker)
        {
            int s = SegmentPlan.Find(Plan, Shape.Segments.Count, item, packing: true);
            (_, _, int key, int keys) = Shape.Sequence(s);
            (int kvHead, int block) = Math.DivRem(item - Plan[s].PackItem, Blocks(keys, AttentionShape.KeyBlock));
            int first = block * AttentionShape.KeyBlock;
            byte* to = Panels + Plan[s].Panels + (kvHead * Keys.HeadBytes(keys)) + (block * Keys.BlockBytes(AttentionShape.KeyBlock));
            Keys.Pack(key + first, Math.Min(AttentionShape.KeyBlock, keys - first), kvHead, to);
        }
    }

    private struct Work<TVector, TLanes>(CpuBackend backend, PanelKernel kernel, AttentionShape shape, AttentionKeys keys, SegmentPlan* plan, byte* panels)
        : IWork
        where TVector : struct
        where TLanes : ISoftmaxLanes<TVector>
    {
        public float* Q, O, LogSums;

        /// <summary>A vector of room after each row of scores; no power of two, so that rows of a tile fall into different sets of the level-1 cache.</summary>
        private const int ScoreStride = AttentionShape.KeyBlock + 16;

        private readonly bool rounds = kernel.Format == PanelFormat.BF16;
        private readonly SegmentPlan* plan = plan;
        private readonly byte* panels = panels;

        public readonly void Execute(int item, int worker)
        {
            int s = SegmentPlan.Find(plan, shape.Segments.Count, item, packing: false);
            (int query, int queries, int key, int keyCount) = shape.Sequence(s);
            int blocks = Blocks(queries, shape.QueryBlock);
            (int kvHead, int block) = Math.DivRem(item - plan[s].Item, blocks);

            // The last block of a causal sequence sees most keys: longest items first leaves the team finishing together.
            int first = (blocks - 1 - block) * shape.QueryBlock, tokens = Math.Min(shape.QueryBlock, queries - first);
            int rows = tokens * shape.Group, d = shape.HeadSize;
            Buffers buffers = new(backend, kernel, keys, worker, rows, d, local: blocks == 1);
            LoadQueries(query + first, tokens, kvHead, buffers);
            new Span<float>(buffers.Output, rows * buffers.OutputStride).Clear();
            new Span<float>(buffers.Largest, rows).Fill(float.NegativeInfinity);
            new Span<float>(buffers.Sums, rows).Clear();

            int from = shape.Visible(first, queries, keyCount).First, end = shape.Visible(first + tokens - 1, queries, keyCount).End;
            for (int start = from / AttentionShape.KeyBlock * AttentionShape.KeyBlock; start < end; start += AttentionShape.KeyBlock)
            {
                int count = Math.Min(AttentionShape.KeyBlock, keyCount - start), seen = Math.Min(count, end - start);
                byte* packed = panels + plan[s].Panels + (kvHead * keys.HeadBytes(keyCount))
                    + (start / AttentionShape.KeyBlock * keys.BlockBytes(AttentionShape.KeyBlock));
                if (blocks == 1) keys.Pack(key + start, count, kvHead, packed = buffers.Panels);
                PanelArguments scores = new()
                {
                    A = buffers.Queries,
                    AStride = (nint)kernel.RowBytes(d),
                    B = packed,
                    Steps = kernel.Steps(d),
                    C = buffers.Scores,
                    CStride = ScoreStride * sizeof(float),
                };
                kernel.RunAll(rows, kernel.Panels(seen), kernel.PanelBytes(d), scores);
                for (int t = 0; t < tokens; t++)
                {
                    (int low, int high) = shape.Visible(first + t, queries, keyCount);
                    (low, high) = (Math.Max(low - start, 0), Math.Min(high - start, seen));
                    for (int row = t * shape.Group; row < (t + 1) * shape.Group; row++) Soften(buffers, row, low, high, seen);
                }

                PanelArguments values = new()
                {
                    A = rounds ? buffers.Rounded : buffers.Scores,
                    AStride = ScoreStride * (rounds ? sizeof(ushort) : sizeof(float)),
                    B = packed + keys.KeyBytes(count),
                    Steps = kernel.Steps(seen),
                    C = buffers.Output,
                    CStride = buffers.OutputStride * sizeof(float),
                    Addend = buffers.Output,
                    AddendStride = buffers.OutputStride * sizeof(float),
                };
                kernel.RunAll(rows, kernel.Panels(d), kernel.PanelBytes(count), values);
            }

            Finish(query + first, tokens, kvHead, buffers);
        }

        /// <summary>
        /// Scores of a row, of which it sees low … high, become probabilities relative to the largest so far; what was summed before shrinks to the same base.
        /// </summary>
        private readonly void Soften(in Buffers buffers, int row, int low, int high, int seen)
        {
            float* scores = buffers.Scores + (row * ScoreStride);
            ushort* rounded = rounds ? buffers.Rounded + (row * ScoreStride) : null;
            float sum = 0;
            if (low < high)
            {
                float before = buffers.Largest[row], largest = MathF.Max(before, SoftmaxRow<TVector, TLanes>.Largest(scores + low, high - low));
                if (largest != before)
                {
                    float shrink = MathF.Pow(2, before - largest);
                    buffers.Largest[row] = largest;
                    buffers.Sums[row] *= shrink;

                    // Only the first block has nothing to shrink; a factor that underflows to zero must still wipe what was summed.
                    if (before != float.NegativeInfinity)
                        VectorRow.Scale(buffers.Output + (row * buffers.OutputStride), shrink, buffers.Output + (row * buffers.OutputStride), shape.HeadSize);
                }

                sum = SoftmaxRow<TVector, TLanes>.Power(scores + low, largest, high - low, scores + low, rounds ? rounded + low : null);
            }

            buffers.Sums[row] += sum;
            (low, high) = low < high ? (low, high) : (0, 0);
            int end = kernel.Steps(seen) * kernel.KPack;
            if (rounds)
            {
                new Span<ushort>(rounded, low).Clear();
                new Span<ushort>(rounded + high, end - high).Clear();
            }
            else
            {
                new Span<float>(scores, low).Clear();
                new Span<float>(scores + high, end - high).Clear();
            }
        }

        private readonly void LoadQueries(int token, int tokens, int kvHead, in Buffers buffers)
        {
            float factor = shape.Scale * (float)(1 / Math.Log(2));
            int d = shape.HeadSize;
            for (int row = 0; row < tokens * shape.Group; row++)
            {
                (int t, int head) = Math.DivRem(row, shape.Group);
                float* from = Q + ((((long)(token + t) * shape.Heads) + (kvHead * shape.Group) + head) * d);
                byte* to = buffers.Queries + (row * kernel.RowBytes(d));
                VectorRow.Scale(from, factor, rounds ? buffers.Scores : (float*)to, d);
                if (rounds) RowConversion.ToBF16Pairs(buffers.Scores, d, (ushort*)to);
            }
        }

        private readonly void Finish(int token, int tokens, int kvHead, in Buffers buffers)
        {
            for (int row = 0; row < tokens * shape.Group; row++)
            {
                (int t, int head) = Math.DivRem(row, shape.Group);
                long place = ((long)(token + t) * shape.Heads) + (kvHead * shape.Group) + head;
                float sum = buffers.Sums[row];
                VectorRow.Scale(buffers.Output + (row * buffers.OutputStride), 1 / sum, O + (place * shape.HeadSize), shape.HeadSize);
                if (LogSums != null) LogSums[place] = buffers.Largest[row] + MathF.Log2(sum);
            }
        }

        /// <summary>One worker's scratch memory.</summary>
        private readonly struct Buffers
        {
            public readonly byte* Queries, Panels;
            public readonly float* Scores, Output, Largest, Sums;
            public readonly ushort* Rounded;
            public readonly int OutputStride;

            public Buffers(CpuBackend backend, PanelKernel kernel, AttentionKeys keys, int worker, int rows, int headSize, bool local)
            {
                OutputStride = kernel.Panels(headSize) * kernel.PanelWidth;

                // Addresses are counted from zero first, which gives the size, then from the memory itself.
                Carving carving = default;
                for (int round = 0; round < 2; round++)
                {
                    Queries = (byte*)carving.Take(rows * kernel.RowBytes(headSize));
                    Scores = (float*)carving.Take(Math.Max(rows * ScoreStride, headSize) * sizeof(float));
                    Rounded = (ushort*)carving.Take(kernel.Format == PanelFormat.BF16 ? rows * ScoreStride * sizeof(ushort) : 0);
                    Output = (float*)carving.Take((long)rows * OutputStride * sizeof(float));
                    Largest = (float*)carving.Take(rows * sizeof(float));
                    Sums = (float*)carving.Take(rows * sizeof(float));
                    Panels = (byte*)carving.Take(local ? keys.BlockBytes(AttentionShape.KeyBlock) : 0);
                    if (round == 0) carving = new Carving(backend.Scratch(worker, ScratchSlot.Operation, carving.Used));
                }
            }
        }
    }
}
