using System.Diagnostics;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// Trains a bi-encoder on queries and passages by contrastive loss. Weights and moments are f32 in a <see cref="ParameterArena"/>; matrix products run in the
/// chosen precision. The examples of a step are a pure function of seed, epoch and position.
/// </summary>
internal sealed class ContrastiveTrainer
{
    private readonly ContrastiveData data;
    private readonly ContrastiveOptions options;
    private readonly ContrastiveObjective objective;
    private readonly GradientDescent descent;
    private int[] order;

    /// <summary>Gives the model, or its adapter where it has one, masters, gradients and moments.</summary>
    /// <param name="context">The device.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="data">Tokenized examples.</param>
    /// <param name="options">Settings.</param>
    /// <exception cref="ArgumentException">A setting is out of range, or there are fewer examples than one batch.</exception>
    public ContrastiveTrainer(ComputeContext context, BiEncoder model, ContrastiveData data, ContrastiveOptions options)
    {
        options.Validate();
        if (data.Examples.Count < options.BatchSize)
            throw new ArgumentException($"{data.Examples.Count} examples do not fill one batch of {options.BatchSize}; use a smaller batch size");
        (this.data, this.options) = (data, options);
        ParameterArena arena = new(model.Adapter?.Parameters ?? model.Parameters);
        objective = new ContrastiveObjective(context, model, options.Loss, options.Precision);
        descent = new GradientDescent(context, Optimizer.Create(context, arena, options.Optimizer, options.Group), options.ClipNorm);
        State = new TrainingState { Seed = options.Seed };
        order = ExampleOrder.Permutation(data.Examples.Count, options.Seed, 0);
    }

    /// <summary>Where the run stands.</summary>
    public TrainingState State { get; private set; }

    /// <summary>Weights, gradients and moments.</summary>
    public Optimizer Optimizer => descent.Optimizer;

    /// <summary>Share of the run that is done, 0 to 1: by the clock where the run is limited by time, otherwise by steps.</summary>
    public double Progress => Math.Min(1, options.Duration is { } duration ? State.Elapsed / duration : State.Step / options.Schedule.TotalSteps);

    /// <summary>Steps to the end of the run.</summary>
    /// <param name="report">Called after each step.</param>
    /// <param name="cancellation">Stops between layers; the step in progress is dropped and leaves no trace.</param>
    public void Run(Action<StepReport>? report = null, CancellationToken cancellation = default)
    {
        while (Progress < 1)
        {
            StepReport done = Step(cancellation);
            report?.Invoke(done);
        }
    }

    /// <summary>One update.</summary>
    /// <param name="cancellation">Stops between layers; the step in progress is dropped and leaves no trace.</param>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is not finite; nothing has been updated.</exception>
    public StepReport Step(CancellationToken cancellation = default)
    {
        long started = Stopwatch.GetTimestamp();

        // 1. The examples of this step.
        (int[] examples, TrainingState next) = NextExamples();

        // 2. Loss and gradients, one micro-batch after the other; gradients add up in the arena.
        int size = options.MicroBatchSize == 0 ? examples.Length : options.MicroBatchSize;
        float loss = 0;
        int tokens = 0;
        bool done = false;
        float norm;
        double rate = options.Schedule.At(Progress * options.Schedule.TotalSteps);
        try
        {
            for (int start = 0; start < examples.Length; start += size)
            {
                ContrastiveBatch batch = ContrastiveBatch.Gather(data, examples.AsSpan(start, size), options.QueryLength, options.PassageLength);
                float share = (float)size / examples.Length;
                loss += share * objective.AddGradients(batch, share, cancellation: cancellation);
                tokens += batch.Tokens;
            }

            // 3. A loss that is no number ends the run before it reaches the weights.
            if (!float.IsFinite(loss)) throw new TrainingDivergedException($"the loss is {loss}");

            // 4. Clip and update.
            norm = descent.Update(rate, options.Optimizer.WeightDecay);
            done = true;
        }
        catch (TrainingDivergedException diverged)
        {
            string shown = string.Join(", ", examples.Take(8)) + (examples.Length > 8 ? ", …" : "");
            throw new TrainingDivergedException($"step {State.Step + 1}: {diverged.Message} (examples {shown}); "
                + $"lower the learning rate or train in f32, the weights are those of step {State.Step}", diverged);
        }
        finally
        {
            // A step that was given up, for whatever reason, leaves nothing for the next one to add to.
            if (!done) Optimizer.Arena.ZeroGradients();
        }

        // 5. Account for it.
        TimeSpan seconds = Stopwatch.GetElapsedTime(started);
        State = next with { Step = State.Step + 1, Tokens = State.Tokens + tokens, Elapsed = State.Elapsed + seconds };
        return new StepReport
        {
            Step = State.Step,
            Epoch = State.Epoch + ((double)State.Position / data.Examples.Count),
            Loss = loss,
            LearningRate = rate,
            GradientNorm = norm,
            Tokens = tokens,
            TokensPerSecond = tokens / seconds.TotalSeconds,
            Progress = Progress,
            Remaining = State.Elapsed * ((1 - Progress) / Progress),
        };
    }

    /// <summary>The next batch and the state behind it. An epoch's last examples that do not fill a batch are left to the next epoch's order.</summary>
    private (int[] Examples, TrainingState Next) NextExamples()
    {
        TrainingState state = State;
        if (state.Position + options.BatchSize > order.Length)
        {
            state = state with { Epoch = state.Epoch + 1, Position = 0 };
            order = ExampleOrder.Permutation(order.Length, state.Seed, state.Epoch);
        }

        int[] examples = order.AsSpan(state.Position, options.BatchSize).ToArray();
        return (examples, state with { Position = state.Position + options.BatchSize });
    }
}
