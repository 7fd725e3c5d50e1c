using System.Globalization;
using System.Runtime.CompilerServices;

namespace Sirocco.Text.Unicode;

/// <summary>The character classes that published split patterns are made of.</summary>
[Flags]
internal enum CharacterClass : byte
{
    None = 0,

    /// <summary><c>\p{L}</c></summary>
    Letter = 1,

    /// <summary><c>\p{N}</c></summary>
    Number = 2,

    /// <summary><c>\s</c>: the 25 White_Space code points.</summary>
    Space = 4,

    /// <summary><c>[\r\n]</c></summary>
    NewLine = 8,

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c>: may stand before the lower-case part of a word.</summary>
    WordStart = 16,

    /// <summary><c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c>: may stand in the lower-case part of a word.</summary>
    WordRest = 32,

    /// <summary>What the Punctuation pre-tokenizer cuts at: <c>\p{P}</c> of Unicode 8.0 and the symbols of ASCII.</summary>
    Punctuation = 64,

    /// <summary>What the Digits pre-tokenizer cuts at: numbers of Unicode 17.0.</summary>
    Numeral = 128,
}

/// <summary>
/// Character classes of Unicode 16.0, read once from the pinned table <c>classes.txt</c>: the version that tiktoken and tokenizers use, whatever the
/// runtime knows. Pre-tokenizers whose tables are of another version have classes of their own. Two stages: a page number for each 256 code points, then one
/// byte for each code point of the distinct pages.
/// </summary>
internal static class CharacterClasses
{
    private static readonly byte[] Pages = new byte[0x1100];
    private static readonly byte[] Values = Build();

    /// <summary>Classes of the first 128 code points, the common case of the matchers.</summary>
    public static readonly byte[] Ascii = Values.AsSpan(Pages[0] << 8, 128).ToArray();

    /// <summary>The classes of a code point; None beyond U+10FFFF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharacterClass Of(int codePoint) =>
        (uint)codePoint > 0x10FFFF ? CharacterClass.None : (CharacterClass)Values[(Pages[codePoint >> 8] << 8) | (codePoint & 0xFF)];

    private static byte[] Build()
    {
        byte[] flat = new byte[0x110000];
        using Stream resource = typeof(CharacterClasses).Assembly.GetManifestResourceStream("classes.txt")!;
        using StreamReader reader = new(resource);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            string[] fields = line.Split(' ');
            CharacterClass value = fields[0] switch
            {
                "Lu" or "Lt" => CharacterClass.Letter | CharacterClass.WordStart,
                "Ll" => CharacterClass.Letter | CharacterClass.WordRest,
                "Lm" or "Lo" => CharacterClass.Letter | CharacterClass.WordStart | CharacterClass.WordRest,
                "M" => CharacterClass.WordStart | CharacterClass.WordRest,
                "N" => CharacterClass.Number | CharacterClass.Numeral,
                "Numeral" => CharacterClass.Numeral,
                "Punctuation" => CharacterClass.Punctuation,
                _ => CharacterClass.Space,
            };
            int start = int.Parse(fields[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            int end = int.Parse(fields[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            foreach (ref byte flags in flat.AsSpan(start, end - start + 1)) flags |= (byte)value;
        }
        flat['\r'] |= (byte)CharacterClass.NewLine;
        flat['\n'] |= (byte)CharacterClass.NewLine;

        List<byte> values = [];
        Dictionary<string, byte> seen = [];
        for (int page = 0; page < Pages.Length; page++)
        {
            ReadOnlySpan<byte> block = flat.AsSpan(page << 8, 256);
            string key = Convert.ToBase64String(block);
            if (!seen.TryGetValue(key, out byte index))
            {
                index = checked((byte)seen.Count);
                seen.Add(key, index);
                values.AddRange(block);
            }
            Pages[page] = index;
        }
        return [.. values];
    }
}
