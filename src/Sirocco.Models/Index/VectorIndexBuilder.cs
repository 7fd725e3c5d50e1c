using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// Writes an index vector by vector; nothing is held in memory. It appears under its name, replacing an earlier one, when <see cref="Commit"/> has written all of
/// it; searches that run meanwhile keep the files they opened. One process at a time may build an index of a name.
/// </summary>
public sealed class VectorIndexBuilder : IDisposable
{
    private readonly string path;
    private readonly IndexDescription description;
    private readonly FileStream writing;
    private readonly AtomicFolder folder;
    private readonly Dictionary<string, FileStream> vectors = [];
    private readonly TextColumn.Writer ids;
    private readonly TextColumn.Writer texts;
    private int count;

    /// <summary>Starts an index.</summary>
    /// <param name="path">Folder of the index; its parent must exist.</param>
    /// <param name="description">Dimensions, store, and how queries are to be embedded.</param>
    /// <exception cref="IOException">Another process is building an index of that name, or the place cannot be written.</exception>
    public VectorIndexBuilder(string path, IndexDescription description)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(description.Dimensions, 1);
        this.path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        this.description = description;
        if (Directory.Exists(this.path) && Directory.EnumerateFileSystemEntries(this.path).Any() && !File.Exists(Path.Combine(this.path, IndexDescription.FileName)))
            throw new IOException($"{path}: is a folder with other files in it; name a new folder for the index");
        writing = Lock(this.path);
        try
        {
            RemoveLeftovers(this.path);
            folder = AtomicFolder.Create(this.path + ".new");
            foreach (string name in VectorFiles.Of(description.Store)) vectors[name] = new FileStream(folder.PathOf(name), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 18);
            ids = new TextColumn.Writer(folder, "ids");
            texts = new TextColumn.Writer(folder, "texts");
        }
        catch
        {
            writing.Dispose();
            throw;
        }
    }

    /// <summary>Adds one vector.</summary>
    /// <param name="id">The record's id.</param>
    /// <param name="text">What a search gives back.</param>
    /// <param name="vector">[dimensions]</param>
    public void Add(string id, string text, ReadOnlySpan<float> vector)
    {
        if (vector.Length != description.Dimensions) throw new ArgumentException($"a vector of {vector.Length} features for an index of {description.Dimensions}", nameof(vector));
        if (!TensorPrimitives.IsFiniteAll(vector)) throw new InvalidDataException($"the vector of record '{id}' holds values that are not finite numbers");
        if (vectors.TryGetValue(VectorFiles.F32, out FileStream? plain)) plain.Write(MemoryMarshal.AsBytes(vector));
        if (vectors.TryGetValue(VectorFiles.Int8, out FileStream? bytes))
        {
            sbyte[] codes = new sbyte[vector.Length];
            float scale = Quantize(vector, codes);
            bytes.Write(MemoryMarshal.AsBytes<sbyte>(codes));
            vectors[VectorFiles.Scales].Write(MemoryMarshal.AsBytes(new ReadOnlySpan<float>(in scale)));
        }

        if (vectors.TryGetValue(VectorFiles.Signs, out FileStream? signs)) signs.Write(MemoryMarshal.AsBytes<ulong>(VectorFiles.SignWords(vector)));
        ids.Add(id);
        texts.Add(text);
        count = checked(count + 1);
    }

    /// <summary>Completes the index and gives it its name.</summary>
    public void Commit()
    {
        foreach (FileStream stream in vectors.Values)
        {
            stream.Flush(flushToDisk: true);
            stream.Dispose();
        }

        ids.Complete();
        texts.Complete();
        (description with { Count = count }).Write(folder.PathOf(IndexDescription.FileName));
        Swap();
    }

    /// <summary>Leaves things as they were unless the index was committed.</summary>
    public void Dispose()
    {
        foreach (FileStream stream in vectors.Values) stream.Dispose();
        ids.Dispose();
        texts.Dispose();
        folder.Dispose();
        writing.Dispose();
    }

    /// <summary>v ≈ scale · codes, scale = max|v| / 127.</summary>
    internal static float Quantize(ReadOnlySpan<float> vector, Span<sbyte> codes)
    {
        float scale = Math.Abs(TensorPrimitives.MaxMagnitude(vector)) / 127;
        if (scale == 0) return 0;
        for (int i = 0; i < codes.Length; i++) codes[i] = (sbyte)Math.Clamp(MathF.Round(vector[i] / scale), -127, 127);
        return scale;
    }

    private static FileStream Lock(string path)
    {
        string name = path + ".lock";
        try
        {
            return new FileStream(name, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e) when (File.Exists(name))
        {
            throw new IOException($"{path}: another process is building this index; wait for it or name another folder", e);
        }
    }

    /// <summary>Removes what builds of this index left when they were killed; the lock says that none is running.</summary>
    private static void RemoveLeftovers(string path)
    {
        string name = Path.GetFileName(path) + ".new";
        foreach (string folder in Directory.EnumerateDirectories(Path.GetDirectoryName(path)!))
        {
            string found = Path.GetFileName(folder);
            bool partial = found.StartsWith($".{name}.", StringComparison.Ordinal) && found.EndsWith(".partial", StringComparison.Ordinal);
            if (partial || found == name) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The new folder takes the name by a rename; the old one, moved aside first, is removed after it.</summary>
    private void Swap()
    {
        folder.Commit();
        string complete = folder.Path, old = path + ".old";
        if (Directory.Exists(old)) Directory.Delete(old, recursive: true);
        bool replaces = Directory.Exists(path);
        if (replaces) Directory.Move(path, old);
        try
        {
            Directory.Move(complete, path);
        }
        catch
        {
            if (replaces) Directory.Move(old, path);
            throw;
        }

        if (replaces) Directory.Delete(old, recursive: true);
    }
}
