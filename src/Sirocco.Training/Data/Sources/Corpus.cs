namespace Sirocco.Training;

/// <summary>What a corpus says of itself (merlin_metadata.json, dataset_metadata.json).</summary>
public sealed record CorpusDescription
{
    /// <summary>The name by which records mean it.</summary>
    public required string Id { get; init; }

    /// <summary>The folder or hf:// source.</summary>
    public required string Path { get; init; }

    /// <summary>Put before queries where a recipe asks for instructions.</summary>
    public string QueryInstruction { get; init; } = "";

    /// <summary>Put before documents where a recipe asks for instructions.</summary>
    public string PassageInstruction { get; init; } = "";

    /// <summary>Kind of task, such as retrieval.</summary>
    public string TaskType { get; init; } = "";
}

/// <summary>Documents that records name by id. Texts are kept once, as UTF-8.</summary>
public sealed class Corpus
{
    private readonly TextPool ids = new();
    private readonly TextPool texts = new();
    private readonly List<int> textOf = [];

    internal Corpus(CorpusDescription description) => Description = description;

    /// <summary>Its name and instructions.</summary>
    public CorpusDescription Description { get; }

    /// <summary>Documents, each id counted once.</summary>
    public int Count => textOf.Count;

    /// <summary>Reads a corpus folder: merlin_metadata.json and a train split in Parquet, Arrow, JSON, JSON Lines or CSV.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="cancellation">Stops between documents.</param>
    /// <exception cref="InvalidDataException">The metadata is missing or of an unknown class, or a record lacks id or text.</exception>
    /// <exception cref="FileNotFoundException">There is no train split.</exception>
    public static Corpus Load(string folder, CancellationToken cancellation = default) => CorpusFolder.Load(folder, cancellation);

    /// <summary>The id of a document.</summary>
    /// <param name="document">From 0, in the order in which ids first appear.</param>
    public string IdOf(int document) => ids[document];

    /// <summary>The text of a document.</summary>
    /// <param name="document">From 0.</param>
    public string TextOf(int document) => texts[textOf[document]];

    /// <summary>The document of an id, or −1.</summary>
    public int Find(string id) => ids.Find(System.Text.Encoding.UTF8.GetBytes(id));

    internal int Find(ReadOnlySpan<byte> id) => ids.Find(id);

    internal ReadOnlySpan<byte> IdBytes(int document) => ids.Bytes(document);

    internal ReadOnlySpan<byte> TextBytes(int document) => texts.Bytes(textOf[document]);

    /// <summary>Adds a document; a later one of the same id takes the place of the earlier.</summary>
    internal void Add(ReadOnlySpan<byte> id, ReadOnlySpan<byte> text)
    {
        int document = ids.Intern(id), at = texts.Append(text);
        if (document == textOf.Count) textOf.Add(at);
        else textOf[document] = at;
    }
}
