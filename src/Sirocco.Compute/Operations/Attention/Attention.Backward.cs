using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>
/// Gradients of attention. An item is one key/value head of one sequence, so that nothing is shared between items and sums have one order. Its worker goes
/// through blocks of queries (with their heads as rows) and, for each, through the blocks of keys that they see, in the transposed orientation, in which four
/// of five products read what the one before wrote: Sᵀ = K · Qᵀ, dPᵀ = V · dOᵀ, Pᵀ = 2^(Sᵀ − L), dSᵀ = Pᵀ ⊙ (dPᵀ − D), dV += Pᵀ · dO, dK += dSᵀ · Q; the last,
/// dQ += dS · K, takes a transposition of dSᵀ.
/// </summary>
internal static unsafe class AttentionBackward
{
    /// <summary>Gradients of q, k and v; null where none is wanted.</summary>
    /// <param name="backend">Threads and scratch.</param>
    /// <param name="kernel">f32 or bf16.</param>
    /// <param name="shape">Of the forward pass.</param>
    /// <param name="saved">What the tape kept.</param>
    /// <param name="dO">Gradient of the result.</param>
    /// <param name="to">Where gradients go.</param>
    public static void Run(CpuBackend backend, PanelKernel kernel, AttentionShape shape, in Saved saved, Tensor dO, in Gradients to)
    {
        int items = shape.Segments.Count * shape.KvHeads;
        if (backend.Features.Avx512 && Vector512.IsHardwareAccelerated)
        {
            Work<Vector512<float>, SoftmaxLanes512> work = new(backend, kernel, shape, saved, dO.Data, to);
            backend.Team.Run(ref work, items);
        }
        else
        {
            Work<Vector256<float>, SoftmaxLanes256> work = new(backend, kernel, shape, saved, dO.Data, to);
            backend.Team.Run(ref work, items);
        }
    }

    /// <summary>What the tape keeps of the forward pass; log-sums are of base 2.</summary>
    public readonly struct Saved(Tensor q, Tensor k, Tensor v, Tensor o, Tensor logSums)
    {
        public readonly float* Q = q.Data, K = k.Data, V = v.Data, O = o.Data, LogSums = logSums.Data;
    }

    /// <summary>Where gradients are written or added; null where none is wanted.</summary>
    public readonly struct Gradients(BackwardPass pass, Tensor q, Tensor k, Tensor v)
    {
        public readonly Gradient Q = new(pass, q), K = new(pass, k), V = new(pass, v);
    }

    public readonly struct Gradient
    {
        private readonly float* data;
        private readonly bool add;

        public Gradient(BackwardPass pass, Tensor input)
        {
            if (pass.Wants(input)) data = pass.Target(input, out add).Data;
        }

        public void Write(float* from, float factor, long offset, int count)
        {
            if (data != null) VectorRow.Scale(from, factor, data + offset, count, add);
        }
    }

    private struct Work<TVector, TLanes>(
        CpuBackend backend, PanelKernel kernel, AttentionShape shape, AttentionBackward.Saved saved, float* dO, AttentionBackward.Gradients to) : IWork
        where TVector : struct
        where TLanes : ISoftmaxLanes<TVector>
    {
        private const int KeyBlock = AttentionShape.KeyBlock;

        private readonly float* dO = dO;

        public readonly void Execute(int item, int worker)
        {
            (int s, int kvHead) = Math.DivRem(item, shape.KvHeads);
            (int query, int queries, int key, int keys) = shape.Sequence(s);
            if (keys == 0 && queries == 0) return;
            int d = shape.HeadSize, kvColumns = shape.KvHeads * d;
            Buffers b = new(backend, kernel, shape, worker, keys);
            PrepareKeys(b, key, keys, kvHead);

            // Longer than a span can be where one sequence has some 2³¹ features of keys.
            nuint accumulatorBytes = (nuint)keys * (nuint)b.Width * sizeof(float);
            NativeMemory.Clear(b.DK, accumulatorBytes);
            NativeMemory.Clear(b.DV, accumulatorBytes);
            for (int first = 0; first < queries; first += shape.BackwardQueryBlock)
            {
                int tokens = Math.Min(shape.BackwardQueryBlock, queries - first), rows = tokens * shape.Group;
                PrepareQueries(b, query + first, tokens, kvHead);
                new Span<float>(b.DQ, rows * b.Width).Clear();
                int from = shape.Visible(first, queries, keys).First, end = shape.Visible(first + tokens - 1, queries, keys).End;
                for (int start = from / KeyBlock * KeyBlock; start < end; start += KeyBlock)
                    Block(b, rows, start, Math.Min(KeyBlock, keys - start), new Window(shape, first, tokens, queries, keys));
                for (int row = 0; row < rows; row++) to.Q.Write(b.DQ + (row * b.Width), shape.Scale, QueryOffset(query + first, row, kvHead), d);
            }

            // Q came in multiplied by scale · log₂ e; the scale belongs to dK, the other factor is taken out again.
            for (int j = 0; j < keys; j++)
            {
                long at = ((long)(key + j) * kvColumns) + (kvHead * d);
                to.K.Write(b.DK + ((long)j * b.Width), (float)Math.Log(2), at, d);
                to.V.Write(b.DV + ((long)j * b.Width), 1, at, d);
            }
        }

        /// <summary>One block of queries with one block of keys: all five products.</summary>
        private readonly void Block(in Buffers b, int rows, int start, int count, Window window)
        {
            int d = shape.HeadSize, stride = b.RowStride;
            long kRow = start * b.KeyStride, accumulator = (long)start * b.Width;
            Product(count, kernel.Panels(rows), b.K + kRow, b.KeyStride, b.QueriesT, kernel.PanelBytes(d), d, b.Scores, stride, add: false);
            Product(count, kernel.Panels(rows), b.V + kRow, b.KeyStride, b.OutputsT, kernel.PanelBytes(d), d, b.Products, stride, add: false);

            int end = kernel.Steps(rows) * kernel.KPack;
            for (int j = 0; j < count; j++)
            {
                (int low, int high) = window.Next(start + j);
                (low, high) = low < high ? (low * shape.Group, high * shape.Group) : (0, 0);
                float* p = b.Scores + (j * stride), ds = b.Products + (j * stride);
                ushort* p16 = b.Rounds ? b.ScoresRounded + (j * stride) : null, ds16 = b.Rounds ? b.ProductsRounded + (j * stride) : null;
                SoftmaxRow<TVector, TLanes>.Gradient(
                    p + low, ds + low, b.LogSums + low, b.Diagonals + low, high - low, b.Rounds ? p16 + low : null, b.Rounds ? ds16 + low : null);
                Clear(ds, low, high, end);
                if (b.Rounds)
                {
                    Clear(p16, low, high, end);
                    Clear(ds16, low, high, end);
                }
                else
                {
                    Clear(p, low, high, end);
                }
            }

            byte* pRows = b.Rounds ? (byte*)b.ScoresRounded : (byte*)b.Scores, dsRows = b.Rounds ? (byte*)b.ProductsRounded : (byte*)b.Products;
            long rowBytes = stride * (b.Rounds ? sizeof(ushort) : sizeof(float));
            Product(count, kernel.Panels(d), pRows, rowBytes, b.Outputs, kernel.PanelBytes(rows), rows, b.DV + accumulator, b.Width, add: true);
            Product(count, kernel.Panels(d), dsRows, rowBytes, b.Queries, kernel.PanelBytes(rows), rows, b.DK + accumulator, b.Width, add: true);

            UnitTranspose.Run<PlainUnits, WholeUnits>(
                (byte*)b.Products, stride * sizeof(float), (byte*)b.Turned, Buffers.KeyRowStride * sizeof(uint), count, rows);
            byte* turned = (byte*)b.Turned;
            long turnedBytes = Buffers.KeyRowStride * sizeof(float);
            if (b.Rounds)
            {
                // In place: half the size, from the front.
                for (int row = 0; row < rows; row++)
                    RowConversion.ToBF16Pairs(b.Turned + (row * Buffers.KeyRowStride), count, (ushort*)(b.Turned + (row * Buffers.KeyRowStride)));
            }

            byte* keyPanels = b.KeyPanels + (start / KeyBlock * b.KeyPanelBytes);
            Product(rows, kernel.Panels(d), turned, turnedBytes, keyPanels, kernel.PanelBytes(count), count, b.DQ, b.Width, add: true);
        }

        private readonly void Product(int rows, int panels, byte* a, long aStride, byte* right, long panelBytes, int k, float* c, long cStride, bool add)
        {
            PanelArguments block = new()
            {
                A = a,
                AStride = (nint)aStride,
                B = right,
                Steps = kernel.Steps(k),
                C = c,
                CStride = (nint)cStride * sizeof(float),
                Addend = add ? c : null,
                AddendStride = (nint)cStride * sizeof(float),
            };
            kernel.RunAll(rows, panels, panelBytes, block);
        }

        /// <summary>Keys and values as left factors, rounded where products are, and keys as panels for dQ.</summary>
        private readonly void PrepareKeys(in Buffers b, int key, int keys, int kvHead)
        {
            int d = shape.HeadSize, columns = shape.KvHeads * d;
            Operand k = new() { Data = saved.K + ((long)key * columns) + (kvHead * d), Type = ElementType.F32, Rows = keys, Columns = d, Stride = columns };
            Operand v = k with { Data = saved.V + ((long)key * columns) + (kvHead * d) };
            RowConversion.Run(kernel.Format, k, 0, keys, 0, d, b.K, b.KeyStride);
            RowConversion.Run(kernel.Format, v, 0, keys, 0, d, b.V, b.KeyStride);
            for (int start = 0; start < keys; start += KeyBlock)
                PanelPacking.Run(kernel, k, 0, d, start, Math.Min(KeyBlock, keys - start), b.KeyPanels + (start / KeyBlock * b.KeyPanelBytes));
        }

        /// <summary>Queries and output gradients of a block as right factors, either way round, with their log-sums and D.</summary>
        private readonly void PrepareQueries(in Buffers b, int token, int tokens, int kvHead)
        {
            int d = shape.HeadSize, rows = tokens * shape.Group;
            float factor = shape.Scale * (float)(1 / Math.Log(2));
            for (int row = 0; row < rows; row++)
            {
                long at = QueryOffset(token, row, kvHead);
                VectorRow.Copy(dO + at, b.Gathered + (row * d), d);
                b.LogSums[row] = saved.LogSums[at / d];
                b.Diagonals[row] = VectorRow.Dot(dO + at, saved.O + at, d);
            }

            Operand gathered = Operand.Dense(b.Gathered, ElementType.F32, rows, d);
            PanelPacking.Run(kernel, gathered.T, 0, rows, 0, d, b.OutputsT);
            PanelPacking.Run(kernel, gathered, 0, d, 0, rows, b.Outputs);
            for (int row = 0; row < rows; row++) VectorRow.Scale(saved.Q + QueryOffset(token, row, kvHead), factor, b.Gathered + (row * d), d);
            PanelPacking.Run(kernel, gathered.T, 0, rows, 0, d, b.QueriesT);
            PanelPacking.Run(kernel, gathered, 0, d, 0, rows, b.Queries);
        }

        /// <summary>Where the query of a row lies: rows are tokens, and within a token the heads of the group.</summary>
        private readonly long QueryOffset(int token, int row, int kvHead)
        {
            (int t, int head) = Math.DivRem(row, shape.Group);
            return (((long)(token + t) * shape.Heads) + (kvHead * shape.Group) + head) * shape.HeadSize;
        }

        private static void Clear<T>(T* row, int low, int high, int end)
            where T : unmanaged
        {
            new Span<T>(row, low).Clear();
            new Span<T>(row + high, end - high).Clear();
        }
    }

    /// <summary>Which tokens of a block of queries see a key. Keys are asked for in ascending order; both ends of the range only ever move up.</summary>
    private struct Window(AttentionShape shape, int first, int tokens, int queries, int keys)
    {
        private int low, high;

        /// <summary>Tokens low … high of the block see <paramref name="key"/>.</summary>
        public (int Low, int High) Next(int key)
        {
            while (low < tokens && shape.Visible(first + low, queries, keys).End <= key) low++;
            while (high < tokens && shape.Visible(first + high, queries, keys).First <= key) high++;
            return (low, high);
        }
    }

    /// <summary>One worker's scratch memory.</summary>
    private readonly struct Buffers
    {
        /// <summary>A row of dS, with room that keeps rows of a tile in different sets of the level-1 cache.</summary>
        public const int KeyRowStride = AttentionShape.KeyBlock + 16;

        public readonly bool Rounds;
        public readonly int Width, RowStride;
        public readonly long KeyStride, KeyPanelBytes;
        public readonly byte* K, V, KeyPanels, QueriesT, OutputsT, Queries, Outputs;
        public readonly float* DK, DV, DQ, Gathered, LogSums, Diagonals, Scores, Products, Turned;
        public readonly ushort* ScoresRounded, ProductsRounded;

        public Buffers(CpuBackend backend, PanelKernel kernel, AttentionShape shape, int worker, int keys)
        {
            const int KeyBlock = AttentionShape.KeyBlock;
            int d = shape.HeadSize, rows = shape.BackwardQueryBlock * shape.Group;
            Rounds = kernel.Format == PanelFormat.BF16;
            Width = kernel.Panels(d) * kernel.PanelWidth;
            RowStride = (kernel.Panels(rows) * kernel.PanelWidth) + 16;
            KeyStride = kernel.RowBytes(d);
            KeyPanelBytes = kernel.Panels(d) * kernel.PanelBytes(KeyBlock);

            // Addresses are counted from zero first, which gives the size, then from the memory itself.
            Carving carving = default;
            for (int round = 0; round < 2; round++)
            {
                K = (byte*)carving.Take(keys * KeyStride);
                V = (byte*)carving.Take(keys * KeyStride);
                KeyPanels = (byte*)carving.Take((keys + KeyBlock - 1) / KeyBlock * KeyPanelBytes);
                QueriesT = (byte*)carving.Take(kernel.Panels(rows) * kernel.PanelBytes(d));
                OutputsT = (byte*)carving.Take(kernel.Panels(rows) * kernel.PanelBytes(d));
                Queries = (byte*)carving.Take(kernel.Panels(d) * kernel.PanelBytes(rows));
                Outputs = (byte*)carving.Take(kernel.Panels(d) * kernel.PanelBytes(rows));
                DK = (float*)carving.Take((long)keys * Width * sizeof(float));
                DV = (float*)carving.Take((long)keys * Width * sizeof(float));
                DQ = (float*)carving.Take((long)rows * Width * sizeof(float));
                Gathered = (float*)carving.Take((long)rows * d * sizeof(float));
                LogSums = (float*)carving.Take((rows + 16) * sizeof(float));
                Diagonals = (float*)carving.Take((rows + 16) * sizeof(float));
                Scores = (float*)carving.Take((long)KeyBlock * RowStride * sizeof(float));
                Products = (float*)carving.Take((long)KeyBlock * RowStride * sizeof(float));
                Turned = (float*)carving.Take((long)rows * KeyRowStride * sizeof(float));
                ScoresRounded = (ushort*)carving.Take(Rounds ? (long)KeyBlock * RowStride * sizeof(ushort) : 0);
                ProductsRounded = (ushort*)carving.Take(Rounds ? (long)KeyBlock * RowStride * sizeof(ushort) : 0);
                if (round == 0) carving = new Carving(backend.Scratch(worker, ScratchSlot.Operation, carving.Used));
            }
        }
    }
}
