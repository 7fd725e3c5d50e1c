using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Sirocco.Cli.Frame;

/// <summary>
/// Ctrl-C and SIGTERM as a cancellation: the running verb stops at its next opportunity and removes what it had half written.
/// A second signal ends the process at once, and so does a verb that has not stopped within two seconds, because it waits for input
/// or is inside a long computation; unfinished files are removed on that way too (<see cref="Formats.AtomicFile"/>). A verb that has something
/// to bring to an end takes the first signal for itself (<see cref="Finish"/>).
/// </summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>What is said about it, on stderr.</summary>
    public const string Message = "interrupted";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> registrations = [];

    private readonly Terminal terminal;
    private Finishing? finishing;

    public Interruption(Terminal terminal)
    {
        this.terminal = terminal;
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            registrations.Add(PosixSignalRegistration.Create(signal, Receive));
        }
    }

    public CancellationToken Token => source.Token;

    /// <summary>
    /// Until the result is disposed, the first of some signals asks the verb to come to an end in its own time, such as after saving; a second signal ends the
    /// process at once.
    /// </summary>
    /// <param name="signals">Which; others interrupt as ever.</param>
    /// <param name="ask">Told of the first one, on a thread of its own.</param>
    public IDisposable Finish(IReadOnlyCollection<PosixSignal> signals, Action<PosixSignal> ask)
    {
        finishing = new Finishing(this, signals, ask);
        return finishing;
    }

    /// <summary>
    /// Interrupts the verb as a signal does that nobody takes; ends the process if it has not stopped in time, so call it on a thread of its own.
    /// </summary>
    [DoesNotReturn]
    public void Interrupt()
    {
        source.Cancel();
        Thread.Sleep(Patience);
        terminal.ErrorWriter.WriteLine(Message);
        Environment.Exit(ExitStatus.Interrupted);
    }

    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        source.Dispose();
    }

    private void Receive(PosixSignalContext context)
    {
        context.Cancel = true;
        if (finishing?.Take(context.Signal) == true) return;
        if (source.IsCancellationRequested) Environment.Exit(ExitStatus.Interrupted);
        ThreadPool.UnsafeQueueUserWorkItem(_ => Interrupt(), null);
    }

    /// <summary>A verb that ends in its own time.</summary>
    private sealed class Finishing : IDisposable
    {
        private readonly Interruption interruption;
        private readonly IReadOnlyCollection<PosixSignal> signals;
        private readonly Action<PosixSignal> ask;
        private readonly List<PosixSignalRegistration> further = [];
        private int taken;

        public Finishing(Interruption interruption, IReadOnlyCollection<PosixSignal> signals, Action<PosixSignal> ask)
        {
            (this.interruption, this.signals, this.ask) = (interruption, signals, ask);
            PosixSignal[] heard = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
            foreach (PosixSignal signal in signals.Except(heard)) further.Add(PosixSignalRegistration.Create(signal, context => Ask(context, signal)));
        }

        /// <summary>Whether a signal is one of those that ask; the second of any kind ends the process.</summary>
        public bool Take(PosixSignal signal)
        {
            if (taken != 0) Environment.Exit(ExitStatus.Interrupted);
            if (!signals.Contains(signal)) return false;
            if (Interlocked.Exchange(ref taken, 1) == 0) ThreadPool.UnsafeQueueUserWorkItem(_ => ask(signal), null);
            return true;
        }

        public void Dispose()
        {
            interruption.finishing = null;
            further.ForEach(registration => registration.Dispose());
        }

        private void Ask(PosixSignalContext context, PosixSignal signal)
        {
            context.Cancel = true;
            Take(signal);
        }
    }
}
