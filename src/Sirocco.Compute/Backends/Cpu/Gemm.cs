namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Products of matrices. The left factor is converted once to what the kernel reads; the right factor is packed panel by panel, straight from where it lies,
/// by the thread that is about to use the panel, into scratch memory that stays in that thread's level-2 cache.
/// </summary>
internal static unsafe partial class Gemm
{
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
        if (a.Width != b.Height)
            throw new ArgumentException($"[{a.Height}, {a.Width}] does not multiply [{b.Height}, {b.Width}]");
        if (accumulate && residual != null)
            throw new ArgumentException("a product either accumulates or adds a residual", nameof(residual));
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
        for (int i = 0; i < outputs.Length; i++)
            products[i] = Product.Of(outputs[i], x.Width);
        Run(backend, backend.Kernels[precision], x, products, outputs.Length, null);
    }

    /// <summary>y = silu(x · Gᵀ) ⊙ (x · Uᵀ), silu(z) = z / (1 + e⁻ᶻ): both halves of SwiGLU and their product, block by block in cache (Shazeer 2020).</summary>
    /// <param name="backend">Threads, kernels and scratch.</param>
    /// <param name="x">[m, k].</param>
    /// <param name="gate">G [f, k]; its <see cref="LinearOutput.Result"/> receives x · Gᵀ unless null (training keeps it).</param>
    /// <param name="up">U [f, k]; its <see cref="LinearOutput.Result"/> receives x · Uᵀ unless null.</param>
    /// <param name="y">[m, f].</param>
    /// <param name="yStride">Elements from one row of y to the next.</param>
    /// <param name="precision">As for <see cref="Linear"/>.</param>
    public static void GatedLinear(CpuBackend backend, in Operand x, in LinearOutput gate, in LinearOutput up, float* y, long yStride, Precision precision)
    {
        Product* products = stackalloc Product[2] { Product.Of(gate, x.Width), Product.Of(up, x.Width) };
        if (products[0].Columns != products[1].Columns)
            throw new ArgumentException($"the gate has {products[0].Columns} outputs, the up projection {products[1].Columns}");
        GatedResult result = new() { Y = y, Stride = yStride };
        Run(backend, backend.Kernels[precision], x, products, 2, &result);
    }

    private static void Run(CpuBackend backend, PanelKernel kernel, in Operand x, Product* products, int count, GatedResult* gated)
    {
        (int m, int k) = (x.Height, x.Width);
        if (m == 0)
            return;
        using ThreadTeam.Turn turn = backend.Team.TakeTurn();
        PanelWork work = new(backend, kernel, m, k, products, count, gated);
        if (k > 0 && RowConversion.IsDirect(kernel.Format, x))
        {
            work.A = x.At(0, 0);
            work.AStride = x.Stride * x.Type.Size();
        }
        else
        {
            work.AStride = PaddedStride(kernel.RowBytes(k));
            work.A = (byte*)backend.Scratch(backend.Team.CurrentWorker, ScratchSlot.Rows, work.AStride * m);
            ConversionWork conversion = new() { Format = kernel.Format, Source = x, Destination = work.A, Stride = work.AStride };
            backend.Team.Run(ref conversion, conversion.Items);
        }

        backend.Team.Run(ref work, work.Items);
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
        /// <summary>The right factor [k, n].</summary>
        public Operand Weight;

        /// <summary>n.</summary>
        public int Columns;

        public float* C;
        public long CStride;
        public float* Addend;
        public long AddendStride;

        public static Product Of(in LinearOutput output, int k)
        {
            if (output.Weight.Width != k)
                throw new ArgumentException($"a weight [{output.Weight.Height}, {output.Weight.Width}] does not fit inputs of {k} features");
            return new Product
            {
                Weight = output.Weight.T,
                Columns = output.Weight.Height,
                C = output.Result,
                CStride = output.ResultStride,
                Addend = output.Residual,
                AddendStride = output.ResidualStride,
            };
        }
    }

    private struct GatedResult
    {
        public float* Y;
        public long Stride;
    }

    /// <summary>Converts the left factor, a block of rows for each item.</summary>
    private struct ConversionWork : IWork
    {
        /// <summary>One cache line of f32 of a transposed source.</summary>
        private const int BlockRows = 16;

        public PanelFormat Format;
        public Operand Source;
        public byte* Destination;
        public long Stride;

        public readonly int Items => (Source.Height + BlockRows - 1) / BlockRows;

        public readonly void Execute(int item, int worker)
        {
            int row = item * BlockRows, rows = Math.Min(BlockRows, Source.Height - row);
            RowConversion.Run(Format, Source, row, rows, 0, Source.Width, Destination + (row * Stride), Stride);
        }
    }
}
