namespace Sirocco.Training;

/// <summary>Records of a file of any kind of table.</summary>
internal static class TableRecords
{
    public static void Read(string path, RecordVisitor visit)
    {
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".jsonl" or ".json":
                JsonRecords.Read(path, visit);
                break;
            default:
                throw new InvalidDataException($"{path}: is no table that can be read here");
        }
    }
}
