namespace Sirocco.Training;

/// <summary>The course of the learning rate after warm-up.</summary>
public enum ScheduleShape
{
    /// <summary>Stays.</summary>
    Constant,

    /// <summary>Straight down to zero.</summary>
    Linear,

    /// <summary>Half a cosine, <see cref="LearningRateSchedule.Cycles"/> = 0.5 down to the minimum.</summary>
    Cosine,

    /// <summary>Cosine from the top again and again, <see cref="LearningRateSchedule.Cycles"/> times.</summary>
    CosineWithRestarts,

    /// <summary>(1 − progress)^<see cref="LearningRateSchedule.Power"/> from the peak to the minimum.</summary>
    Polynomial,

    /// <summary>1/√step.</summary>
    InverseSquareRoot,

    /// <summary>Constant, then a cosine over the last <see cref="LearningRateSchedule.DecaySteps"/>.</summary>
    WarmupStableDecay,
}

/// <summary>
/// Learning rate as a function of the step: linear warm-up, then a <see cref="ScheduleShape"/>. Formulas are those of
/// transformers' get_scheduler. Steps may be fractional, so that a run limited by time can follow the clock.
/// </summary>
public sealed record LearningRateSchedule
{
    /// <summary>The course after warm-up.</summary>
    public ScheduleShape Shape { get; init; } = ScheduleShape.Linear;

    /// <summary>Highest learning rate.</summary>
    public required double Peak { get; init; }

    /// <summary>Lowest learning rate at the end (and, for <see cref="ScheduleShape.WarmupStableDecay"/>, at the start).</summary>
    public double Minimum { get; init; }

    /// <summary>Steps of warm-up; step 0 has learning rate 0.</summary>
    public double WarmupSteps { get; init; }

    /// <summary>Steps of the whole run.</summary>
    public required double TotalSteps { get; init; }

    /// <summary>Last steps that <see cref="ScheduleShape.WarmupStableDecay"/> decays over.</summary>
    public double DecaySteps { get; init; }

    /// <summary>Waves of the cosine.</summary>
    public double Cycles { get; init; } = 0.5;

    /// <summary>Exponent of <see cref="ScheduleShape.Polynomial"/>.</summary>
    public double Power { get; init; } = 1;

    /// <summary>Learning rate of a step, counted from 0.</summary>
    public double At(double step)
    {
        if (step < WarmupSteps)
        {
            double start = Shape == ScheduleShape.WarmupStableDecay ? Minimum : 0;
            return start + ((Peak - start) * step / Math.Max(1, WarmupSteps));
        }

        double progress = (step - WarmupSteps) / Math.Max(1, TotalSteps - WarmupSteps);
        return Shape switch
        {
            ScheduleShape.Constant => Peak,
            ScheduleShape.Linear => Math.Max(Minimum, Peak * (1 - progress)),
            ScheduleShape.Cosine => Math.Max(0, Between(Cosine(2 * Cycles * progress))),
            ScheduleShape.CosineWithRestarts => progress >= 1 ? Minimum : Between(Cosine(Cycles * progress % 1)),
            ScheduleShape.Polynomial => step > TotalSteps ? Minimum : Between(Math.Pow(1 - progress, Power)),
            ScheduleShape.InverseSquareRoot => Peak / Math.Sqrt(step / (WarmupSteps > 0 ? WarmupSteps : 10_000)),
            ScheduleShape.WarmupStableDecay => StableThenDecay(step),
            _ => throw new InvalidOperationException($"there is no schedule {Shape}"),
        };
    }

    private double StableThenDecay(double step)
    {
        double into = step - (TotalSteps - DecaySteps);
        if (into < 0) return Peak;
        return into < DecaySteps ? Between(Cosine(into / Math.Max(1, DecaySteps))) : Minimum;
    }

    private double Between(double share) => Minimum + ((Peak - Minimum) * share);

    /// <summary>1 at 0, 0 at 1.</summary>
    private static double Cosine(double x) => 0.5 * (1 + Math.Cos(Math.PI * x));
}
