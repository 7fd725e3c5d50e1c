using System.Text;
using System.Text.Json;

namespace Sirocco.Training;

/// <summary>A corpus on disk: merlin_metadata.json beside a train split.</summary>
internal static class CorpusFolder
{
    private const string MetadataName = "merlin_metadata.json", TextClass = "TextQADataset";

    private static readonly string[] ImageClasses = ["ColPaliDataset", "WikiSSNQDataset", "DocMatixDataset"];

    public static CorpusDescription Describe(string folder)
    {
        string path = Path.Combine(folder, MetadataName);
        if (!File.Exists(path)) throw new InvalidDataException($"{folder}: has no {MetadataName}, which every corpus folder needs; give it \"class\": \"{TextClass}\" and a \"corpus_id\"");
        (JsonElement metadata, CorpusDescription description) = CorpusMetadata.Read(path, folder);
        string kind = CorpusMetadata.Text(path, metadata, "class") ?? throw new InvalidDataException($"{path}: has no 'class'; for texts it is \"{TextClass}\"");
        if (ImageClasses.Contains(kind)) throw new InvalidDataException($"{path}: 'class' is {kind}, a corpus of images; only texts ({TextClass}) can be trained on here");
        return kind == TextClass ? description : throw new InvalidDataException($"{path}: 'class' is '{kind}', which is unknown; for texts it is {TextClass}");
    }

    public static Corpus Load(string folder)
    {
        Corpus corpus = new(Describe(folder));
        foreach (string file in TrainSplit.Files(folder)) AddFile(corpus, file);
        return corpus;
    }

    /// <summary>Adds the documents of a file with <c>id</c> and <c>text</c>.</summary>
    public static void AddFile(Corpus corpus, string file) => TableRecords.Read(file, (record, place) =>
    {
        RecordFields fields = new(record, place);
        string id = fields.Scalar("id", fields.Required("id"));
        JsonElement text = fields.Required("text");
        corpus.Add(Encoding.UTF8.GetBytes(id), Encoding.UTF8.GetBytes(text.ValueKind == JsonValueKind.Null ? "" : fields.Scalar("text", text)));
    });
}
