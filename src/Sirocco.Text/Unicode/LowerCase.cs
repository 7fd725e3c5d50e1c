using System.Text;

namespace Sirocco.Text.Unicode;

/// <summary>Simple lower case of a code point.</summary>
internal static class LowerCase
{
    public static int Of(int codePoint) => codePoint switch
    {
        < 0x80 => codePoint is >= 'A' and <= 'Z' ? codePoint | 0x20 : codePoint,
        _ => Rune.IsValid(codePoint) ? Rune.ToLowerInvariant(new Rune(codePoint)).Value : codePoint,
    };
}
