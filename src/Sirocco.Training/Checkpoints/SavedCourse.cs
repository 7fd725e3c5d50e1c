namespace Sirocco.Training;

/// <summary>What a checkpoint keeps of a <see cref="ParameterSchedule"/>: the values that the original's scheduler keeps, by its names.</summary>
/// <param name="MaxLr">Highest learning rate.</param>
/// <param name="MinLr">Lowest.</param>
/// <param name="LrWarmupSteps">Steps of warm-up.</param>
/// <param name="LrDecaySteps">Steps until the lowest is reached.</param>
/// <param name="LrDecayStyle">The course after warm-up.</param>
/// <param name="StartWd">Weight decay at the start.</param>
/// <param name="EndWd">Weight decay at the end.</param>
/// <param name="WdIncrSteps">Steps from the one to the other.</param>
/// <param name="WdIncrStyle">How it goes there.</param>
/// <param name="WsdDecaySteps">Last steps that a WSD course falls over, which the original takes from the recipe; null for other courses.</param>
/// <param name="LrWsdDecayStyle">How it falls.</param>
internal sealed record SavedCourse(
    double MaxLr,
    double MinLr,
    int LrWarmupSteps,
    int LrDecaySteps,
    DecayStyle LrDecayStyle,
    double StartWd,
    double EndWd,
    int WdIncrSteps,
    WeightDecayGrowth WdIncrStyle,
    int? WsdDecaySteps = null,
    FinalDecayStyle? LrWsdDecayStyle = null)
{
    public static SavedCourse Of(ParameterSchedule schedule)
    {
        bool falls = schedule.Style == DecayStyle.WarmupStableDecay;
        return new SavedCourse(
            schedule.Maximum,
            schedule.Minimum,
            schedule.WarmupSteps,
            schedule.DecaySteps,
            schedule.Style,
            schedule.StartWeightDecay,
            schedule.EndWeightDecay,
            schedule.WeightDecaySteps,
            schedule.WeightDecayStyle,
            falls ? schedule.FinalDecaySteps : null,
            falls ? schedule.FinalDecay : null);
    }

    /// <summary>The schedule of a resumed run.</summary>
    /// <param name="own">As its recipe has it.</param>
    /// <param name="options">Which of the two counts.</param>
    /// <param name="file">Where this was read, for messages.</param>
    /// <exception cref="InvalidDataException">They differ, and the recipe says that they must not; or they do not fit together.</exception>
    public ParameterSchedule Apply(ParameterSchedule own, ParameterScheduleOptions options, string file)
    {
        if (options.OverrideSavedCourse) return own;
        if (!options.KeepSavedCourse && this != Of(own))
        {
            throw new InvalidDataException($"{file}: course is not the recipe's lr_scheduler; "
                + "give the same values, or set lr_scheduler.override_opt_param_scheduler or use_checkpoint_opt_param_scheduler to true");
        }
        ParameterSchedule course = own with
        {
            Maximum = MaxLr,
            Minimum = MinLr,
            WarmupSteps = LrWarmupSteps,
            DecaySteps = LrDecaySteps,
            Style = LrDecayStyle,
            StartWeightDecay = StartWd,
            EndWeightDecay = EndWd,
            WeightDecaySteps = WdIncrSteps,
            WeightDecayStyle = WdIncrStyle,
            FinalDecaySteps = WsdDecaySteps ?? own.FinalDecaySteps,
            FinalDecay = LrWsdDecayStyle ?? own.FinalDecay,
        };
        try
        {
            course.RequireFinalDecay(course.DecaySteps);
            return course;
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException(
                $"{file}: course: {e.Message}; give it in lr_scheduler, or set override_opt_param_scheduler there to take the recipe's course", e);
        }
    }
}
