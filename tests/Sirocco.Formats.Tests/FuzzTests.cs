using System.Buffers.Binary;
using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>
/// Every parser over damaged goldens: whatever the bytes, it opens or throws an InvalidDataException of one line that starts with the path.
/// </summary>
public class FuzzTests
{
    // The figures that length fields lie with.
    private static readonly ulong[] Lies = [0, 1, 7, 8, 255, 65_535, 1 << 20, int.MaxValue, uint.MaxValue, 1UL << 40, long.MaxValue, 1UL << 63, ulong.MaxValue];

    [Fact]
    public void Damaged_safetensors_files_are_refused_or_read_whole() =>
        Fuzz([.. Goldens("safetensors", "*.safetensors")], "x.safetensors", 2048, path =>
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            ReadAll(file);
        });

    [Fact]
    public void Damaged_gguf_files_are_refused_or_read_whole() =>
        Fuzz([.. Goldens("gguf", "*.gguf")], "x.gguf", 16_384, path =>
        {
            using GgufFile file = GgufFile.Open(path);
            ReadAll(file);
        });

    [Fact]
    public void Damaged_gguf_checkpoints_are_refused_or_read_whole() =>
        Fuzz([.. Goldens("gguf", "llama*.gguf"), .. Goldens("gguf", "mistral*.gguf")], "x.gguf", 16_384, path =>
        {
            using GgufCheckpoint file = GgufCheckpoint.Open(path);
            ReadAll(file);
        });

    [Fact]
    public void Damaged_npy_files_are_refused_or_read_whole() =>
        Fuzz([.. Goldens("numpy", "*.npy")], "x.npy", 256, path =>
        {
            using NpyFile file = NpyFile.Open(path);
            if (ElementConversion.CanReadAsSingle(file.Array.Type)) file.Array.ToSingleArray();
        });

    [Fact]
    public void Damaged_shard_indexes_are_refused_or_read() =>
        Fuzz(
            [ShardIndex.Write([("a", "x.safetensors"), ("b.weight", "y.safetensors"), ("c\u00e9", "x.safetensors")], 123)],
            "model.safetensors.index.json",
            256,
            path => ShardIndex.Read(path));

    [Fact]
    public void Damaged_parquet_files_are_refused_or_read_whole() =>
        Fuzz([.. Goldens("parquet", "*.parquet")], "x.parquet", 1 << 20, ReadTable);

    [Fact]
    public void Parquet_files_with_a_damaged_footer_are_refused_or_read_whole() =>
        Fuzz([.. Goldens("parquet", "*.parquet").Where(bytes => bytes.Length < 4096)], "x.parquet", 1 << 20, ReadTable);

    [Fact]
    public void Damaged_arrow_files_are_refused_or_read_whole() =>
        Fuzz([.. Goldens("arrow", "*.arrow")], "x.arrow", 1 << 20, path =>
        {
            using ArrowFile file = ArrowFile.Open(path);
            ReadTable(file);
        });

    [Fact]
    public void Any_file_is_identified_without_an_exception() =>
        Fuzz([.. Goldens("safetensors", "*"), .. Goldens("numpy", "*")], "x", 4096, path => ContentSniffer.Identify(path));

    private static IEnumerable<byte[]> Goldens(string folder, string pattern) =>
        Directory.GetFiles(Golden.PathOf(folder), pattern).Order(StringComparer.Ordinal).Select(File.ReadAllBytes).Where(bytes => bytes.Length < 200_000);

    private static void ReadAll(TensorArchive archive)
    {
        foreach (StoredTensor tensor in archive.Tensors.Where(t => ElementConversion.CanReadAsSingle(t.Type) && t.ElementCount < 1 << 16))
            Assert.Equal(tensor.ElementCount, tensor.ToSingleArray().Length);
    }

    private static void ReadTable(string path)
    {
        using ParquetFile file = ParquetFile.Open(path);
        ReadTable(file);
    }

    private static void ReadTable(TableFile file)
    {
        using var writer = new Utf8JsonWriter(Stream.Null, new JsonWriterOptions { SkipValidation = true });
        foreach (ColumnBatch batch in file.ReadBatches().Take(100))
        {
            using (batch)
            {
                for (int row = 0; row < Math.Min(batch.RowCount, 1000); row++) batch.WriteRow(writer, row);
                writer.Reset();
            }
        }
    }

    private static void Fuzz(byte[][] seeds, string name, int header, Action<string> parse)
    {
        using var scratch = new TemporaryFolder();
        FuzzRounds.Run(1000, random =>
        {
            string path = scratch.Write(name, Mutate(seeds[random.Next(seeds.Length)], header, random));
            try
            {
                parse(path);
            }
            catch (InvalidDataException e) when (
                e.Message.StartsWith(path + ": ", StringComparison.Ordinal) && !e.Message.Any(char.IsControl) && e.Message.Length < path.Length + 600)
            {
                // A refusal as it should be.
            }
        });
    }

    /// <summary>A few changes of the kinds that damage and malice make, most of them in the header.</summary>
    private static byte[] Mutate(byte[] original, int header, Random random)
    {
        byte[] bytes = [.. original];
        for (int changes = random.Next(1, 5); changes > 0 && bytes.Length > 0; changes--)
        {
            int at = random.Next(random.Next(10) == 0 ? bytes.Length : Math.Min(bytes.Length, header));
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes = bytes[..at];
                    break;
                case 3:
                    bytes = [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 16))..]];
                    break;
                case 4:
                    int length = Math.Min(random.Next(1, 64), bytes.Length - at);
                    bytes = [.. bytes[..at], .. bytes.AsSpan(random.Next(bytes.Length - length + 1), length), .. bytes[at..]];
                    break;
                default:
                    if (at + 8 <= bytes.Length) BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), Lies[random.Next(Lies.Length)]);
                    break;
            }
        }
        return bytes;
    }
}
