using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>A corpus on disk: merlin_metadata.json beside a train split.</summary>
internal static class CorpusFolder
{
    private const string MetadataName = "merlin_metadata.json", TextClass = "TextQADataset";

    private static readonly string[] ImageClasses = ["ColPaliDataset", "WikiSSNQDataset", "DocMatixDataset"];

    public static CorpusDescription Describe(string folder)
    {
        string path = Path.Combine(folder, MetadataName);
        if (!File.Exists(path))
        {
            throw new InvalidDataException(
                $"{folder}: has no {MetadataName}, which every corpus folder needs; give it \"class\": \"{TextClass}\" and a \"corpus_id\"");
        }
        (JsonElement metadata, CorpusDescription description) = CorpusMetadata.Read(path, folder);
        string kind = CorpusMetadata.Text(path, metadata, "class")
            ?? throw new InvalidDataException($"{path}: has no 'class'; for texts it is \"{TextClass}\"");
        if (ImageClasses.Contains(kind))
            throw new InvalidDataException($"{path}: 'class' is {kind}, a corpus of images; only texts ({TextClass}) can be trained on here");
        return kind == TextClass ? description : throw new InvalidDataException($"{path}: 'class' is '{kind}', which is unknown; for texts it is {TextClass}");
    }

    public static Corpus Load(string folder, CancellationToken cancellation)
    {
        Corpus corpus = new(Describe(folder));
        foreach (string file in FolderSource.TrainFiles(folder)) AddFile(corpus, file, cancellation);
        return corpus;
    }

    /// <summary>Adds the documents of a file with <c>id</c> and <c>text</c>.</summary>
    public static void AddFile(Corpus corpus, string file, CancellationToken cancellation)
    {
        if (TableRecords.IsColumnar(file))
        {
            AddColumns(corpus, file, cancellation);
            return;
        }

        TableRecords.Read(file, (record, place) =>
        {
            cancellation.ThrowIfCancellationRequested();
            RecordFields fields = new(record, place);
            string id = fields.Scalar("id", fields.Required("id"));
            JsonElement text = fields.Required("text");
            corpus.Add(Encoding.UTF8.GetBytes(id), Encoding.UTF8.GetBytes(text.ValueKind == JsonValueKind.Null ? "" : fields.Scalar("text", text)));
        });
    }

    /// <summary>Texts go from the file's pages to the corpus without becoming strings.</summary>
    private static void AddColumns(Corpus corpus, string file, CancellationToken cancellation)
    {
        using TableFile table = TableFile.Open(file);
        string[] wanted = ["id", "text", "image_jpeg"];
        Span<byte> digits = stackalloc byte[20];
        foreach (ColumnBatch batch in table.ReadBatches([.. wanted.Where((name, i) => i < 2 || table.Fields.Any(field => field.Name == name))]))
        {
            using (batch)
            {
                cancellation.ThrowIfCancellationRequested();
                (Column ids, Column texts) = (batch["id"], batch["text"]);
                Column? images = batch.Columns.Count > 2 ? batch.Columns[2] : null;
                if (texts.Field.Type.Kind is not (ColumnKind.Text or ColumnKind.Null))
                    throw new InvalidDataException($"{file}: column 'text' is {texts.Field.Type}, expected texts");
                for (int row = 0; row < batch.RowCount; row++)
                {
                    ReadOnlySpan<byte> id = Id(ids, row, digits, file), text = texts.Bytes(row);
                    if (!Utf8.IsValid(text) || !Utf8.IsValid(id))
                        throw new InvalidDataException($"{file}: row {batch.FirstRow + row} (counted from 0): is not valid UTF-8");
                    if (images is not null && !images.IsNull(row) && !images.Bytes(row).IsEmpty)
                    {
                        throw new InvalidDataException($"{file}: row {batch.FirstRow + row} (counted from 0): "
                            + $"document '{Encoding.UTF8.GetString(id)}' is an image; only texts can be trained on here");
                    }
                    corpus.Add(id, text);
                }
            }
        }
    }

    private static ReadOnlySpan<byte> Id(Column ids, int row, Span<byte> digits, string file)
    {
        if (ids.IsNull(row)) return "None"u8;
        switch (ids.Field.Type.Kind)
        {
            case ColumnKind.Text:
                return ids.Bytes(row);
            case ColumnKind.Int8 or ColumnKind.Int16 or ColumnKind.Int32 or ColumnKind.Int64 or ColumnKind.UInt8 or ColumnKind.UInt16 or ColumnKind.UInt32:
                Utf8Formatter.TryFormat(ids.Integer(row), digits, out int length);
                return digits[..length];
            case ColumnKind.UInt64:
                Utf8Formatter.TryFormat(BinaryPrimitives.ReadUInt64LittleEndian(ids.Bytes(row)), digits, out length);
                return digits[..length];
            default:
                throw new InvalidDataException($"{file}: column 'id' is {ids.Field.Type}, expected texts or whole numbers");
        }
    }
}
