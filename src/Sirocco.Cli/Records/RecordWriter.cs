using System.Buffers;
using System.Text.Json;

namespace Sirocco.Cli.Records;

/// <summary>JSON objects, one a line.</summary>
internal sealed class RecordWriter : IDisposable
{
    private const int FlushAt = 1 << 16;
    private readonly Stream stream;
    private readonly ArrayBufferWriter<byte> buffer = new(FlushAt);
    private readonly Utf8JsonWriter writer;

    public RecordWriter(Stream stream)
    {
        this.stream = stream;
        writer = new Utf8JsonWriter(buffer, JsonRecord.WriterOptions);
    }

    /// <param name="members">writes the members of the object</param>
    /// <param name="flush">hand the line on at once: nothing more is waiting to be read, somebody may be waiting for this</param>
    public void Write(Action<Utf8JsonWriter> members, bool flush = false)
    {
        writer.WriteStartObject();
        members(writer);
        writer.WriteEndObject();
        writer.Flush();
        writer.Reset(buffer);
        buffer.Write("\n"u8);
        if (flush || buffer.WrittenCount >= FlushAt) Flush();
        if (flush) stream.Flush();
    }

    public void Flush()
    {
        stream.Write(buffer.WrittenSpan);
        buffer.ResetWrittenCount();
    }

    public void Dispose() => writer.Dispose();
}
