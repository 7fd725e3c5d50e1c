namespace Sirocco.Training;

/// <summary>Rules by which gradients change parameters.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019).</summary>
    AdamW,

    /// <summary>Adam with weight decay added to the gradient (Kingma and Ba 2015).</summary>
    Adam,

    /// <summary>Stochastic gradient descent with momentum, as torch.optim.SGD.</summary>
    Sgd,
}

/// <summary>The <c>optimizer</c> section of a recipe.</summary>
public sealed record OptimizerOptions
{
    /// <summary>The rule.</summary>
    public OptimizerKind Kind { get; init; } = OptimizerKind.AdamW;

    /// <summary>Learning rate, which a schedule then varies.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Weight decay of matrices; norms and biases have none.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Memory of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Memory of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Whether moments are corrected for their start at zero.</summary>
    public bool BiasCorrection { get; init; } = true;

    /// <summary>Whether Adam divides by the largest second moment so far (Reddi et al. 2018).</summary>
    public bool AmsGrad { get; init; }

    /// <summary>Memory of SGD's buffer; 0 for none.</summary>
    public double Momentum { get; init; }

    /// <summary>Share of the gradient that SGD's buffer does not take.</summary>
    public double Dampening { get; init; }

    /// <summary>Whether SGD looks ahead along its momentum (Nesterov).</summary>
    public bool Nesterov { get; init; }

    /// <summary>Bytes of moments that the rule keeps for every weight.</summary>
    internal int MomentBytes => sizeof(float) * (Kind == OptimizerKind.Sgd ? (Momentum > 0 ? 1 : 0) : AmsGrad ? 3 : 2);

    /// <exception cref="ArgumentException">A value is out of range; the message names the key.</exception>
    public void Validate()
    {
        if (!(LearningRate >= 0) || !double.IsFinite(LearningRate)) throw new ArgumentException($"lr is {LearningRate}; it must be at least 0");
        if (!(WeightDecay >= 0) || !double.IsFinite(WeightDecay)) throw new ArgumentException($"weight_decay is {WeightDecay}; it must be at least 0");
        if (Beta1 is not (>= 0 and < 1) || Beta2 is not (>= 0 and < 1))
            throw new ArgumentException($"betas are {Beta1} and {Beta2}; both must be at least 0 and below 1");
        if (!(Epsilon >= 0)) throw new ArgumentException($"eps is {Epsilon}; it must be at least 0");
        if (!(Momentum >= 0)) throw new ArgumentException($"momentum is {Momentum}; it must be at least 0");
        if (Nesterov && (Momentum == 0 || Dampening != 0)) throw new ArgumentException("nesterov needs momentum and no dampening");
    }
}
