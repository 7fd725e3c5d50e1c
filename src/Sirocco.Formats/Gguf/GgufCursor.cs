using System.Buffers.Binary;
using System.Text;

namespace Sirocco.Formats;

/// <summary>Reads the header of a GGUF file from front to back; every read is checked against the bytes that are left.</summary>
internal sealed class GgufCursor(MappedFile file)
{
    // A megabyte holds any chat template; keys and names are shorter still.
    private const int LongestString = 1 << 24;
    private const int DeepestArray = 4;
    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    internal long Position { get; private set; }

    private long Remaining => file.Length - Position;

    internal byte U8(string what) => Take(1, what)[0];

    internal uint U32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    internal ulong U64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A count of things that take at least <paramref name="bytesEach"/> bytes each: more than fit into the file is a lie.</summary>
    internal int Count(string what, int bytesEach)
    {
        long offset = Position;
        ulong count = U64(what);
        if (count > (ulong)(Remaining / bytesEach) || count > int.MaxValue)
            throw Bad(offset, $"{what} is {count}, more than the {Remaining} bytes that follow can hold; the file is damaged: download it again");
        return (int)count;
    }

    internal string Text(string what)
    {
        long offset = Position;
        ulong length = U64(what);
        if (length > (ulong)Math.Min(Remaining, LongestString))
            throw Bad(offset, $"the length of {what} is {length} but {Remaining} bytes follow (limit {LongestString}); the file is damaged: download it again");
        try
        {
            return Utf8.GetString(Take((int)length, what));
        }
        catch (DecoderFallbackException)
        {
            throw Bad(offset, $"{what} is not valid UTF-8");
        }
    }

    /// <summary>A metadata value: a number, a bool, a string, or an array of one of these (arrays of arrays as object[]).</summary>
    internal object Value(string key)
    {
        long offset = Position;
        return Value(key, offset, U32($"the type of '{key}'"), 0);
    }

    private object Value(string key, long offset, uint type, int depth) => type switch
    {
        0 => U8(key),
        1 => (sbyte)U8(key),
        2 => BinaryPrimitives.ReadUInt16LittleEndian(Take(2, key)),
        3 => BinaryPrimitives.ReadInt16LittleEndian(Take(2, key)),
        4 => U32(key),
        5 => (int)U32(key),
        6 => BinaryPrimitives.ReadSingleLittleEndian(Take(4, key)),
        7 => Bool(key),
        8 => Text(key),
        9 => Array(key, depth),
        10 => U64(key),
        11 => (long)U64(key),
        12 => BinaryPrimitives.ReadDoubleLittleEndian(Take(8, key)),
        _ => throw Bad(offset, $"key '{key}' has value type {type}, but types go from 0 to 12; the file is damaged or of a newer format"),
    };

    private object Array(string key, int depth)
    {
        long offset = Position;
        if (depth == DeepestArray) throw Bad(offset, $"key '{key}' nests arrays more than {DeepestArray} deep");
        uint type = U32($"the element type of '{key}'");
        int bytesEach = type switch { 0 or 1 or 7 => 1, 2 or 3 => 2, 4 or 5 or 6 => 4, 9 => 12, _ => 8 };
        int count = Count($"the length of '{key}'", bytesEach);
        return type switch
        {
            0 => Take(count, key).ToArray(),
            1 => Fill(count, i => (sbyte)U8(key)),
            2 => Fill(count, i => BinaryPrimitives.ReadUInt16LittleEndian(Take(2, key))),
            3 => Fill(count, i => BinaryPrimitives.ReadInt16LittleEndian(Take(2, key))),
            4 => Fill(count, i => U32(key)),
            5 => Fill(count, i => (int)U32(key)),
            6 => Fill(count, i => BinaryPrimitives.ReadSingleLittleEndian(Take(4, key))),
            7 => Fill(count, i => Bool(key)),
            8 => Fill(count, i => Text(key)),
            10 => Fill(count, i => U64(key)),
            11 => Fill(count, i => (long)U64(key)),
            12 => Fill(count, i => BinaryPrimitives.ReadDoubleLittleEndian(Take(8, key))),
            _ => Fill(count, i => Value(key, offset, type, depth + 1)),
        };
    }

    private bool Bool(string key)
    {
        byte value = U8(key);
        return value <= 1 ? value == 1 : throw Bad(Position - 1, $"key '{key}' is a bool but holds {value}");
    }

    private static T[] Fill<T>(int count, Func<int, T> next)
    {
        var values = new T[count];
        for (int i = 0; i < count; i++) values[i] = next(i);
        return values;
    }

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > Remaining) throw Bad(Position, $"the file ends inside {what}; it is truncated: download it again");
        ReadOnlySpan<byte> bytes = file.Span(Position, count);
        Position += count;
        return bytes;
    }

    internal InvalidDataException Bad(long offset, string what) => new($"{file.Path}: offset {offset}: {Visible.OneLine(what)}");
}
