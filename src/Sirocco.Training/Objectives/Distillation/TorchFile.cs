using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>
/// Writes a dictionary as torch.save does since version 1.6: a ZIP of uncompressed members, of which <c>NAME/data.pkl</c> is a pickle of protocol 2 that refers
/// to the storages <c>NAME/data/0</c> … It uses only what torch.load allows with weights_only.
/// </summary>
internal static class TorchFile
{
    /// <summary>Writes the file.</summary>
    /// <param name="stream">At its beginning; can seek.</param>
    /// <param name="name">The archive's name inside the file.</param>
    /// <param name="entries">Parameters, which become f32 tensors, and ints.</param>
    public static void Write(Stream stream, string name, IReadOnlyList<(string Key, object Value)> entries)
    {
        using ZipArchive zip = new(stream, ZipArchiveMode.Create, leaveOpen: true);
        List<Parameter> storages = [];
        Member(zip, $"{name}/data.pkl", Pickle(entries, storages));
        Member(zip, $"{name}/byteorder", "little"u8);
        for (int i = 0; i < storages.Count; i++) Member(zip, $"{name}/data/{i}", Values(storages[i]));
        Member(zip, $"{name}/version", "3\n"u8);
    }

    private static void Member(ZipArchive zip, string name, ReadOnlySpan<byte> content)
    {
        using Stream member = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
        member.Write(content);
    }

    private static byte[] Values(Parameter parameter)
    {
        float[] values = new float[parameter.Count];
        parameter.CopyTo(values);
        byte[] bytes = new byte[values.Length * sizeof(float)];
        if (BitConverter.IsLittleEndian) MemoryMarshal.AsBytes(values.AsSpan()).CopyTo(bytes);
        else for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return bytes;
    }

    private static byte[] Pickle(IReadOnlyList<(string Key, object Value)> entries, List<Parameter> storages)
    {
        PickleWriter pickle = new();
        pickle.Code(0x80, 2);                                                               // PROTO 2
        pickle.Code('}', '(');                                                              // EMPTY_DICT, MARK
        foreach ((string key, object value) in entries)
        {
            pickle.Text(key);
            if (value is not Parameter parameter)
            {
                pickle.Int((int)value);
                continue;
            }

            // _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
            pickle.Global("torch._utils", "_rebuild_tensor_v2");
            pickle.Code('(', '(');
            pickle.Text("storage");
            pickle.Global("torch", "FloatStorage");
            pickle.Text(storages.Count.ToString(System.Globalization.CultureInfo.InvariantCulture));
            pickle.Text("cpu");
            pickle.Int(checked((int)parameter.Count));
            pickle.Code('t', 'Q');                                                          // TUPLE, BINPERSID
            pickle.Int(0);
            pickle.Tuple(parameter.Shape);
            pickle.Tuple(parameter.Shape.Count == 2 ? [parameter.Columns, 1] : [1]);
            pickle.Code(0x89);                                                              // NEWFALSE
            pickle.Global("collections", "OrderedDict");
            pickle.Code(')', 'R', 't', 'R');                                                // EMPTY_TUPLE, REDUCE, TUPLE, REDUCE
            storages.Add(parameter);
        }

        pickle.Code('u', '.');                                                              // SETITEMS, STOP
        return pickle.ToArray();
    }

    private sealed class PickleWriter
    {
        private readonly ArrayBufferWriter<byte> bytes = new();

        public void Code(params ReadOnlySpan<int> codes)
        {
            foreach (int code in codes) bytes.Write([(byte)code]);
        }

        public void Text(string value)
        {
            byte[] text = Encoding.UTF8.GetBytes(value);
            Code('X');                                                                      // BINUNICODE
            Number(text.Length);
            bytes.Write(text);
        }

        public void Int(int value)
        {
            Code('J');                                                                      // BININT
            Number(value);
        }

        public void Tuple(IReadOnlyList<int> values)
        {
            Code('(');
            foreach (int value in values) Int(value);
            Code('t');
        }

        public void Global(string module, string name) => bytes.Write(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

        public byte[] ToArray() => bytes.WrittenSpan.ToArray();

        private void Number(int value)
        {
            Span<byte> little = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(little, value);
            bytes.Write(little);
        }
    }
}
