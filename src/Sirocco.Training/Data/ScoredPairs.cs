using System.Globalization;

namespace Sirocco.Training;

/// <summary>Two texts and how alike they are.</summary>
/// <param name="First">A text.</param>
/// <param name="Second">Another.</param>
/// <param name="Score">Larger for more alike; any scale.</param>
public sealed record ScoredPair(string First, string Second, double Score);

/// <summary>
/// Tables of scored pairs, as benchmarks of semantic similarity have them: columns <c>sentence1</c>, <c>sentence2</c> and <c>score</c>, <c>label</c> or
/// <c>similarity</c>.
/// </summary>
public static class ScoredPairs
{
    private static readonly string[] Scores = ["score", "label", "similarity"];

    /// <summary>Reads all pairs of a file.</summary>
    /// <param name="path">JSON Lines, JSON, CSV, TSV, Parquet or Arrow.</param>
    /// <exception cref="InvalidDataException">A record lacks a column or has no number as its score; the message names line or record.</exception>
    public static IReadOnlyList<ScoredPair> Read(string path)
    {
        List<ScoredPair> pairs = [];
        TableRecords.Read(path, (record, place) =>
        {
            RecordFields fields = new(record, place);
            string score = Array.Find(Scores, fields.Has) ?? throw fields.Missing(Scores);
            string first = fields.Text("sentence1", fields.Required("sentence1")), second = fields.Text("sentence2", fields.Required("sentence2"));
            string number = fields.Scalar(score, fields.Required(score));
            pairs.Add(double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
                ? new ScoredPair(first, second, value)
                : throw fields.Wrong(score, "is no number"));
        });
        return pairs;
    }

    internal static bool Has(RecordFields fields) => fields.Has("sentence1") && Array.Exists(Scores, fields.Has);
}
