using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>A piece of parallel work: <see cref="ThreadTeam.Run{TWork}"/> executes it once for each item.</summary>
internal interface IWork
{
    /// <param name="item">0 ≤ item &lt; items of the run; every item is executed exactly once.</param>
    /// <param name="worker">
    /// 0 ≤ worker &lt; <see cref="ThreadTeam.Threads"/>; no two calls with the same worker overlap, so it can index scratch memory.
    /// </param>
    void Execute(int item, int worker);
}

/// <summary>
/// Persistent threads that share the items of one run after another. The calling thread takes part as worker 0; items are claimed one by one
/// from a common counter. A run costs no managed allocation, and about a microsecond while the workers are still spinning from the run before.
/// </summary>
/// <remarks>
/// A run is open while its caller still claims items. Workers join an open run by counting themselves in; the caller closes it when no item is left and waits
/// only for those who joined. A worker that the system keeps off the processor delays nobody. Between runs workers spin for <see cref="SpinMicroseconds"/>,
/// then sleep. Runs of several callers follow one another; a run started inside an item of the same team executes inline, under the same worker number.
/// </remarks>
internal sealed unsafe class ThreadTeam : IDisposable
{
    /// <summary>Longer than the serial gap between two operations of a forward pass, shorter than anything a user would notice as load.</summary>
    private const int SpinMicroseconds = 60;

    private const int Closed = int.MinValue;

    [ThreadStatic]
    private static ThreadTeam? currentTeam;

    [ThreadStatic]
    private static int currentWorker;

    private readonly Thread[] threads;
    private readonly Lock callers = new();
    private readonly object sleep = new();
    private readonly object arrival = new();

    private Counters counters;
    private delegate*<ThreadTeam, void*, int, void> body;
    private void* work;
    private int items;
    private ExceptionDispatchInfo? failure;
    private volatile bool stopping;

    /// <param name="threads">Workers including the caller; null: one for each processor.</param>
    public ThreadTeam(int? threads = null)
    {
        int count = threads ?? Environment.ProcessorCount;
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, nameof(threads));
        Threads = count;
        counters.Members = Closed;
        this.threads = new Thread[count - 1];
        for (int i = 0; i < this.threads.Length; i++)
        {
            int worker = i + 1;
            this.threads[i] = new Thread(() => Serve(worker)) { IsBackground = true, Name = $"sirocco worker {worker}" };
            this.threads[i].Start();
        }
    }

    /// <summary>Number of workers, the caller included.</summary>
    public int Threads { get; }

    /// <summary>The worker number under which this thread would run inline, or 0 when it is not inside an item of this team.</summary>
    public int CurrentWorker => currentTeam == this ? currentWorker : 0;

    /// <summary>Keeps other callers out until disposed, so that several runs can share scratch memory; free of cost and effect inside an item.</summary>
    public Turn TakeTurn() => new(currentTeam == this ? null : callers);

    /// <summary>Executes items 0 … <paramref name="items"/> − 1 of <paramref name="work"/> and returns when all are done.</summary>
    /// <param name="work">A local of the caller: workers reach it by address.</param>
    /// <param name="items">Number of items; zero or less does nothing.</param>
    /// <exception cref="Exception">The first exception that an item threw; items not yet claimed are then dropped.</exception>
    public void Run<TWork>(ref TWork work, int items)
        where TWork : struct, IWork, allows ref struct
    {
        if (items <= 0) return;
        if (currentTeam == this)
        {
            for (int item = 0; item < items; item++) work.Execute(item, currentWorker);
            return;
        }

        ObjectDisposedException.ThrowIf(stopping, this);
        lock (callers)
        {
            this.items = items;
            this.work = Unsafe.AsPointer(ref work);
            body = &Claim<TWork>;
            counters.Next = 0;
            failure = null;
            bool shared = items > 1 && threads.Length > 0;
            if (shared) Open();
            Participate(0);
            if (shared) Close();
            failure?.Throw();
        }
    }

    /// <summary>Ends the threads. Must not overlap a run.</summary>
    public void Dispose()
    {
        if (stopping) return;
        lock (callers)
        {
            stopping = true;
            lock (sleep)
                Monitor.PulseAll(sleep);
        }

        foreach (Thread thread in threads) thread.Join();
    }

    private static void Claim<TWork>(ThreadTeam team, void* work, int worker)
        where TWork : struct, IWork, allows ref struct
    {
        ref TWork shared = ref Unsafe.AsRef<TWork>(work);
        int item;
        while ((item = Interlocked.Increment(ref team.counters.Next) - 1) < team.items) shared.Execute(item, worker);
    }

    /// <summary>Publishes the run. The full fences make either the sleeper see the new run or this thread see the sleeper.</summary>
    private void Open()
    {
        Volatile.Write(ref counters.Members, 0);
        Interlocked.Increment(ref counters.Generation);
        if (Volatile.Read(ref counters.Sleepers) > 0)
        {
            lock (sleep)
                Monitor.PulseAll(sleep);
        }
    }

    private void Close()
    {
        if (Interlocked.Or(ref counters.Members, Closed) == 0) return;
        long start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref counters.Members) != Closed)
        {
            if (!SpinningSince(start))
            {
                lock (arrival)
                {
                    while (Volatile.Read(ref counters.Members) != Closed) Monitor.Wait(arrival);
                }
            }
        }
    }

    private void Serve(int worker)
    {
        int seen = 0;
        while (WaitForRun(ref seen))
        {
            if (!Join()) continue;
            Participate(worker);
            if (Interlocked.Decrement(ref counters.Members) == Closed)
            {
                lock (arrival)
                    Monitor.PulseAll(arrival);
            }
        }
    }

    private bool WaitForRun(ref int seen)
    {
        long start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref counters.Generation) == seen && !stopping)
        {
            if (SpinningSince(start)) continue;
            lock (sleep)
            {
                Interlocked.Increment(ref counters.Sleepers);
                while (Volatile.Read(ref counters.Generation) == seen && !stopping) Monitor.Wait(sleep);
                Interlocked.Decrement(ref counters.Sleepers);
            }
        }

        seen = Volatile.Read(ref counters.Generation);
        return !stopping;
    }

    private bool Join()
    {
        int members = Volatile.Read(ref counters.Members);
        while (members >= 0)
        {
            int before = Interlocked.CompareExchange(ref counters.Members, members + 1, members);
            if (before == members) return true;
            members = before;
        }

        return false;
    }

    private void Participate(int worker)
    {
        (ThreadTeam? outerTeam, int outerWorker) = (currentTeam, currentWorker);
        (currentTeam, currentWorker) = (this, worker);
        try
        {
            body(this, work, worker);
        }
        catch (Exception e)
        {
            // The caller rethrows it once everybody has left; pushing the counter to the end drops the items nobody has claimed.
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
            Volatile.Write(ref counters.Next, items);
        }
        finally
        {
            (currentTeam, currentWorker) = (outerTeam, outerWorker);
        }
    }

    private static bool SpinningSince(long start)
    {
        Thread.SpinWait(8);
        return Stopwatch.GetTimestamp() - start < SpinMicroseconds * (Stopwatch.Frequency / 1_000_000);
    }

    /// <summary>Holds a team for one caller; see <see cref="TakeTurn"/>.</summary>
    internal readonly ref struct Turn
    {
        private readonly Lock? held;

        internal Turn(Lock? callers)
        {
            held = callers;
            callers?.Enter();
        }

        public void Dispose() => held?.Exit();
    }

    /// <summary>One cache line (two, against the prefetcher of neighbours) for each word that several threads write.</summary>
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Explicit, Size = 640)]
    private struct Counters
    {
        /// <summary>Next item to claim.</summary>
        [System.Runtime.InteropServices.FieldOffset(128)]
        public int Next;

        /// <summary>Workers inside the run; the sign bit (<see cref="Closed"/>) keeps others from joining.</summary>
        [System.Runtime.InteropServices.FieldOffset(256)]
        public int Members;

        /// <summary>Counts runs.</summary>
        [System.Runtime.InteropServices.FieldOffset(384)]
        public int Generation;

        /// <summary>Workers asleep.</summary>
        [System.Runtime.InteropServices.FieldOffset(512)]
        public int Sleepers;
    }
}
