using System.Buffers;

namespace Sirocco.Formats;

/// <summary>A part of a mapped file as memory, so that columns can lie in it. Using it after the file was disposed throws.</summary>
internal sealed unsafe class MappedBytes(MappedFile file, long offset, int length) : MemoryManager<byte>
{
    public override Span<byte> GetSpan()
    {
        file.Span(offset, length);   // checks that the file is still mapped
        return new Span<byte>(file.Pointer + offset, length);
    }

    // The mapping does not move.
    public override MemoryHandle Pin(int elementIndex = 0) => new(file.Pointer + offset + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
