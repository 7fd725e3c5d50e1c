using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// One run of a recipe whose model and objective are there: from its first step, or from where its folder's newest checkpoint stands, to its last.
/// </summary>
/// <typeparam name="TBatch">A collator's batches.</typeparam>
/// <param name="recipe">Sizes, rules and places.</param>
/// <param name="setup">Data, steps, and where the run goes on.</param>
/// <param name="context">The device.</param>
/// <param name="model">What trains, with its adapter where it has one.</param>
/// <param name="objective">What is minimised.</param>
/// <param name="precision">Of matrix products.</param>
internal sealed class TrainingRun<TBatch>(
    RetrievalRecipe recipe, RunSetup<TBatch> setup, ComputeContext context, EncoderModel model, TrainingObjective<TBatch> objective, Precision precision)
    where TBatch : ExampleBatch
{
    private readonly StepScheduler scheduler = setup.Scheduler;
    private readonly TrainingValidation<TBatch>? validation = TrainingValidation<TBatch>.Of(setup, model, context, precision);
    private readonly EarlyStopping? stopping = recipe.EarlyStopping is { } options ? new EarlyStopping(options) : null;

    /// <summary>Is told of every step.</summary>
    public required TrainingObserver Observer { get; init; }

    /// <summary>Where recipe and run come from, or null.</summary>
    public RunOrigin? Origin { get; init; }

    /// <summary>Asks the run to end in order.</summary>
    public CancellationToken StopAfterStep { get; init; }

    /// <summary>What trains beside the model: a distillation's projection.</summary>
    private IReadOnlyList<Parameter> OwnParameters => objective.Projection?.Parameters ?? [];

    /// <summary>Runs it; once only.</summary>
    /// <param name="cancellation">Stops between layers; the step in progress is dropped.</param>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite; the message names the last good checkpoint.</exception>
    public RunOutcome Run(CancellationToken cancellation)
    {
        // 1. Weights, gradients and moments.
        if (setup.Folder is not null) ModelArtifacts.Require(recipe, model, objective.Projection);
        model.Decoder.Recompute = recipe.Distributed.RecomputeActivations;
        TrainingMemory.Require(objective.Parameters.Sum(parameter => parameter.Count), recipe.Optimizer);
        ParameterArena arena = new(objective.Parameters);
        if (recipe.InitialWeights is { } start) InitialWeights.Read(start, model, OwnParameters);
        Optimizer optimizer = Optimizer.Create(context, arena, recipe.Optimizer, GroupOf);

        // 2. Where they were left, if the run goes on.
        RunCheckpoints? checkpoints = setup.Folder is { } folder
            ? new RunCheckpoints(folder, recipe, model, objective.Projection, optimizer, scheduler, stopping, Origin?.Configuration)
            {
                Schedule = setup.Schedule,
            }
            : null;
        StopAfterStep.ThrowIfCancellationRequested();
        checkpoints?.Resume(setup.Source, Observer.Warned);
        using RetrievalTrainer<TBatch> trainer = new(
            context,
            objective,
            optimizer,
            checkpoints?.Schedule ?? setup.Schedule,
            scheduler,
            setup.Loader,
            recipe.ClipNorm,
            (ulong)recipe.Seed,
            recipe.StepScheduler.LossWindowSteps);
        if (setup.Source is { } source) Observer.Resumed(source, scheduler.Step);

        // 3. Steps, of which the run's own records and the observer are told.
        using RunTracking tracking = RunTracking.Open(recipe, Origin, context, setup.Sets, scheduler.Step, Observer);
        tracking.Started(Plan(arena));
        RunOutcome outcome;
        try
        {
            outcome = Steps(trainer, checkpoints, tracking, cancellation);
            tracking.Finished(model, arena.Parameters);
        }
        catch (Exception failure)
        {
            Exception told = failure is TrainingDivergedException && checkpoints is not null
                ? new TrainingDivergedException(
                    $"{failure.Message}; {(checkpoints.Last is { } last ? $"the last good checkpoint is {last}" : "no checkpoint was saved before")}", failure)
                : failure;
            tracking.Failed(told);
            if (told != failure) throw told;
            throw;
        }

        tracking.Ended(outcome);
        return outcome;
    }

    private RunOutcome Steps(RetrievalTrainer<TBatch> trainer, RunCheckpoints? checkpoints, RunTracking tracking, CancellationToken cancellation)
    {
        ValidationRecord? lastValidation = null;
        RunOutcome? ended = stopping?.Verdict is { } verdict ? new RunOutcome(RunStatus.StoppedEarly, verdict) : null;
        for (; !scheduler.IsDone && ended is null; scheduler.Advance())
        {
            // 1. Train.
            TrainingRecord record = trainer.Step(cancellation);
            tracking.Stepped(record);

            // 2. Validate, except where the run is asked to end.
            ValidationRecord? validated = null;
            if (validation is not null && scheduler.IsValidationStep && !StopAfterStep.IsCancellationRequested)
            {
                validated = Validate(tracking.Validating, cancellation);
                if (validated is not null)
                {
                    lastValidation = validated;
                    tracking.Validated(validated);
                    if (stopping?.Observe(validated) is { } reason) ended = new RunOutcome(RunStatus.StoppedEarly, reason);
                }
            }

            // 3. Save.
            bool isLast = scheduler.IsLast || ended is not null, asked = !isLast && StopAfterStep.IsCancellationRequested;
            if (checkpoints is not null && (scheduler.IsCheckpointStep || isLast || asked))
            {
                checkpoints.Save(record, validated, isLast, cancellation);
                tracking.Saved(checkpoints.Last!);
            }

            if (asked)
            {
                ended = new RunOutcome(
                    RunStatus.Cancelled,
                    $"stopped after step {record.Step}{(checkpoints is null ? "" : $", saved as {checkpoints.Last}; the same command goes on from there")}");
            }
        }

        return (ended ?? new RunOutcome(RunStatus.Completed)) with
        {
            Steps = scheduler.Done,
            Checkpoint = checkpoints?.Last,
            ModelFolder = checkpoints?.Last is { } newest ? ModelArtifacts.Find(newest) : null,
            LastValidation = lastValidation,
        };
    }

    /// <summary>A validation; null where the run is asked to end before it is done: whoever asks may not have the time that it takes.</summary>
    private ValidationRecord? Validate(Action<int, int> progress, CancellationToken cancellation)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, StopAfterStep);
        try
        {
            return validation!.Run(objective, scheduler.Step, scheduler.Epoch, progress, either.Token);
        }
        catch (OperationCanceledException) when (StopAfterStep.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    private ParameterGroup GroupOf(Parameter parameter)
    {
        ParameterGroup group = objective.GroupOf(parameter);
        return recipe.ParameterSchedule is null ? group : group.Scheduled(recipe.Optimizer.WeightDecay);
    }

    private TrainingPlan Plan(ParameterArena arena) => new(
        Parameters: model.Parameters.Concat(OwnParameters).Sum(parameter => parameter.Count),
        Trained: arena.Parameters.Sum(parameter => parameter.Count),
        Examples: setup.Loader.Dataset.Count,
        Steps: scheduler.TotalSteps,
        FirstStep: scheduler.Step,
        precision,
        Folder: recipe.Checkpoint.Folder);
}
