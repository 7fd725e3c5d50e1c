using System.Text;

namespace Sirocco.Text.Bpe;

/// <summary>
/// GPT-2's printable stand-ins for bytes: a byte that prints in Latin-1 stands for itself, the others take U+0100, U+0101, … in order. Files of
/// byte-level vocabularies spell their tokens in it (a space is <c>Ġ</c>).
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] CharacterOf = new char[256];
    private static readonly short[] ByteOf = Build();

    /// <summary>The character that stands for a byte.</summary>
    public static char Character(byte value) => CharacterOf[value];

    /// <summary>The byte that a character stands for, or -1.</summary>
    public static int Byte(int character) => (uint)character < (uint)ByteOf.Length ? ByteOf[character] : -1;

    /// <summary>The token's bytes, from its spelling as UTF-8; -1 when a character is not of the alphabet.</summary>
    /// <param name="spelling">UTF-8.</param>
    /// <param name="destination">At least as long as <paramref name="spelling"/>; may be the same memory.</param>
    /// <returns>Bytes written.</returns>
    public static int Decode(ReadOnlySpan<byte> spelling, Span<byte> destination)
    {
        int written = 0;
        for (int i = 0; i < spelling.Length; i++)
        {
            int character = spelling[i];
            if (character >= 0x80)
            {
                // The alphabet ends at U+0143: two bytes at most.
                if (character >= 0xE0 || i + 1 >= spelling.Length) return -1;
                character = ((character & 0x1F) << 6) | (spelling[++i] & 0x3F);
            }
            int value = Byte(character);
            if (value < 0) return -1;
            destination[written++] = (byte)value;
        }
        return written;
    }

    /// <summary>The spelling of a token's bytes.</summary>
    public static string Spell(ReadOnlySpan<byte> bytes)
    {
        StringBuilder spelling = new(bytes.Length);
        foreach (byte value in bytes) spelling.Append(CharacterOf[value]);
        return spelling.ToString();
    }

    private static short[] Build()
    {
        short[] byteOf = new short[0x144];
        byteOf.AsSpan().Fill(-1);
        int next = 0x100;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            CharacterOf[value] = printable ? (char)value : (char)next++;
            byteOf[CharacterOf[value]] = (short)value;
        }
        return byteOf;
    }
}
