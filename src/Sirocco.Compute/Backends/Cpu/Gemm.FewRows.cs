namespace Sirocco.Compute.Backends.Cpu;

internal static unsafe partial class Gemm
{
    /// <summary>The path of few rows: weights are read where they lie, once, with all rows at hand.</summary>
    private static void RunFewRows(CpuBackend backend, PanelKernel kernel, in Operand x, Product* products, int count, GatedOutput* gated)
    {
        (int m, int k) = (x.Height, x.Width);
        int caller = backend.Team.CurrentWorker;
        Operand rows = x;
        if (!RowConversion.IsDirect(PanelFormat.F32, x))
        {
            float* floats = (float*)backend.Scratch(caller, ScratchSlot.Tile, 4L * m * k);
            RowConversion.Run(PanelFormat.F32, x, 0, m, 0, k, (byte*)floats, 4L * k);
            rows = Operand.Dense(floats, ElementType.F32, m, k);
        }

        FewRows work = new(backend, backend.Kernels.Dot(kernel, products->Weight.Type)!, m, k, products, count, gated);
        work.Prepare(rows, caller);
        backend.Team.Run(ref work, work.Items);
    }

    /// <summary>An item is a run of output channels for all rows.</summary>
    private struct FewRows : IWork
    {
        /// <summary>Room for the sums of an item.</summary>
        private const int MostRows = 16;

        /// <summary>Channels of an item: some 300 KB of bf16 weights for 3,072 features, and a multiple of the kernel's three.</summary>
        private const int ItemColumns = 48;

        private readonly CpuBackend backend;
        private readonly DotKernel kernel;
        private readonly int m;
        private readonly int k;
        private readonly Product* products;
        private readonly int count;
        private readonly GatedOutput* gated;
        private byte* x;

        public FewRows(CpuBackend backend, DotKernel kernel, int m, int k, Product* products, int count, GatedOutput* gated)
        {
            (this.backend, this.kernel, this.m, this.k) = (backend, kernel, m, k);
            this.products = products;
            this.count = count;
            this.gated = gated;
            int sweeps = gated == null ? count : 1;
            for (int i = 0; i < sweeps; i++) Items += ItemsOf(products[i].Columns);
        }

        public int Items { get; }

        private readonly int Factors => gated == null ? 1 : 2;

        public static bool Serves(CpuBackend backend, PanelKernel kernel, int m, Product* products, int count)
        {
            if (backend.Deterministic || kernel.IsInteger || backend.Kernels.Dot(kernel, products->Weight.Type) is not { } dot || m > dot.MostRows)
                return false;
            for (int i = 0; i < count; i++)
            {
                // The weight's own rows must be the second factors, and all weights of one type, so that one layout of x serves them.
                if (!products[i].Weight.Transposed || products[i].Weight.Type != products[0].Weight.Type) return false;
            }

            return true;
        }

        public void Prepare(in Operand rows, int caller)
        {
            long block = kernel.BlockBytes(kernel.RowTile, k);
            x = (byte*)backend.Scratch(caller, ScratchSlot.Rows, block * ((m + kernel.RowTile - 1) / kernel.RowTile));
            for (int row = 0; row < m; row += kernel.RowTile)
                kernel.Prepare((float*)rows.At(row, 0), rows.Stride, Math.Min(kernel.RowTile, m - row), k, x + (row / kernel.RowTile * block));
        }

        public readonly void Execute(int item, int worker)
        {
            Product* product = products;
            while (item >= ItemsOf(product->Columns))
            {
                item -= ItemsOf(product->Columns);
                product++;
            }

            int column = item * ItemColumns, columns = Math.Min(ItemColumns, product->Columns - column);
            float* tile = stackalloc float[MostRows * ItemColumns * 2];
            for (int factor = 0; factor < Factors; factor++) Dots(product[factor].Weight, column, columns, tile + (factor * MostRows * ItemColumns), worker);
            Finish(product, gated, new Block(0, m, column, columns), tile, ItemColumns, MostRows * ItemColumns);
        }

        private static int ItemsOf(int columns) => (columns + ItemColumns - 1) / ItemColumns;

        private readonly void Dots(in Operand weight, int column, int columns, float* tile, int worker)
        {
            float* sums = stackalloc float[MostRows * DotKernel.WeightRows];
            bool decodes = weight.Type.IsFloat8();
            ushort* decoded = decodes ? (ushort*)backend.Scratch(worker, ScratchSlot.Panels, 2L * k * DotKernel.WeightRows) : null;
            long stride = decodes ? 2L * k : weight.Stride * weight.Type.Size(), block = kernel.BlockBytes(kernel.RowTile, k);
            int step;
            for (int j = 0; j < columns; j += step)
            {
                // What is left over of three goes through alone, as three times the same row.
                step = columns - j >= DotKernel.WeightRows ? DotKernel.WeightRows : 1;
                byte* from = decodes ? (byte*)decoded : weight.At(column + j, 0);
                for (int w = 0; decodes && w < step; w++)
                    Float8Decoding.ToBF16(weight.Type, weight.At(column + j + w, 0), k, weight.Scale, decoded + ((long)w * k));
                for (int row = 0; row < m; row += kernel.RowTile)
                {
                    int rows = Math.Min(kernel.RowTile, m - row);
                    kernel.Run(rows, x + (row / kernel.RowTile * block), from, step == 1 ? 0 : stride, k, sums);
                    for (int r = 0; r < rows; r++)
                    {
                        for (int w = 0; w < step; w++) tile[((row + r) * ItemColumns) + j + w] = sums[(r * DotKernel.WeightRows) + w];
                    }
                }
            }
        }
    }
}
