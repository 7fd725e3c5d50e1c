using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// y[t,i] = x[t,i] / (1 − rate) or, with probability <paramref name="rate"/>, 0 (Srivastava et al. 2014). What is dropped is a pure function of seed, step,
    /// operation, token and feature, so a recomputed block drops the same and nothing is kept for the backward pass.
    /// </summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[tokens, features]</param>
    /// <param name="rate">0 ≤ rate &lt; 1; at 0 the result is <paramref name="x"/> itself.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="step">Of training.</param>
    /// <param name="operation">Which dropout of the network this is.</param>
    /// <param name="firstToken">Number of the first row's token.</param>
    /// <returns>[tokens, features]</returns>
    public static Tensor Dropout(this Scope f, Tensor x, float rate, ulong seed, ulong step, ulong operation, long firstToken = 0)
    {
        if (!(rate >= 0 && rate < 1)) throw new ArgumentOutOfRangeException(nameof(rate), rate, "a dropout rate is at least 0 and less than 1");
        if (rate == 0) return x;
        ulong key = Mix(Mix(Mix(seed) + step) + operation) + (ulong)firstToken;
        Tensor y = f.New(x.Rows, x.Columns);
        if (x.Type == ElementType.BF16) DropoutRow<LoadBF16>.Run(x, y, rate, key, accumulate: false);
        else DropoutRow<LoadF32>.Run(x, y, rate, key, accumulate: false);
        if (f.Records([x])) Record(f.Tape!, x, rate, key, y);
        return y;

        static void Record(Tape tape, Tensor x, float rate, ulong key, Tensor y) => tape.Record([y], [], [], pass =>
        {
            Tensor dx = pass.Target(x, out bool add);
            DropoutRow<LoadF32>.Run(pass.Gradient(y), dx, rate, key, add);
        });
    }

    /// <summary>Dropout by the scope's <see cref="Scope.DropoutDraw"/>; where that is null the result is <paramref name="x"/> itself.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[tokens, features]</param>
    /// <param name="rate">0 ≤ rate &lt; 1</param>
    /// <param name="operation">Which dropout of the network this is.</param>
    /// <returns>[tokens, features]</returns>
    public static Tensor Dropout(this Scope f, Tensor x, float rate, ulong operation) =>
        f.DropoutDraw is { } draw ? f.Dropout(x, rate, draw.Seed, draw.Pass, operation, draw.FirstToken) : x;

    /// <summary>
    /// One step of SplitMix64 (Steele, Lea and Flood 2014): a bijection whose outputs for consecutive inputs are independent for our purpose.
    /// </summary>
    private static ulong Mix(ulong z)
    {
        z += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    private struct DropoutRow<TLoad> : IRowKernel
        where TLoad : IFloatLoad
    {
        private void* from;
        private float* to;
        private int columns;
        private float rate;
        private ulong key;
        private bool accumulate;

        public static void Run(Tensor from, Tensor to, float rate, ulong key, bool accumulate)
        {
            DropoutRow<TLoad> drop = new()
            {
                from = from.Pointer,
                to = to.Data,
                columns = to.Columns,
                rate = rate,
                key = key,
                accumulate = accumulate,
            };
            RowDriver.Rows(to.Context.Backend, to.Rows, 4 * to.Columns, drop);
        }

        public readonly void Row(int row)
        {
            long first = (long)row * columns;
            float* y = to + first;
            float scale = 1 / (1 - rate);
            uint dropped = (uint)(rate * (double)(1L << 32));
            ulong token = Mix(key + (ulong)row), bits = 0;
            for (int i = 0; i < columns; i++)
            {
                // One draw serves two features.
                bits = i % 2 == 0 ? Mix(token + (ulong)i) : bits >> 32;
                float value = (uint)bits < dropped ? 0 : TLoad.Load(from, first + i) * scale;
                y[i] = accumulate ? y[i] + value : value;
            }
        }
    }
}
