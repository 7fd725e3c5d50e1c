using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// Writes an index vector by vector; of a record nothing is held in memory but a digest of its id. The index appears under its name, replacing an earlier one,
/// when <see cref="Commit"/> has written all of it; searches that run meanwhile keep the files they opened. One process at a time may build an index of a name.
/// Only an index is ever replaced: a folder that holds anything else is refused.
/// </summary>
public sealed class VectorIndexBuilder : IDisposable
{
    private readonly IndexFolder place;
    private readonly IndexDescription description;
    private readonly IndexLock writing;
    private readonly AtomicFolder folder;
    private readonly Dictionary<string, FileStream> files = [];
    private readonly TextColumn.Writer ids;
    private readonly TextColumn.Writer texts;
    private readonly HashSet<ulong> known = [];
    private int count;
    private bool failed;

    /// <summary>Starts an index.</summary>
    /// <param name="path">Folder of the index; its parent must exist.</param>
    /// <param name="description">Dimensions, store, and how queries are to be embedded.</param>
    /// <exception cref="IOException">
    /// Something that is no index lies there, another process is building an index of that name, or the place cannot be written.
    /// </exception>
    public VectorIndexBuilder(string path, IndexDescription description)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(description.Dimensions, 1);
        this.description = description;
        place = new IndexFolder(path);
        writing = place.Lock();
        try
        {
            place.Recover();
            folder = AtomicFolder.Create(place.Path, place.New);
            foreach (string name in (string[])[.. VectorFiles.Of(description.Store), .. TextColumn.FilesOf("ids"), .. TextColumn.FilesOf("texts")])
                files[name] = Start(name);
            ids = new TextColumn.Writer(files, "ids");
            texts = new TextColumn.Writer(files, "texts");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Records so far whose id an earlier record has: a search gives back both, and nothing that reads ids can tell them apart.</summary>
    public int RepeatedIds { get; private set; }

    /// <summary>The first id that came a second time, or null.</summary>
    public string? FirstRepeatedId { get; private set; }

    /// <summary>Adds one vector.</summary>
    /// <param name="id">The record's id.</param>
    /// <param name="text">What a search gives back.</param>
    /// <param name="vector">[dimensions]</param>
    /// <exception cref="IOException">It cannot be written; after that nothing can be committed.</exception>
    public void Add(string id, string text, ReadOnlySpan<float> vector)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentNullException.ThrowIfNull(text);
        if (vector.Length != description.Dimensions)
            throw new ArgumentException($"a vector of {vector.Length} features for an index of {description.Dimensions}", nameof(vector));
        if (!TensorPrimitives.IsFiniteAll(vector)) throw new InvalidDataException($"the vector of record '{id}' holds values that are not finite numbers");
        try
        {
            Write(vector);
            ids.Add(id);
            texts.Add(text);
        }
        catch (Exception e)
        {
            failed = true; // its vector may be there without its id or text
            if (WriteFailure.Is(e)) throw WriteFailure.Explain(place.Path, e);
            throw;
        }

        count = checked(count + 1);
        if (known.Add(Digest(id))) return;
        FirstRepeatedId ??= id;
        RepeatedIds++;
    }

    /// <summary>Completes the index and gives it its name.</summary>
    /// <exception cref="IOException">It cannot be written; an earlier index is as it was.</exception>
    /// <exception cref="InvalidOperationException">A record could not be added whole.</exception>
    public void Commit()
    {
        if (failed) throw new InvalidOperationException($"{place.Path}: a record could not be written whole, so the index is not complete; build it again");
        try
        {
            using (FileStream json = Start(IndexDescription.FileName))
            {
                (description with { Count = count }).Write(json);
                json.Flush(flushToDisk: true);
            }

            foreach (FileStream stream in files.Values)
            {
                stream.Flush(flushToDisk: true);
                stream.Dispose();
            }
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            throw WriteFailure.Explain(place.Path, e);
        }

        place.Exchange(folder);
    }

    /// <summary>Leaves things as they were unless the index was committed.</summary>
    public void Dispose()
    {
        try
        {
            foreach (FileStream stream in files.Values) Close(stream);
            folder?.Dispose();
        }
        finally
        {
            writing.Dispose();
        }
    }

    /// <summary>v ≈ scale · codes, scale = max|v| / 127.</summary>
    internal static float Quantize(ReadOnlySpan<float> vector, Span<sbyte> codes)
    {
        float scale = Math.Abs(TensorPrimitives.MaxMagnitude(vector)) / 127;
        if (scale == 0) return 0;
        for (int i = 0; i < codes.Length; i++) codes[i] = (sbyte)Math.Clamp(MathF.Round(vector[i] / scale), -127, 127);
        return scale;
    }

    /// <summary>Two ids of ten million have the same 64 bits with a chance of 3 in a million, and all that would follow is a remark.</summary>
    private static ulong Digest(string id) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id)));

    private static void Close(FileStream stream)
    {
        try
        {
            stream.Dispose();
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            // The rest of its buffer could not be written (a full disk): the file is being thrown away and its handle is closed.
            return;
        }
    }

    private FileStream Start(string name)
    {
        try
        {
            return new FileStream(folder.PathOf(name), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            throw WriteFailure.Explain(place.Path, e);
        }
    }

    private void Write(ReadOnlySpan<float> vector)
    {
        if (files.TryGetValue(VectorFiles.F32, out FileStream? plain)) plain.Write(MemoryMarshal.AsBytes(vector));
        if (files.TryGetValue(VectorFiles.Int8, out FileStream? bytes))
        {
            sbyte[] codes = new sbyte[vector.Length];
            float scale = Quantize(vector, codes);
            bytes.Write(MemoryMarshal.AsBytes<sbyte>(codes));
            files[VectorFiles.Scales].Write(MemoryMarshal.AsBytes(new ReadOnlySpan<float>(in scale)));
        }

        if (files.TryGetValue(VectorFiles.Signs, out FileStream? signs)) signs.Write(MemoryMarshal.AsBytes<ulong>(VectorFiles.SignWords(vector)));
    }
}
