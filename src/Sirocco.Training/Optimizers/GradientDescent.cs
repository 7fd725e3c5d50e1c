using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>The end of a training step: clip the gradients of an arena, update at the step's rate.</summary>
/// <param name="context">The device.</param>
/// <param name="optimizer">Holds the moments.</param>
/// <param name="clipNorm">Largest global norm of a gradient; null switches clipping off.</param>
internal sealed class GradientDescent(ComputeContext context, Optimizer optimizer, double? clipNorm)
{
    /// <summary>Holds the moments.</summary>
    public Optimizer Optimizer => optimizer;

    /// <summary>Updates the masters; gradients are zero afterwards.</summary>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="weightDecay">Of this step.</param>
    /// <returns>Global norm of the gradient before clipping.</returns>
    /// <exception cref="TrainingDivergedException">The gradient is not finite; nothing has been updated, and the gradients are zero.</exception>
    public float Update(double learningRate, double weightDecay)
    {
        float norm = context.Norm(optimizer.Arena.Gradients);
        if (!float.IsFinite(norm))
        {
            optimizer.Arena.ZeroGradients();
            throw new TrainingDivergedException($"the gradient's norm is {norm}");
        }

        optimizer.Step(learningRate, weightDecay, GradientClipping.Factor(norm, clipNorm));
        return norm;
    }
}

/// <summary>Training has left the finite numbers; the message names the step and the examples.</summary>
public sealed class TrainingDivergedException(string message, Exception? inner = null) : Exception(message, inner);
