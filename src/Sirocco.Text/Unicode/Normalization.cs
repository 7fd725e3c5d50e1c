using System.Globalization;

namespace Sirocco.Text.Unicode;

/// <summary>
/// The four normalisation forms (Unicode Standard Annex 15) with the number of code points that each result stands for, so that offsets survive. Own
/// implementation: under invariant globalization the runtime's Normalize does nothing, and results must not depend on the system's ICU.
/// Tables are Unicode 9.0 (<c>normalization.txt</c>), the version that the reference library normalises with.
/// </summary>
internal static class Normalization
{
    private const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, SyllableCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<Tables> Loaded = new(Load);

    private sealed record Tables(
        Dictionary<int, int[]> Canonical, Dictionary<int, int[]> Compatible, Dictionary<(int, int), int> Composites,
        Dictionary<int, byte> Classes, HashSet<int> Marks);

    /// <summary><c>General_Category = Mark</c> in Unicode 9.0.</summary>
    public static bool IsCombiningMark(int codePoint) => codePoint >= 0x300 && Loaded.Value.Marks.Contains(codePoint);

    /// <summary>
    /// Normalises. Each result carries a change: 0 for the first code point of a decomposition, 1 for a further one, less by one for every code
    /// point composed into it.
    /// </summary>
    /// <param name="text">Well-formed UTF-8.</param>
    /// <param name="compatible">Compatibility decomposition (the K forms).</param>
    /// <param name="compose">Composition afterwards (the C forms).</param>
    public static List<(int CodePoint, int Change)> Normalize(ReadOnlySpan<byte> text, bool compatible, bool compose)
    {
        List<(int CodePoint, int Change)> decomposed = Decompose(text, compatible);
        return compose ? Compose(decomposed) : decomposed;
    }

    private static List<(int CodePoint, int Change)> Decompose(ReadOnlySpan<byte> text, bool compatible)
    {
        Tables tables = Loaded.Value;
        List<(int CodePoint, int Change)> result = new(text.Length);
        List<(byte Class, int CodePoint, int Change)> pending = [];
        for (int at = 0; at < text.Length;)
        {
            int codePoint = Utf8Text.Decode(text, at, out int size);
            at += size;
            if (codePoint < 0x80)
            {
                Push(codePoint, 0);
                continue;
            }
            int syllable = codePoint - SyllableBase;
            if ((uint)syllable < SyllableCount)
            {
                Push(LeadBase + (syllable / (VowelCount * TrailCount)), 0);
                Push(VowelBase + (syllable % (VowelCount * TrailCount) / TrailCount), 1);
                if (syllable % TrailCount != 0) Push(TrailBase + (syllable % TrailCount), 1);
                continue;
            }
            if ((compatible && tables.Compatible.TryGetValue(codePoint, out int[]? parts)) || tables.Canonical.TryGetValue(codePoint, out parts))
            {
                for (int i = 0; i < parts.Length; i++) Push(parts[i], i == 0 ? 0 : 1);
                continue;
            }
            Push(codePoint, 0);
        }
        Order();
        return result;

        void Push(int codePoint, int change)
        {
            byte combining = tables.Classes.GetValueOrDefault(codePoint);
            if (combining == 0)
            {
                Order();
                result.Add((codePoint, change));
                return;
            }
            pending.Add((combining, codePoint, change));
        }

        void Order()
        {
            if (pending.Count == 0) return;
            foreach ((_, int codePoint, int change) in pending.OrderBy(entry => entry.Class)) result.Add((codePoint, change));
            pending.Clear();
        }
    }

    private static List<(int CodePoint, int Change)> Compose(List<(int CodePoint, int Change)> decomposed)
    {
        Tables tables = Loaded.Value;
        List<(int CodePoint, int Change)> result = new(decomposed.Count);
        int starter = -1;     // where the last starter stands in the result
        int lastClass = -1;   // class of what follows it uncomposed; -1: nothing
        foreach ((int codePoint, int change) in decomposed)
        {
            int combining = tables.Classes.GetValueOrDefault(codePoint);
            if (starter >= 0 && (lastClass < 0 || lastClass < combining) && Composite(tables, result[starter].CodePoint, codePoint) is { } composite)
            {
                result[starter] = (composite, result[starter].Change + change - 1);
                continue;
            }
            if (combining == 0)
            {
                starter = result.Count;
                lastClass = -1;
            }
            else
            {
                lastClass = combining;
            }
            result.Add((codePoint, change));
        }
        return result;
    }

    private static int? Composite(Tables tables, int first, int second)
    {
        int lead = first - LeadBase, vowel = second - VowelBase;
        if ((uint)lead < LeadCount && (uint)vowel < VowelCount) return SyllableBase + (((lead * VowelCount) + vowel) * TrailCount);
        int syllable = first - SyllableBase, trail = second - TrailBase;
        if ((uint)syllable < SyllableCount && syllable % TrailCount == 0 && trail is > 0 and < TrailCount) return first + trail;
        return tables.Composites.TryGetValue((first, second), out int composite) ? composite : null;
    }

    private static Tables Load()
    {
        Tables tables = new([], [], [], [], []);
        using Stream resource = typeof(Normalization).Assembly.GetManifestResourceStream("normalization.txt")!;
        using StreamReader reader = new(resource);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            string[] fields = line.Split(' ');
            int Hexadecimal(int index) => int.Parse(fields[index], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            switch (fields[0])
            {
                case "D":
                    tables.Canonical[Hexadecimal(1)] = [.. Enumerable.Range(2, fields.Length - 2).Select(Hexadecimal)];
                    break;
                case "K":
                    tables.Compatible[Hexadecimal(1)] = [.. Enumerable.Range(2, fields.Length - 2).Select(Hexadecimal)];
                    break;
                case "P":
                    tables.Composites[(Hexadecimal(1), Hexadecimal(2))] = Hexadecimal(3);
                    break;
                case "Z":
                    byte combining = byte.Parse(fields[3], CultureInfo.InvariantCulture);
                    for (int c = Hexadecimal(1); c <= Hexadecimal(2); c++) tables.Classes[c] = combining;
                    break;
                default:
                    for (int c = Hexadecimal(1); c <= Hexadecimal(2); c++) tables.Marks.Add(c);
                    break;
            }
        }
        return tables;
    }
}
