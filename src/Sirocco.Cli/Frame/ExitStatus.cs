namespace Sirocco.Cli.Frame;

/// <summary>What the process ends with; scripts rely on these four.</summary>
internal static class ExitStatus
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int Interrupted = 130;
}
