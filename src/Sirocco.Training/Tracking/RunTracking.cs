using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Everybody who follows a run: its own records in its folder, then whoever the caller has sent.</summary>
internal sealed class RunTracking : TrainingObserver, IDisposable
{
    private readonly List<TrainingObserver> observers;

    private RunTracking(List<TrainingObserver> observers) => this.observers = observers;

    /// <param name="recipe">Says which records a run keeps, and where.</param>
    /// <param name="origin">Where the recipe came from, or null.</param>
    /// <param name="context">The device.</param>
    /// <param name="data">The data and what they are for.</param>
    /// <param name="firstStep">The step that the run begins with or goes on from.</param>
    /// <param name="caller">Told last.</param>
    public static RunTracking Open(
        RetrievalRecipe recipe, RunOrigin? origin, ComputeContext context,
        IEnumerable<(string Use, RetrievalDatasetOptions Options, RetrievalDataset Dataset)> data, int firstStep, TrainingObserver caller)
    {
        string folder = recipe.Checkpoint.Folder;
        JsonObject? configuration = origin is null ? null : RecipeJson.From(YamlReader.Read(origin.Configuration, "configuration"));
        List<TrainingObserver> observers = [];
        try
        {
            observers.Add(new MetricsLog(folder));
            observers.Add(new TensorBoardLog(Path.Combine(folder, "tensorboard"), firstStep));
            observers.Add(new RunFile(recipe, origin?.Command, configuration, context, data, firstStep));
            if (recipe.Wandb is { } wandb && WandbLog.IsWanted(wandb)) observers.Add(new WandbLog(wandb, recipe, configuration, caller.Noted));
            return new RunTracking([.. observers, caller]);
        }
        catch
        {
            foreach (IDisposable opened in observers.OfType<IDisposable>()) opened.Dispose();
            throw;
        }
    }

    public override void Started(TrainingPlan plan) => observers.ForEach(observer => observer.Started(plan));

    public override void Stepped(TrainingRecord record) => observers.ForEach(observer => observer.Stepped(record));

    public override void Validating(int done, int total) => observers.ForEach(observer => observer.Validating(done, total));

    public override void Validated(ValidationRecord record) => observers.ForEach(observer => observer.Validated(record));

    public override void Saved(string checkpoint) => observers.ForEach(observer => observer.Saved(checkpoint));

    public override void Finished(EncoderModel model, IReadOnlyList<Parameter> trained) => observers.ForEach(observer => observer.Finished(model, trained));

    public override void Ended(RunOutcome outcome) => observers.ForEach(observer => observer.Ended(outcome));

    public override void Noted(string message) => observers.ForEach(observer => observer.Noted(message));

    public override void Warned(string message) => observers.ForEach(observer => observer.Warned(message));

    /// <summary>Tells how a run failed. Records that cannot be written any more, as on a full or withdrawn disk, do not hide the failure itself.</summary>
    public void Failed(Exception failure)
    {
        foreach (TrainingObserver observer in observers)
        {
            try
            {
                observer.Ended(RunOutcome.Of(failure));
            }
            catch (Exception second) when (second is IOException or UnauthorizedAccessException)
            {
                Warned(second.Message);
            }
        }
    }

    /// <summary>Closes the run's own records; the caller's observer is the caller's.</summary>
    public void Dispose()
    {
        foreach (IDisposable own in observers[..^1].OfType<IDisposable>()) own.Dispose();
    }
}
