namespace Sirocco.Compute.Backends.Cpu;

internal static unsafe partial class Gemm
{
    /// <summary>
    /// The panel path. An item is a group of neighbouring panels times a chunk of rows: its worker packs the panels into its own scratch memory and takes all
    /// rows of the chunk over them, a tile of rows at a time; the tile's rows stay in the level-1 cache while the panels stream from level 2.
    /// </summary>
    private readonly struct Blocking
    {
        /// <summary>Rows that share one packing: more of them pay the packing off, fewer keep the left factor in the shared cache.</summary>
        private const long ChunkBytes = 8 << 20;
        private const int LeastChunkRows = 512;

        /// <summary>Elements of k in one pass, a multiple of <see cref="PanelKernel.KAlignment"/>.</summary>
        public readonly int KBlock;

        public readonly int Passes;

        /// <summary>Panels that are packed together.</summary>
        public readonly int GroupPanels;

        /// <summary>A multiple of the row tile.</summary>
        public readonly int ChunkRows;

        public readonly int Chunks;

        public Blocking(CpuBackend backend, PanelKernel kernel, int m, int k, int panels, int factors)
        {
            // k in one pass unless a panel outgrows its half of the level-2 cache: each further pass reads and writes the result once more.
            // Depends on k and the kernel alone, because where k is cut decides how sums round.
            long budget = backend.Features.L2Bytes / 2;
            Passes = (int)Math.Max(1, (kernel.PanelBytes(k) + budget - 1) / budget);
            KBlock = Math.Max(1, (((k + Passes - 1) / Passes) + kernel.KAlignment - 1) / kernel.KAlignment) * kernel.KAlignment;
            Passes = Math.Max(1, (k + KBlock - 1) / KBlock);

            long panelBytes = kernel.PanelBytes(KBlock) * factors;
            GroupPanels = (int)Math.Clamp(budget / Math.Max(panelBytes, 1), 1, Math.Max(1, 64 / kernel.PanelWidth));

            long rowBytes = Math.Max(64, kernel.RowBytes(k));
            long chunkRows = Math.Max(LeastChunkRows, ChunkBytes / rowBytes);
            Chunks = (int)((m + chunkRows - 1) / chunkRows);

            // Too few items to balance the team: smaller groups first, then smaller chunks.
            int wanted = backend.Team.Threads == 1 ? 1 : 3 * backend.Team.Threads;
            while (GroupPanels > 1 && (panels + GroupPanels - 1) / GroupPanels * Chunks < wanted) GroupPanels /= 2;
            int groups = Math.Max(1, (panels + GroupPanels - 1) / GroupPanels);
            if (groups * Chunks < wanted) Chunks = Math.Max(Chunks, Math.Min((wanted + groups - 1) / groups, m / (4 * kernel.RowTile)));
            int rows = (m + Chunks - 1) / Chunks;
            ChunkRows = (rows + kernel.RowTile - 1) / kernel.RowTile * kernel.RowTile;
            Chunks = (m + ChunkRows - 1) / ChunkRows;
        }
    }

    private struct PanelWork : IWork
    {
        public byte* A;
        public long AStride;

        private readonly CpuBackend backend;
        private readonly PanelKernel kernel;
        private readonly int m;
        private readonly int k;
        private readonly Product* products;
        private readonly int count;
        private readonly GatedOutput* gated;
        private readonly Blocking blocking;
        private readonly int groups;

        public PanelWork(CpuBackend backend, PanelKernel kernel, int m, int k, Product* products, int count, GatedOutput* gated)
        {
            (this.backend, this.kernel, this.m, this.k) = (backend, kernel, m, k);
            this.products = products;
            this.count = count;
            this.gated = gated;
            int panels = 0;
            for (int i = 0; i < Sweeps; i++) panels += kernel.Panels(products[i].Columns);
            blocking = new Blocking(backend, kernel, m, k, panels, Factors);
            for (int i = 0; i < Sweeps; i++) groups += Groups(i);
        }

        public readonly int Items => groups * blocking.Chunks;

        public readonly int Chunks => blocking.Chunks;

        /// <summary>Right factors that go through the loop together: gate and up.</summary>
        private readonly int Factors => gated == null ? 1 : 2;

        /// <summary>Products that go through the loop one after another.</summary>
        private readonly int Sweeps => gated == null ? count : 1;

        public readonly void Execute(int item, int worker)
        {
            // Groups change fastest: the team shares one chunk of the left factor at a time.
            (int chunk, int group) = Math.DivRem(item, groups);
            Product* product = products;
            for (int i = 0; group >= Groups(i); i++)
            {
                group -= Groups(i);
                product++;
            }

            int panel = group * blocking.GroupPanels;
            int row = chunk * blocking.ChunkRows;
            Sweep(
                product, panel, Math.Min(blocking.GroupPanels, kernel.Panels(product->Columns) - panel),
                row, Math.Min(blocking.ChunkRows, m - row), worker);
        }

        private readonly int Groups(int product) => (kernel.Panels(products[product].Columns) + blocking.GroupPanels - 1) / blocking.GroupPanels;

        private readonly void Sweep(Product* product, int panel, int panels, int row, int rows, int worker)
        {
            int column = panel * kernel.PanelWidth;
            int columns = Math.Min(panels * kernel.PanelWidth, product->Columns - column);
            long panelBytes = kernel.PanelBytes(blocking.KBlock);
            byte* packed = product->Packed != null ? null : (byte*)backend.Scratch(worker, ScratchSlot.Panels, panelBytes * panels * Factors);

            // A tile holds one block on its way to the epilogue; with several passes over k, all blocks of the item.
            int tileRows = blocking.Passes == 1 ? kernel.RowTile : rows;
            long tileStride = (long)panels * kernel.PanelWidth;
            float* tile = (float*)backend.Scratch(worker, ScratchSlot.Tile, tileRows * tileStride * Factors * sizeof(float));

            byte** first = stackalloc byte*[2];
            for (int pass = 0; pass < blocking.Passes; pass++)
            {
                int k0 = pass * blocking.KBlock, ks = Math.Min(blocking.KBlock, k - k0);
                for (int factor = 0; factor < Factors && packed != null; factor++)
                    PanelPacking.Run(kernel, product[factor].Weight, column, columns, k0, ks, packed + (factor * panels * panelBytes));

                // Where the panels of each factor lie for this pass: among those packed before, or in the worker's scratch memory.
                long apart = product->Packed != null ? kernel.PanelBytes(k) : kernel.PanelBytes(ks);
                for (int factor = 0; factor < Factors; factor++)
                {
                    first[factor] = product->Packed != null
                        ? product[factor].Packed + (panel * apart) + kernel.PanelBytes(k0)
                        : packed + (factor * panels * panelBytes);
                }

                bool last = pass == blocking.Passes - 1;
                PanelArguments block = new() { AStride = (nint)AStride, Steps = kernel.Steps(ks) };
                for (int r = 0; r < rows; r += kernel.RowTile)
                {
                    int height = Math.Min(kernel.RowTile, rows - r);
                    block.A = A + ((row + r) * AStride) + (kernel.RowBytes(k0));
                    for (int p = 0; p < panels; p++)
                    {
                        int width = Math.Min(kernel.PanelWidth, columns - (p * kernel.PanelWidth));
                        Block position = new(row + r, height, column + (p * kernel.PanelWidth), width);
                        if (gated == null && width == kernel.PanelWidth)
                        {
                            block.B = first[0] + (p * apart);
                            Direct(product, position, pass == 0, &block);
                            continue;
                        }

                        float* corner = tile + ((blocking.Passes == 1 ? 0 : r) * tileStride) + (p * kernel.PanelWidth);
                        for (int factor = 0; factor < Factors; factor++)
                        {
                            block.B = first[factor] + (p * apart);
                            block.C = corner + (factor * tileRows * tileStride);
                            block.CStride = (nint)tileStride * sizeof(float);
                            block.Addend = pass == 0 ? null : block.C;
                            block.AddendStride = block.CStride;
                            kernel.Run(height, &block);
                        }

                        if (last) Finish(product, gated, position, corner, tileStride, tileRows * tileStride);
                    }
                }
            }
        }

        /// <summary>A whole block goes straight to the result; the residual comes in with the first pass over k, later passes add to the result.</summary>
        private readonly void Direct(Product* product, Block at, bool first, PanelArguments* block)
        {
            block->C = product->C + (at.Row * product->CStride) + at.Column;
            block->CStride = (nint)product->CStride * sizeof(float);
            if (!first)
            {
                block->Addend = block->C;
                block->AddendStride = block->CStride;
            }
            else if (product->Addend == null)
            {
                block->Addend = null;
            }
            else
            {
                block->Addend = product->Addend + (at.Row * product->AddendStride) + at.Column;
                block->AddendStride = (nint)product->AddendStride * sizeof(float);
            }

            kernel.Run(at.Rows, block);
        }
    }

    /// <summary>Takes a finished block from scratch memory to the result, through the residual or the gate.</summary>
    /// <param name="product">The product, or the gate followed by up.</param>
    /// <param name="gated">Null for a plain product.</param>
    /// <param name="at">Where the block belongs.</param>
    /// <param name="tile">The block.</param>
    /// <param name="tileStride">Elements from one of its rows to the next.</param>
    /// <param name="factorStride">Elements from the gate's block to the block of up.</param>
    private static void Finish(Product* product, GatedOutput* gated, Block at, float* tile, long tileStride, long factorStride)
    {
        for (int r = 0; r < at.Rows; r++)
        {
            float* from = tile + (r * tileStride);
            if (gated != null)
            {
                gated->Store(from, from + factorStride, at.Row + r, at.Column, at.Columns);
                continue;
            }

            float* addend = product->Addend == null ? null : product->Addend + ((at.Row + r) * product->AddendStride) + at.Column;
            Epilogue.Store(from, addend, product->C + ((at.Row + r) * product->CStride) + at.Column, at.Columns);
        }
    }

    /// <summary>Where a block lies in the result.</summary>
    private readonly record struct Block(long Row, int Rows, int Column, int Columns);
}
