namespace Sirocco.Compute;

/// <summary>A part of an arena that one thread updates: whole cache lines of one parameter.</summary>
/// <param name="Parameter">Index of the parameter in the arena.</param>
/// <param name="Start">First float in the arena.</param>
/// <param name="Length">Floats.</param>
public readonly record struct ArenaRange(int Parameter, long Start, int Length)
{
    /// <summary>Floats that one thread takes at a time: four streams of it fit a second-level cache.</summary>
    private const int Chunk = 1 << 14;

    /// <summary>Every parameter of an arena, cut into ranges.</summary>
    public static ArenaRange[] Of(ParameterArena arena)
    {
        List<ArenaRange> ranges = [];
        for (int i = 0; i < arena.Parameters.Count; i++)
        {
            long count = arena.Parameters[i].Count;
            for (long start = 0; start < count; start += Chunk) ranges.Add(new ArenaRange(i, arena.Offsets[i] + start, (int)Math.Min(Chunk, count - start)));
        }

        return [.. ranges];
    }

    /// <summary>Whether it is a part of that parameter in <paramref name="arena"/>.</summary>
    internal bool LiesIn(ParameterArena arena) =>
        (uint)Parameter < (uint)arena.Parameters.Count && Length >= 0
        && Start >= arena.Offsets[Parameter] && Start - arena.Offsets[Parameter] <= arena.Parameters[Parameter].Count - Length;
}
