using System.Buffers.Binary;
using System.Text;

namespace Sirocco.Formats.Tests;

/// <summary>The decoders of pages on their own. Whole files of every codec are read in <see cref="ParquetTests"/> and <see cref="ArrowTests"/>.</summary>
public class CompressionTests
{
    private const int Guard = 64;

    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("123456789", 0xCBF43926u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void Crc32_gives_the_published_values(string text, uint expected) => Assert.Equal(expected, Crc32.Compute(Encoding.ASCII.GetBytes(text)));

    [Theory]
    [InlineData("", 0xEF46DB3751D8E999ul)]
    [InlineData("a", 0xD24EC4F1A98C6E5Bul)]
    [InlineData("abc", 0x44BC2CF5AD770999ul)]
    public void XxHash64_gives_the_published_values(string text, ulong expected) => Assert.Equal(expected, XxHash64.Compute(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void A_match_that_overlaps_itself_repeats_its_pattern()
    {
        // "ab" as literals, then 9 bytes from 2 back, in Snappy and in LZ4.
        byte[] snappy = new byte[11], lz4 = new byte[11];
        Snappy.Decompress([11, 1 << 2, (byte)'a', (byte)'b', ((9 - 4) << 2) | 1, 2], snappy);
        Lz4.DecompressBlock([0x25, (byte)'a', (byte)'b', 2, 0], lz4);
        Assert.Equal("abababababa", Encoding.ASCII.GetString(snappy));
        Assert.Equal("abababababa", Encoding.ASCII.GetString(lz4));
    }

    [Fact]
    public void Blocks_in_the_framing_of_hadoop_are_joined()
    {
        byte[] text = new byte[4];
        byte[] block = [0, 0, 0, 2, 0, 0, 0, 3, 0x20, (byte)'h', (byte)'i'];
        Lz4.DecompressHadoop([.. block, .. block], text);
        Assert.Equal("hihi", Encoding.ASCII.GetString(text));
    }

    [Fact]
    public void A_zstandard_frame_that_does_not_match_its_checksum_is_refused()
    {
        // A frame of one raw block with a checksum.
        byte[] text = "checksummed"u8.ToArray(), unpacked = new byte[text.Length];
        byte[] frame = [0x28, 0xB5, 0x2F, 0xFD, 0x24, (byte)text.Length, (byte)((text.Length << 3) | 1), 0, 0, .. text, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(frame.Length - 4), (uint)XxHash64.Compute(text));
        ZstandardDecoder.Decompress(frame, unpacked);
        Assert.Equal(text, unpacked);
        frame[12] ^= 1;
        Assert.Throws<InvalidDataException>(() => ZstandardDecoder.Decompress(frame, unpacked));
    }

    public static TheoryData<ParquetCodec, string> Packed() => new()
    {
        { ParquetCodec.Snappy, "delta-byte-array.parquet" },
        { ParquetCodec.Zstd, "codec-zstd.parquet" },
        { ParquetCodec.Zstd, "long-values.parquet" },
        { ParquetCodec.Lz4, "codec-lz4.parquet" },
        { ParquetCodec.Brotli, "codec-brotli.parquet" },
        { ParquetCodec.Gzip, "codec-gzip.parquet" },
    };

    [Theory]
    [MemberData(nameof(Packed))]
    public void Damaged_pages_are_refused_or_unpacked_without_a_byte_written_outside(ParquetCodec codec, string golden)
    {
        List<(byte[] Packed, int Size)> pages = Pages(Golden.PathOf("parquet/" + golden), codec);
        Assert.NotEmpty(pages);
        for (int round = 0; round < 4000; round++)
        {
            var random = new Random(round);
            (byte[] packed, int size) = pages[random.Next(pages.Count)];
            byte[] damaged = [.. packed[..(random.Next(8) == 0 ? random.Next(packed.Length) : packed.Length)]];
            for (int changes = random.Next(1, 4); changes > 0 && damaged.Length > 0; changes--)
                damaged[random.Next(random.Next(2) == 0 ? damaged.Length : Math.Min(32, damaged.Length))] = (byte)random.Next(256);
            byte[] target = new byte[Guard + size + Guard];
            target.AsSpan().Fill(0xA5);
            try
            {
                PageCompression.Decompress(codec, damaged, target.AsSpan(Guard, size));
            }
            catch (InvalidDataException e)
            {
                Assert.DoesNotContain(e.Message, char.IsControl);
            }
            Assert.True(
                target.AsSpan(0, Guard).IndexOfAnyExcept((byte)0xA5) < 0 && target.AsSpan(Guard + size).IndexOfAnyExcept((byte)0xA5) < 0,
                $"round {round} wrote outside");
        }
    }

    /// <summary>The compressed pages of a file of the first page version.</summary>
    private static List<(byte[] Packed, int Size)> Pages(string path, ParquetCodec codec)
    {
        using ParquetFile file = ParquetFile.Open(path);
        byte[] bytes = File.ReadAllBytes(path);
        var pages = new List<(byte[], int)>();
        foreach (ParquetColumnChunk chunk in file.RowGroups.SelectMany(group => group.Columns).Where(chunk => chunk.Codec == codec))
        {
            for (long at = chunk.Offset; at < chunk.Offset + chunk.CompressedBytes;)
            {
                PageHeader header = PageHeader.Read(bytes.AsSpan((int)at), out int length);
                at += length + header.CompressedSize;
                if (header.CompressedSize > 0) pages.Add((bytes[(int)(at - header.CompressedSize)..(int)at], header.UncompressedSize));
            }
        }
        return pages;
    }
}
