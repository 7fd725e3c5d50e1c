namespace Sirocco.Cli.Records;

/// <summary>
/// Standard input or a pipe, whose reader may wait for its writer without end: an interruption ends the wait, so that the verb leaves in order and
/// removes what it had half written.
/// </summary>
internal sealed class InterruptibleInput(Stream inner, CancellationToken cancellation) : Stream
{
    // A read that is given up goes on until the process ends: it must not write into memory that is the caller's again.
    private readonly byte[] buffer = new byte[1 << 16];
    private int start;
    private int end;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> destination)
    {
        if (start == end)
        {
            end = Task.Run(() => inner.Read(buffer, 0, buffer.Length), CancellationToken.None).WaitAsync(cancellation).GetAwaiter().GetResult();
            start = 0;
        }

        int count = Math.Min(destination.Length, end - start);
        buffer.AsSpan(start, count).CopyTo(destination);
        start += count;
        return count;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && !cancellation.IsCancellationRequested) inner.Dispose();
        base.Dispose(disposing);
    }
}
