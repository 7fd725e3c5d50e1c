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
        if (Path.GetDirectoryName(this.path) is not { } parent || !Directory.Exists(parent))
            throw new DirectoryNotFoundException($"{path}: the folder it is to lie in does not exist; make that first");
        writing = Lock(this.path);
        try
        {
            RemoveLeftovers(this.path);
            RequireReplaceable(this.path);
            folder = AtomicFolder.Create(Aside(this.path, "new"));
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

    /// <summary>Only an index is ever replaced: a folder with anything else in it may be somebody's work.</summary>
    private static void RequireReplaceable(string path)
    {
        if (File.Exists(path)) throw new IOException($"{path}: is a file; name a new folder for the index");
        if (!Directory.Exists(path) || !Directory.EnumerateFileSystemEntries(path).Any()) return;
        string[] known = [IndexDescription.FileName, VectorFiles.F32, VectorFiles.Int8, VectorFiles.Scales, VectorFiles.Signs, .. TextColumn.FilesOf("ids"), .. TextColumn.FilesOf("texts")];
        bool hasVectors = false;
        foreach (string entry in Directory.EnumerateFileSystemEntries(path))
        {
            string name = Path.GetFileName(entry);
            if (!File.Exists(entry) || !known.Contains(name)) throw new IOException($"{path}: holds '{name}', which is no part of an index; name a new folder for the index");
            hasVectors |= name.StartsWith("vectors.", StringComparison.Ordinal);
        }

        // A damaged index may be made again, but a lone index.json must at least be ours.
        if (!hasVectors) IndexDescription.Read(path);
    }

    /// <summary>The name, in the same folder, of this index while it is being exchanged.</summary>
    private static string Aside(string path, string state) => Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.sirocco-{state}");

    /// <summary>
    /// Undoes what builds of this index left when they were killed; the lock says that none is running. An earlier index that was moved aside for an exchange that did
    /// not happen gets its name back.
    /// </summary>
    private static void RemoveLeftovers(string path)
    {
        string complete = Aside(path, "new"), old = Aside(path, "old");
        if (Directory.Exists(old) && !Directory.Exists(path)) Directory.Move(old, path);
        string partial = $".{Path.GetFileName(complete)}.";
        foreach (string folder in Directory.EnumerateDirectories(Path.GetDirectoryName(path)!))
        {
            string found = Path.GetFileName(folder);
            bool unfinished = found.StartsWith(partial, StringComparison.Ordinal) && found.EndsWith(".partial", StringComparison.Ordinal);
            if (unfinished || folder == complete || folder == old) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The new folder takes the name by a rename; the old one, moved aside first, is removed after it.</summary>
    private void Swap()
    {
        folder.Commit();
        string complete = folder.Path, old = Aside(path, "old");
        bool replaces = Directory.Exists(path);
        try
        {
            RequireReplaceable(path);
            if (replaces) Directory.Move(path, old);
            Directory.Move(complete, path);
        }
        catch
        {
            if (replaces && !Directory.Exists(path)) Directory.Move(old, path);
            Directory.Delete(complete, recursive: true);
            throw;
        }

        if (replaces) Directory.Delete(old, recursive: true);
    }
}
