namespace Sirocco.Formats;

/// <summary>A write-only stream over a file whose failures speak of the file's final name.</summary>
internal sealed class WrittenStream(FileStream inner, string finalPath) : Stream
{
    public override bool CanRead => false;
    public override bool CanSeek => inner.CanSeek;
    public override bool CanWrite => true;
    public override long Length => inner.Length;
    public override long Position
    {
        get => inner.Position;
        set => Seek(value, SeekOrigin.Begin);
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            inner.Write(buffer);
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            throw WriteFailure.Explain(finalPath, e);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void WriteByte(byte value) => Write([value]);

    public override long Seek(long offset, SeekOrigin origin)
    {
        try
        {
            return inner.Seek(offset, origin);
        }
        catch (IOException e)
        {
            throw WriteFailure.Explain(finalPath, e);
        }
    }

    public override void Flush()
    {
        try
        {
            inner.Flush();
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            throw WriteFailure.Explain(finalPath, e);
        }
    }

    public override void SetLength(long value) => inner.SetLength(value);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    // Owners close the file through Complete or Abandon; a StreamWriter that disposes its stream must not.
    protected override void Dispose(bool disposing)
    {
        if (disposing && inner.CanWrite) Flush();
        base.Dispose(disposing);
    }

    internal void Complete(bool toDisk)
    {
        inner.Flush(toDisk);
        inner.Dispose();
    }

    internal void Abandon()
    {
        try
        {
            inner.Dispose();
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            // The buffer could not be written (a full disk): the file is being thrown away and its handle is closed.
            return;
        }
    }
}
