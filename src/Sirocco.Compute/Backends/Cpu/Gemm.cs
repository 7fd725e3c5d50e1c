namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Products of matrices. The left factor is converted once to what the kernel reads; the right factor is packed panel by panel, straight from where it lies,
/// by the thread that is about to use the panel, into scratch memory that stays in that thread's level-2 cache.
/// </summary>
/// <remarks>
/// Measured on one Zen 3 core, 512×3072×9216: packing takes 2.3 % of an f32 product (16 GB/s of weights read; a plain read of the same memory 12 to 16) and
/// 1.7 % where bf16 weights are widened, 11 % at 96 rows; the product runs at 98 % of its kernel on packed panels and 1.06 to 1.15 times as fast as
/// oneDNN 2.6 with weights packed beforehand. Asking for the next panel's weights ahead (prefetcht1) made f32 at 96 rows 7 % slower and nothing faster: what it
/// fetches drives the panel out of level 2. Packing a gradient's factor once instead of strip by strip brought dW = dyᵀ · x (5632×3072×768, f32)
/// from 80 to 86 GFLOP/s.
/// </remarks>
internal static unsafe partial class Gemm
{
    /// <summary>Larger factors are packed panel by panel whatever it costs.</summary>
    private const long MostPackedBytes = 256 << 20;

    /// <summary>C[m, n] = op(A)[m, k] · op(B)[k, n], or C += with <paramref name="accumulate"/>, or C = residual + A · B.</summary>
    /// <param name="backend">Threads, kernels and scratch.</param>
    /// <param name="a">Left factor.</param>
    /// <param name="b">Right factor; a linear layer's weight [n, k] goes in as <see cref="Operand.T"/>.</param>
    /// <param name="c">Result, row-major. Must not overlap the factors.</param>
    /// <param name="cStride">Elements from one row of the result to the next.</param>
    /// <param name="precision"><see cref="Precision.F32"/> or <see cref="Precision.BF16"/>.</param>
    /// <param name="accumulate">Adds to what the result holds.</param>
    /// <param name="residual">Added to the product when not null; may be the result itself.</param>
    /// <param name="residualStride">Elements from one row of the residual to the next.</param>
    /// <exception cref="ArgumentException">The factors do not fit together.</exception>
    public static void Multiply(
        CpuBackend backend, in Operand a, in Operand b, float* c, long cStride, Precision precision,
        bool accumulate = false, float* residual = null, long residualStride = 0)
    {
        if (a.Width != b.Height) throw new ArgumentException($"[{a.Height}, {a.Width}] does not multiply [{b.Height}, {b.Width}]");
        if (precision == Precision.Int8) throw new ArgumentException("int8 products take a quantised weight", nameof(precision));
        if (accumulate && residual != null) throw new ArgumentException("a product either accumulates or adds a residual", nameof(residual));
        Product product = new()
        {
            Weight = b,
            Columns = b.Width,
            C = c,
            CStride = cStride,
            Addend = accumulate ? c : residual,
            AddendStride = accumulate ? cStride : residualStride,
        };
        Run(backend, backend.Kernels[precision], a, &product, 1, null);
    }

    /// <summary>y_i = x · W_iᵀ (+ residual_i) for several weights that share x, which is converted once.</summary>
    /// <param name="backend">Threads, kernels and scratch.</param>
    /// <param name="x">[m, k].</param>
    /// <param name="outputs">Weights [n_i, k] and where their products go.</param>
    /// <param name="precision"><see cref="Precision.Int8"/> takes the outputs' quantised weights, the others the stored ones.</param>
    public static void Linear(CpuBackend backend, in Operand x, ReadOnlySpan<LinearOutput> outputs, Precision precision)
    {
        Product* products = stackalloc Product[outputs.Length];
        for (int i = 0; i < outputs.Length; i++) products[i] = Product.Of(outputs[i], x.Width, backend.Kernels[precision]);
        Run(backend, backend.Kernels[precision], x, products, outputs.Length, null);
        foreach (LinearOutput output in outputs) GC.KeepAlive(output.Quantized);
    }

    /// <summary>
    /// y = silu(x · Gᵀ) ⊙ (x · Uᵀ), silu(z) = z / (1 + e⁻ᶻ): both halves of SwiGLU and their product, block by block in cache (Shazeer 2020).
    /// </summary>
    /// <param name="backend">Threads, kernels and scratch.</param>
    /// <param name="x">[m, k].</param>
    /// <param name="gate">G [f, k]; has no result of its own.</param>
    /// <param name="up">U [f, k]; has no result of its own.</param>
    /// <param name="output">Receives y [m, f] and, where a backward pass will read them, both halves.</param>
    /// <param name="precision">As for <see cref="Linear"/>.</param>
    public static void GatedLinear(
        CpuBackend backend, in Operand x, in LinearOutput gate, in LinearOutput up, GatedOutput output, Precision precision)
    {
        Product* products = stackalloc Product[2]
        {
            Product.Of(gate, x.Width, backend.Kernels[precision]),
            Product.Of(up, x.Width, backend.Kernels[precision]),
        };
        if (products[0].Columns != products[1].Columns)
            throw new ArgumentException($"the gate has {products[0].Columns} outputs, the up projection {products[1].Columns}");
        Run(backend, backend.Kernels[precision], x, products, 2, &output);
        GC.KeepAlive(gate.Quantized);
        GC.KeepAlive(up.Quantized);
    }

    private static void Run(CpuBackend backend, PanelKernel kernel, in Operand x, Product* products, int count, GatedOutput* gated)
    {
        (int m, int k) = (x.Height, x.Width);
        if (m == 0) return;
        using ThreadTeam.Turn turn = backend.Team.TakeTurn();
        if (FewRows.Serves(backend, kernel, m, products, count))
        {
            RunFewRows(backend, kernel, x, products, count, gated);
            return;
        }

        PanelWork work = new(backend, kernel, m, k, products, count, gated);
        if (!kernel.IsInteger) PackAhead(backend, kernel, k, products, count, work.Chunks);
        if (k > 0 && RowConversion.IsDirect(kernel.Format, x))
        {
            work.A = x.At(0, 0);
            work.AStride = x.Stride * x.Type.Size();
        }
        else
        {
            work.AStride = PaddedStride(kernel.RowBytes(k));
            work.A = (byte*)backend.Scratch(backend.Team.CurrentWorker, ScratchSlot.Rows, work.AStride * m);
            ConversionWork conversion = new() { Backend = backend, Kernel = kernel, Source = x, Destination = work.A, Stride = work.AStride };
            backend.Team.Run(ref conversion, conversion.Items);
        }

        backend.Team.Run(ref work, work.Items);
    }

    /// <summary>
    /// Packs whole factors once for all workers where panels packed on the fly would cost more: where several chunks of rows would each pack them again, and
    /// where the factor is stored [k, n] (gradients), so that a panel is a narrow strip through all of its pages. A weight [n, k] that one chunk meets needs no
    /// such copy.
    /// </summary>
    private static void PackAhead(CpuBackend backend, PanelKernel kernel, int k, Product* products, int count, int chunks)
    {
        long bytes = 0;
        bool worthwhile = chunks > 1;
        for (int i = 0; i < count; i++)
        {
            worthwhile |= !products[i].Weight.Transposed;
            bytes += kernel.Panels(products[i].Columns) * kernel.PanelBytes(k);
        }

        if (!worthwhile || bytes > MostPackedBytes) return;
        byte* packed = (byte*)backend.Scratch(backend.Team.CurrentWorker, ScratchSlot.Factor, bytes);
        for (int i = 0; i < count; i++)
        {
            PackingWork work = new() { Kernel = kernel, Product = products + i, K = k, Destination = packed };
            backend.Team.Run(ref work, work.Items);
            products[i].Packed = packed;
            packed += kernel.Panels(products[i].Columns) * kernel.PanelBytes(k);
        }
    }

    /// <summary>
    /// Whole cache lines, and never a multiple of 2 KB: rows of a tile are read side by side and would share the few lines of one set of the level-1 cache.
    /// </summary>
    private static long PaddedStride(long bytes)
    {
        long lines = (bytes + 63) / 64 * 64;
        return lines % 2048 == 0 ? lines + 64 : lines;
    }

    /// <summary>Right factor and destination of one product.</summary>
    private struct Product
    {
        /// <summary>The right factor [k, n], for f32 and bf16.</summary>
        public Operand Weight;

        /// <summary>All panels of the right factor where they exist before the product: always in int8, elsewhere see <see cref="PackAhead"/>.</summary>
        public byte* Packed;

        /// <summary>n.</summary>
        public int Columns;

        public float* C;
        public long CStride;
        public float* Addend;
        public long AddendStride;

        public static Product Of(in LinearOutput output, int k, PanelKernel kernel)
        {
            if (output.Inputs != k) throw new ArgumentException($"a weight [{output.Outputs}, {output.Inputs}] does not fit inputs of {k} features");
            if (kernel != (output.Quantized?.Kernel ?? (kernel.IsInteger ? null : kernel)))
                throw new ArgumentException($"a weight [{output.Outputs}, {output.Inputs}] was not prepared for the kernel {kernel.Name}");
            return new Product
            {
                Weight = output.Weight.T,
                Packed = output.Quantized == null ? null : (byte*)output.Quantized.Panels.Pointer,
                Columns = output.Outputs,
                C = (float*)output.Result,
                CStride = output.ResultStride,
                Addend = (float*)output.Residual,
                AddendStride = output.ResidualStride,
            };
        }
    }

    /// <summary>Packs a whole right factor, a block of k for all panels in each item.</summary>
    private struct PackingWork : IWork
    {
        private const int BlockK = 64;

        public PanelKernel Kernel;
        public Product* Product;
        public int K;
        public byte* Destination;

        public readonly int Items => (K + BlockK - 1) / BlockK;

        public readonly void Execute(int item, int worker)
        {
            int k = item * BlockK, count = Math.Min(BlockK, K - k), width = Kernel.PanelWidth;
            for (int panel = 0; panel < Kernel.Panels(Product->Columns); panel++)
            {
                byte* to = Destination + (panel * Kernel.PanelBytes(K)) + (Kernel.Steps(k) * Kernel.StepBytes);
                PanelPacking.Run(Kernel, Product->Weight, panel * width, Math.Min(width, Product->Columns - (panel * width)), k, count, to);
            }
        }
    }

    /// <summary>Converts the left factor, a block of rows for each item.</summary>
    private struct ConversionWork : IWork
    {
        /// <summary>256 bytes of each stored row when the source is transposed: fewer, and every page would be visited more often.</summary>
        private const int TransposedRows = 64;
        private const int PlainRows = 16;

        public CpuBackend Backend;
        public PanelKernel Kernel;
        public Operand Source;
        public byte* Destination;
        public long Stride;

        public readonly int Items => (Source.Height + Rows - 1) / Rows;

        private readonly int Rows => Source.Transposed ? TransposedRows : PlainRows;

        public readonly void Execute(int item, int worker)
        {
            int row = item * Rows, rows = Math.Min(Rows, Source.Height - row), k = Source.Width;
            byte* to = Destination + (row * Stride);
            if (!Kernel.IsInteger)
            {
                RowConversion.Run(Kernel.Format, Source, row, rows, 0, k, to, Stride);
                return;
            }

            float* floats = (float*)Backend.Scratch(worker, ScratchSlot.Tile, 4L * k * rows);
            RowConversion.Run(PanelFormat.F32, Source, row, rows, 0, k, (byte*)floats, 4L * k);
            for (int i = 0; i < rows; i++) Quantization.ToRow(Kernel, floats + ((long)i * k), k, to + (i * Stride));
        }
    }
}
