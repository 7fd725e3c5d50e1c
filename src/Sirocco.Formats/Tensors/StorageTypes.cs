using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace Sirocco.Formats;

/// <summary>Facts about each <see cref="StorageType"/>: block sizes and the names that formats give it.</summary>
public static class StorageTypes
{
    // (type, elements in a block, bytes of a block, code in GGUF files or -1, whether safetensors knows it).
    private static readonly (StorageType Type, int Elements, int Bytes, int Gguf, bool Safetensors)[] Table =
    [
        (StorageType.Bool, 1, 1, -1, true),
        (StorageType.F4, 2, 1, -1, true),
        (StorageType.F6_E2M3, 4, 3, -1, true),
        (StorageType.F6_E3M2, 4, 3, -1, true),
        (StorageType.U8, 1, 1, -1, true),
        (StorageType.I8, 1, 1, 24, true),
        (StorageType.F8_E5M2, 1, 1, -1, true),
        (StorageType.F8_E4M3, 1, 1, -1, true),
        (StorageType.F8_E8M0, 1, 1, -1, true),
        (StorageType.F8_E4M3FNUZ, 1, 1, -1, true),
        (StorageType.F8_E5M2FNUZ, 1, 1, -1, true),
        (StorageType.I16, 1, 2, 25, true),
        (StorageType.U16, 1, 2, -1, true),
        (StorageType.F16, 1, 2, 1, true),
        (StorageType.BF16, 1, 2, 30, true),
        (StorageType.I32, 1, 4, 26, true),
        (StorageType.U32, 1, 4, -1, true),
        (StorageType.F32, 1, 4, 0, true),
        (StorageType.C64, 1, 8, -1, true),
        (StorageType.F64, 1, 8, 28, true),
        (StorageType.I64, 1, 8, 27, true),
        (StorageType.U64, 1, 8, -1, true),
        (StorageType.Q4_0, 32, 18, 2, false),
        (StorageType.Q4_1, 32, 20, 3, false),
        (StorageType.Q5_0, 32, 22, 6, false),
        (StorageType.Q5_1, 32, 24, 7, false),
        (StorageType.Q8_0, 32, 34, 8, false),
        (StorageType.Q8_1, 32, 36, 9, false),
        (StorageType.Q2_K, 256, 84, 10, false),
        (StorageType.Q3_K, 256, 110, 11, false),
        (StorageType.Q4_K, 256, 144, 12, false),
        (StorageType.Q5_K, 256, 176, 13, false),
        (StorageType.Q6_K, 256, 210, 14, false),
        (StorageType.Q8_K, 256, 292, 15, false),
        (StorageType.IQ1_S, 256, 50, 19, false),
        (StorageType.IQ1_M, 256, 56, 29, false),
        (StorageType.IQ2_XXS, 256, 66, 16, false),
        (StorageType.IQ2_XS, 256, 74, 17, false),
        (StorageType.IQ2_S, 256, 82, 22, false),
        (StorageType.IQ3_XXS, 256, 98, 18, false),
        (StorageType.IQ3_S, 256, 110, 21, false),
        (StorageType.IQ4_NL, 32, 18, 20, false),
        (StorageType.IQ4_XS, 256, 136, 23, false),
        (StorageType.TQ1_0, 256, 54, 34, false),
        (StorageType.TQ2_0, 256, 66, 35, false),
        (StorageType.MXFP4, 32, 17, 39, false),
    ];

    private static readonly string[] Names = [.. Table.Select(row => row.Type == StorageType.Bool ? "BOOL" : row.Type.ToString())];

    private static readonly FrozenDictionary<string, StorageType> BySafetensorsName =
        Table.Where(row => row.Safetensors).ToFrozenDictionary(row => Names[(int)row.Type], row => row.Type, StringComparer.Ordinal);

    private static readonly FrozenDictionary<int, StorageType> ByGgufCode =
        Table.Where(row => row.Gguf >= 0).ToFrozenDictionary(row => row.Gguf, row => row.Type);

    extension(StorageType type)
    {
        /// <summary>Elements that are stored together; 1 for plain types.</summary>
        public int BlockElements => Table[(int)type].Elements;

        /// <summary>Bytes of one block.</summary>
        public int BlockBytes => Table[(int)type].Bytes;

        /// <summary>The name in files and messages: <c>F32</c>, <c>BOOL</c>, <c>Q4_K</c>.</summary>
        public string Name => Names[(int)type];

        /// <summary>Whether safetensors files can hold it.</summary>
        public bool IsInSafetensors => Table[(int)type].Safetensors;

        /// <summary>Whether elements share scales in blocks (GGUF's quantised types).</summary>
        public bool IsQuantised => type >= StorageType.Q4_0;

        /// <summary>Bytes of <paramref name="elements"/> elements; false when they do not fill whole blocks or the count overflows.</summary>
        public bool TryByteCount(long elements, out long bytes)
        {
            bytes = 0;
            if (elements < 0 || elements % type.BlockElements != 0) return false;
            Int128 product = (Int128)(elements / type.BlockElements) * type.BlockBytes;
            if (product > long.MaxValue) return false;
            bytes = (long)product;
            return true;
        }
    }

    /// <summary>The type that safetensors headers call <paramref name="name"/>.</summary>
    public static bool TryFromSafetensors(string name, [NotNullWhen(true)] out StorageType type) => BySafetensorsName.TryGetValue(name, out type);

    /// <summary>The type that GGUF files give the number <paramref name="code"/>.</summary>
    internal static bool TryFromGguf(int code, out StorageType type) => ByGgufCode.TryGetValue(code, out type);
}
