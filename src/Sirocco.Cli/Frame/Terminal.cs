using System.Text;

namespace Sirocco.Cli.Frame;

/// <summary>The three standard streams: results on stdout as bytes, everything said to a person on stderr.</summary>
internal sealed class Terminal
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);
    private readonly Lazy<Stream> output = new(() => new BufferedStream(StandardOutput.Open(), 1 << 16));
    private TextWriter? outputWriter;

    /// <summary>Results; buffered, flushed when the verb ends.</summary>
    public Stream Output => output.Value;

    /// <summary>The same stream for text.</summary>
    public TextWriter OutputWriter => outputWriter ??= new StreamWriter(Output, Utf8, 1024, leaveOpen: true) { AutoFlush = true, NewLine = "\n" };

    public TextWriter ErrorWriter { get; init; } = TextWriter.Synchronized(new StreamWriter(Console.OpenStandardError(), Utf8, 1024) { AutoFlush = true });

    /// <summary>True where stderr is a terminal that can redraw a line.</summary>
    public bool Interactive { get; init; } = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <summary>True where tables on stdout may use colour (https://no-color.org).</summary>
    public bool Color { get; } = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <summary>Columns of the terminal, or 100 where there is none.</summary>
    public static int Width
    {
        get
        {
            try
            {
                return Console.WindowWidth > 0 ? Console.WindowWidth : 100;
            }
            catch (IOException)
            {
                return 100;
            }
        }
    }

    public static Stream OpenInput() => Console.OpenStandardInput();
}
