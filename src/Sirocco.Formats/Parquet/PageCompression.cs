using System.IO.Compression;

namespace Sirocco.Formats;

/// <summary>The codecs of Parquet pages (Compression.md).</summary>
internal static unsafe class PageCompression
{
    /// <summary>Says no before memory is taken for a page whose sizes cannot both be true.</summary>
    internal static void CheckRatio(ParquetCodec codec, int compressed, int uncompressed)
    {
        long highest = codec switch
        {
            ParquetCodec.Uncompressed => 1,
            ParquetCodec.Snappy => Snappy.HighestRatio,
            ParquetCodec.Lz4 or ParquetCodec.Lz4Hadoop => Lz4.HighestRatio,
            ParquetCodec.Gzip => 1040,   // deflate: 258 bytes in two bits
            ParquetCodec.Zstd => ZstandardDecoder.HighestRatio,
            _ => 1 << 20,
        };
        if (uncompressed > (compressed * highest) + 64) throw new InvalidDataException($"{compressed} bytes of {codec} cannot hold {uncompressed}");
    }

    /// <summary>Fills <paramref name="target"/>.</summary>
    internal static void Decompress(ParquetCodec codec, ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (source.IsEmpty) throw new InvalidDataException($"no bytes of {codec} where {target.Length} unpacked ones are expected");
        switch (codec)
        {
            case ParquetCodec.Snappy:
                Snappy.Decompress(source, target);
                break;
            case ParquetCodec.Lz4:
                Lz4.DecompressBlock(source, target);
                break;
            case ParquetCodec.Lz4Hadoop:
                Lz4.DecompressHadoop(source, target);
                break;
            case ParquetCodec.Zstd:
                ZstandardDecoder.Decompress(source, target);
                break;
            case ParquetCodec.Gzip:
                Gunzip(source, target);
                break;
            case ParquetCodec.Brotli:
                if (!BrotliDecoder.TryDecompress(source, target, out int written) || written != target.Length)
                    throw new InvalidDataException($"Brotli data does not unpack to {target.Length} bytes");
                break;
            default:
                throw new InvalidDataException($"the codec {codec} is not supported; write the file with zstd or snappy");
        }
    }

    private static void Gunzip(ReadOnlySpan<byte> source, Span<byte> target)
    {
        fixed (byte* bytes = source)
        {
            using var packed = new UnmanagedMemoryStream(bytes, source.Length);
            using var stream = new GZipStream(packed, CompressionMode.Decompress);
            int read = stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
            if (read != target.Length || stream.ReadByte() >= 0) throw new InvalidDataException($"gzip data does not unpack to {target.Length} bytes");
        }
    }
}
