using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Unicode;

namespace Sirocco.Formats;

/// <summary>The values of one page, read a few at a time.</summary>
internal abstract class PageValues
{
    /// <summary>Appends the next <paramref name="count"/> values.</summary>
    /// <exception cref="InvalidDataException">The page has fewer, or is damaged; the message names no file.</exception>
    internal abstract void Read(int count, LeafValues into);

    /// <summary>Chooses the decoder of an encoding.</summary>
    internal static PageValues Create(ParquetEncoding encoding, SchemaLeaf leaf, ReadOnlyMemory<byte> body, ParquetDictionary? dictionary)
    {
        bool isBytes = leaf.Type == PhysicalType.ByteArray, isText = leaf.LogicalType.Kind == ColumnKind.Text;
        return (encoding, leaf.Type) switch
        {
            (ParquetEncoding.Plain, PhysicalType.Boolean) => new PlainBooleans(body),
            (ParquetEncoding.Plain, PhysicalType.ByteArray) => new PlainTexts(body, isText),
            (ParquetEncoding.Plain, _) => new PlainNumbers(body),
            (ParquetEncoding.PlainDictionary or ParquetEncoding.RleDictionary, _) => new DictionaryValues(
                body, dictionary ?? throw new InvalidDataException("the page uses a dictionary, but the column has none")),
            (ParquetEncoding.Rle, PhysicalType.Boolean) => new RunLengthBooleans(body),
            (ParquetEncoding.DeltaBinaryPacked, PhysicalType.Int32) => new DeltaNumbers<int>(body),
            (ParquetEncoding.DeltaBinaryPacked, PhysicalType.Int64) => new DeltaNumbers<long>(body),
            (ParquetEncoding.DeltaLengthByteArray, _) when isBytes => new DeltaLengthTexts(body, isText),
            (ParquetEncoding.DeltaByteArray, PhysicalType.ByteArray or PhysicalType.FixedLenByteArray) => new DeltaTexts(body, isText),
            (ParquetEncoding.ByteStreamSplit, PhysicalType.Int32 or PhysicalType.Int64 or PhysicalType.Float or PhysicalType.Double
                or PhysicalType.FixedLenByteArray) => new SplitNumbers(body, leaf.Width),
            _ => throw new InvalidDataException($"values of type {leaf.Type} in the encoding {encoding} cannot be read"),
        };
    }

    private static InvalidDataException TooFew() => new("the values end before their number");

    private static void CheckText(ReadOnlySpan<byte> text)
    {
        if (!Utf8.IsValid(text)) throw new InvalidDataException("a text is not valid UTF-8");
    }

    private sealed class PlainNumbers(ReadOnlyMemory<byte> body) : PageValues
    {
        private int position;

        internal override void Read(int count, LeafValues into)
        {
            long size = (long)count * into.Width;
            if (size > body.Length - position) throw TooFew();
            body.Span.Slice(position, (int)size).CopyTo(into.AppendNumbers(count));
            position += (int)size;
        }
    }

    private sealed class PlainBooleans(ReadOnlyMemory<byte> body) : PageValues
    {
        private long position;

        internal override void Read(int count, LeafValues into)
        {
            if (count > (body.Length * 8L) - position) throw TooFew();
            ReadOnlySpan<byte> bytes = body.Span;
            foreach (ref byte value in into.AppendNumbers(count))
            {
                value = (byte)((bytes[(int)(position >> 3)] >> (int)(position & 7)) & 1);
                position++;
            }
        }
    }

    /// <summary>Each text after its length in four bytes; the views point into the page.</summary>
    private sealed class PlainTexts(ReadOnlyMemory<byte> body, bool isText) : PageValues
    {
        private int position;

        internal override void Read(int count, LeafValues into)
        {
            ReadOnlySpan<byte> bytes = body.Span;
            if (count > (bytes.Length - position) / 4) throw TooFew();
            int buffer = into.AddBuffer(body), at = position;
            foreach (ref ByteView view in into.AppendViews(count))
            {
                if (bytes.Length - at < 4) throw TooFew();
                int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
                at += 4;
                if ((uint)length > (uint)(bytes.Length - at)) throw new InvalidDataException($"a value of {(uint)length} bytes exceeds its page");
                if (isText) CheckText(bytes.Slice(at, length));
                view = new ByteView(buffer, at, length);
                at += length;
            }
            position = at;
        }
    }

    private sealed class RunLengthBooleans : PageValues
    {
        private readonly RunLengthDecoder bits;

        internal RunLengthBooleans(ReadOnlyMemory<byte> body)
        {
            if (body.Length < 4) throw TooFew();
            int length = BinaryPrimitives.ReadInt32LittleEndian(body.Span);
            if ((uint)length > (uint)(body.Length - 4)) throw TooFew();
            bits = new RunLengthDecoder(body.Slice(4, length), 1);
        }

        internal override void Read(int count, LeafValues into) => bits.Read(into.AppendNumbers(count));
    }

    /// <summary>Indices into the dictionary page; their width comes first.</summary>
    private sealed class DictionaryValues : PageValues
    {
        private readonly ParquetDictionary dictionary;
        private readonly RunLengthDecoder? indices;
        private readonly uint[] some = new uint[1024];

        internal DictionaryValues(ReadOnlyMemory<byte> body, ParquetDictionary dictionary)
        {
            this.dictionary = dictionary;
            if (!body.IsEmpty) indices = new RunLengthDecoder(body[1..], body.Span[0]);
        }

        internal override void Read(int count, LeafValues into)
        {
            if (count > 0 && indices is null) throw TooFew();
            int buffer = into.Width == 0 && count > 0 ? dictionary.BufferIn(into) : 0;
            for (int done = 0; done < count;)
            {
                Span<uint> batch = some.AsSpan(0, Math.Min(some.Length, count - done));
                indices!.Read(batch);
                dictionary.Gather(batch, buffer, into);
                done += batch.Length;
            }
        }
    }

    private sealed class DeltaNumbers<T>(ReadOnlyMemory<byte> body) : PageValues where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        private readonly DeltaDecoder deltas = new(body);

        internal override void Read(int count, LeafValues into)
        {
            if (count > deltas.Left) throw TooFew();
            deltas.Read(MemoryMarshal.Cast<byte, T>(into.AppendNumbers(count)));
        }
    }

    /// <summary>All lengths, then all texts.</summary>
    private sealed class DeltaLengthTexts : PageValues
    {
        private readonly ReadOnlyMemory<byte> body;
        private readonly bool isText;
        private readonly DeltaDecoder lengths;
        private int position;

        internal DeltaLengthTexts(ReadOnlyMemory<byte> body, bool isText)
        {
            this.body = body;
            this.isText = isText;
            lengths = new DeltaDecoder(body);
            position = new DeltaDecoder(body).FindEnd();
        }

        internal override void Read(int count, LeafValues into)
        {
            if (count > lengths.Left) throw TooFew();
            int buffer = into.AddBuffer(body);
            Span<ByteView> views = into.AppendViews(count);
            ReadOnlySpan<byte> bytes = body.Span;
            Span<int> some = stackalloc int[256];
            while (!views.IsEmpty)
            {
                Span<int> batch = some[..Math.Min(some.Length, views.Length)];
                lengths.Read(batch);
                for (int i = 0; i < batch.Length; i++)
                {
                    if ((uint)batch[i] > (uint)(bytes.Length - position)) throw new InvalidDataException($"a value of {(uint)batch[i]} bytes exceeds its page");
                    if (isText) CheckText(bytes.Slice(position, batch[i]));
                    views[i] = new ByteView(buffer, position, batch[i]);
                    position += batch[i];
                }
                views = views[batch.Length..];
            }
        }
    }

    /// <summary>Each text as the number of bytes that it shares with the one before, and the rest.</summary>
    private sealed class DeltaTexts : PageValues
    {
        private const int MostBytes = 1 << 30;

        private readonly ReadOnlyMemory<byte> body;
        private readonly bool isText;
        private readonly DeltaDecoder shared, lengths;
        private byte[] previous = [];
        private int previousLength, position;

        internal DeltaTexts(ReadOnlyMemory<byte> body, bool isText)
        {
            this.body = body;
            this.isText = isText;
            shared = new DeltaDecoder(body);
            int end = new DeltaDecoder(body).FindEnd();
            lengths = new DeltaDecoder(body[end..]);
            position = end + new DeltaDecoder(body[end..]).FindEnd();
        }

        internal override void Read(int count, LeafValues into)
        {
            if (count > shared.Left || count > lengths.Left) throw TooFew();
            int[] prefixes = new int[count], suffixes = new int[count];
            shared.Read(prefixes.AsSpan());
            lengths.Read(suffixes.AsSpan());
            long total = 0;
            int before = previousLength, from = position;
            for (int i = 0; i < count; i++)
            {
                if ((uint)prefixes[i] > (uint)before || (uint)suffixes[i] > (uint)(body.Length - from))
                    throw new InvalidDataException("a value shares more with the one before than that has, or exceeds its page");
                before = checked(prefixes[i] + suffixes[i]);
                from += suffixes[i];
                total += before;
                if (total > MostBytes) throw new InvalidDataException($"more than {MostBytes >> 20} MiB of texts belong to a few rows");
            }

            byte[] texts = new byte[total];
            ReadOnlySpan<byte> bytes = body.Span;
            ReadOnlySpan<byte> last = previous.AsSpan(0, previousLength);
            int at = 0, buffer = into.Width == 0 ? into.AddBuffer(texts) : 0;
            for (int i = 0; i < count; i++)
            {
                int length = prefixes[i] + suffixes[i];
                Span<byte> text = texts.AsSpan(at, length);
                last[..prefixes[i]].CopyTo(text);
                bytes.Slice(position, suffixes[i]).CopyTo(text[prefixes[i]..]);
                position += suffixes[i];
                if (isText) CheckText(text);
                if (into.Width == 0) into.AppendViews(1)[0] = new ByteView(buffer, at, length);
                else if (length == into.Width) text.CopyTo(into.AppendNumbers(1));
                else throw new InvalidDataException($"a value of {length} bytes where {into.Width} are expected");
                at += length;
                last = text;
            }
            if (last.Length > previous.Length) previous = new byte[last.Length];
            last.CopyTo(previous);
            previousLength = last.Length;
        }
    }

    /// <summary>BYTE_STREAM_SPLIT: the first bytes of all values, then the second bytes, and so on.</summary>
    private sealed class SplitNumbers(ReadOnlyMemory<byte> body, int width) : PageValues
    {
        private readonly int values = body.Length / width;
        private int position;

        internal override void Read(int count, LeafValues into)
        {
            if (count > values - position) throw TooFew();
            ReadOnlySpan<byte> bytes = body.Span;
            Span<byte> target = into.AppendNumbers(count);
            for (int part = 0; part < width; part++)
            {
                ReadOnlySpan<byte> stream = bytes.Slice((part * values) + position, count);
                for (int i = 0; i < stream.Length; i++) target[(i * width) + part] = stream[i];
            }
            position += count;
        }
    }
}
