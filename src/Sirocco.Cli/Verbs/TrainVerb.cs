using System.CommandLine;
using System.Runtime.InteropServices;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Cli.Verbs.Train;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco train</c>: a retrieval recipe of NeMo AutoModel, as published.</summary>
internal sealed class TrainVerb : Verb, ITakesOverrides
{
    private readonly RecipeOptions recipe = new(
        "train", "recipe", "A YAML recipe; then overrides such as --step_scheduler.max_steps 20 or optimizer.lr=1e-5");

    private readonly Option<bool> explain = new("--explain") { Description = "Show what the recipe resolves to, sizes, memory and time; do not train" };

    private readonly Option<string?> initialWeights = new("--initial-weights")
    {
        Description = "Values of parameters that would start at random: score heads, adapters, projections",
        HelpName = "FILE.safetensors",
    };

    private readonly Option<bool> deterministic = new("--deterministic")
    {
        Description = "Results depend on nothing but recipe, data and number of threads, whatever the batch",
    };

    private readonly Option<int?> processes = CommonOptions.Integer("--nproc-per-node", "N", 1, 1 << 16,
        "Ranks of the original's command lines: "
            + "their rows, in-batch negatives and mean gradients, computed in this process one after the other; as distributed.dp_size");

    public TrainVerb()
        : base("train", "Trains a bi-encoder, a cross-encoder or a student by a recipe.",
            new Example(
                "a recipe as published, on a model and data of your own",
                "./sirocco train llama3_2_1b.yaml --model.pretrained_model_name_or_path ./llama --tokenizer.pretrained_model_name_or_path ./llama "
                    + "--dataset.data_dir_list train.jsonl"),
            new Example(
                "what a recipe will do, and where each value comes from",
                "./sirocco train llama3_2_1b.yaml --explain --model.pretrained_model_name_or_path ./llama"),
            new Example(
                "the same for a program",
                "./sirocco train --config llama3_2_1b.yaml --explain --json --step_scheduler.max_steps 20 --lr_scheduler.lr_warmup_steps=2"))
    {
        recipe.AddTo(this, explain, initialWeights, processes, CommonOptions.Threads, CommonOptions.Device, deterministic);
    }

    public Option<string[]> Overrides => recipe.Overrides;

    public override int Run(Invocation invocation)
    {
        int? ranks = invocation.Get(processes);
        string? start = invocation.Get(initialWeights);
        ResolvedRecipe<RetrievalRecipe> resolved = recipe.Read(invocation, (path, overrides) => Read(path, ranks, overrides));
        if (invocation.Get(explain))
        {
            if (start is not null) TensorArchive.Open(start).Dispose(); // what a run refuses before its first step
            RecipeListing.Write(invocation, resolved);
            return ExitStatus.Success;
        }

        ComputeOptions device = new() { Threads = invocation.Threads ?? 0, Deterministic = invocation.Get(deterministic) };
        using TrainingDisplay display = new(invocation);
        using CancellationTokenSource stop = new();
        RecipeRunner runner = new(device, display)
        {
            StopAfterStep = stop.Token,
            Locate = invocation.Model,
            Origin = new RunOrigin(resolved.Configuration, ["sirocco", .. Environment.GetCommandLineArgs()[1..]]),
        };
        IReadOnlyList<PosixSignal> preemption = resolved.Recipe.StepScheduler.PreemptionSignals;
        PosixSignal? received = null;
        Interruption? interruption = invocation.Interruption;
        using IDisposable? finishing = interruption?.Finish([PosixSignal.SIGINT, PosixSignal.SIGHUP, .. preemption], signal =>
        {
            received = signal;
            if (!display.HasStarted) interruption.Interrupt(); // downloads, data, model: nothing is there to be saved
            display.Stopping();
            stop.Cancel();
        });
        RunOutcome outcome = runner.Run(resolved.Recipe with { InitialWeights = start }, invocation.Cancellation);
        display.Dispose();
        if (invocation.Json) Describe(outcome).WriteJson(invocation.Terminal.Output);

        // A preemption is an end in order, as in the original; whoever presses Ctrl-C hears that the run is not at its end.
        return received is { } signal && !preemption.Contains(signal) && outcome.Status == RunStatus.Cancelled ? ExitStatus.Interrupted : ExitStatus.Success;
    }

    private static Facts Describe(RunOutcome outcome)
    {
        Facts? validation = null;
        if (outcome.LastValidation is { } last)
        {
            validation = new Facts().Add("step", last.Step).Add("epoch", last.Epoch);
            foreach ((string name, double value) in last.Metrics) validation.Add(name, value);
        }

        return new Facts()
            .Add("status", outcome.Status switch
            {
                RunStatus.StoppedEarly => "stopped early",
                RunStatus.Cancelled => "cancelled",
                _ => "completed",
            })
            .Add("reason", outcome.Reason)
            .Add("steps", outcome.Steps)
            .Add("checkpoint", outcome.Checkpoint)
            .Add("model", outcome.ModelFolder)
            .Add("validation", validation);
    }

    /// <summary>Reads the recipe for so many ranks, so that its own records say so too.</summary>
    private static ResolvedRecipe<RetrievalRecipe> Read(string path, int? ranks, IReadOnlyList<string> overrides)
    {
        if (ranks is null) return RecipeFile.ReadTraining(path, overrides);
        ResolvedRecipe<RetrievalRecipe> resolved = RecipeFile.ReadTraining(path, [$"--distributed.dp_size={ranks}", .. overrides]);
        int? own = resolved.Recipe.Distributed.DataParallelSize;
        return own == ranks
            ? resolved
            : throw new UsageException($"--nproc-per-node is {ranks} and --distributed.dp_size {own}; give one of them, or the same number");
    }
}
