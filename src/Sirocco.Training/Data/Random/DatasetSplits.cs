using System.Globalization;
using System.Text.RegularExpressions;

namespace Sirocco.Training;

/// <summary>Parts of a dataset as Hugging Face datasets takes them, as row numbers.</summary>
internal static partial class DatasetSplits
{
    /// <summary>train_test_split(test_size, seed): a permutation whose first ⌈share · count⌉ rows are the test part.</summary>
    /// <param name="count">Rows.</param>
    /// <param name="testShare">Above 0 and below 1.</param>
    /// <param name="seed">Of the permutation.</param>
    /// <exception cref="ArgumentException">A part would be empty.</exception>
    public static (int[] Train, int[] Test) TrainTest(int count, double testShare, long seed)
    {
        if (!(testShare is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(testShare), testShare, "the test part must be more than nothing and less than all");
        int test = (int)Math.Ceiling(testShare * count);
        if (test >= count)
        {
            throw new ArgumentException(
                $"a test part of {testShare.ToString(CultureInfo.InvariantCulture)} leaves nothing of {count} rows to train on", nameof(testShare));
        }
        int[] order = NumpyRandom.Permutation(count, seed);
        return (order[test..], order[..test]);
    }

    /// <summary>
    /// Rows of a slice such as <c>train[:95%]</c>, <c>train[-5:]</c> or <c>train[3:6]+train[:2]</c>; shares are rounded to the nearest row, halves to even
    /// ones.
    /// </summary>
    /// <param name="split">The name of the split is not looked at.</param>
    /// <param name="count">Rows of the split.</param>
    /// <exception cref="ArgumentException">It is not of this form, or takes no rows.</exception>
    public static int[] Slice(string split, int count)
    {
        ArgumentNullException.ThrowIfNull(split);
        List<int> rows = [];
        foreach (string part in split.Split('+'))
        {
            Match match = Part().Match(part);
            if (!match.Success)
                throw new ArgumentException($"'{part.Trim()}' is no slice; write it like train[:95%], train[10:20] or train[-5:]", nameof(split));
            int first = Bound(match.Groups["first"], count, 0), end = Bound(match.Groups["end"], count, count);
            if (first >= end) throw new ArgumentException($"'{part.Trim()}' takes none of {count} rows", nameof(split));
            rows.AddRange(Enumerable.Range(first, end - first));
        }

        return [.. rows];
    }

    /// <summary>The rows of one of several shards.</summary>
    /// <param name="count">Rows.</param>
    /// <param name="shards">Shards.</param>
    /// <param name="index">Which, from 0.</param>
    /// <param name="contiguous">Neighbouring rows, the first shards one longer; otherwise every shards-th row.</param>
    public static int[] Shard(int count, int shards, int index, bool contiguous = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shards);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, shards);
        if (!contiguous) return [.. Enumerable.Range(0, count).Where(row => row % shards == index)];
        int size = count / shards, longer = count % shards;
        return [.. Enumerable.Range((size * index) + Math.Min(index, longer), size + (index < longer ? 1 : 0))];
    }

    private static int Bound(Group text, int count, int absent)
    {
        if (text.Length == 0) return absent;
        bool isShare = text.Value.EndsWith('%');
        if (!int.TryParse(text.Value.AsSpan().TrimEnd('%'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value))
            throw new ArgumentException($"'{text.Value}' is too large for a slice");
        if (isShare && Math.Abs(value) > 100) throw new ArgumentException($"'{text.Value}' is more than all rows");
        if (isShare) value = (int)Math.Round(value * (double)count / 100, MidpointRounding.ToEven);
        return Math.Clamp(value < 0 ? value + count : value, 0, count);
    }

    [GeneratedRegex(@"^\s*[\w.]+(\[(?<first>-?\d+%?)?:(?<end>-?\d+%?)?\])?\s*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
