using System.Text;

namespace Sirocco.Text.Unicode;

/// <summary>Simple lower case of a code point as of Unicode 17.0, which the reference lower-cases with; .NET 10 knows 16.0.</summary>
internal static class LowerCase
{
    public static int Of(int codePoint) => codePoint switch
    {
        < 0x80 => codePoint is >= 'A' and <= 'Z' ? codePoint | 0x20 : codePoint,
        0xA7CE or 0xA7D2 or 0xA7D4 => codePoint + 1,
        >= 0x16EA0 and <= 0x16EB8 => codePoint + 0x1B,
        _ => Rune.IsValid(codePoint) ? Rune.ToLowerInvariant(new Rune(codePoint)).Value : codePoint,
    };
}
