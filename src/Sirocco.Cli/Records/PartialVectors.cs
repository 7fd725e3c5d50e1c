using System.Runtime.InteropServices;
using System.Text;
using Sirocco.Models;

namespace Sirocco.Cli.Records;

/// <summary>
/// Vectors of a long run as they become known, so that it can go on after an interruption: one line that says what run it was, then rows
/// of f32. A row that was half written is written again.
/// </summary>
internal sealed class PartialVectors : IDisposable
{
    /// <summary>Texts between two writes: what an interruption costs at most.</summary>
    public const int TextsAtOnce = 256;

    private readonly FileStream file;
    private readonly string path;
    private readonly int dimensions;
    private readonly long start;

    private PartialVectors(FileStream file, string path, int dimensions, long start)
    {
        (this.file, this.path, this.dimensions, this.start) = (file, path, dimensions, start);
        Count = (file.Length - start) / RowBytes;
        file.SetLength(start + (Count * RowBytes));
    }

    /// <summary>Vectors that are there.</summary>
    public long Count { get; private set; }

    private int RowBytes => dimensions * sizeof(float);

    /// <summary>What must be the same for a run to go on: model, input and every setting that changes a vector.</summary>
    public static string Describe(string model, string input, EmbedderOptions options)
    {
        FileInfo text = new(input);
        EmbedderOptions arithmetic = options with { Threads = 0, BatchTokens = 1 };
        return Frame.Failure.OneLine(
            $"{ModelFingerprint.Of(model, options.Adapter)} {Path.GetFullPath(input)} {text.Length} {text.LastWriteTimeUtc.Ticks} {arithmetic}");
    }

    public static PartialVectors Open(string path, string description, int dimensions)
    {
        byte[] head = Encoding.UTF8.GetBytes(description + "\n");
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure) when (File.Exists(path))
        {
            throw new IOException($"{path} is in use by another run; wait for it to end", failure);
        }

        byte[] found = new byte[head.Length];
        bool same = file.ReadAtLeast(found, head.Length, throwOnEndOfStream: false) == head.Length && found.AsSpan().SequenceEqual(head);
        if (!same && file.Length > 0)
        {
            file.Dispose();
            throw new InvalidDataException($"{path} is of a run with another model, input or other options; remove it to begin anew");
        }

        if (!same)
        {
            file.Write(head);
            file.Flush();
        }

        return new PartialVectors(file, path, dimensions, head.Length);
    }

    public float[] Read(long row)
    {
        float[] vector = new float[dimensions];
        file.Position = start + (row * RowBytes);
        file.ReadExactly(MemoryMarshal.AsBytes(vector.AsSpan()));
        return vector;
    }

    public void Append(float[][] vectors)
    {
        file.Position = start + (Count * RowBytes);
        foreach (float[] vector in vectors) file.Write(MemoryMarshal.AsBytes<float>(vector));
        file.Flush();
        Count += vectors.Length;
    }

    /// <summary>The run is complete.</summary>
    public void Remove()
    {
        file.Dispose();
        File.Delete(path);
    }

    public void Dispose() => file.Dispose();
}
