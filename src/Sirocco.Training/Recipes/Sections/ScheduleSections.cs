using System.Runtime.InteropServices;

namespace Sirocco.Training;

/// <summary>The sections of steps and updates: <c>step_scheduler</c>, <c>optimizer</c>, <c>lr_scheduler</c>.</summary>
internal static class ScheduleSections
{
    public static StepSchedulerOptions StepScheduler(SectionReader section)
    {
        StepSchedulerOptions defaults = new();
        StepSchedulerOptions options = new()
        {
            GlobalBatchSize = section.Int("global_batch_size", defaults.GlobalBatchSize, 1),
            LocalBatchSize = section.Int("local_batch_size", defaults.LocalBatchSize, 1),
            Epochs = section.OptionalInt("num_epochs", defaults.Epochs, 1),
            MaxSteps = section.OptionalInt("max_steps", defaults.MaxSteps, 1),
            CheckpointEverySteps = section.OptionalInt("ckpt_every_steps", defaults.CheckpointEverySteps, 1),
            CheckpointEveryEpoch = section.Bool("save_checkpoint_every_epoch", defaults.CheckpointEveryEpoch),
            ValidateOnCheckpoint = section.Bool("validate_on_checkpoint", defaults.ValidateOnCheckpoint),
            ValidateEverySteps = section.OptionalInt("val_every_steps", defaults.ValidateEverySteps, 1),
            LogRemoteEverySteps = section.Int("log_remote_every_steps", defaults.LogRemoteEverySteps, 1),
            LossWindowSteps = section.Int("loss_average_window_steps", defaults.LossWindowSteps, 1),
            PreemptionSignals = [.. section.List(
                "preemption_signal",
                SignalName.Expected,
                section.Keys.Contains("preemption_signal") ? [] : [.. defaults.PreemptionSignals.Select(signal => (PosixSignal?)signal)],
                SignalName.Read).Select(signal => signal!.Value)],
            StartStep = section.Int("start_step", defaults.StartStep, 0),
            StartEpoch = section.Int("start_epoch", defaults.StartEpoch, 0),
        };
        section.Ignore("gc_every_steps", "dp_size", "dataloader");
        section.Finish();
        section.Check(options.Validate);
        return options;
    }

    public static OptimizerOptions Optimizer(SectionReader section)
    {
        TargetKind target = section.Target(
            TargetKind.FusedAdam, TargetKind.AdamW, TargetKind.Adam, TargetKind.Sgd, TargetKind.FusedAdamConfig, TargetKind.AdamWConfig, TargetKind.AdamConfig,
            TargetKind.FlashAdamWConfig, TargetKind.DionConfig);
        if (target == TargetKind.DionConfig)
            throw section.Wrong("_target_", "adamw, adam, fused_adam or sgd: optimizers of the Dion family (muon, normuon, dion, dion2) are not supported");
        OptimizerOptions options = target == TargetKind.Sgd ? StochasticGradientDescent(section) : Adam(section, target);
        section.Ignore("fused", "foreach", "capturable", "differentiable", "set_grad_none");
        if (section.OptionalBool("maximize", false) == true) throw section.Wrong("maximize", "false: a loss is made smaller");
        section.Finish();
        section.Check(options.Validate);
        return options;
    }

    public static ParameterScheduleOptions? ParameterSchedule(SectionReader? section)
    {
        if (section is null) return null;
        ParameterScheduleOptions options = new()
        {
            WarmupSteps = section.OptionalInt("lr_warmup_steps", null, 0),
            DecaySteps = section.OptionalInt("lr_decay_steps", null, 1),
            Style = section.Choice(
                "lr_decay_style",
                DecayStyle.Cosine,
                ("cosine", DecayStyle.Cosine),
                ("linear", DecayStyle.Linear),
                ("constant", DecayStyle.Constant),
                ("inverse-square-root", DecayStyle.InverseSquareRoot),
                ("WSD", DecayStyle.WarmupStableDecay)),
            Initial = section.OptionalNumber("init_lr", null, double.NegativeInfinity),
            Maximum = section.OptionalNumber("max_lr", null),
            Minimum = section.OptionalNumber("min_lr", null),
            StartWeightDecay = section.OptionalNumber("start_wd", null),
            EndWeightDecay = section.OptionalNumber("end_wd", null),
            WeightDecaySteps = section.OptionalInt("wd_incr_steps", null, 0),
            WeightDecayStyle = section.Choice(
                "wd_incr_style",
                WeightDecayGrowth.Constant,
                ("constant", WeightDecayGrowth.Constant),
                ("linear", WeightDecayGrowth.Linear),
                ("cosine", WeightDecayGrowth.Cosine)),
            KeepSavedCourse = section.Bool("use_checkpoint_opt_param_scheduler", true),
            OverrideSavedCourse = section.Bool("override_opt_param_scheduler", false),
            FinalDecaySteps = section.OptionalInt("wsd_decay_steps", null),
            FinalDecay = section.OptionalChoice<FinalDecayStyle>(
                "lr_wsd_decay_style",
                null,
                ("linear", FinalDecayStyle.Linear),
                ("cosine", FinalDecayStyle.Cosine),
                ("exponential", FinalDecayStyle.Exponential),
                ("minus_sqrt", FinalDecayStyle.MinusSquareRoot)),
        };
        section.Finish();
        return options;
    }

    private static OptimizerOptions Adam(SectionReader section, TargetKind target)
    {
        // Settings that are left out are those of the component named: torch's and TransformerEngine's classes, and the original's typed configurations of
        // them, have their own.
        bool typed = target is TargetKind.FusedAdamConfig or TargetKind.AdamWConfig or TargetKind.AdamConfig or TargetKind.FlashAdamWConfig;
        bool fused = target is TargetKind.FusedAdam or TargetKind.FusedAdamConfig;
        bool decoupled = fused ? section.Bool("adam_w_mode", true) : target is TargetKind.AdamW or TargetKind.AdamWConfig or TargetKind.FlashAdamWConfig;
        IReadOnlyList<double> betas = section.Has("betas") ? section.Numbers("betas", 0) : [0.9, 0.999];
        if (betas.Count != 2) throw section.Wrong("betas", "two numbers, such as [0.9, 0.999]");
        OptimizerOptions options = new()
        {
            Kind = decoupled ? OptimizerKind.AdamW : OptimizerKind.Adam,
            LearningRate = section.Number("lr", typed ? 1e-4 : 1e-3),
            WeightDecay = section.Number("weight_decay", typed || target == TargetKind.AdamW ? 0.01 : 0),
            Beta1 = betas[0],
            Beta2 = betas[1],
            Epsilon = section.Number("eps", 1e-8),
            BiasCorrection = !fused || section.Bool("bias_correction", true),
            AmsGrad = section.Bool("amsgrad", false),
        };
        if (target == TargetKind.FlashAdamWConfig) section.Ignore("master_weight_bits"); // masters are f32 here
        if (fused)
        {
            // Weights have f32 masters and moments here, whatever is asked for.
            if (section.OptionalBool("master_weights", true) == false) section.Ignore("master_weights");
            foreach (string key in (string[])["master_weight_dtype", "exp_avg_dtype", "exp_avg_sq_dtype"])
            {
                if (section.Has(key) && section.OptionalText(key) is not ("float32" or "torch.float32")) section.Ignore(key);
            }
        }

        return options;
    }

    private static OptimizerOptions StochasticGradientDescent(SectionReader section) => new()
    {
        Kind = OptimizerKind.Sgd,
        LearningRate = section.Number("lr", 1e-3),
        WeightDecay = section.Number("weight_decay", 0),
        Momentum = section.Number("momentum", 0),
        Dampening = section.Number("dampening", 0),
        Nesterov = section.Bool("nesterov", false),
    };
}
