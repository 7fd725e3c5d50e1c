using System.Runtime.CompilerServices;

namespace Sirocco.Text.Unicode;

/// <summary>Walking over UTF-8 that is known to be well-formed: it comes from our own encoder, so no byte is checked twice.</summary>
internal static class Utf8Text
{
    /// <summary>The code point at <paramref name="index"/> and its length in bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Decode(ReadOnlySpan<byte> text, int index, out int length)
    {
        int first = text[index];
        if (first < 0x80)
        {
            length = 1;
            return first;
        }
        return DecodeMultiByte(text, index, out length);
    }

    /// <summary>Bytes of the sequence that a lead byte starts.</summary>
    public static int SequenceLength(byte lead) => lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    /// <summary>Start of the code point that ends just before <paramref name="index"/> (which must be positive).</summary>
    public static int Previous(ReadOnlySpan<byte> text, int index)
    {
        do index--;
        while ((text[index] & 0xC0) == 0x80);
        return index;
    }

    /// <summary>Appends a code point to a list of bytes.</summary>
    public static int Encode(int codePoint, Span<byte> destination)
    {
        switch (codePoint)
        {
            case < 0x80:
                destination[0] = (byte)codePoint;
                return 1;
            case < 0x800:
                destination[0] = (byte)(0xC0 | (codePoint >> 6));
                destination[1] = (byte)(0x80 | (codePoint & 0x3F));
                return 2;
            case < 0x10000:
                destination[0] = (byte)(0xE0 | (codePoint >> 12));
                destination[1] = (byte)(0x80 | ((codePoint >> 6) & 0x3F));
                destination[2] = (byte)(0x80 | (codePoint & 0x3F));
                return 3;
            default:
                destination[0] = (byte)(0xF0 | (codePoint >> 18));
                destination[1] = (byte)(0x80 | ((codePoint >> 12) & 0x3F));
                destination[2] = (byte)(0x80 | ((codePoint >> 6) & 0x3F));
                destination[3] = (byte)(0x80 | (codePoint & 0x3F));
                return 4;
        }
    }

    private static int DecodeMultiByte(ReadOnlySpan<byte> text, int index, out int length)
    {
        int first = text[index];
        if (first < 0xE0)
        {
            length = 2;
            return ((first & 0x1F) << 6) | (text[index + 1] & 0x3F);
        }
        if (first < 0xF0)
        {
            length = 3;
            return ((first & 0x0F) << 12) | ((text[index + 1] & 0x3F) << 6) | (text[index + 2] & 0x3F);
        }
        length = 4;
        return ((first & 0x07) << 18) | ((text[index + 1] & 0x3F) << 12) | ((text[index + 2] & 0x3F) << 6) | (text[index + 3] & 0x3F);
    }
}
