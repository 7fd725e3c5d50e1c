using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

/// <summary>One drawn product: factors of any type, either way round, in rows with a gap between them, checked against sums in double.</summary>
internal sealed unsafe record GemmCase(int M, int N, int K, Stored A, Stored B, Precision Precision, bool Accumulate, bool Residual, int Gap)
{
    public static GemmCase Draw(Random random, int[] sizes)
    {
        int m = sizes[random.Next(sizes.Length)], n = sizes[random.Next(sizes.Length)], k = sizes[random.Next(sizes.Length)];
        int kind = random.Next(3);
        return new GemmCase(
            m, n, k, Stored.Draw(random, m, k), Stored.Draw(random, k, n, (ElementType)random.Next(5)), random.Next(2) == 0 ? Precision.F32 : Precision.BF16,
            kind == 1, kind == 2, random.Next(3));
    }

    public void Check(CpuBackend backend)
    {
        float[] c = new float[M * (N + Gap)], residual = new float[M * N];
        Random random = new(M + N + K);
        for (int i = 0; i < c.Length; i++)
            c[i] = random.NextSingle() - 0.5f;
        for (int i = 0; i < residual.Length; i++)
            residual[i] = random.NextSingle() - 0.5f;
        float[] before = (float[])c.Clone();

        fixed (byte* a = A.Bytes, b = B.Bytes)
        fixed (float* to = c, added = residual)
        {
            Gemm.Multiply(backend, A.Operand(a), B.Operand(b), to, N + Gap, Precision, Accumulate, Residual ? added : null, N);
        }

        // Rounding a factor to the 8 significant bits of bf16 is off by 2⁻⁸ of it at most, so a product of two by (1 + 2⁻⁸)² − 1.
        double unit = Precision == Precision.BF16 ? Math.Pow(2, -7) + Math.Pow(2, -15) : Math.Pow(2, -22);
        float[] left = A.Elements(M, K), right = B.Elements(K, N);
        for (int i = 0; i < M; i++)
        {
            for (int j = 0; j < N; j++)
            {
                double sum = Accumulate ? before[(i * (N + Gap)) + j] : Residual ? residual[(i * N) + j] : 0, magnitude = Math.Abs(sum);
                for (int k = 0; k < K; k++)
                {
                    double term = (double)left[(i * K) + k] * right[(k * N) + j];
                    sum += term;
                    magnitude += Math.Abs(term);
                }

                double error = Math.Abs(sum - c[(i * (N + Gap)) + j]);
                Assert.True(error <= magnitude * unit, $"{this} at [{i}, {j}]: {c[(i * (N + Gap)) + j]} instead of {sum}");
            }

            for (int j = N; j < N + Gap; j++)
                Assert.Equal(before[(i * (N + Gap)) + j], c[(i * (N + Gap)) + j]);
        }
    }
}

/// <summary>A matrix in memory as an <see cref="Operand"/> sees it.</summary>
internal sealed unsafe class Stored
{
    private readonly int rows, columns, stride;
    private readonly ElementType type;
    private readonly bool transposed;
    private readonly float scale = 1 / 448f;

    private Stored(int rows, int columns, int stride, ElementType type, bool transposed)
    {
        (this.rows, this.columns, this.stride, this.type, this.transposed) = (rows, columns, stride, type, transposed);
        Bytes = new byte[rows * stride * type.Size()];
    }

    public byte[] Bytes { get; }

    /// <summary>The factor's elements, row by row.</summary>
    public float[] Elements(int height, int width)
    {
        float[] elements = new float[height * width];
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
                elements[(row * width) + column] = transposed ? this[column, row] : this[row, column];
        }

        return elements;
    }

    /// <summary>A factor of the given size, stored in a drawn way and filled with numbers between −1 and 1; the gaps between rows hold NaN.</summary>
    public static Stored Draw(Random random, int height, int width, ElementType? type = null, bool? transposed = null)
    {
        bool turned = transposed ?? random.Next(2) == 0;
        (int rows, int columns) = turned ? (width, height) : (height, width);
        Stored stored = new(rows, columns, columns + random.Next(3), type ?? (ElementType)random.Next(3), turned);
        for (int i = 0; i < rows * stored.stride; i++)
        {
            float value = i % stored.stride < columns ? (random.NextSingle() * 2) - 1 : float.NaN;
            Span<byte> at = stored.Bytes.AsSpan(i * stored.type.Size());
            _ = stored.type switch
            {
                ElementType.F32 => BitConverter.TryWriteBytes(at, value),
                ElementType.BF16 => BitConverter.TryWriteBytes(at, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)),
                ElementType.F16 => BitConverter.TryWriteBytes(at, (Half)value),
                _ => Float8Reference.Write(stored.type, value, at),
            };
        }

        return stored;
    }

    private float this[int row, int column]
    {
        get
        {
            ReadOnlySpan<byte> at = Bytes.AsSpan(((row * stride) + column) * type.Size());
            return type switch
            {
                ElementType.F32 => BitConverter.ToSingle(at),
                ElementType.BF16 => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(at) << 16),
                ElementType.F16 => (float)BitConverter.ToHalf(at),
                _ => Float8Reference.Value(type, at[0], scale),
            };
        }
    }

    public Operand Operand(byte* data) =>
        new() { Data = data, Type = type, Scale = scale, Rows = rows, Columns = columns, Stride = stride, Transposed = transposed };

    public override string ToString() => $"{type} [{rows}, {columns}] stride {stride}{(transposed ? " transposed" : "")}";
}
