namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Dot products of a few rows of activations with <see cref="WeightRows"/> rows of a weight where it lies. With few rows a product is as fast as the weight can
/// be read; packing it first would cost more than the arithmetic, so each vector of the weight is loaded once and meets all rows in registers.
/// </summary>
internal abstract unsafe class DotKernel(ElementType weightType, int rowTile, int mostRows)
{
    /// <summary>Rows of the weight in one call.</summary>
    public const int WeightRows = 3;

    /// <summary>Tier and rows by weight rows, for people.</summary>
    public abstract string Name { get; }

    /// <summary>Elements of the weights.</summary>
    public ElementType WeightType { get; } = weightType;

    /// <summary>Most rows of activations in one call.</summary>
    public int RowTile { get; } = rowTile;

    /// <summary>Beyond this many rows packing into panels is paid off.</summary>
    public int MostRows { get; } = mostRows;

    /// <summary>Bytes of a block of <paramref name="rows"/> prepared rows.</summary>
    public abstract long BlockBytes(int rows, int k);

    /// <summary>Lays out 1 … <see cref="RowTile"/> rows of activations the way <see cref="Run"/> reads them.</summary>
    /// <param name="x">Row-major f32.</param>
    /// <param name="stride">Elements from row to row.</param>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="k">Features.</param>
    /// <param name="block">Receives <see cref="BlockBytes"/> bytes; 64-byte aligned.</param>
    public abstract void Prepare(float* x, long stride, int rows, int k, byte* block);

    /// <summary>sums[row · WeightRows + w] = Σ_i x[row, i] · weight[w, i].</summary>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="block">Prepared rows.</param>
    /// <param name="weight">First row of the weight.</param>
    /// <param name="weightStride">Bytes from one row of the weight to the next.</param>
    /// <param name="k">Features.</param>
    /// <param name="sums">[rows, WeightRows].</param>
    public abstract void Run(int rows, byte* block, byte* weight, long weightStride, int k, float* sums);
}

/// <summary>The dot products in plain loops: the reference.</summary>
internal sealed unsafe class ScalarDotKernel<TLoad>() : DotKernel(TLoad.Type, rowTile: 4, mostRows: 4)
    where TLoad : IFloatLoad
{
    public override string Name => $"scalar dot {RowTile}×{WeightRows}";

    public override long BlockBytes(int rows, int k) => 4L * rows * k;

    public override void Prepare(float* x, long stride, int rows, int k, byte* block)
    {
        for (int row = 0; row < rows; row++) RowConversion.ToF32(ElementType.F32, x + (row * stride), k, (float*)block + ((long)row * k));
    }

    public override void Run(int rows, byte* block, byte* weight, long weightStride, int k, float* sums)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int w = 0; w < WeightRows; w++)
            {
                float sum = 0;
                for (int i = 0; i < k; i++) sum += ((float*)block)[((long)row * k) + i] * TLoad.Load(weight + (w * weightStride), i);
                sums[(row * WeightRows) + w] = sum;
            }
        }
    }
}
