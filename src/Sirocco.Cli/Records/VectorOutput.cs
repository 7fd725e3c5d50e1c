using System.Runtime.InteropServices;
using System.Text.Json;
using Sirocco.Cli.Frame;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Cli.Records;

/// <summary>How the features of an embedding are written.</summary>
internal enum FeatureType
{
    Float,
    Int8,
    UInt8,
    Binary,
    UBinary,
}

/// <summary>Where embeddings go: JSON Lines beside their records, a NumPy matrix, or a safetensors matrix.</summary>
internal abstract class VectorOutput : IDisposable
{
    public abstract void Add(TextRecord record, float[] vector);

    /// <summary>Everything is there: the file takes its name.</summary>
    public abstract void Commit();

    public abstract void Dispose();

    /// <param name="path">the extension chooses: .jsonl, .npy, .safetensors; null or "-" is JSON Lines on standard output</param>
    /// <param name="dimensions">features of a vector</param>
    /// <param name="type">how features are written</param>
    /// <param name="terminal">whose standard output that is</param>
    public static VectorOutput Open(string? path, int dimensions, FeatureType type, Terminal terminal)
    {
        string extension = path is null or DataFiles.Standard ? ".jsonl" : Path.GetExtension(path).ToLowerInvariant();
        return (extension, type) switch
        {
            (".jsonl", FeatureType.Float) => new Lines(OutputFile.Open(path, terminal)),
            (".jsonl", _) => new CollectedLines(type, (records, quantised) => WriteLines(path, terminal, records, quantised)),
            (".npy", FeatureType.Float) => new Matrix(new NpyWriter(path!, dimensions)),
            (".npy", _) => new Collected(type, quantised => quantised.WriteNpy(path!)),
            (".safetensors", _) => new Collected(type, quantised => SafetensorsWriter.Write(path!, [quantised.ToTensor("embeddings", dimensions)])),
            _ => throw new UsageException($"--output {path}: embeddings are written to .jsonl, .npy or .safetensors; choose one of these"),
        };
    }

    private static void WriteLines(string? path, Terminal terminal, List<TextRecord> records, QuantisedVectors vectors)
    {
        using OutputFile file = OutputFile.Open(path, terminal);
        using RecordWriter writer = new(file.Stream);
        for (int i = 0; i < records.Count; i++)
        {
            int row = i;
            writer.Write(json => WriteRecord(json, records[row], () => vectors.WriteRow(json, row)));
        }

        writer.Flush();
        file.Commit();
    }

    /// <summary>The record's own fields, whatever they are, and <c>embedding</c>.</summary>
    private static void WriteRecord(Utf8JsonWriter writer, TextRecord record, Action writeFeatures)
    {
        if (record.Json is null)
        {
            writer.WriteString("text", record.Text);
        }
        else
        {
            using JsonRecord fields = JsonRecord.Parse(record.Json, "the record");
            foreach (JsonProperty field in fields.Properties)
            {
                if (!field.NameEquals("embedding"u8)) JsonText.Copy(field, writer);
            }
        }

        writer.WriteStartArray("embedding");
        writeFeatures();
        writer.WriteEndArray();
    }

    private sealed class Lines(OutputFile file) : VectorOutput
    {
        private readonly RecordWriter writer = new(file.Stream);

        public override void Add(TextRecord record, float[] vector) => writer.Write(json => WriteRecord(json, record, () =>
        {
            foreach (float feature in vector) json.WriteNumberValue(feature);
        }));

        public override void Commit()
        {
            writer.Flush();
            file.Commit();
        }

        public override void Dispose()
        {
            writer.Dispose();
            file.Dispose();
        }
    }

    private sealed class Matrix(NpyWriter file) : VectorOutput
    {
        public override void Add(TextRecord record, float[] vector) => file.Append(vector);

        public override void Commit() => file.Commit();

        public override void Dispose() => file.Dispose();
    }

    /// <summary>For outputs whose form depends on all vectors: the range of each feature, or the number of rows.</summary>
    private class Collected(FeatureType type, Action<QuantisedVectors> write) : VectorOutput
    {
        private readonly List<float[]> vectors = [];

        public override void Add(TextRecord record, float[] vector) => vectors.Add(vector);

        public override void Commit() => write(new QuantisedVectors(vectors, type));

        public override void Dispose()
        {
        }
    }

    /// <summary>As <see cref="Collected"/>, with the records that the vectors are written beside.</summary>
    private sealed class CollectedLines : Collected
    {
        private readonly List<TextRecord> records;

        public CollectedLines(FeatureType type, Action<List<TextRecord>, QuantisedVectors> write)
            : this(type, write, [])
        {
        }

        private CollectedLines(FeatureType type, Action<List<TextRecord>, QuantisedVectors> write, List<TextRecord> records)
            : base(type, quantised => write(records, quantised)) => this.records = records;

        public override void Add(TextRecord record, float[] vector)
        {
            records.Add(record);
            base.Add(record, vector);
        }
    }
}

/// <summary>Vectors in the type that they are written in.</summary>
internal sealed class QuantisedVectors
{
    private readonly List<float[]> floats;
    private readonly byte[][] bytes = [];
    private readonly FeatureType type;

    public QuantisedVectors(List<float[]> vectors, FeatureType type)
    {
        floats = vectors;
        this.type = type;
        if (type is FeatureType.Binary or FeatureType.UBinary)
        {
            bytes = [.. vectors.Select(
                vector => type == FeatureType.UBinary ? EmbeddingQuantization.ToBits(vector) : Unsigned(EmbeddingQuantization.ToSignedBits(vector)))];
        }
        else if (type != FeatureType.Float && vectors.Count > 0)
        {
            (float[] least, float[] most) = EmbeddingQuantization.Ranges(vectors);
            bytes = [.. vectors.Select(vector => type == FeatureType.UInt8
                ? EmbeddingQuantization.ToBytes(vector, least, most)
                : Unsigned(EmbeddingQuantization.ToSignedBytes(vector, least, most)))];
        }
    }

    private bool Signed => type is FeatureType.Int8 or FeatureType.Binary;

    public void WriteRow(Utf8JsonWriter writer, int row)
    {
        foreach (byte value in bytes[row]) writer.WriteNumberValue(Signed ? (sbyte)value : value);
    }

    public void WriteNpy(string path)
    {
        byte[] all = [.. bytes.SelectMany(row => row)];
        long[] shape = [bytes.Length, bytes.Length == 0 ? 0 : bytes[0].Length];
        if (Signed) NpyWriter.Write<sbyte>(path, shape, MemoryMarshal.Cast<byte, sbyte>(all));
        else NpyWriter.Write<byte>(path, shape, all);
    }

    public OutgoingTensor ToTensor(string name, int dimensions)
    {
        if (type == FeatureType.Float)
        {
            return new OutgoingTensor(name, StorageType.F32, [floats.Count, dimensions], stream =>
            {
                foreach (float[] vector in floats) stream.Write(MemoryMarshal.AsBytes<float>(vector));
            });
        }

        return new OutgoingTensor(name, Signed ? StorageType.I8 : StorageType.U8, [bytes.Length, bytes.Length == 0 ? 0 : bytes[0].Length], stream =>
        {
            foreach (byte[] row in bytes) stream.Write(row);
        });
    }

    private static byte[] Unsigned(sbyte[] values) => MemoryMarshal.Cast<sbyte, byte>(values).ToArray();
}
