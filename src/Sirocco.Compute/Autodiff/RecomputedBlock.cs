namespace Sirocco.Compute;

/// <summary>
/// What a block reads while it runs unrecorded for the first time (<see cref="Scope.Recomputed"/>). The tape must know its parameters, so that a
/// parameter's gradient is called complete after its last use and not before, and must keep the tensors that it reads from outside, such as a rotary table.
/// </summary>
internal sealed class RecomputedBlock(Tape tape, Tensor input)
{
    private readonly HashSet<Tensor> inside = [];

    /// <summary>Trainable parameters that the block read, each once.</summary>
    public HashSet<Parameter> Parameters { get; } = [];

    /// <summary>The block's input and what else it read that it did not make.</summary>
    public HashSet<Tensor> Outside { get; } = [input];

    /// <summary>A tensor was made inside the block.</summary>
    public void Made(Tensor tensor) => inside.Add(tensor);

    /// <exception cref="InvalidOperationException">
    /// The block reads a tensor that needs a gradient and is not its input: running it again would lose that gradient.
    /// </exception>
    public void Note(ReadOnlySpan<Tensor> inputs, ReadOnlySpan<Parameter> parameters)
    {
        foreach (Parameter parameter in parameters)
        {
            if (parameter.Trainable) Parameters.Add(parameter);
        }

        foreach (Tensor read in inputs)
        {
            if (inside.Contains(read) || read == input) continue;
            if (tape.Tracks(read))
            {
                throw new InvalidOperationException(
                    $"a recomputed block reads {read}, which needs a gradient and is not the block's input; compute it inside the block");
            }
            Outside.Add(read);
        }
    }
}
