using System.Runtime.InteropServices;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>A record that a search found.</summary>
/// <param name="Row">Its place in the index.</param>
/// <param name="Id">The record's id.</param>
/// <param name="Score">Inner product of query and record; the cosine where vectors are of unit length.</param>
/// <param name="Text">The record's text.</param>
public sealed record SearchHit(int Row, string Id, float Score, string Text);

/// <summary>
/// An index of vectors on disk, memory-mapped: opening reads a few bytes, several processes share one copy. Every vector is scored against every query
/// (see <see cref="VectorStore"/> for what each store keeps). Safe to use from several threads; a search that runs while the index is disposed comes to its
/// end.
/// </summary>
public sealed class VectorIndex : IDisposable
{
    private const int OpenAttempts = 100;
    private const int BlockRows = 256; // rows of a block stay in cache while all queries of a batch pass over them
    private readonly MappedFile? plain;
    private readonly MappedFile? codes;
    private readonly MappedFile? scales;
    private readonly MappedFile? signs;
    private readonly TextColumn ids;
    private readonly TextColumn texts;
    private readonly SharedReads reads;

    /// <param name="name">the index as its user calls it</param>
    /// <param name="folder">where its files lie now</param>
    /// <param name="description">its index.json</param>
    private VectorIndex(string name, string folder, IndexDescription description)
    {
        Folder = name;
        Description = description;
        reads = new SharedReads(this, Release);
        try
        {
            string[] names = VectorFiles.Of(description.Store);
            plain = Map(folder, names, VectorFiles.F32);
            codes = Map(folder, names, VectorFiles.Int8);
            scales = Map(folder, names, VectorFiles.Scales);
            signs = Map(folder, names, VectorFiles.Signs);
            ids = TextColumn.Open(folder, "ids", description.Count);
            texts = TextColumn.Open(folder, "texts", description.Count);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the index lies.</summary>
    public string Folder { get; }

    /// <summary>How the index was made.</summary>
    public IndexDescription Description { get; }

    /// <summary>Number of vectors.</summary>
    public int Count => Description.Count;

    /// <summary>Features of a vector.</summary>
    public int Dimensions => Description.Dimensions;

    /// <summary>Opens an index. One that a build is exchanging at this moment, or was killed while it did, is read where the build has put it.</summary>
    /// <param name="folder">The index itself, or a model's folder that holds one as <c>index</c>, as a demonstration leaves it.</param>
    /// <exception cref="FileNotFoundException">The folder is no index, or lacks a file.</exception>
    /// <exception cref="InvalidDataException">A file does not have the size that index.json implies.</exception>
    public static VectorIndex Open(string folder)
    {
        string inside = Path.Combine(folder, "index");
        IndexFolder place = new(folder);
        if (place.Readable is null && new IndexFolder(inside) is { Readable: not null } held) (folder, place) = (inside, held);
        for (int attempt = 1; ; attempt++)
        {
            // Files are opened one by one: where the description is still the same at the end, all of them belong to it.
            string from = place.Readable ?? folder;
            DateTime stamp = IndexFolder.Stamp(from);
            bool Exchanged() => attempt < OpenAttempts && (place.Readable != from || IndexFolder.Stamp(from) != stamp);
            try
            {
                VectorIndex index = new(folder, from, IndexDescription.Read(from));
                if (!Exchanged()) return index;
                index.Dispose();
            }
            catch (Exception e) when (e is IOException or InvalidDataException && Exchanged())
            {
                continue;
            }
        }
    }

    /// <summary>The id of a row.</summary>
    public string Id(int row)
    {
        using SharedReads.Reading reading = reads.Begin();
        return ids[Checked(row)];
    }

    /// <summary>The text of a row.</summary>
    public string Text(int row)
    {
        using SharedReads.Reading reading = reads.Begin();
        return texts[Checked(row)];
    }

    /// <summary>The vector of a row, as it was embedded.</summary>
    /// <param name="row">From 0.</param>
    /// <param name="destination">[dimensions]</param>
    /// <exception cref="NotSupportedException">The index keeps vectors as int8 or signs only.</exception>
    public void CopyVector(int row, Span<float> destination)
    {
        using SharedReads.Reading reading = reads.Begin();
        if (plain is null) throw new NotSupportedException($"{Folder}: keeps no f32 vectors; make the index with --store f32");
        ReadOnlySpan<byte> vector = plain.Span(Checked(row) * VectorFiles.BytesPerRow(VectorFiles.F32, Dimensions), Dimensions * sizeof(float));
        MemoryMarshal.Cast<byte, float>(vector).CopyTo(destination);
    }

    /// <summary>The best records for each query.</summary>
    /// <param name="queries">[queries, dimensions]</param>
    /// <param name="top">Records wanted for each.</param>
    /// <param name="threads">Threads; 0 takes one per processor.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <returns>For each query its hits, best first; equal scores in the order of the index.</returns>
    public IReadOnlyList<IReadOnlyList<SearchHit>> Search(ReadOnlyMemory<float> queries, int top, int threads = 0, CancellationToken cancellation = default)
    {
        using SharedReads.Reading reading = reads.Begin();
        return [.. Ranked(queries, top, threads, cancellation)
            .Select(ranked => (IReadOnlyList<SearchHit>)[.. ranked.Select(hit => new SearchHit(hit.Row, ids[hit.Row], hit.Score, texts[hit.Row]))])];
    }

    /// <summary>As <see cref="Search"/>, without reading ids and texts.</summary>
    public IReadOnlyList<IReadOnlyList<(int Row, float Score)>> SearchRows(
        ReadOnlyMemory<float> queries, int top, int threads = 0, CancellationToken cancellation = default)
    {
        using SharedReads.Reading reading = reads.Begin();
        return Ranked(queries, top, threads, cancellation);
    }

    private IReadOnlyList<(int Row, float Score)>[] Ranked(ReadOnlyMemory<float> queries, int top, int threads, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        if (queries.Length % Dimensions != 0)
            throw new ArgumentException($"queries of {queries.Length} features are no multiple of the index's {Dimensions}", nameof(queries));
        int count = queries.Length / Dimensions;
        top = Math.Max(1, Math.Min(top, Count));
        if (Description.Store != VectorStore.Binary) return Collect(count, Rank(count, top, Scan(queries), threads, cancellation));

        // Signs first: 16 candidates for each wanted record, at least 256, scored again by their int8 copy.
        BestRows[] candidates = Rank(count, (int)Math.Min(Count, Math.Max(256, 16L * top)), ScanSigns(queries), threads, cancellation);
        BestRows[] best = new BestRows[count];
        for (int q = 0; q < count; q++)
        {
            best[q] = new BestRows(top);
            foreach ((int row, _) in candidates[q].Ranked()) best[q].Add(row, ScoreInt8(queries.Span.Slice(q * Dimensions, Dimensions), row));
        }

        return Collect(count, best);
    }

    /// <inheritdoc/>
    public void Dispose() => reads.Close();

    private void Release()
    {
        foreach (MappedFile? file in (MappedFile?[])[plain, codes, scales, signs]) file?.Dispose();
        ids?.Dispose();
        texts?.Dispose();
    }

    private static IReadOnlyList<(int, float)>[] Collect(int count, BestRows[] best) => [.. best.Take(count).Select(rows => rows.Ranked().ToArray())];

    private BestRows[] Rank(int queries, int keep, Func<int, int, float> score, int threads, CancellationToken cancellation)
    {
        BestRows[] Empty() => [.. Enumerable.Range(0, queries).Select(_ => new BestRows(keep))];
        BestRows[] best = Empty();
        int blocks = (Count + BlockRows - 1) / BlockRows;
        ParallelOptions options = new() { CancellationToken = cancellation, MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount };
        Parallel.For(0, blocks, options, Empty, (block, _, own) =>
        {
            int end = Math.Min(Count, (block + 1) * BlockRows);
            for (int q = 0; q < queries; q++)
            {
                for (int row = block * BlockRows; row < end; row++) own[q].Add(row, score(q, row));
            }

            return own;
        }, own =>
        {
            lock (best)
            {
                for (int q = 0; q < queries; q++) best[q].Merge(own[q]);
            }
        });
        return best;
    }

    private Func<int, int, float> Scan(ReadOnlyMemory<float> queries)
    {
        if (Description.Store == VectorStore.Int8) return (q, row) => ScoreInt8(queries.Span.Slice(q * Dimensions, Dimensions), row);
        return (q, row) => VectorFiles.Dot(queries.Span.Slice(q * Dimensions, Dimensions), Row<float>(plain!, row, Dimensions));
    }

    private Func<int, int, float> ScanSigns(ReadOnlyMemory<float> queries)
    {
        int count = queries.Length / Dimensions, words = VectorFiles.WordsOf(Dimensions);
        ulong[][] bits = [.. Enumerable.Range(0, count).Select(q => VectorFiles.SignWords(queries.Span.Slice(q * Dimensions, Dimensions)))];
        return (q, row) => -VectorFiles.Hamming(bits[q], Row<ulong>(signs!, row, words));
    }

    private float ScoreInt8(ReadOnlySpan<float> query, int row) => Row<float>(scales!, row, 1)[0] * VectorFiles.Dot(query, Row<sbyte>(codes!, row, Dimensions));

    private static unsafe ReadOnlySpan<T> Row<T>(MappedFile file, int row, int length)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(file.Span((long)row * length * sizeof(T), length * sizeof(T)));

    private MappedFile? Map(string folder, string[] names, string name)
    {
        if (!names.Contains(name)) return null;
        MappedFile file = MappedFile.Open(Path.Combine(folder, name));
        long expected = VectorFiles.BytesPerRow(name, Dimensions) * Count;
        if (file.Length == expected) return file;
        file.Dispose();
        throw new InvalidDataException($"{file.Path}: has {file.Length} bytes, expected {expected} for {Count} vectors of {Dimensions}; make the index again");
    }

    private int Checked(int row) => (uint)row < (uint)Count ? row : throw new ArgumentOutOfRangeException(nameof(row), row, $"the index has {Count} records");
}
