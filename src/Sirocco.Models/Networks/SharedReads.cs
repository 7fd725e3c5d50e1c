namespace Sirocco.Models;

/// <summary>
/// Memory that several threads read and one closes: closing while it is read lets the readers end, the last of whom releases it; nobody new comes in.
/// </summary>
/// <param name="owner">Named by the exception of those who come too late.</param>
/// <param name="release">Run once, by who closes or by the last reader.</param>
internal sealed class SharedReads(object owner, Action release)
{
    private readonly Lock gate = new();
    private int readers;
    private bool closed;

    /// <summary>Keeps the memory until the result is disposed.</summary>
    /// <exception cref="ObjectDisposedException">It was closed.</exception>
    public Reading Begin()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(closed, owner);
            readers++;
        }

        return new Reading(this);
    }

    /// <summary>Lets nobody in any more.</summary>
    public void Close()
    {
        lock (gate)
        {
            if (closed) return;
            closed = true;
            if (readers > 0) return;
        }

        release();
    }

    private void End()
    {
        lock (gate)
        {
            if (--readers > 0 || !closed) return;
        }

        release();
    }

    /// <summary>One reader; disposed once.</summary>
    internal readonly ref struct Reading(SharedReads reads)
    {
        public void Dispose() => reads.End();
    }
}
