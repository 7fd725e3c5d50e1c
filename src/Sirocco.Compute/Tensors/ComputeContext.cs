using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>How a <see cref="ComputeContext"/> runs.</summary>
public sealed record ComputeOptions
{
    /// <summary>Threads of the team; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Where true, a sequence's result has the same bits whatever it was batched with. Where false it may differ by rounding (at most 1e-5 relative),
    /// because few rows take a faster path. Either way the same call gives the same bits every time.
    /// </summary>
    public bool Deterministic { get; init; }
}

/// <summary>
/// The device that tensors live on: its memory, its team of threads and the kernels chosen for it. Several can live side by side. One context runs
/// one operation at a time; callers that share one take turns (<see cref="Scope"/> is not thread-safe).
/// </summary>
public sealed class ComputeContext : IDisposable
{
    /// <summary>Starts the threads and picks the kernels.</summary>
    public ComputeContext(ComputeOptions? options = null)
    {
        options ??= new ComputeOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        Backend = new CpuBackend(options.Threads == 0 ? Environment.ProcessorCount : options.Threads, options.Deterministic);
    }

    /// <summary>On a backend of given kernels; disposed with the context.</summary>
    internal ComputeContext(CpuBackend backend) => Backend = backend;

    /// <summary>Threads of the team, the calling one included.</summary>
    public int Threads => Backend.Team.Threads;

    /// <summary>See <see cref="ComputeOptions.Deterministic"/>.</summary>
    public bool Deterministic => Backend.Deterministic;

    /// <summary>Instruction set and kernels in use, for people; says so where emitted kernels were refused.</summary>
    public string KernelDescription => Backend.Kernels.Description;

    /// <summary>The kernel that multiplies matrices in that precision, for people: tier, instruction, tile.</summary>
    public string KernelName(Precision precision) => Backend.Kernels[precision].Name;

    /// <summary>Bytes in live tensors.</summary>
    public long BytesInUse => Memory.InUse;

    /// <summary>Most bytes that were in live tensors at one time.</summary>
    public long PeakBytes => Memory.Peak;

    internal CpuBackend Backend { get; }

    internal MemoryPool Memory { get; } = new();

    /// <summary>Opens a scope: what is made in it is freed when it closes.</summary>
    /// <param name="precision">Precision of the matrix products in it.</param>
    /// <param name="tape">Records what is done, for a backward pass; null records nothing and costs nothing.</param>
    /// <param name="cancellation">Asks long computations to stop between blocks.</param>
    public Scope BeginScope(Precision precision = Precision.F32, Tape? tape = null, CancellationToken cancellation = default) =>
        new(this, null, precision, tape) { Cancellation = cancellation };

    /// <summary>Opens the scope of a training pass in which dropout drops.</summary>
    /// <param name="precision">Precision of the matrix products in it.</param>
    /// <param name="tape">Records what is done, for a backward pass.</param>
    /// <param name="dropout">What dropout draws from.</param>
    /// <param name="cancellation">Asks long computations to stop between blocks.</param>
    public Scope BeginScope(Precision precision, Tape? tape, DropoutDraw? dropout, CancellationToken cancellation = default) =>
        new(this, null, precision, tape) { DropoutDraw = dropout, Cancellation = cancellation };

    /// <inheritdoc/>
    public void Dispose()
    {
        Backend.Dispose();
        Memory.Dispose();
    }
}
