namespace Sirocco.Training;

/// <summary>The results of one query with their grades: all that a metric of rankings looks at.</summary>
internal sealed class JudgedRanking
{
    private const int Unjudged = int.MinValue;
    private readonly int[] grades;
    private readonly int[] relevant;

    private JudgedRanking(int[] grades, int[] relevant, int nonRelevant)
    {
        this.grades = grades;
        this.relevant = relevant;
        NonRelevant = nonRelevant;
    }

    /// <summary>Results of the query.</summary>
    public int Retrieved => grades.Length;

    /// <summary>Documents judged relevant (graded above 0), found or not.</summary>
    public int Relevant => relevant.Length;

    /// <summary>Documents judged 0, found or not.</summary>
    public int NonRelevant { get; }

    /// <summary>Grades of the relevant documents, highest first: the best ranking that is possible.</summary>
    internal ReadOnlySpan<int> Ideal => relevant;

    /// <summary>Looks up the grades of a ranking.</summary>
    /// <param name="ranking">Documents, best first, none twice.</param>
    /// <param name="judgements">Grades by document: above 0 relevant, 0 not, below 0 not and not judged so by a person.</param>
    public static JudgedRanking Of<T>(ReadOnlySpan<T> ranking, IReadOnlyDictionary<T, int> judgements)
        where T : notnull
    {
        int[] grades = new int[ranking.Length];
        for (int i = 0; i < grades.Length; i++) grades[i] = judgements.TryGetValue(ranking[i], out int grade) ? grade : Unjudged;
        int[] relevant = [.. judgements.Values.Where(grade => grade > 0).OrderDescending()];
        return new JudgedRanking(grades, relevant, judgements.Values.Count(grade => grade == 0));
    }

    /// <summary>The same where documents are only relevant or not.</summary>
    public static JudgedRanking Of<T>(ReadOnlySpan<T> ranking, IReadOnlySet<T> relevant)
    {
        int[] grades = new int[ranking.Length];
        for (int i = 0; i < grades.Length; i++) grades[i] = relevant.Contains(ranking[i]) ? 1 : Unjudged;
        int[] all = new int[relevant.Count];
        Array.Fill(all, 1);
        return new JudgedRanking(grades, all, 0);
    }

    internal bool IsRelevant(int place) => grades[place] > 0;

    internal bool IsNonRelevant(int place) => grades[place] == 0;

    internal bool IsJudged(int place) => grades[place] != Unjudged;

    /// <summary>The grade as a gain: what is not relevant gains nothing.</summary>
    internal int Gain(int place) => Math.Max(0, grades[place]);
}
