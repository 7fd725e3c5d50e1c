using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What a run tells while it goes on. Every method does nothing unless overridden.</summary>
public abstract class TrainingObserver
{
    /// <summary>A data set comes from the hub; told before anything else.</summary>
    public virtual void Downloading(HubProgress progress)
    {
    }

    /// <summary>The run goes on from a checkpoint; told before <see cref="Started"/>.</summary>
    /// <param name="checkpoint">Its folder.</param>
    /// <param name="step">The next step, from 0.</param>
    public virtual void Resumed(string checkpoint, int step)
    {
    }

    /// <summary>Everything is loaded; the first step follows.</summary>
    public virtual void Started(TrainingPlan plan)
    {
    }

    /// <summary>A step is done.</summary>
    public virtual void Stepped(TrainingRecord record)
    {
    }

    /// <summary>A validation goes on.</summary>
    /// <param name="done">Queries or documents so far.</param>
    /// <param name="total">Of how many.</param>
    public virtual void Validating(int done, int total)
    {
    }

    /// <summary>A validation is done.</summary>
    public virtual void Validated(ValidationRecord record)
    {
    }

    /// <summary>A checkpoint is complete.</summary>
    /// <param name="checkpoint">Its folder.</param>
    public virtual void Saved(string checkpoint)
    {
    }

    /// <summary>No step follows: all are done, or the run was stopped in order.</summary>
    /// <param name="model">The trained model, which is closed when this returns.</param>
    /// <param name="trained">The weights that changed: the model's, its adapter's, a projection.</param>
    public virtual void Finished(EncoderModel model, IReadOnlyList<Parameter> trained)
    {
    }

    /// <summary>Nothing more follows, however the run ended; told once after <see cref="Started"/>.</summary>
    public virtual void Ended(RunOutcome outcome)
    {
    }

    /// <summary>Something good to know, and no cause of concern.</summary>
    public virtual void Noted(string message)
    {
    }

    /// <summary>Something that the user should know.</summary>
    public virtual void Warned(string message)
    {
    }

    internal sealed class Silent : TrainingObserver;
}

/// <summary>What a run is about to do.</summary>
/// <param name="Parameters">Weights of the model.</param>
/// <param name="Trained">Weights that change.</param>
/// <param name="Examples">Training examples.</param>
/// <param name="Steps">Steps of the run.</param>
/// <param name="FirstStep">The step that follows, from 0: above it where the run goes on or starts later.</param>
/// <param name="Precision">Of matrix products.</param>
/// <param name="Folder">Where logs and checkpoints go.</param>
public sealed record TrainingPlan(long Parameters, long Trained, int Examples, int Steps, int FirstStep, Precision Precision, string Folder);

/// <summary>How a run ended.</summary>
public enum RunStatus
{
    /// <summary>All its steps are done.</summary>
    Completed,

    /// <summary>Its validation metric no longer became better (<see cref="EarlyStoppingOptions"/>).</summary>
    StoppedEarly,

    /// <summary>Its user, or a preemption, stopped it.</summary>
    Cancelled,

    /// <summary>An error stopped it.</summary>
    Failed,
}

/// <summary>How a run ended, and why.</summary>
/// <param name="Status">How.</param>
/// <param name="Reason">One line; null where the status says all.</param>
public sealed record RunOutcome(RunStatus Status, string? Reason = null)
{
    /// <summary>Steps done, those before it went on included.</summary>
    public int Steps { get; init; }

    /// <summary>Folder of the newest checkpoint, which the same recipe goes on from; null where there is none.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>
    /// The folder in it that <see cref="Embedder"/> and <see cref="Reranker"/> load, or, of a run with an adapter, the adapter's; null where no export was due.
    /// </summary>
    public string? ModelFolder { get; init; }

    /// <summary>What the last validation measured, or null.</summary>
    public ValidationRecord? LastValidation { get; init; }

    /// <summary>The outcome of a run that an exception ends.</summary>
    internal static RunOutcome Of(Exception failure) =>
        failure is OperationCanceledException ? new RunOutcome(RunStatus.Cancelled) : new RunOutcome(RunStatus.Failed, failure.Message);
}

/// <summary>Where a run's recipe came from.</summary>
/// <param name="Configuration">The effective configuration as YAML (<see cref="ResolvedRecipe{TRecipe}.Configuration"/>).</param>
/// <param name="Command">The command line that starts the same run again, word by word.</param>
public sealed record RunOrigin(string Configuration, IReadOnlyList<string> Command);
