using System.Buffers.Binary;
using System.Text;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>Strings of an index, memory-mapped: NAME.utf8 holds their bytes one after the other, NAME.ends an i64 for each, where it ends.</summary>
internal sealed class TextColumn : IDisposable
{
    private readonly MappedFile bytes;
    private readonly MappedFile ends;

    private TextColumn(MappedFile bytes, MappedFile ends)
    {
        this.bytes = bytes;
        this.ends = ends;
    }

    /// <summary>Names of the files that a column is kept in: its bytes, its ends.</summary>
    public static string[] FilesOf(string name) => [name + ".utf8", name + ".ends"];

    public static TextColumn Open(string folder, string name, int count)
    {
        MappedFile bytes = MappedFile.Open(Path.Combine(folder, name + ".utf8"));
        MappedFile? ends = null;
        try
        {
            ends = MappedFile.Open(Path.Combine(folder, name + ".ends"));
            if (ends.Length != (long)count * sizeof(long))
                throw new InvalidDataException($"{ends.Path}: has {ends.Length} bytes, expected {(long)count * sizeof(long)}; make the index again");
            TextColumn column = new(bytes, ends);
            if (column.End(count - 1) != bytes.Length)
                throw new InvalidDataException($"{bytes.Path}: has {bytes.Length} bytes, expected {column.End(count - 1)}; make the index again");
            return column;
        }
        catch
        {
            bytes.Dispose();
            ends?.Dispose();
            throw;
        }
    }

    public string this[int row]
    {
        get
        {
            long start = End(row - 1), length = End(row) - start;
            if (start < 0 || length < 0 || length > int.MaxValue || start + length > bytes.Length)
                throw new InvalidDataException($"{ends.Path}: entry {row} is outside {bytes.Path}; make the index again");
            return Encoding.UTF8.GetString(bytes.Span(start, (int)length));
        }
    }

    public void Dispose()
    {
        bytes.Dispose();
        ends.Dispose();
    }

    private long End(int row) => row < 0 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(ends.Span((long)row * sizeof(long), sizeof(long)));

    /// <summary>Writes a column row by row into files that are the caller's to close.</summary>
    internal sealed class Writer(Dictionary<string, FileStream> files, string name)
    {
        private readonly FileStream bytes = files[name + ".utf8"];
        private readonly FileStream ends = files[name + ".ends"];
        private long end;

        public void Add(string text)
        {
            byte[] encoded = Encoding.UTF8.GetBytes(text);
            bytes.Write(encoded);
            Span<byte> place = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(place, end += encoded.Length);
            ends.Write(place);
        }
    }
}
