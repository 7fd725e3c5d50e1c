namespace Sirocco.Training;

/// <summary>Which of two results with the same score comes first.</summary>
public enum ResultOrder
{
    /// <summary>trec_eval: scores are compared in single precision, equal ones by document id, descending as UTF-8 bytes.</summary>
    TrecEval,

    /// <summary>
    /// The MS MARCO script, which ir_measures follows for RR@k and Judged@k: scores in double precision, equal ones by document id, ascending.
    /// </summary>
    MsMarco,
}

/// <summary>Orders results by <see cref="ResultOrder"/>.</summary>
internal static class ResultOrders
{
    public static int Compare(this ResultOrder order, ScoredDocument a, ScoredDocument b)
    {
        int byScore = order == ResultOrder.TrecEval ? ((float)b.Score).CompareTo((float)a.Score) : b.Score.CompareTo(a.Score);
        if (byScore != 0) return byScore;
        int byId = CompareIds(a.Document, b.Document);
        return order == ResultOrder.TrecEval ? -byId : byId;
    }

    /// <summary>The order of the ids' UTF-8 bytes, which is that of code points; UTF-16 puts surrogates before U+E000 to U+FFFF.</summary>
    public static int CompareIds(string a, string b)
    {
        int common = a.AsSpan().CommonPrefixLength(b);
        if (common == a.Length || common == b.Length) return a.Length.CompareTo(b.Length);
        return Weight(a[common]).CompareTo(Weight(b[common]));
    }

    private static int Weight(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
}
