namespace Sirocco.Training;

/// <summary>Clipping by global norm, as torch's clip_grad_norm_.</summary>
public static class GradientClipping
{
    /// <summary>min(1, max / (norm + 1e-6)): what gradients of this norm are multiplied by. NaN for a NaN norm, so that it stays visible.</summary>
    /// <param name="norm">Global norm of all gradients.</param>
    /// <param name="maximum">Largest norm wanted; null switches clipping off.</param>
    public static float Factor(float norm, double? maximum)
    {
        if (maximum is not { } limit) return 1;
        float factor = (float)limit / (norm + 1e-6f);
        return factor > 1 ? 1 : factor;
    }
}
