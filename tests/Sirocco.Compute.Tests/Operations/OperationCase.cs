using Sirocco.Compute.Tests.Kernels;

namespace Sirocco.Compute.Tests.Operations;

/// <summary>
/// One drawn case of an operation: inputs and parameters of given shapes with values between −1 and 1, checked against a reference in double. Gradients are
/// checked against central differences of the reference, taken in double (so their own error is near 1e-9 and the tolerance is that of f32 arithmetic).
/// </summary>
internal sealed class OperationCase(Random random)
{
    private readonly List<Variable> variables = [];

    public Random Random => random;

    /// <summary>A tensor that the operation reads.</summary>
    public Variable Input(int rows, int columns, double scale = 1) => Add(rows, columns, isParameter: false, scale);

    /// <summary>A trainable weight; a vector where <paramref name="rows"/> is 0.</summary>
    public Variable Parameter(int rows, int columns, double scale = 1) => Add(rows, columns, isParameter: true, scale);

    /// <summary>Compares values, then gradients with respect to everything.</summary>
    /// <param name="reference">The result in double, from every variable's values.</param>
    /// <param name="operation">The same by the engine.</param>
    /// <param name="tolerance">Of the largest value of a matrix.</param>
    /// <param name="machine">One of <see cref="Machines"/>; null: this one.</param>
    public void Check(Func<Values, double[]> reference, Func<Scope, Bound, Tensor> operation, double tolerance = 3e-6, string? machine = null)
    {
        double[] expected = reference(Values());
        int threads = 1 + random.Next(3);
        using ComputeContext context = machine is null ? new(new ComputeOptions { Threads = threads }) : new(Machines.Create(machine, threads));
        using (Scope f = context.BeginScope())
        {
            Close(expected, operation(f, new Bound(f, variables)).ToArray(), tolerance, "value");
        }

        double[] seed = [.. expected.Select(_ => (double)(float)((random.NextDouble() * 2) - 1))];
        Gradients(context, reference, operation, seed, expected, 10 * tolerance, times: 1);
        Gradients(context, reference, operation, seed, expected, 10 * tolerance, times: 2);
        Assert.Equal(0, context.BytesInUse);
    }

    private void Gradients(
        ComputeContext context, Func<Values, double[]> reference, Func<Scope, Bound, Tensor> operation, double[] seed, double[] expected, double tolerance,
        int times)
    {
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Bound bound = new(f, variables);
        bound.Train(tape);
        Tensor y = operation(f, bound);
        Close(expected, y.ToArray(), tolerance, "recorded value");
        if (times == 2) y = f.Add(y, operation(f, bound));
        tape.Backward(y, f.Upload([.. seed.Select(value => (float)value)], y.Rows, y.Columns));
        for (int i = 0; i < variables.Count; i++)
        {
            float[] actual = bound.Gradient(tape, i);
            string what = $"gradient of variable {i}, used {times} times,";

            // Single elements find a wrong place, a direction through all of them finds any wrong element.
            int count = actual.Length;
            int[] elements = [.. Enumerable.Range(0, Math.Min(count, 8)).Select(_ => random.Next(count))];
            double largest = Math.Max(actual.Select(Math.Abs).DefaultIfEmpty(0).Max(), 0.05);
            foreach (int element in elements)
            {
                double[] one = new double[count];
                one[element] = 1;
                Close([times * Difference(reference, seed, i, one)], [actual[element]], tolerance, what, largest);
            }

            double[] direction = [.. actual.Select(_ => (double)((2 * random.Next(2)) - 1))];
            double along = actual.Zip(direction, (gradient, sign) => gradient * sign).Sum();
            Close(
                [times * Difference(reference, seed, i, direction)],
                [(float)along],
                tolerance,
                what + " along a direction,",
                largest * Math.Sqrt(Math.Max(count, 1)));
        }
    }

    private double Difference(Func<Values, double[]> reference, double[] seed, int variable, double[] direction)
    {
        const double Step = 1e-5;
        double[] values = variables[variable].Values, before = [.. values];
        double[] At(double step)
        {
            for (int i = 0; i < values.Length; i++) values[i] = before[i] + (step * direction[i]);
            return reference(Values());
        }

        double[] above = At(Step), below = At(-Step);
        before.CopyTo(values, 0);
        double sum = 0;
        for (int i = 0; i < seed.Length; i++) sum += seed[i] * (above[i] - below[i]);
        return sum / (2 * Step);
    }

    public static void Close(double[] expected, float[] actual, double tolerance, string what, double largest = 0)
    {
        Assert.Equal(expected.Length, actual.Length);

        // Inputs are near 1: what is much smaller came from cancellation and carries their rounding.
        largest = Math.Max(largest, Math.Max(expected.Select(Math.Abs).DefaultIfEmpty(0).Max(), 0.05));
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs(expected[i] - actual[i]) / largest;
            Assert.True(
                error <= tolerance, $"{what} {i} of {expected.Length} is {actual[i]} instead of {expected[i]}, largest {largest}: {error:g3} > {tolerance:g3}");
        }
    }

    private Variable Add(int rows, int columns, bool isParameter, double scale)
    {
        double[] values = new double[Math.Max(rows, isParameter ? 1 : 0) * columns];
        for (int i = 0; i < values.Length; i++) values[i] = (float)(scale * ((random.NextDouble() * 2) - 1));
        variables.Add(new Variable(variables.Count, rows, columns, isParameter, values));
        return variables[^1];
    }

    private Values Values() => new(variables);
}

internal sealed record Variable(int Index, int Rows, int Columns, bool IsParameter, double[] Values);

/// <summary>Values of variables for the reference.</summary>
internal sealed class Values(List<Variable> variables)
{
    public double[] this[Variable variable] => variables[variable.Index].Values;
}

/// <summary>Variables as the engine's tensors and parameters.</summary>
internal sealed class Bound
{
    private readonly List<Variable> variables;
    private readonly Tensor?[] tensors;
    private readonly Parameter?[] parameters;

    public Bound(Scope f, List<Variable> variables)
    {
        this.variables = variables;
        tensors = [.. variables.Select(v => v.IsParameter ? null : f.Upload(Single(v), v.Rows, v.Columns))];
        parameters = [.. variables.Select(v => v.IsParameter ? Weight(v, Single(v)) : null)];
    }

    private static Parameter Weight(Variable v, float[] values) =>
        Parameter.FromValues($"weight {v.Index}", v.Rows == 0 ? [v.Columns] : [v.Rows, v.Columns], values);

    public Tensor Tensor(Variable variable) => tensors[variable.Index]!;

    public Parameter Weight(Variable variable) => parameters[variable.Index]!;

    public void Train(Tape tape)
    {
        _ = new ParameterArena(parameters.OfType<Parameter>());
        foreach (Tensor tensor in tensors.OfType<Tensor>()) tape.Watch(tensor);
    }

    public float[] Gradient(Tape tape, int variable)
    {
        if (parameters[variable] is { } parameter) return parameter.Gradient!.ToArray();
        return tape.Gradient(tensors[variable]!) is { } gradient ? gradient.ToArray() : new float[variables[variable].Values.Length];
    }

    private static float[] Single(Variable variable) => [.. variable.Values.Select(value => (float)value)];
}
