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
        if (precision == Precision.Int8)
            throw new ArgumentException("int8 products take a quantised weight", nameof(precision));
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
            products[i] = Product.Of(outputs[i], x.Width, backend.Kernels[precision]);
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
        Product* products = stackalloc Product[2] { Product.Of(gate, x.Width, backend.Kernels[precision]), Product.Of(up, x.Width, backend.Kernels[precision]) };
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
        if (FewRows.Serves(backend, kernel, m, products, count))
        {
            RunFewRows(backend, kernel, x, products, count, gated);
            return;
        }

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
            ConversionWork conversion = new() { Backend = backend, Kernel = kernel, Source = x, Destination = work.A, Stride = work.AStride };
            if (kernel.IsInteger)
                work.RowScales = conversion.Scales = (float*)backend.Scratch(backend.Team.CurrentWorker, ScratchSlot.RowScales, 4L * m);
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
        /// <summary>The right factor [k, n], for f32 and bf16.</summary>
        public Operand Weight;

        /// <summary>The right factor in int8 panels, for integer kernels, with its scales and offsets (see <see cref="QuantizedWeight"/>).</summary>
        public byte* Packed;
        public float* Scales;
        public int* Offsets;

        /// <summary>n.</summary>
        public int Columns;

        public float* C;
        public long CStride;
        public float* Addend;
        public long AddendStride;

        public static Product Of(in LinearOutput output, int k, PanelKernel kernel)
        {
            if (output.Inputs != k)
                throw new ArgumentException($"a weight [{output.Outputs}, {output.Inputs}] does not fit inputs of {k} features");
            if (kernel != (output.Quantized?.Kernel ?? (kernel.IsInteger ? null : kernel)))
                throw new ArgumentException($"a weight [{output.Outputs}, {output.Inputs}] was not prepared for the kernel {kernel.Name}");
            return new Product
            {
                Weight = output.Weight.T,
                Packed = output.Quantized == null ? null : output.Quantized.Panels,
                Scales = output.Quantized == null ? null : output.Quantized.Scales,
                Offsets = output.Quantized == null ? null : output.Quantized.Offsets,
                Columns = output.Outputs,
                C = (float*)output.Result,
                CStride = output.ResultStride,
                Addend = (float*)output.Residual,
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

        public CpuBackend Backend;
        public PanelKernel Kernel;
        public Operand Source;
        public byte* Destination;
        public long Stride;

        /// <summary>Receives the scale of each row, for integer kernels.</summary>
        public float* Scales;

        public readonly int Items => (Source.Height + BlockRows - 1) / BlockRows;

        public readonly void Execute(int item, int worker)
        {
            int row = item * BlockRows, rows = Math.Min(BlockRows, Source.Height - row), k = Source.Width;
            byte* to = Destination + (row * Stride);
            if (!Kernel.IsInteger)
            {
                RowConversion.Run(Kernel.Format, Source, row, rows, 0, k, to, Stride);
                return;
            }

            float* floats = (float*)Backend.Scratch(worker, ScratchSlot.Tile, 4L * k * rows);
            RowConversion.Run(PanelFormat.F32, Source, row, rows, 0, k, (byte*)floats, 4L * k);
            for (int i = 0; i < rows; i++)
            {
                Scales[row + i] = Quantization.Scale(floats + ((long)i * k), k);
                Quantization.ToUnits(Kernel.Format, floats + ((long)i * k), k, Kernel.Steps(k) * Kernel.KPack, Scales[row + i], to + (i * Stride));
            }
        }
    }
}
