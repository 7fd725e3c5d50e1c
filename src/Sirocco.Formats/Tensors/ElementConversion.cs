using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Formats;

/// <summary>
/// Conversion between the stored types and f32, element for element as torch's <c>tensor.to(dtype)</c> does it: to the nearest, ties to even;
/// too large for F16 or F8_E5M2 becomes infinity, too large for F8_E4M3 (infinity too) becomes ±448.
/// </summary>
public static class ElementConversion
{
    /// <summary>Reads elements as f32. Quantised blocks are dequantised; integers and Bool become their value.</summary>
    /// <param name="type">How the elements are stored.</param>
    /// <param name="source">Exactly the bytes of <paramref name="destination"/>.Length elements, little-endian.</param>
    /// <param name="destination">[elements]</param>
    /// <exception cref="NotSupportedException">The type has no f32 form here (F4, F6, C64, some quantised types).</exception>
    public static void ToSingle(StorageType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        if (!type.TryByteCount(destination.Length, out long bytes) || bytes != source.Length)
            throw new ArgumentException($"{destination.Length} elements of {type.Name} do not take {source.Length} bytes", nameof(source));
        switch (type)
        {
            case StorageType.F32:
                Values<float>(source).CopyTo(destination);
                break;
            case StorageType.BF16:
                BFloat16ToSingle(Values<ushort>(source), destination);
                break;
            case StorageType.F16:
                TensorPrimitives.ConvertToSingle(Values<Half>(source), destination);
                break;
            case StorageType.F64:
                TensorPrimitives.ConvertTruncating(Values<double>(source), destination);
                break;
            case StorageType.F8_E4M3 or StorageType.F8_E5M2 or StorageType.F8_E4M3FNUZ or StorageType.F8_E5M2FNUZ or StorageType.F8_E8M0:
                float[] values = Float8.Values(type);
                for (int i = 0; i < source.Length; i++) destination[i] = values[source[i]];
                break;
            case StorageType.Bool:
                for (int i = 0; i < source.Length; i++) destination[i] = source[i] == 0 ? 0f : 1f;
                break;
            case StorageType.U8:
                IntegersToSingle<byte>(source, destination);
                break;
            case StorageType.I8:
                IntegersToSingle<sbyte>(source, destination);
                break;
            case StorageType.U16:
                IntegersToSingle<ushort>(source, destination);
                break;
            case StorageType.I16:
                IntegersToSingle<short>(source, destination);
                break;
            case StorageType.U32:
                IntegersToSingle<uint>(source, destination);
                break;
            case StorageType.I32:
                IntegersToSingle<int>(source, destination);
                break;
            case StorageType.U64:
                IntegersToSingle<ulong>(source, destination);
                break;
            case StorageType.I64:
                IntegersToSingle<long>(source, destination);
                break;
            default:
                BlockDecoder.Decode(type, source, destination);
                break;
        }
    }

    /// <summary>Whether <see cref="ToSingle"/> reads the type.</summary>
    public static bool CanReadAsSingle(StorageType type) =>
        type.IsQuantised ? BlockDecoder.Supports(type) : type is not (StorageType.F4 or StorageType.F6_E2M3 or StorageType.F6_E3M2 or StorageType.C64);

    /// <summary>Writes f32 values in a stored type.</summary>
    /// <param name="type">F32, F64, F16, BF16, F8_E4M3 or F8_E5M2.</param>
    /// <param name="source">[elements]</param>
    /// <param name="destination">Exactly the bytes that the elements take.</param>
    public static void FromSingle(StorageType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        if (!type.TryByteCount(source.Length, out long bytes) || bytes != destination.Length)
            throw new ArgumentException($"{source.Length} elements of {type.Name} do not take {destination.Length} bytes", nameof(destination));
        switch (type)
        {
            case StorageType.F32:
                source.CopyTo(MemoryMarshal.Cast<byte, float>(destination));
                break;
            case StorageType.BF16:
                SingleToBFloat16(source, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case StorageType.F16:
                TensorPrimitives.ConvertToHalf(source, MemoryMarshal.Cast<byte, Half>(destination));
                break;
            case StorageType.F64:
                TensorPrimitives.ConvertTruncating(source, MemoryMarshal.Cast<byte, double>(destination));
                break;
            case StorageType.F8_E4M3 or StorageType.F8_E5M2:
                for (int i = 0; i < source.Length; i++) destination[i] = Float8.Encode(type, source[i]);
                break;
            default:
                throw new NotSupportedException($"f32 values cannot be written as {type.Name}");
        }
    }

    /// <summary>Widens bfloat16 (exact).</summary>
    public static void BFloat16ToSingle(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, source.Length, nameof(destination));
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref uint to = ref Unsafe.As<float, uint>(ref MemoryMarshal.GetReference(destination));
        int i = 0;
        for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.LoadUnsafe(ref from, (nuint)i));
            (low << 16).StoreUnsafe(ref to, (nuint)i);
            (high << 16).StoreUnsafe(ref to, (nuint)(i + Vector256<uint>.Count));
        }
        for (; i < source.Length; i++) destination[i] = BFloat16ToSingle(source[i]);
    }

    /// <summary>Widens one bfloat16 (exact).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float BFloat16ToSingle(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    /// <summary>Rounds to bfloat16, ties to even; every NaN becomes 0x7FC0.</summary>
    public static void SingleToBFloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, source.Length, nameof(destination));
        ref float from = ref MemoryMarshal.GetReference(source);
        ref ushort to = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        for (; i <= source.Length - 2 * Vector256<float>.Count; i += 2 * Vector256<float>.Count)
        {
            Vector256<uint> low = Rounded(Vector256.LoadUnsafe(ref from, (nuint)i));
            Vector256<uint> high = Rounded(Vector256.LoadUnsafe(ref from, (nuint)(i + Vector256<float>.Count)));
            Vector256.Narrow(low, high).StoreUnsafe(ref to, (nuint)i);
        }
        for (; i < source.Length; i++) destination[i] = SingleToBFloat16(source[i]);

        // The upper half after adding half of a unit in the last place kept, less one when that place is even.
        static Vector256<uint> Rounded(Vector256<float> x)
        {
            Vector256<uint> bits = x.AsUInt32();
            Vector256<uint> upper = (bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One)) >> 16;
            return Vector256.ConditionalSelect(Vector256.IsNaN(x).AsUInt32(), Vector256.Create(0x7FC0u), upper);
        }
    }

    /// <summary>Rounds one value to bfloat16, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort SingleToBFloat16(float value)
    {
        if (float.IsNaN(value)) return 0x7FC0;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static void IntegersToSingle<T>(ReadOnlySpan<byte> source, Span<float> destination) where T : unmanaged, INumberBase<T> =>
        TensorPrimitives.ConvertTruncating(Values<T>(source), destination);

    // Every supported platform is little-endian, as the formats are.
    private static ReadOnlySpan<T> Values<T>(ReadOnlySpan<byte> source) where T : unmanaged
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("tensors are read in place on little-endian machines only");
        return MemoryMarshal.Cast<byte, T>(source);
    }
}
