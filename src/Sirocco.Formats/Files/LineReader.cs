using System.Buffers;

namespace Sirocco.Formats;

/// <summary>Lines of a byte stream, one in memory at a time; a line longer than the limit is an error that names it.</summary>
/// <param name="stream">The bytes; the caller disposes it.</param>
/// <param name="source">What messages call it.</param>
public sealed class LineReader(Stream stream, string source) : IDisposable
{
    /// <summary>Longest line taken, in bytes: far above any text that a model reads, far below what a lost newline can amount to.</summary>
    public const int LongestLine = 32 << 20;

    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    private byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
    private int start;
    private int end;

    /// <summary>Number of the line last read, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Whether everything that the stream has given so far is read: the next line may be long in coming.</summary>
    public bool IsDrained => start == end;

    /// <summary>Where a message points to: the file and the line.</summary>
    public string Place => $"line {Number} of {source}";

    /// <summary>The next line without its end (\n or \r\n); valid until the next call. False at the end of the stream.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> line)
    {
        int searched = start;
        while (true)
        {
            int newline = buffer.AsSpan(searched, end - searched).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                line = Take(searched + newline, 1);
                return true;
            }

            searched = end;
            if (end - start > LongestLine)
            {
                throw new InvalidDataException($"line {Number + 1} of {source} is longer than {LongestLine >> 20} MB; split it into shorter texts");
            }

            int before = start;
            if (!Fill())
            {
                line = default;
                if (start == end) return false;
                line = Take(end, 0);
                return true;
            }

            searched -= before - start; // Fill may have moved the line to the front
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        byte[] returned = Interlocked.Exchange(ref buffer, []);
        if (returned.Length > 0) ArrayPool<byte>.Shared.Return(returned);
    }

    private ReadOnlyMemory<byte> Take(int stop, int newlineLength)
    {
        int length = stop - start;
        ReadOnlyMemory<byte> line = buffer.AsMemory(start, length);
        start = stop + newlineLength;
        if (Number++ == 0 && line.Span.StartsWith(ByteOrderMark)) line = line[ByteOrderMark.Length..];
        if (line.Length > 0 && line.Span[^1] == '\r') line = line[..^1];
        return line;
    }

    private bool Fill()
    {
        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            end -= start;
            start = 0;
        }

        if (end == buffer.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
            buffer.AsSpan(0, end).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }

        int read;
        try
        {
            read = stream.Read(buffer, end, buffer.Length - end);
        }
        catch (InvalidDataException failure)
        {
            throw new InvalidDataException(
                $"{source} is cut off or damaged inside its compressed data, after line {Number}; make or download it again", failure);
        }

        end += read;
        return read > 0;
    }
}
