namespace Sirocco.Training;

/// <summary>The course of the learning rate after warm-up, by the names of a recipe's <c>lr_decay_style</c>.</summary>
public enum DecayStyle
{
    /// <summary>Stays at the maximum.</summary>
    Constant,

    /// <summary>Straight down to the minimum.</summary>
    Linear,

    /// <summary>Half a cosine down to the minimum.</summary>
    Cosine,

    /// <summary>max·√warm-up/√step.</summary>
    InverseSquareRoot,

    /// <summary>Stays, then falls over the last steps as <see cref="FinalDecayStyle"/> says (warm-up, stable, decay).</summary>
    WarmupStableDecay,
}

/// <summary>How <see cref="DecayStyle.WarmupStableDecay"/> falls.</summary>
public enum FinalDecayStyle
{
    /// <summary>1 − u.</summary>
    Linear,

    /// <summary>(1 + cos πu)/2.</summary>
    Cosine,

    /// <summary>2·0.5ᵘ − 1.</summary>
    Exponential,

    /// <summary>1 − √u.</summary>
    MinusSquareRoot,
}

/// <summary>How weight decay goes from its first to its last value.</summary>
public enum WeightDecayGrowth
{
    /// <summary>It does not.</summary>
    Constant,

    /// <summary>In a straight line.</summary>
    Linear,

    /// <summary>In half a cosine.</summary>
    Cosine,
}

/// <summary>The <c>lr_scheduler</c> section of a recipe; what is null follows from the optimizer and the length of the run.</summary>
public sealed record ParameterScheduleOptions
{
    /// <summary>Steps of warm-up; null means a tenth of the run, 1,000 at most.</summary>
    public int? WarmupSteps { get; init; }

    /// <summary>Steps until the minimum is reached, warm-up included; null means the run.</summary>
    public int? DecaySteps { get; init; }

    /// <summary>The course after warm-up.</summary>
    public DecayStyle Style { get; init; } = DecayStyle.Cosine;

    /// <summary>Learning rate at the start of warm-up; null means a tenth of the optimizer's.</summary>
    public double? Initial { get; init; }

    /// <summary>Highest learning rate; null means the optimizer's.</summary>
    public double? Maximum { get; init; }

    /// <summary>Lowest learning rate; null means a hundredth of the optimizer's.</summary>
    public double? Minimum { get; init; }

    /// <summary>
    /// use_checkpoint_opt_param_scheduler: a resumed run keeps the course that its checkpoint was on; false: the recipe must give the same course.
    /// </summary>
    public bool KeepSavedCourse { get; init; } = true;

    /// <summary>override_opt_param_scheduler: a resumed run takes the recipe's course whatever its checkpoint was on.</summary>
    public bool OverrideSavedCourse { get; init; }

    /// <summary>Weight decay at the start; null means the optimizer's.</summary>
    public double? StartWeightDecay { get; init; }

    /// <summary>Weight decay at the end; null means the optimizer's.</summary>
    public double? EndWeightDecay { get; init; }

    /// <summary>Steps from the first weight decay to the last; null means the run.</summary>
    public int? WeightDecaySteps { get; init; }

    /// <summary>How weight decay changes.</summary>
    public WeightDecayGrowth WeightDecayStyle { get; init; }

    /// <summary>Last steps that <see cref="DecayStyle.WarmupStableDecay"/> falls over.</summary>
    public int? FinalDecaySteps { get; init; }

    /// <summary>How <see cref="DecayStyle.WarmupStableDecay"/> falls.</summary>
    public FinalDecayStyle? FinalDecay { get; init; }
}

/// <summary>
/// Learning rate and weight decay as functions of the number of steps done, in the formulas of Megatron's and NeMo AutoModel's OptimizerParamScheduler.
/// </summary>
public sealed record ParameterSchedule
{
    private ParameterSchedule()
    {
    }

    /// <summary>Learning rate before the first step of warm-up.</summary>
    public required double Initial { get; init; }

    /// <summary>Highest learning rate.</summary>
    public required double Maximum { get; init; }

    /// <summary>Lowest learning rate.</summary>
    public required double Minimum { get; init; }

    /// <summary>Steps of warm-up.</summary>
    public required int WarmupSteps { get; init; }

    /// <summary>Steps until the minimum is reached.</summary>
    public required int DecaySteps { get; init; }

    /// <summary>The course after warm-up.</summary>
    public required DecayStyle Style { get; init; }

    /// <summary>Weight decay at the start.</summary>
    public required double StartWeightDecay { get; init; }

    /// <summary>Weight decay at the end.</summary>
    public required double EndWeightDecay { get; init; }

    /// <summary>Steps from the first weight decay to the last.</summary>
    public required int WeightDecaySteps { get; init; }

    /// <summary>How weight decay changes.</summary>
    public required WeightDecayGrowth WeightDecayStyle { get; init; }

    /// <summary>Last steps that <see cref="DecayStyle.WarmupStableDecay"/> falls over.</summary>
    public required int? FinalDecaySteps { get; init; }

    /// <summary>How <see cref="DecayStyle.WarmupStableDecay"/> falls.</summary>
    public required FinalDecayStyle? FinalDecay { get; init; }

    /// <summary>No schedule: the optimizer's own values throughout.</summary>
    public static ParameterSchedule Constant(double learningRate, double weightDecay) => Resolve(
        new ParameterScheduleOptions { Style = DecayStyle.Constant, WarmupSteps = 0, Initial = 0, Minimum = 0 },
        learningRate,
        weightDecay,
        1);

    /// <summary>Fills in what a recipe leaves open, and checks.</summary>
    /// <param name="options">The section.</param>
    /// <param name="learningRate">The optimizer's.</param>
    /// <param name="weightDecay">The optimizer's.</param>
    /// <param name="totalSteps">Length of the run.</param>
    /// <exception cref="ArgumentException">Settings contradict each other; the message names the keys.</exception>
    public static ParameterSchedule Resolve(ParameterScheduleOptions options, double learningRate, double weightDecay, int totalSteps)
    {
        ArgumentNullException.ThrowIfNull(options);
        ParameterSchedule schedule = new()
        {
            Initial = options.Initial ?? (0.1 * learningRate),
            Maximum = options.Maximum ?? learningRate,
            Minimum = options.Minimum ?? (0.01 * learningRate),
            WarmupSteps = options.WarmupSteps ?? Math.Min(1000, totalSteps / 10),
            DecaySteps = options.DecaySteps ?? totalSteps,
            Style = options.Style,
            StartWeightDecay = options.StartWeightDecay ?? weightDecay,
            EndWeightDecay = options.EndWeightDecay ?? weightDecay,
            WeightDecaySteps = options.WeightDecaySteps ?? totalSteps,
            WeightDecayStyle = options.WeightDecayStyle,
            FinalDecaySteps = options.FinalDecaySteps,
            FinalDecay = options.FinalDecay,
        };
        schedule.Validate();
        schedule.RequireFinalDecay(totalSteps);
        return schedule;
    }

    /// <summary>Learning rate of a step.</summary>
    /// <param name="done">Steps done before it.</param>
    public double LearningRate(int done) => LearningRate(done, Maximum, Minimum);

    /// <summary>Learning rate of a parameter group with a range of its own.</summary>
    /// <param name="done">Steps done before.</param>
    /// <param name="maximum">Of the group.</param>
    /// <param name="minimum">Of the group.</param>
    public double LearningRate(int done, double maximum, double minimum)
    {
        if (WarmupSteps > 0 && done <= WarmupSteps) return Initial + ((maximum - Initial) * done / WarmupSteps);
        if (Style == DecayStyle.Constant) return maximum;
        if (done > DecaySteps) return minimum;
        if (Style == DecayStyle.InverseSquareRoot) return Math.Max(minimum, maximum * Math.Sqrt(Math.Max(WarmupSteps, 1)) / Math.Sqrt(Math.Max(done, 1)));
        double ratio = (double)(done - WarmupSteps) / (DecaySteps - WarmupSteps);
        double share = Style switch
        {
            DecayStyle.Linear => 1 - ratio,
            DecayStyle.Cosine => 0.5 * (Math.Cos(Math.PI * ratio) + 1),
            _ => StableShare(done),
        };
        return minimum + (share * (maximum - minimum));
    }

    /// <summary>Weight decay of a step.</summary>
    /// <param name="done">Steps done before it.</param>
    public double WeightDecay(int done)
    {
        if (done > WeightDecaySteps || WeightDecayStyle == WeightDecayGrowth.Constant) return EndWeightDecay;
        double ratio = WeightDecaySteps == 0 ? 1 : (double)done / WeightDecaySteps;
        double share = WeightDecayStyle == WeightDecayGrowth.Linear ? ratio : 0.5 * (Math.Cos(Math.PI * (1 - ratio)) + 1);
        return StartWeightDecay + (share * (EndWeightDecay - StartWeightDecay));
    }

    private double StableShare(int done)
    {
        int into = done - (DecaySteps - FinalDecaySteps!.Value);
        if (into <= 0) return 1;
        double u = (double)into / FinalDecaySteps.Value;
        return FinalDecay switch
        {
            FinalDecayStyle.Linear => 1 - u,
            FinalDecayStyle.Cosine => 0.5 * (Math.Cos(Math.PI * u) + 1),
            FinalDecayStyle.Exponential => (2 * Math.Pow(0.5, u)) - 1,
            _ => 1 - Math.Sqrt(u),
        };
    }

    /// <summary>Refuses <see cref="DecayStyle.WarmupStableDecay"/> without what says how it falls, where a run of so many steps gets as far.</summary>
    /// <exception cref="ArgumentException">It is missing; the message names the key.</exception>
    internal void RequireFinalDecay(int totalSteps)
    {
        if (Style != DecayStyle.WarmupStableDecay) return;
        if (FinalDecaySteps is not { } steps) throw new ArgumentException("lr_decay_style WSD needs wsd_decay_steps");
        bool falls = Math.Min(totalSteps, DecaySteps) > Math.Max(WarmupSteps, (long)DecaySteps - steps);
        if (falls && FinalDecay is null)
        {
            throw new ArgumentException(
                "lr_decay_style WSD needs lr_wsd_decay_style, since the run reaches its last decay: linear, cosine, exponential or minus_sqrt");
        }
    }

    private void Validate()
    {
        if (!(Minimum >= 0)) throw new ArgumentException($"min_lr is {Minimum}; it must not be negative");
        if (!(Minimum <= Maximum)) throw new ArgumentException($"min_lr {Minimum} is above max_lr {Maximum}");
        if (!(Initial <= Maximum)) throw new ArgumentException($"init_lr {Initial} is above max_lr {Maximum}");
        if (WarmupSteps < 0) throw new ArgumentException($"lr_warmup_steps is {WarmupSteps}; it must not be negative");
        if (DecaySteps <= 0) throw new ArgumentException($"lr_decay_steps is {DecaySteps}; it must be positive");
        if (WarmupSteps >= DecaySteps)
        {
            throw new ArgumentException($"lr_warmup_steps {WarmupSteps} is not below lr_decay_steps {DecaySteps} (the length of the run, unless given); "
                + $"lower it, for instance to {DecaySteps / 10}");
        }
        if (!(StartWeightDecay >= 0) || !(EndWeightDecay >= StartWeightDecay))
            throw new ArgumentException($"start_wd {StartWeightDecay} must be at least 0 and at most end_wd {EndWeightDecay}");
        if (WeightDecayStyle == WeightDecayGrowth.Constant && StartWeightDecay != EndWeightDecay)
            throw new ArgumentException($"wd_incr_style constant needs start_wd {StartWeightDecay} and end_wd {EndWeightDecay} to be equal");
    }
}
