using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed unsafe class LinearTests
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 7, 13, 16, 17, 63, 64, 65, 128, 300];

    public static TheoryData<string, Precision> MachinesAndPrecisions
    {
        get
        {
            TheoryData<string, Precision> combinations = [];
            foreach (string machine in Machines.Names)
            {
                foreach (Precision precision in Enum.GetValues<Precision>())
                    combinations.Add(machine, precision);
            }

            return combinations;
        }
    }

    public static TheoryData<string> AllMachines => [.. Machines.Names];

    [Theory]
    [MemberData(nameof(MachinesAndPrecisions))]
    public void Several_weights_share_one_input(string machine, Precision precision)
    {
        using CpuBackend backend = Machines.Create(machine);
        Random random = new(3);
        for (int trial = 0; trial < 12; trial++)
        {
            int m = Draw(random), k = Draw(random);
            using LinearLayer q = new(backend, random, Draw(random), k, precision), v = new(backend, random, Draw(random), k, precision);
            float[] x = Uniform(random, m * k), yq = new float[m * q.Outputs], yv = new float[m * v.Outputs], residual = Uniform(random, m * v.Outputs);
            fixed (float* from = x, toQ = yq, toV = yv, added = residual)
            {
                LinearOutput[] outputs = [q.To(toQ), v.To(toV, added)];
                Gemm.Linear(backend, Operand.Dense(from, ElementType.F32, m, k), outputs, precision);
            }

            float[] expectedQ = q.Expected(x, m), expectedV = v.Expected(x, m);
            for (int i = 0; i < expectedV.Length; i++)
                expectedV[i] += residual[i];
            AssertClose(expectedQ, yq, k, precision);
            AssertClose(expectedV, yv, k, precision);
        }
    }

    [Theory]
    [MemberData(nameof(MachinesAndPrecisions))]
    public void A_gated_pair_is_silu_of_the_gate_times_up(string machine, Precision precision)
    {
        using CpuBackend backend = Machines.Create(machine);
        Random random = new(4);
        for (int trial = 0; trial < 12; trial++)
        {
            int m = Draw(random), k = Draw(random), f = Draw(random);
            using LinearLayer gate = new(backend, random, f, k, precision), up = new(backend, random, f, k, precision);
            float[] x = Uniform(random, m * k), y = new float[m * f], keptGate = new float[m * f], keptUp = new float[m * f];
            bool keep = trial % 2 == 0;
            fixed (float* from = x, to = y, toGate = keptGate, toUp = keptUp)
            {
                GatedOutput output = new(to, keep ? toGate : null, keep ? toUp : null, ElementType.F32, f);
                Gemm.GatedLinear(backend, Operand.Dense(from, ElementType.F32, m, k), gate.To(null), up.To(null), output, precision);
            }

            float[] expectedGate = gate.Expected(x, m), expectedUp = up.Expected(x, m);
            if (keep)
            {
                AssertClose(expectedGate, keptGate, k, precision);
                AssertClose(expectedUp, keptUp, k, precision);
            }

            float[] expected = new float[m * f];
            for (int i = 0; i < expected.Length; i++)
                expected[i] = (float)(expectedGate[i] / (1 + Math.Exp(-expectedGate[i])) * expectedUp[i]);
            AssertClose(expected, y, 4 * k, precision);
        }
    }

    [Theory]
    [MemberData(nameof(MachinesAndPrecisions))]
    public void A_gated_pair_in_bf16_is_the_rounding_of_the_one_in_f32(string machine, Precision precision)
    {
        using CpuBackend backend = Machines.Create(machine);
        Random random = new(6);
        for (int trial = 0; trial < 6; trial++)
        {
            int m = Draw(random), k = Draw(random), f = Draw(random), size = m * f;
            using LinearLayer gate = new(backend, random, f, k, precision), up = new(backend, random, f, k, precision);
            float[] x = Uniform(random, m * k), exact = new float[3 * size];
            ushort[] rounded = new ushort[3 * size];
            fixed (float* from = x, to = exact)
            fixed (ushort* toRounded = rounded)
            {
                Operand input = Operand.Dense(from, ElementType.F32, m, k);
                GatedOutput whole = new(to, to + size, to + (2 * size), ElementType.F32, f);
                GatedOutput half = new(toRounded, toRounded + size, toRounded + (2 * size), ElementType.BF16, f);
                Gemm.GatedLinear(backend, input, gate.To(null), up.To(null), whole, precision);
                Gemm.GatedLinear(backend, input, gate.To(null), up.To(null), half, precision);
            }

            Assert.Equal(Array.ConvertAll(exact, Widening.ToBF16), rounded);
        }
    }

    [Theory]
    [MemberData(nameof(AllMachines))]
    public void Int8_sums_are_exact_integers_even_at_the_extremes(string machine)
    {
        // All values ±127 times a power of two: quantisation loses nothing, and vpmaddubsw-style 16-bit sums would saturate.
        using CpuBackend backend = Machines.Create(machine, threads: 1);
        Random random = new(5);
        int m = 7, n = 66, k = 203;
        float[] x = new float[m * k], w = new float[n * k], y = new float[m * n];
        for (int i = 0; i < x.Length; i++)
            x[i] = random.Next(2) == 0 ? 127 : -127;
        for (int i = 0; i < w.Length; i++)
            w[i] = random.Next(4) == 0 ? -127 : 127;
        fixed (float* from = x, weight = w, to = y)
        {
            QuantizedWeight quantized = QuantizedWeight.Quantize(backend, Operand.Dense(weight, ElementType.F32, n, k));
            Gemm.Linear(backend, Operand.Dense(from, ElementType.F32, m, k), [new LinearOutput(quantized, to, n)], Precision.Int8);
        }

        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = 0;
                for (int p = 0; p < k; p++)
                    sum += x[(i * k) + p] * w[(j * k) + p];
                Assert.Equal((float)sum, y[(i * n) + j]);
            }
        }
    }

    [Fact]
    public void A_row_that_is_not_finite_spoils_only_itself_in_int8()
    {
        using CpuBackend backend = new(1);
        Random random = new(6);
        int m = 3, n = 20, k = 40;
        float[] x = Uniform(random, m * k), y = new float[m * n];
        x[k + 7] = float.NaN;
        using LinearLayer layer = new(backend, random, n, k, Precision.Int8);
        fixed (float* from = x, to = y)
            Gemm.Linear(backend, Operand.Dense(from, ElementType.F32, m, k), [layer.To(to)], Precision.Int8);
        Assert.All(y[..n], value => Assert.True(float.IsFinite(value)));
        Assert.All(y[n..(2 * n)], value => Assert.True(float.IsNaN(value)));
        Assert.All(y[(2 * n)..], value => Assert.True(float.IsFinite(value)));
    }

    private static int Draw(Random random) => Sizes[random.Next(Sizes.Length)];

    private static float[] Uniform(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (random.NextSingle() * 2) - 1;
        return values;
    }

    /// <summary>Inputs and weights are in [−1, 1]: each of k products is off by one rounding of a factor at most.</summary>
    private static void AssertClose(float[] expected, float[] actual, int k, Precision precision)
    {
        double unit = precision switch { Precision.F32 => 2e-7, Precision.BF16 => 4e-3, _ => 5e-7 };
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= (k + 1) * unit, $"[{i}] is {actual[i]} instead of {expected[i]} (k = {k})");
    }

    /// <summary>A weight with its products in double. For int8 the reference quantises by its own plain formula, so that only the sums are compared.</summary>
    private sealed class LinearLayer : IDisposable
    {
        private readonly float[] weight;
        private readonly int inputs;
        private readonly System.Runtime.InteropServices.GCHandle pin;
        private readonly QuantizedWeight? quantized;

        public LinearLayer(CpuBackend backend, Random random, int outputs, int inputs, Precision precision)
        {
            (Outputs, this.inputs) = (outputs, inputs);
            weight = Uniform(random, outputs * inputs);
            pin = System.Runtime.InteropServices.GCHandle.Alloc(weight, System.Runtime.InteropServices.GCHandleType.Pinned);
            if (precision == Precision.Int8)
                quantized = QuantizedWeight.Quantize(backend, Stored);
        }

        public int Outputs { get; }

        private Operand Stored => Operand.Dense((void*)pin.AddrOfPinnedObject(), ElementType.F32, Outputs, inputs);

        public LinearOutput To(float* result, float* residual = null) => quantized == null
            ? new LinearOutput(Stored, result, Outputs, residual, Outputs)
            : new LinearOutput(quantized, result, Outputs, residual, Outputs);

        public float[] Expected(float[] x, int m)
        {
            (float[] left, float[] right) = quantized == null ? (x, weight) : (Rounded(x), Rounded(weight));
            float[] y = new float[m * Outputs];
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < Outputs; j++)
                {
                    double sum = 0;
                    for (int p = 0; p < inputs; p++)
                        sum += (double)left[(i * inputs) + p] * right[(j * inputs) + p];
                    y[(i * Outputs) + j] = (float)sum;
                }
            }

            return y;
        }

        public void Dispose()
        {
            pin.Free();
        }

        private float[] Rounded(float[] rows)
        {
            float[] rounded = new float[rows.Length];
            for (int row = 0; row < rows.Length; row += inputs)
            {
                for (int first = row; first < row + inputs; first += PanelKernel.Group)
                {
                    int end = Math.Min(first + PanelKernel.Group, row + inputs);
                    float scale = 0;
                    for (int i = first; i < end; i++)
                        scale = Math.Max(scale, Math.Abs(rows[i]));
                    scale /= 127;
                    float inverse = 1 / scale;
                    for (int i = first; i < end; i++)
                        rounded[i] = MathF.Round(rows[i] * inverse) * scale;
                }
            }

            return rounded;
        }
    }
}
