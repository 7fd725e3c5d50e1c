using System.Runtime.InteropServices;

namespace Sirocco.Cli.Frame;

/// <summary>
/// Ctrl-C and SIGTERM as a cancellation: the running verb stops at its next opportunity and removes what it had half written.
/// A second signal ends the process at once, and so does a verb that has not stopped within two seconds, because it waits for input
/// or is inside a long computation; unfinished files are removed on that way too (<see cref="Formats.AtomicFile"/>).
/// </summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>What is said about it, on stderr.</summary>
    public const string Message = "interrupted";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> registrations = [];

    private readonly Terminal terminal;

    public Interruption(Terminal terminal)
    {
        this.terminal = terminal;
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            registrations.Add(PosixSignalRegistration.Create(signal, Receive));
        }
    }

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        source.Dispose();
    }

    private void Receive(PosixSignalContext context)
    {
        context.Cancel = true;
        if (source.IsCancellationRequested) Environment.Exit(ExitStatus.Interrupted);
        ThreadPool.UnsafeQueueUserWorkItem(_ =>
        {
            source.Cancel();
            Thread.Sleep(Patience);
            terminal.ErrorWriter.WriteLine(Message);
            Environment.Exit(ExitStatus.Interrupted);
        }, null);
    }
}
