using System.Runtime.InteropServices;

namespace Sirocco.Training;

/// <summary>Signals as <c>preemption_signal</c> names them: <c>SIGTERM</c>, <c>SIGUSR1</c> or a number.</summary>
internal static class SignalName
{
    public const string Expected = "SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, the number of such a signal, a list of them, or none";

    // Numbers of the first four are the same everywhere; those of the last two differ between Linux and the BSDs, which macOS follows.
    private static readonly (string Name, int Number, PosixSignal Signal)[] Table =
    [
        ("SIGHUP", 1, PosixSignal.SIGHUP),
        ("SIGINT", 2, PosixSignal.SIGINT),
        ("SIGQUIT", 3, PosixSignal.SIGQUIT),
        ("SIGTERM", 15, PosixSignal.SIGTERM),
        ("SIGUSR1", UserSignal(10, 30), (PosixSignal)UserSignal(10, 30)),
        ("SIGUSR2", UserSignal(12, 31), (PosixSignal)UserSignal(12, 31)),
    ];

    /// <summary>The signal that a value names, or null.</summary>
    public static PosixSignal? Read(RecipeNode value)
    {
        object? written = (value as RecipeScalar)?.Value;
        int found = Array.FindIndex(Table, entry => written is string name ? name == entry.Name : written is long number && number == entry.Number);
        return found < 0 ? null : Table[found].Signal;
    }

    private static int UserSignal(int linux, int bsd) => OperatingSystem.IsLinux() ? linux : bsd;
}
