using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>What one update did.</summary>
/// <param name="LearningRate">Of this step.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
public readonly record struct UpdateReport(double LearningRate, float GradientNorm);

/// <summary>The end of a training step: clip the gradients of an arena, update by AdamW at the scheduled rate.</summary>
public sealed class GradientDescent
{
    private readonly ComputeContext context;

    /// <param name="context">The device.</param>
    /// <param name="optimizer">Holds the moments.</param>
    /// <param name="schedule">Gives the learning rate.</param>
    /// <param name="clipNorm">Largest global norm of a gradient; null switches clipping off.</param>
    public GradientDescent(ComputeContext context, Optimizer optimizer, LearningRateSchedule schedule, double? clipNorm)
    {
        this.context = context;
        Optimizer = optimizer;
        Schedule = schedule;
        ClipNorm = clipNorm;
    }

    /// <summary>Holds the moments.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>Gives the learning rate.</summary>
    public LearningRateSchedule Schedule { get; }

    /// <summary>Largest global norm of a gradient.</summary>
    public double? ClipNorm { get; }

    /// <summary>Updates the masters; gradients are zero afterwards.</summary>
    /// <param name="place">Place on the schedule: the step's number from 0, or a fraction of it.</param>
    /// <exception cref="TrainingDivergedException">The gradient is not finite; nothing has been updated.</exception>
    public UpdateReport Update(double place)
    {
        float norm = context.Norm(Optimizer.Arena.Gradients);
        if (!float.IsFinite(norm)) throw new TrainingDivergedException($"the gradient's norm is {norm}");
        double rate = Schedule.At(place);
        Optimizer.Step(rate, GradientClipping.Factor(norm, ClipNorm));
        return new UpdateReport(rate, norm);
    }
}

/// <summary>Training has left the finite numbers; the message names the step and the examples.</summary>
public sealed class TrainingDivergedException(string message) : Exception(message);
