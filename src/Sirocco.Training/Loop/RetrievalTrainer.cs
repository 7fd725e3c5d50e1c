using System.Diagnostics;
using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>
/// One step of training after another: micro-batches of every rank, clipping, update. Each micro-batch counts the same in a step's loss, whatever its size, as
/// in the original. What is observed, validated and saved between steps is the caller's business (<see cref="RecipeRunner"/>).
/// </summary>
/// <typeparam name="TBatch">A collator's batches.</typeparam>
internal sealed class RetrievalTrainer<TBatch> : IDisposable
    where TBatch : ExampleBatch
{
    private readonly TrainingObjective<TBatch> objective;
    private readonly GradientDescent descent;
    private readonly ParameterSchedule schedule;
    private readonly RetrievalDataLoader<TBatch> loader;
    private readonly Queue<float> window = new();
    private readonly int windowSteps;
    private readonly ulong seed;
    private IEnumerator<TBatch>? batches;

    /// <param name="context">The device.</param>
    /// <param name="objective">What is minimised.</param>
    /// <param name="optimizer">How; its arena holds the objective's parameters.</param>
    /// <param name="schedule">Learning rate and weight decay.</param>
    /// <param name="scheduler">Steps and epochs.</param>
    /// <param name="loader">Micro-batches.</param>
    /// <param name="clipNorm">Largest global norm of a gradient; null: no limit.</param>
    /// <param name="seed">Of dropout.</param>
    /// <param name="windowSteps">Steps that the running mean of the loss reaches back.</param>
    public RetrievalTrainer(
        ComputeContext context,
        TrainingObjective<TBatch> objective,
        Optimizer optimizer,
        ParameterSchedule schedule,
        StepScheduler scheduler,
        RetrievalDataLoader<TBatch> loader,
        double? clipNorm,
        ulong seed,
        int windowSteps)
    {
        this.objective = objective;
        this.schedule = schedule;
        this.loader = loader;
        this.seed = seed;
        this.windowSteps = windowSteps;
        descent = new GradientDescent(context, optimizer, clipNorm);
        Scheduler = scheduler;
    }

    /// <summary>Steps and epochs.</summary>
    public StepScheduler Scheduler { get; }

    /// <summary>Weights, gradients and moments.</summary>
    public Optimizer Optimizer => descent.Optimizer;

    /// <summary>Learning rate and weight decay of a step.</summary>
    public ParameterSchedule Schedule => schedule;

    /// <summary>
    /// The step that <see cref="Scheduler"/> stands at; the caller then validates, saves and goes on with <see cref="StepScheduler.Advance"/>.
    /// </summary>
    /// <param name="cancellation">Stops between layers; the step in progress is dropped and leaves no trace.</param>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is not finite; nothing has been updated.</exception>
    public TrainingRecord Step(CancellationToken cancellation = default)
    {
        long started = Stopwatch.GetTimestamp();
        int step = Scheduler.Step, count = Scheduler.MicroBatches, tokens = 0;
        double loss = 0;
        List<string> questions = [];
        Dictionary<string, Measure> measures = [];
        float norm;
        double rate = schedule.LearningRate(Scheduler.Done);
        try
        {
            for (int micro = 0; micro < count; micro++)
            {
                TBatch[] ranks = [.. Enumerable.Range(0, loader.Ranks).Select(_ => Next(cancellation))];
                questions.AddRange(ranks.SelectMany(batch => batch.QuestionIds));
                DropoutDraw draw = new(seed, ((ulong)step * (ulong)Scheduler.Accumulation) + (ulong)micro);
                MicroBatchReport report = objective.AddGradients(ranks, 1f / count, draw, cancellation);
                if (!float.IsFinite(report.Loss)) throw new TrainingDivergedException($"the loss is {report.Loss}");
                loss += report.Loss;
                tokens += ranks.Sum(batch => batch.TokenCount);
                foreach (Measure measure in report.Measures)
                {
                    Measure sum = measures.GetValueOrDefault(measure.Name, new Measure(measure.Name, 0, 0));
                    measures[measure.Name] = sum with { Sum = sum.Sum + measure.Sum, Weight = sum.Weight + measure.Weight };
                }
            }

            norm = descent.Update(rate, schedule.WeightDecay(Scheduler.Done));
        }
        catch (Exception e)
        {
            Optimizer.Arena.ZeroGradients();
            batches?.Dispose();
            batches = null; // the next step takes its micro-batches from the beginning
            if (e is not TrainingDivergedException) throw;
            string shown = string.Join(", ", questions.Take(8)) + (questions.Count > 8 ? ", …" : "");
            throw new TrainingDivergedException(
                $"step {step}: {e.Message} (questions {shown}); lower the learning rate or train in f32, the weights are those before this step", e);
        }

        float mean = (float)(loss / count);
        window.Enqueue(mean);
        if (window.Count > windowSteps) window.Dequeue();
        TimeSpan seconds = Stopwatch.GetElapsedTime(started);
        return new TrainingRecord
        {
            Step = step,
            Epoch = Scheduler.Epoch,
            Loss = mean,
            LossWindow = window.Average(),
            GradientNorm = norm,
            LearningRate = rate * Optimizer.Groups[0].LearningRateFactor,
            Tokens = tokens,
            Seconds = seconds.TotalSeconds,
            Measures = [.. measures.Values.Select(measure => new KeyValuePair<string, double>(measure.Name, measure.Sum / measure.Weight))],
        };
    }

    /// <inheritdoc/>
    public void Dispose() => batches?.Dispose();

    /// <summary>The next micro-batch; an epoch's begin after those that earlier steps have taken, also where a run was resumed.</summary>
    private TBatch Next(CancellationToken cancellation)
    {
        batches ??= loader.Epoch(Scheduler.Epoch, Scheduler.BatchesConsumed, cancellation).GetEnumerator();
        if (batches.MoveNext()) return batches.Current;
        batches.Dispose();
        batches = loader.Epoch(Scheduler.Epoch, Scheduler.BatchesConsumed, cancellation).GetEnumerator();
        return batches.MoveNext() ? batches.Current
            : throw new InvalidOperationException($"epoch {Scheduler.Epoch} has no micro-batch {Scheduler.BatchesConsumed}");
    }
}

/// <summary>What one step did: a line of <c>training.jsonl</c>.</summary>
public sealed record TrainingRecord
{
    /// <summary>The step, from 0.</summary>
    public required int Step { get; init; }

    /// <summary>Its epoch, from 0.</summary>
    public required int Epoch { get; init; }

    /// <summary>Mean over its micro-batches.</summary>
    public required float Loss { get; init; }

    /// <summary>Mean over the last steps.</summary>
    public required float LossWindow { get; init; }

    /// <summary>Global norm of the gradient before clipping.</summary>
    public required float GradientNorm { get; init; }

    /// <summary>Learning rate of the first parameter group.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Tokens in the step, padding not counted.</summary>
    public required int Tokens { get; init; }

    /// <summary>Time of the step.</summary>
    public required double Seconds { get; init; }

    /// <summary>Further numbers, such as <c>train_accuracy</c>.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Measures { get; init; } = [];

    /// <summary>Tokens a second.</summary>
    public double TokensPerSecond => Tokens / Seconds;
}
