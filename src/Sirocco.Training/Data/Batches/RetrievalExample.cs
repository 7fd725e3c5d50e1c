namespace Sirocco.Training;

/// <summary>A document of an example.</summary>
/// <param name="Text">Its text.</param>
/// <param name="Id">Its id in the corpus; empty where the text stands in the record itself.</param>
internal readonly record struct RetrievalDocument(string Text, string Id);

/// <summary>A query with one positive document and negatives, as a collator takes it.</summary>
internal sealed record RetrievalExample
{
    /// <summary>Number of the record in its file, from 0.</summary>
    public required int Record { get; init; }

    /// <summary>The file and the line or record, for messages.</summary>
    public required string Place { get; init; }

    /// <summary>Id of the query.</summary>
    public required string QuestionId { get; init; }

    /// <summary>The query.</summary>
    public required string Question { get; init; }

    /// <summary>The positive, then the negatives.</summary>
    public required IReadOnlyList<RetrievalDocument> Documents { get; init; }

    /// <summary>What the corpus puts before queries; empty for none.</summary>
    public string QueryInstruction { get; init; } = "";

    /// <summary>What the corpus puts before documents; empty for none.</summary>
    public string PassageInstruction { get; init; } = "";
}
