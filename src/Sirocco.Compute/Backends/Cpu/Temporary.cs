// Stand-ins until the real matrix engine lands: the `kernels` branch deletes this file when it brings ThreadTeam, CpuBackend, Operand, Gemm and QuantizedWeight.
namespace Sirocco.Compute.Backends.Cpu;

internal interface IWork
{
    void Execute(int item, int worker);
}

internal sealed class ThreadTeam(int threads) : IDisposable
{
    public int Threads { get; } = threads;

    public void Run<TWork>(ref TWork work, int items)
        where TWork : struct, IWork
    {
        for (int i = 0; i < items; i++) work.Execute(i, Threads - Threads);
    }

    public void Dispose()
    {
    }
}

internal sealed class CpuBackend(int threads, bool deterministic) : IDisposable
{
    public ThreadTeam Team { get; } = new(threads);

    public bool Deterministic { get; } = deterministic;

    public void Dispose() => Team.Dispose();
}

internal readonly unsafe struct Operand
{
    public void* Data { get; init; }

    public ElementType Type { get; init; }

    public int Rows { get; init; }

    public int Columns { get; init; }

    public long Stride { get; init; }

    public bool Transposed { get; init; }

    public float At(int row, int column)
    {
        if (Transposed) (row, column) = (column, row);
        long i = (row * Stride) + column;
        return Type switch
        {
            ElementType.F32 => ((float*)Data)[i],
            ElementType.BF16 => BitConverter.UInt32BitsToSingle((uint)((ushort*)Data)[i] << 16),
            _ => (float)((Half*)Data)[i],
        };
    }
}

internal sealed class QuantizedWeight : IDisposable
{
    public static QuantizedWeight Quantize(CpuBackend backend, in Operand weight) => throw new NotSupportedException($"int8 weights of {weight.Rows} rows on {backend.Team.Threads} threads");

    public void Dispose()
    {
    }
}

internal static unsafe class Gemm
{
    /// <summary>C[m,n] (+)= op(A)[m,k] · op(B)[k,n]</summary>
    public static void Multiply(
        CpuBackend backend,
        in Operand a,
        in Operand b,
        float* c,
        long cStride,
        Precision precision,
        bool accumulate = false,
        float* residual = null,
        long residualStride = 0)
    {
        int m = a.Transposed ? a.Columns : a.Rows, k = a.Transposed ? a.Rows : a.Columns, n = b.Transposed ? b.Rows : b.Columns;
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float sum = 0;
                for (int p = 0; p < k; p++) sum += a.At(i, p) * b.At(p, j);
                if (accumulate) sum += c[(i * cStride) + j];
                if (residual != null) sum += residual[(i * residualStride) + j];
                c[(i * cStride) + j] = sum;
            }
        }
    }
}
