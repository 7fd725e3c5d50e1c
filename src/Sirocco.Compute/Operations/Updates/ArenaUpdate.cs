using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>What an optimizer does to a range of one parameter. Results depend on no other range.</summary>
internal unsafe interface IArenaUpdate
{
    /// <summary>Whether a parameter takes part in this step.</summary>
    bool IsActive(int parameter);

    /// <summary>Changes parameters by their gradients, and sets the gradients to zero.</summary>
    /// <param name="range">The range; states of the optimizer lie at its start.</param>
    /// <param name="parameters">Its first parameter.</param>
    /// <param name="gradients">Its first gradient.</param>
    void Apply(in ArenaRange range, float* parameters, float* gradients);
}

/// <summary>
/// Spreads an optimizer's update over the team. Gradients of parameters that take no part are set to zero, nothing else of theirs is touched.
/// </summary>
internal static unsafe class ArenaUpdate
{
    public static void Run<TUpdate>(ComputeContext context, ParameterArena arena, ArenaRange[] ranges, in TUpdate update)
        where TUpdate : struct, IArenaUpdate
    {
        foreach (ArenaRange range in ranges)
        {
            if (!range.LiesIn(arena)) throw new ArgumentException($"{range} does not lie in this arena: its ranges are those of ArenaRange.Of", nameof(ranges));
        }

        Work<TUpdate> work = new() { Update = update, Ranges = ranges, Parameters = arena.Masters.Pointer, Gradients = arena.Gradients.Pointer };
        context.Backend.Team.Run(ref work, ranges.Length);
        arena.MastersChanged();
    }

    private struct Work<TUpdate> : IWork
        where TUpdate : struct, IArenaUpdate
    {
        public TUpdate Update;
        public ArenaRange[] Ranges;
        public float* Parameters;
        public float* Gradients;

        public readonly void Execute(int item, int worker)
        {
            ArenaRange range = Ranges[item];
            if (Update.IsActive(range.Parameter)) Update.Apply(range, Parameters + range.Start, Gradients + range.Start);
            else new Span<float>(Gradients + range.Start, range.Length).Clear();
        }
    }
}
