using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>Stochastic gradient descent, with or without momentum, as torch.optim.SGD.</summary>
public sealed class Sgd : Optimizer
{
    private readonly SgdCoefficients[] coefficients;
    private readonly ArenaSlice? buffers;

    /// <param name="context">The device that runs the updates.</param>
    /// <param name="arena">What is trained.</param>
    /// <param name="options">Momentum, dampening and decay.</param>
    /// <param name="group">How each parameter is trained; null means <see cref="ParameterGroup.MatricesDecay"/>.</param>
    /// <exception cref="ArgumentException">A setting is outside its range.</exception>
    public Sgd(ComputeContext context, ParameterArena arena, OptimizerOptions options, Func<Parameter, ParameterGroup>? group = null)
        : base(context, arena, options, group)
    {
        coefficients = new SgdCoefficients[arena.Parameters.Count];
        if (Options.Momentum != 0) buffers = arena.NewBlock();
        States = buffers is null ? [] : [new OptimizerState("momentum_buffer", buffers)];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<OptimizerState> States { get; }

    private protected override void Prepare(int parameter, bool active, long step, double learningRate, double weightDecay) =>
        coefficients[parameter] = new SgdCoefficients
        {
            Active = active,
            LearningRate = (float)learningRate,
            Decay = (float)weightDecay,
            Keep = step == 1 ? 0 : (float)Options.Momentum,
            Take = step == 1 ? 1 : (float)(1 - Options.Dampening),
            LookAhead = Options.Nesterov ? (float)Options.Momentum : 0,
        };

    private protected override void Update(float gradientScale) => Context.Sgd(Arena, buffers, Ranges, coefficients, gradientScale);
}
