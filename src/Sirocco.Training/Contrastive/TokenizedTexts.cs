namespace Sirocco.Training;

/// <summary>Token ids of many texts in one array: 4 bytes a token and no object for a text.</summary>
internal sealed class TokenizedTexts
{
    private readonly int[] ids;
    private readonly int[] starts;

    private TokenizedTexts(int[] ids, int[] starts)
    {
        this.ids = ids;
        this.starts = starts;
    }

    /// <summary>Number of texts.</summary>
    public int Count => starts.Length - 1;

    /// <summary>Tokens of all texts.</summary>
    public int Tokens => ids.Length;

    /// <summary>Ids of one text.</summary>
    public ReadOnlySpan<int> this[int text] => ids.AsSpan(starts[text], starts[text + 1] - starts[text]);

    /// <summary>Lays texts out in their order.</summary>
    public static TokenizedTexts From(IReadOnlyList<int[]> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        int[] starts = new int[texts.Count + 1];
        for (int i = 0; i < texts.Count; i++) starts[i + 1] = checked(starts[i] + texts[i].Length);
        int[] ids = new int[starts[^1]];
        for (int i = 0; i < texts.Count; i++) texts[i].CopyTo(ids, starts[i]);
        return new TokenizedTexts(ids, starts);
    }
}
