using System.Text;

namespace Sirocco.Cli.Frame;

/// <summary>Every way a run can fail, as one line on stderr and an exit status.</summary>
internal static class Failure
{
    public static int Report(Exception failure, Terminal terminal, bool debug, bool interrupted)
    {
        // of several that failed side by side the first
        while (failure is AggregateException or TypeInitializationException && failure.InnerException is { } inner) failure = inner;
        if (interrupted || failure is OperationCanceledException)
        {
            terminal.ErrorWriter.WriteLine(Interruption.Message);
            return ExitStatus.Interrupted;
        }

        terminal.ErrorWriter.WriteLine("error: " + Describe(failure));
        if (debug) terminal.ErrorWriter.WriteLine(failure);
        return failure is UsageException ? ExitStatus.Usage : ExitStatus.Failure;
    }

    /// <summary>The message for one line: what, where, what to do.</summary>
    internal static string Describe(Exception failure) => OneLine(failure switch
    {
        // The runtime's own messages are put into our form; a message that a library wrote is in it already.
        IOException or UnauthorizedAccessException when RuntimePath(failure) is { } path => failure switch
        {
            FileNotFoundException or DirectoryNotFoundException => $"{path} does not exist; check the path",
            UnauthorizedAccessException => $"{path} may not be read or written by this user; change its permissions or choose another place",
            _ => $"{failure.Message}; free some space or choose another place, files written earlier are unchanged",
        },
        ArgumentException argument => WithoutParameter(argument),
        InsufficientMemoryException => failure.Message,
        OutOfMemoryException => "not enough memory; use fewer or shorter texts at a time, a smaller model, or --precision bf16 or int8",
        UsageException or InvalidDataException or NotSupportedException or IOException or UnauthorizedAccessException => failure.Message,
        _ when failure.GetType().Assembly != typeof(object).Assembly
            && failure.GetType().Namespace?.StartsWith("Sirocco", StringComparison.Ordinal) == true => failure.Message,
        _ => $"{failure.GetType().Name}: {failure.Message} (this is a fault of sirocco; run again with --debug and report what it prints)",
    });

    internal static string OneLine(string message)
    {
        StringBuilder line = new(message.Length);
        foreach (char c in message)
        {
            bool space = c == ' ' || char.IsControl(c);
            if (!space) line.Append(c);
            else if (line.Length > 0 && line[^1] != ' ') line.Append(' ');
        }

        return line.ToString().Trim();
    }

    /// <summary>The path in a message of the runtime's file functions ("Could not find file '…'"), null in any other message.</summary>
    private static string? RuntimePath(Exception failure)
    {
        string message = failure.Message;
        bool known = message.StartsWith("Could not find", StringComparison.Ordinal) || message.StartsWith("Access to the path", StringComparison.Ordinal)
            || message.StartsWith("No space left", StringComparison.Ordinal);
        int start = message.IndexOf('\'', StringComparison.Ordinal);
        int end = message.LastIndexOf('\'');
        return known && end > start + 1 ? message[(start + 1)..end] : null;
    }

    // ArgumentException appends the parameter's name of a C# method, which means nothing to a user.
    private static string WithoutParameter(ArgumentException failure)
    {
        string suffix = $" (Parameter '{failure.ParamName}')";
        int at = failure.ParamName is null ? -1 : failure.Message.IndexOf(suffix, StringComparison.Ordinal);
        return at < 0 ? failure.Message : failure.Message.Remove(at, suffix.Length);
    }
}
