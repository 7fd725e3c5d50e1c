namespace Sirocco.Training;

/// <summary>How a mining run went.</summary>
public sealed record MiningReport
{
    /// <summary>The file that was written.</summary>
    public required string Output { get; init; }

    /// <summary>Questions.</summary>
    public required int Queries { get; init; }

    /// <summary>Documents that were searched.</summary>
    public required int Documents { get; init; }

    /// <summary>Mined negatives of all questions, without those that the input supplied.</summary>
    public required long Negatives { get; init; }

    /// <summary>Of <see cref="Negatives"/>, those that the margin had removed and that fill a list nevertheless, as in the original (score −∞).</summary>
    public required long Fillers { get; init; }

    /// <summary>Questions for which no negative with a finite score was found.</summary>
    public required int QueriesWithoutNegatives { get; init; }

    /// <summary>Candidates that the reranker took for answers.</summary>
    public required long Rejected { get; init; }

    /// <summary>Lowest score of a question's positives − score of its hardest negative, over the questions that have both; null where none has.</summary>
    public required MarginDistribution? Margins { get; init; }

    /// <summary>Tokens encoded in this run.</summary>
    public required long Tokens { get; init; }

    /// <summary>Texts whose vectors were there from an earlier run.</summary>
    public required long Reused { get; init; }

    /// <summary>Time spent encoding.</summary>
    public required TimeSpan EncodingTime { get; init; }

    /// <summary>Mined negatives for a question.</summary>
    public double NegativesPerQuery => Queries == 0 ? 0 : (double)Negatives / Queries;
}

/// <summary>
/// Quantiles of a question's margin. A small share of negative margins is what hard negatives look like; a large one means false negatives or a weak model.
/// </summary>
/// <param name="Mean">Mean.</param>
/// <param name="Least">Minimum.</param>
/// <param name="Tenth">10 % are below.</param>
/// <param name="Median">Half are below.</param>
/// <param name="NinetiethPercentile">90 % are below.</param>
/// <param name="Greatest">Maximum.</param>
/// <param name="NegativeShare">Share of questions whose hardest negative scores above a positive.</param>
public sealed record MarginDistribution(
    double Mean, double Least, double Tenth, double Median, double NinetiethPercentile, double Greatest, double NegativeShare)
{
    /// <param name="margins">One for each question, in any order; sorted in place.</param>
    internal static MarginDistribution? Of(double[] margins)
    {
        if (margins.Length == 0) return null;
        Array.Sort(margins);
        double Quantile(double share)
        {
            double place = share * (margins.Length - 1);
            int below = (int)place;
            return margins[below] + ((place - below) * (margins[Math.Min(below + 1, margins.Length - 1)] - margins[below]));
        }

        return new MarginDistribution(
            margins.Average(),
            margins[0],
            Quantile(0.1),
            Quantile(0.5),
            Quantile(0.9),
            margins[^1],
            (double)margins.Count(margin => margin < 0) / margins.Length);
    }
}
