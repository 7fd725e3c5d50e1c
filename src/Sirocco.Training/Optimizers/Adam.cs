using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>Adam, with decoupled weight decay (AdamW: Loshchilov and Hutter 2019) or with decay in the gradient (Kingma and Ba 2015).</summary>
public sealed class Adam : Optimizer
{
    private readonly AdamCoefficients[] coefficients;
    private readonly ArenaSlice? maxima;

    /// <param name="context">The device that runs the updates.</param>
    /// <param name="arena">What is trained.</param>
    /// <param name="options">Betas, epsilon and decay; <see cref="OptimizerKind.Adam"/> couples the decay.</param>
    /// <param name="group">How each parameter is trained; null means <see cref="ParameterGroup.MatricesDecay"/>.</param>
    /// <exception cref="ArgumentException">A setting is outside its range.</exception>
    public Adam(ComputeContext context, ParameterArena arena, OptimizerOptions? options = null, Func<Parameter, ParameterGroup>? group = null)
        : base(context, arena, options, group)
    {
        coefficients = new AdamCoefficients[arena.Parameters.Count];
        FirstMoments = arena.NewBlock();
        SecondMoments = arena.NewBlock();
        if (Options.AmsGrad) maxima = arena.NewBlock();
        States = [new("exp_avg", FirstMoments), new("exp_avg_sq", SecondMoments), .. maxima is null ? [] : (OptimizerState[])[new("max_exp_avg_sq", maxima)]];
    }

    /// <summary>Running means of gradients, in the arena's layout.</summary>
    public ArenaSlice FirstMoments { get; }

    /// <summary>Running means of squared gradients, in the arena's layout.</summary>
    public ArenaSlice SecondMoments { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<OptimizerState> States { get; }

    private protected override void Prepare(int parameter, bool active, long step, double learningRate, double weightDecay)
    {
        bool decoupled = Options.Kind == OptimizerKind.AdamW;
        double first = Options.BiasCorrection ? 1 - Math.Pow(Options.Beta1, step) : 1, second = Options.BiasCorrection ? 1 - Math.Pow(Options.Beta2, step) : 1;
        coefficients[parameter] = new AdamCoefficients
        {
            Active = active,
            OneMinusBeta1 = (float)(1 - Options.Beta1),
            Beta2 = (float)Options.Beta2,
            OneMinusBeta2 = (float)(1 - Options.Beta2),
            Epsilon = (float)Options.Epsilon,
            Keep = decoupled ? (float)(1 - (learningRate * weightDecay)) : 1,
            CoupledDecay = decoupled ? 0 : (float)weightDecay,
            StepSize = (float)(learningRate / first),
            RootOfSecondCorrection = (float)Math.Sqrt(second),
        };
    }

    private protected override void Update(float gradientScale) =>
        Context.Adam(Arena, FirstMoments, SecondMoments, maxima, Ranges, coefficients, gradientScale);
}
