using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Sirocco.Formats;

/// <summary>
/// The header of a NumPy file (NEP 1): signature, version, length, a Python dict with exactly <c>descr</c>, <c>fortran_order</c> and <c>shape</c>.
/// </summary>
internal sealed record NpyHeader(StorageType Type, long[] Shape, long DataOffset)
{
    private const int LongestHeader = 1 << 16;

    private static readonly FrozenDictionary<string, StorageType> Types = new Dictionary<string, StorageType>
    {
        ["|b1"] = StorageType.Bool,
        ["|i1"] = StorageType.I8,
        ["|u1"] = StorageType.U8,
        ["<i2"] = StorageType.I16,
        ["<u2"] = StorageType.U16,
        ["<i4"] = StorageType.I32,
        ["<u4"] = StorageType.U32,
        ["<i8"] = StorageType.I64,
        ["<u8"] = StorageType.U64,
        ["<f2"] = StorageType.F16,
        ["<f4"] = StorageType.F32,
        ["<f8"] = StorageType.F64,
        ["<c8"] = StorageType.C64,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static ReadOnlySpan<byte> Signature => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    internal static bool HasSignature(ReadOnlySpan<byte> start) => start.StartsWith(Signature);

    internal static NpyHeader Read(MappedFile file)
    {
        string path = file.Path;
        if (file.Length < 10 || !HasSignature(file.Span(0, 6))) throw Bad(path, 0, "does not start with \\x93NUMPY; it is not an npy file");
        int version = file.Span(6, 1)[0];
        if (version is < 1 or > 3) throw Bad(path, 6, $"npy version {version} is not known (1 to 3 are)");
        int start = version == 1 ? 10 : 12;
        if (file.Length < start) throw Bad(path, 8, "the file ends inside the header; it is truncated");
        uint length = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(file.Span(8, 2)) : BinaryPrimitives.ReadUInt32LittleEndian(file.Span(8, 4));
        if (length > LongestHeader || length > file.Length - start)
            throw Bad(path, 8, $"header length {length} exceeds the {file.Length - start} bytes that follow (limit {LongestHeader})");

        ReadOnlySpan<byte> text = file.Span(start, (int)length);
        NpyHeader header = new Literal(path, start, version == 3 ? Encoding.UTF8.GetString(text) : Encoding.Latin1.GetString(text)).Parse(start + length);
        Int128 elements = 1;
        foreach (long extent in header.Shape)
        {
            elements *= extent;
            if (elements > long.MaxValue) throw Bad(path, start, $"the number of elements of shape ({string.Join(", ", header.Shape.Take(8))}) overflows");
        }
        if (elements * header.Type.BlockBytes > file.Length - header.DataOffset)
        {
            throw Bad(path, header.DataOffset, $"shape ({string.Join(", ", header.Shape)}) of {header.Type.Name} needs {elements * header.Type.BlockBytes} "
                + $"bytes but {file.Length - header.DataOffset} follow; the file is truncated");
        }
        return header;
    }

    /// <summary>
    /// The header as NumPy writes it: version 1, padded so that the data starts at a multiple of 64. Always 128 bytes, so that a shape known only
    /// at the end can be written over the first one.
    /// </summary>
    internal static byte[] Write(StorageType type, ReadOnlySpan<long> shape)
    {
        const int totalLength = 128;
        string description = Types.First(pair => pair.Value == type).Key;
        string extents = shape.Length == 1 ? string.Create(CultureInfo.InvariantCulture, $"{shape[0]},") : string.Join(", ", shape.ToArray());
        byte[] dictionary = Encoding.ASCII.GetBytes($"{{'descr': '{description}', 'fortran_order': False, 'shape': ({extents}), }}");
        if (dictionary.Length + 11 > totalLength) throw new ArgumentException($"a shape of {shape.Length} extents does not fit the header", nameof(shape));
        byte[] header = new byte[totalLength];
        header.AsSpan().Fill((byte)' ');
        Signature.CopyTo(header);
        header[6] = 1;
        header[7] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)(totalLength - 10));
        dictionary.CopyTo(header, 10);
        header[^1] = (byte)'\n';
        return header;
    }

    private static InvalidDataException Bad(string path, long offset, string what) => new($"{path}: offset {offset}: {Visible.OneLine(what)}");

    /// <summary>The subset of Python's literals that NumPy writes here; nothing is evaluated.</summary>
    private sealed class Literal(string path, int start, string text)
    {
        private int position;

        internal NpyHeader Parse(long dataOffset)
        {
            StorageType? type = null;
            bool? fortran = null;
            long[]? shape = null;
            Expect('{');
            while (!Take('}'))
            {
                string key = Quoted();
                Expect(':');
                switch (key)
                {
                    case "descr" when type is null:
                        type = Type();
                        break;
                    case "fortran_order" when fortran is null:
                        fortran = TakeWord("True") || (TakeWord("False") ? false : throw Error("fortran_order must be True or False"));
                        break;
                    case "shape" when shape is null:
                        shape = Shape();
                        break;
                    default:
                        throw Error($"unexpected or repeated key '{Visible.Short(key)}'");
                }
                if (!Take(',') && Peek() != '}') throw Error("expected ',' or '}'");
            }
            Peek();
            if (position != text.Length) throw Error("unexpected text after the dictionary");
            if (type is null || fortran is null || shape is null) throw Error("the keys 'descr', 'fortran_order' and 'shape' are needed");
            if (fortran.Value && shape.Count(extent => extent != 1) > 1) throw Error("the array is in Fortran order; save it with numpy.ascontiguousarray");
            return new NpyHeader(type.Value, shape, dataOffset);
        }

        private StorageType Type()
        {
            if (Peek() == '[') throw Error("structured arrays are not supported; save a plain array");
            string description = Quoted();
            return Types.TryGetValue(description, out StorageType type) ? type
                : throw Error($"dtype '{Visible.Short(description)}' is not supported; little-endian numbers and bool are");
        }

        private long[] Shape()
        {
            var extents = new List<long>();
            Expect('(');
            while (!Take(')'))
            {
                Peek();
                int first = position;
                while (position < text.Length && char.IsAsciiDigit(text[position])) position++;
                if (!long.TryParse(text.AsSpan(first, position - first), NumberStyles.None, CultureInfo.InvariantCulture, out long extent))
                    throw Error("shape must be a tuple of whole numbers");
                if (position < text.Length && text[position] == 'L') position++;   // written by Python 2
                extents.Add(extent);
                if (extents.Count > 64) throw Error("shape has more than 64 extents");
                if (!Take(',') && (Peek() != ')' || extents.Count == 1)) throw Error("shape must be a tuple of whole numbers");
            }
            return [.. extents];
        }

        private string Quoted()
        {
            char quote = Peek();
            if (quote is not ('\'' or '"')) throw Error("expected a quoted text");
            int end = text.IndexOf(quote, position + 1);
            if (end < 0) throw Error("a quoted text does not end");
            string value = text[(position + 1)..end];
            position = end + 1;
            return value;
        }

        private char Peek()
        {
            while (position < text.Length && text[position] is ' ' or '\n' or '\t' or '\r') position++;
            return position < text.Length ? text[position] : '\0';
        }

        private bool Take(char c)
        {
            if (Peek() != c || position == text.Length) return false;
            position++;
            return true;
        }

        private bool TakeWord(string word)
        {
            Peek();
            if (!text.AsSpan(position).StartsWith(word, StringComparison.Ordinal)) return false;
            position += word.Length;
            return true;
        }

        private void Expect(char c)
        {
            if (!Take(c)) throw Error($"expected '{c}'");
        }

        private InvalidDataException Error(string what) => Bad(path, start + position, $"npy header: {what}");
    }
}
