using System.Runtime.InteropServices;

namespace Sirocco.Cli.Frame;

/// <summary>
/// Ctrl-C and SIGTERM as a cancellation: the running verb stops at its next opportunity and removes what it had half written.
/// A second signal, or a verb that does not stop within ten seconds, ends the process at once.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> registrations = [];

    public Interruption()
    {
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
            Environment.Exit(ExitStatus.Interrupted);
        }, null);
    }
}
