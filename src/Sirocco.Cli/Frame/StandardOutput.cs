using System.Runtime.InteropServices;

namespace Sirocco.Cli.Frame;

/// <summary>The reader of our standard output has closed it, as `head` does: not a failure, but no reason to go on.</summary>
internal sealed class BrokenPipeException() : IOException("standard output was closed");

/// <summary>
/// Standard output on Unix through write(2). The runtime's console stream ignores a closed pipe, so that a long run would
/// work to its end for nobody, and a FileStream on the descriptor would not advance the offset it shares with other processes.
/// </summary>
internal sealed partial class StandardOutput : Stream
{
    private const int Descriptor = 1;
    private const int Interrupted = 4;      // EINTR
    private const int BrokenPipe = 32;      // EPIPE, the same number on Linux and macOS

    private StandardOutput()
    {
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public static Stream Open() => OperatingSystem.IsWindows() ? Console.OpenStandardOutput() : new StandardOutput();

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override unsafe void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint written;
            fixed (byte* start = buffer) written = write(Descriptor, start, (nuint)buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }

            int error = Marshal.GetLastPInvokeError();
            if (error == Interrupted) continue;
            if (error == BrokenPipe) throw new BrokenPipeException();
            throw new IOException($"cannot write standard output: {Marshal.GetPInvokeErrorMessage(error)}; the results are incomplete");
        }
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint write(int descriptor, byte* buffer, nuint count);
}
