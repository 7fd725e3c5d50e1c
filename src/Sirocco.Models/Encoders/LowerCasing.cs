using System.Globalization;
using System.Text;

namespace Sirocco.Models;

/// <summary>
/// Python's <c>str.lower</c>, which sentence-transformers applies under <c>do_lower_case</c>: each character's simple lower case, but İ becomes two, and Σ at the
/// end of a word becomes ς (Unicode's Final_Sigma). Lower-casing inside a tokenizer.json goes by single characters and has no such rule.
/// </summary>
internal static class LowerCasing
{
    private const char Sigma = 'Σ', FinalSigma = 'ς';

    public static string Lower(string text)
    {
        text = text.Replace("İ", "i̇", StringComparison.Ordinal);
        if (!text.Contains(Sigma, StringComparison.Ordinal)) return text.ToLowerInvariant();
        StringBuilder lower = new(text.ToLowerInvariant());
        for (int at = text.IndexOf(Sigma, StringComparison.Ordinal); at >= 0; at = text.IndexOf(Sigma, at + 1))
        {
            if (EndsWord(text, at)) lower[at] = FinalSigma;
        }

        return lower.ToString();
    }

    /// <summary>A cased letter comes before, and none after; what is case-ignorable, such as an apostrophe or an accent, does not count.</summary>
    private static bool EndsWord(string text, int at)
    {
        Rune found = default;
        int before = at;
        while (before > 0)
        {
            Rune.DecodeLastFromUtf16(text.AsSpan(0, before), out found, out int length);
            before -= length;
            if (!IsCaseIgnorable(found)) break;
            found = default;
        }

        if (!IsCased(found)) return false;
        int after = at + 1;
        found = default;
        while (after < text.Length)
        {
            Rune.DecodeFromUtf16(text.AsSpan(after), out found, out int length);
            after += length;
            if (!IsCaseIgnorable(found)) break;
            found = default;
        }

        return !IsCased(found);
    }

    /// <summary>Unicode's Cased: upper, lower and title case letters, Other_Uppercase and Other_Lowercase.</summary>
    private static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 0xAA or 0xBA or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    /// <summary>Unicode's Case_Ignorable: marks, format characters, modifiers, and punctuation that stands within words (Word_Break MidLetter, MidNumLet, Single_Quote).</summary>
    private static bool IsCaseIgnorable(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || rune.Value is '\'' or '.' or ':' or 0xB7 or 0x387 or 0x55F or 0x5F4 or 0x2018 or 0x2019 or 0x2024 or 0x2027 or 0xFE13 or 0xFE52 or 0xFE55 or 0xFF07 or 0xFF0E or 0xFF1A;
}
