namespace Sirocco.Cli.Frame;

/// <summary>The command line itself is wrong: a missing argument, an option that does not exist or contradicts another.</summary>
internal sealed class UsageException(string message) : Exception(message);
