using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Sirocco.Training;

/// <summary>
/// A message in the wire format of Protocol Buffers, field by field. Fields that hold a type's default are left out, as proto3 does. Event files and W&amp;B
/// runs need these six kinds of fields of a dozen messages; compiling their schemas would need a compiler at build time.
/// </summary>
internal sealed class ProtobufMessage
{
    private const int VarintType = 0, EightByteType = 1, LengthType = 2, FourByteType = 5;

    private readonly ArrayBufferWriter<byte> bytes = new();

    public ReadOnlySpan<byte> Bytes => bytes.WrittenSpan;

    public ProtobufMessage Add(int field, long value)
    {
        if (value == 0) return this;
        Tag(field, VarintType);
        Varint((ulong)value);
        return this;
    }

    public ProtobufMessage Add(int field, double value)
    {
        if (BitConverter.DoubleToInt64Bits(value) == 0) return this;
        Tag(field, EightByteType);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.GetSpan(8), value);
        bytes.Advance(8);
        return this;
    }

    /// <summary>Also where the value is 0: for a member of a oneof, whose presence says something.</summary>
    public ProtobufMessage AddPresent(int field, float value)
    {
        Tag(field, FourByteType);
        BinaryPrimitives.WriteSingleLittleEndian(bytes.GetSpan(4), value);
        bytes.Advance(4);
        return this;
    }

    public ProtobufMessage Add(int field, string? value) => string.IsNullOrEmpty(value) ? this : Add(field, Encoding.UTF8.GetBytes(value));

    public ProtobufMessage Add(int field, ProtobufMessage value) => Add(field, value.Bytes);

    private ProtobufMessage Add(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, LengthType);
        Varint((ulong)value.Length);
        bytes.Write(value);
        return this;
    }

    private void Tag(int field, int wireType) => Varint(((ulong)field << 3) | (uint)wireType);

    private void Varint(ulong value)
    {
        Span<byte> target = bytes.GetSpan(10);
        int length = 0;
        for (; value >= 0x80; value >>= 7) target[length++] = (byte)(value | 0x80);
        target[length++] = (byte)value;
        bytes.Advance(length);
    }
}
