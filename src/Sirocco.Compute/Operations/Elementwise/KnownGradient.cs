namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// A scalar whose derivatives the caller has computed: the way into the tape for losses that are cheaper to write down than to put together. Backward: dx
    /// += dy · gradient.
    /// </summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="value">The scalar.</param>
    /// <param name="inputs">What it was computed from, and its derivatives by each of their elements, row by row.</param>
    /// <returns>[1, 1]</returns>
    public static Tensor KnownGradient(this Scope f, float value, params ReadOnlySpan<(Tensor Input, float[] Gradient)> inputs)
    {
        Tensor y = f.New(1, 1);
        *y.Data = value;
        foreach ((Tensor input, float[] gradient) in inputs)
        {
            if (gradient.Length != input.Count)
                throw new ArgumentException($"{gradient.Length} derivatives for a matrix of {input.Rows} x {input.Columns}", nameof(inputs));
        }

        (Tensor Input, float[] Gradient)[] all = inputs.ToArray();
        if (f.Records(Array.ConvertAll(all, pair => pair.Input))) Record(f.Tape!, y, all);
        return y;

        static void Record(Tape tape, Tensor y, (Tensor Input, float[] Gradient)[] all) => tape.Record([y], [], [], pass =>
        {
            float dy = *pass.Gradient(y).Data;
            foreach ((Tensor input, float[] gradient) in all)
            {
                if (!pass.Wants(input)) continue;
                Tensor target = pass.Target(input, out bool add);
                fixed (float* from = gradient)
                    RowDriver.Flat(
                        input.Context.Backend, input.Count, new Multiple { X = from, Y = target.Data, Count = input.Count, Factor = dy, Accumulate = add });
            }
        });
    }
}
