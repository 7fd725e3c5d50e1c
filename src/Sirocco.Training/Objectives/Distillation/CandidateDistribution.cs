namespace Sirocco.Training;

/// <summary>
/// softmax(scores / τ) of each query over its candidates: the documents of the batch, or its own alone, then its own negatives. The same softmax over rows and
/// themselves is the <c>score_loss</c>'s.
/// </summary>
internal sealed class CandidateDistribution
{
    private readonly GradedRows queries;
    private readonly GradedRows documents;
    private readonly GradedRows? negatives;
    private readonly bool inBatch;
    private readonly double temperature;

    /// <param name="queries">[rows, features]</param>
    /// <param name="documents">[rows, features]; document i is query i's.</param>
    /// <param name="negatives">[rows · K, features], or null.</param>
    /// <param name="isNegative">[rows · K]; fillings have no probability. Null: all are negatives.</param>
    /// <param name="inBatch">Whether the documents of other queries are candidates.</param>
    /// <param name="temperature">τ</param>
    public CandidateDistribution(
        GradedRows queries, GradedRows documents, GradedRows? negatives, IReadOnlyList<bool>? isNegative, bool inBatch, double temperature)
    {
        (this.queries, this.documents, this.negatives, this.inBatch, this.temperature) = (queries, documents, negatives, inBatch, temperature);
        Rows = queries.Rows;
        Documents = inBatch ? Rows : 1;
        Columns = Documents + (negatives is null ? 0 : negatives.Rows / Rows);
        LogProbabilities = new double[Rows * Columns];
        for (int row = 0; row < Rows; row++)
        {
            Span<double> scores = LogProbabilities.AsSpan(row * Columns, Columns);
            for (int column = 0; column < Columns; column++)
            {
                bool filling = column >= Documents && isNegative is not null && !isNegative[Place(row, column)];
                (GradedRows from, int place) = Candidate(row, column);
                scores[column] = filling ? double.NegativeInfinity : Dot(queries[row], from[place]) / temperature;
            }

            Normalize(scores);
        }
    }

    /// <summary>Queries.</summary>
    public int Rows { get; }

    /// <summary>Candidates of a query.</summary>
    public int Columns { get; }

    /// <summary>Candidates that are documents; negatives follow.</summary>
    public int Documents { get; }

    /// <summary>[rows, columns]; −∞ for a filling.</summary>
    public double[] LogProbabilities { get; }

    /// <summary>Where a query's own document stands among its candidates.</summary>
    public int Positive(int row) => inBatch ? row : 0;

    /// <summary>Adds to the derivatives of queries and candidates those by the scores before their division by τ.</summary>
    /// <param name="gradient">[rows, columns] derivatives by scores / τ.</param>
    public void PassBack(double[] gradient)
    {
        for (int row = 0; row < Rows; row++)
        {
            Span<double> toQuery = queries.GradientOf(row);
            for (int column = 0; column < Columns; column++)
            {
                double ds = gradient[(row * Columns) + column] / temperature;
                if (ds == 0) continue;
                (GradedRows from, int place) = Candidate(row, column);
                ReadOnlySpan<double> query = queries[row], candidate = from[place];
                Span<double> toCandidate = from.GradientOf(place);
                for (int i = 0; i < candidate.Length; i++)
                {
                    toQuery[i] += ds * candidate[i];
                    toCandidate[i] += ds * query[i];
                }
            }
        }
    }

    private (GradedRows From, int Place) Candidate(int row, int column) =>
        column >= Documents ? (negatives!, Place(row, column)) : (documents, inBatch ? column : row);

    private int Place(int row, int column) => (row * (Columns - Documents)) + column - Documents;

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }

    /// <summary>x ← x − log Σ exp x</summary>
    private static void Normalize(Span<double> x)
    {
        double most = double.NegativeInfinity, sum = 0;
        foreach (double value in x) most = Math.Max(most, value);
        foreach (double value in x) sum += Math.Exp(value - most);
        double shift = most + Math.Log(sum);
        for (int i = 0; i < x.Length; i++) x[i] -= shift;
    }
}
