namespace Sirocco.Compute;

/// <summary>
/// A recording of operations for reverse-mode differentiation. Give one to <see cref="ComputeContext.BeginScope(Precision, Tape?, CancellationToken)"/>,
/// compute, then call <see cref="Backward"/>: gradients of parameters are added to <see cref="Parameter.Gradient"/>, gradients of watched inputs can be read
/// with <see cref="Gradient"/>. A tape is used for one backward pass.
/// </summary>
public sealed class Tape : IDisposable
{
    private readonly List<Node> nodes = [];
    private readonly HashSet<Tensor> tracked = [];
    private readonly HashSet<Tensor> watched = [];
    private readonly Dictionary<Parameter, int> uses = [];
    private readonly Dictionary<Tensor, Tensor> gradients = [];
    private bool ran;

    /// <summary>Called when the last contribution to a parameter's gradient has been added, in backward order.</summary>
    public Action<Parameter>? ParameterGradientComplete { get; set; }

    /// <summary>Asks for the gradient of an input, to be read with <see cref="Gradient"/> after <see cref="Backward"/>.</summary>
    public void Watch(Tensor input)
    {
        tracked.Add(input);
        watched.Add(input);
    }

    /// <summary>Runs the recording backwards.</summary>
    /// <param name="output">Where to start: a tensor computed under this tape.</param>
    /// <param name="seed">dLoss/d<paramref name="output"/>, of the same shape; null means 1 and needs a [1, 1] output.</param>
    /// <param name="cancellation">
    /// Stops between operations. Gradients of parameters then hold a part of the sum: see <see cref="ParameterArena.ZeroGradients"/>.
    /// </param>
    /// <exception cref="InvalidOperationException">The tape has run backwards before, to its end or not.</exception>
    public void Backward(Tensor output, Tensor? seed = null, CancellationToken cancellation = default)
    {
        if (seed is null && output.Count != 1)
            throw new ArgumentException($"an output of {output.Rows} x {output.Columns} needs a seed gradient", nameof(seed));
        if (seed is not null && (seed.Rows != output.Rows || seed.Columns != output.Columns))
            throw new ArgumentException($"the seed gradient is {seed.Rows} x {seed.Columns}, the output {output.Rows} x {output.Columns}", nameof(seed));
        if (!tracked.Contains(output)) throw new ArgumentException("the output does not depend on anything this tape tracks", nameof(output));
        if (ran) throw new InvalidOperationException("a tape runs backwards once: record the computation again, on a tape of its own");
        ran = true;

        using BackwardPass pass = new(this, output.Context, cancellation);
        pass.Seed(output, seed);
        for (int i = nodes.Count - 1; i >= 0; i--)
        {
            cancellation.ThrowIfCancellationRequested();
            Node node = nodes[i];
            if (Array.Exists(node.Outputs, gradients.ContainsKey))
            {
                pass.Run(node.Backward);
                foreach (Tensor done in node.Outputs)
                {
                    if (!watched.Contains(done) && gradients.Remove(done, out Tensor? gradient)) gradient.Release();
                }
            }

            foreach (Parameter parameter in node.Parameters)
            {
                if (--uses[parameter] == 0) ParameterGradientComplete?.Invoke(parameter);
            }

            node.ReleaseSaved();
            nodes.RemoveAt(i);
        }
    }

    /// <summary>
    /// The gradient of a watched tensor after <see cref="Backward"/>; null where the output does not depend on it. Lives as long as the tape.
    /// </summary>
    public Tensor? Gradient(Tensor input) => gradients.GetValueOrDefault(input);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Node node in nodes) node.ReleaseSaved();
        nodes.Clear();
        foreach (Tensor gradient in gradients.Values) gradient.Release();
        gradients.Clear();
    }

    /// <summary>Whether a gradient must flow into this tensor.</summary>
    internal bool Tracks(Tensor tensor) => tracked.Contains(tensor);

    internal bool IsWatched(Tensor tensor) => watched.Contains(tensor);

    /// <summary>Records one operation.</summary>
    /// <param name="outputs">What it made.</param>
    /// <param name="parameters">Parameters that it read; those that are not trainable are left out.</param>
    /// <param name="saved">Tensors that <paramref name="backward"/> reads: they outlive their scopes until the backward pass.</param>
    /// <param name="backward">Reads gradients of the outputs, adds to those of inputs and parameters. Not called where no gradient reaches the outputs.</param>
    internal void Record(Tensor[] outputs, Parameter[] parameters, Tensor[] saved, Action<BackwardPass> backward)
    {
        foreach (Tensor output in outputs) tracked.Add(output);
        if (Array.Exists(parameters, p => !p.Trainable)) parameters = Array.FindAll(parameters, p => p.Trainable);
        foreach (Parameter parameter in parameters) uses[parameter] = uses.GetValueOrDefault(parameter) + 1;
        foreach (Tensor tensor in saved) tensor.Retain();
        nodes.Add(new Node(outputs, parameters, saved, backward));
    }

    internal Dictionary<Tensor, Tensor> Gradients => gradients;

    private sealed record Node(Tensor[] Outputs, Parameter[] Parameters, Tensor[] Saved, Action<BackwardPass> Backward)
    {
        public void ReleaseSaved()
        {
            foreach (Tensor tensor in Saved) tensor.Release();
        }
    }
}
