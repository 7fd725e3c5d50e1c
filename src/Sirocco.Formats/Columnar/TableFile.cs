namespace Sirocco.Formats;

/// <summary>A file of rows with typed columns, memory-mapped: Parquet or Arrow.</summary>
public abstract class TableFile : IDisposable
{
    private protected TableFile(MappedFile file) => File = file;

    /// <summary>The path as it was given.</summary>
    public string Path => File.Path;

    /// <summary>The columns.</summary>
    public abstract IReadOnlyList<ColumnField> Fields { get; }

    /// <summary>Number of rows.</summary>
    public abstract long RowCount { get; }

    /// <summary>What the writer noted about the table as a whole; the key <c>huggingface</c> holds the features of the datasets library.</summary>
    public abstract IReadOnlyDictionary<string, string> Metadata { get; }

    private protected MappedFile File { get; }

    /// <summary>Opens a Parquet or Arrow file, whatever its name.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or neither.</exception>
    public static TableFile Open(string path) => ContentSniffer.Identify(path) switch
    {
        ContentKind.Arrow => ArrowFile.Open(path),
        ContentKind.GitLfsPointer => throw new InvalidDataException(
            $"{path}: is a git-lfs pointer, the file itself was not fetched; run git lfs pull in its repository"),
        _ => ParquetFile.Open(path),
    };

    /// <summary>Reads rows from the first to the last, a few megabytes at a time. Several readings may go on at once, one a thread.</summary>
    /// <param name="columns">Names of the top-level columns wanted; null for all. Others are not decompressed.</param>
    /// <exception cref="InvalidDataException">There is no such column, or what is read is damaged; the message names row group, column and page.</exception>
    public abstract IEnumerable<ColumnBatch> ReadBatches(IReadOnlyList<string>? columns = null);

    /// <summary>The indices of the fields that are called <paramref name="columns"/>.</summary>
    private protected int[] Select(IReadOnlyList<string>? columns)
    {
        if (columns is null) return [.. Enumerable.Range(0, Fields.Count)];
        int[] selected = new int[columns.Count];
        for (int i = 0; i < selected.Length; i++)
        {
            string name = columns[i];
            selected[i] = Enumerable.Range(0, Fields.Count).Where(f => Fields[f].Name == name).DefaultIfEmpty(-1).First();
            if (selected[i] < 0)
            {
                throw new InvalidDataException(
                    $"{Path}: has no column '{Visible.Short(name)}'; its columns are {Visible.Short(string.Join(", ", Fields.Select(field => field.Name)))}");
            }
        }
        return selected;
    }

    /// <summary>Unmaps the file; batches read from it may not be used afterwards.</summary>
    public void Dispose()
    {
        File.Dispose();
        GC.SuppressFinalize(this);
    }
}
