using System.Runtime.InteropServices;

namespace Sirocco.Compute;

/// <summary>What an operation sees while its backward runs: gradients of its outputs to read, gradients of its inputs to write or add to.</summary>
internal sealed unsafe class BackwardPass : IDisposable
{
    private readonly Tape tape;
    private readonly ComputeContext context;
    private readonly List<(Tensor Output, Tensor Input)> passed = [];
    private Scope? scope;

    internal BackwardPass(Tape tape, ComputeContext context, CancellationToken cancellation)
    {
        Cancellation = cancellation;
        this.tape = tape;
        this.context = context;
    }

    /// <summary>Asks to stop between operations.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>For temporaries; freed when the operation's backward returns.</summary>
    public Scope Scope => scope ?? throw new InvalidOperationException("no operation is running backwards");

    /// <summary>dLoss/d<paramref name="output"/>; zeros where no gradient reached it (another output of the same operation had one).</summary>
    public Tensor Gradient(Tensor output) => tape.Gradients.TryGetValue(output, out Tensor? gradient) ? gradient : Scope.Zeros(output.Rows, output.Columns);

    /// <summary>Whether a gradient of this input is wanted.</summary>
    public bool Wants(Tensor input) => tape.Tracks(input);

    /// <summary>
    /// The buffer of an input's gradient. Where <paramref name="add"/> is true it holds earlier contributions, to be added to; where false its contents
    /// are undefined and every element must be written.
    /// </summary>
    public Tensor Target(Tensor input, out bool add)
    {
        add = tape.Gradients.TryGetValue(input, out Tensor? gradient);
        if (!add) tape.Gradients[input] = gradient = new Tensor(context, input.Rows, input.Columns, ElementType.F32);
        return gradient!;
    }

    /// <summary>Adds a gradient that lies in a tensor of its own.</summary>
    public void Add(Tensor input, Tensor gradient)
    {
        if (!Wants(input)) return;
        Tensor target = Target(input, out bool add);
        RowDriver.Flat(context.Backend, target.Count, new Contribution { From = gradient.Data, To = target.Data, Count = target.Count, Add = add });
    }

    /// <summary>
    /// Passes the gradient of <paramref name="output"/> on to <paramref name="input"/> unchanged, as a residual connection does, once the operation's backward
    /// has returned: until then it may be read, wherever in the backward this stands.
    /// </summary>
    public void PassOn(Tensor output, Tensor input)
    {
        if (Wants(input)) passed.Add((output, input));
    }

    internal void Seed(Tensor output, Tensor? seed)
    {
        Tensor gradient = new(context, output.Rows, output.Columns, ElementType.F32);
        tape.Gradients[output] = gradient;
        if (seed is null) *gradient.Data = 1;
        else NativeMemory.Copy(seed.Data, gradient.Data, (nuint)(seed.Count * sizeof(float)));
    }

    internal void Run(Action<BackwardPass> backward)
    {
        using (scope = context.BeginScope(cancellation: Cancellation))
        {
            backward(this);
            for (int i = 0; i < passed.Count; i++) HandOver(passed[i].Output, passed[i].Input, isLast: !IsPassedAfter(i));
            passed.Clear();
        }

        scope = null;
    }

    private bool IsPassedAfter(int index)
    {
        for (int later = index + 1; later < passed.Count; later++)
        {
            if (passed[later].Output == passed[index].Output) return true;
        }

        return false;
    }

    /// <summary>The buffer of the output's gradient becomes the input's where nobody else needs it; otherwise it is added.</summary>
    private void HandOver(Tensor output, Tensor input, bool isLast)
    {
        Tensor gradient = Gradient(output);
        if (isLast && !tape.Gradients.ContainsKey(input) && !tape.IsWatched(output) && tape.Gradients.Remove(output)) tape.Gradients[input] = gradient;
        else Add(input, gradient);
    }

    public void Dispose() => scope?.Dispose();

    private struct Contribution : IRowKernel
    {
        public float* From, To;
        public long Count;
        public bool Add;

        public readonly void Row(int row)
        {
            long first = (long)row * RowDriver.FlatRow;
            VectorRow.Copy(From + first, To + first, (int)Math.Min(RowDriver.FlatRow, Count - first), Add);
        }
    }
}
