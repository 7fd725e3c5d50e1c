using System.Text.Json;

namespace Sirocco.Formats.Tests;

public class SafetensorsReadTests
{
    public static TheoryData<string> Tensors() => [.. Golden.Json("safetensors/dtypes.json").EnumerateObject().Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Tensors))]
    public void Every_element_type_reads_as_the_reference_wrote_it(string name)
    {
        JsonElement golden = Golden.Json("safetensors/dtypes.json").GetProperty(name);
        using SafetensorsFile file = SafetensorsFile.Open(Golden.PathOf("safetensors/dtypes.safetensors"));
        StoredTensor tensor = file[name];
        Assert.Equal(golden.GetProperty("shape").EnumerateArray().Select(v => v.GetInt64()), tensor.Shape.ToArray());
        JsonElement[] values = Flat(golden.GetProperty("values")).ToArray();
        Assert.Equal(tensor.ElementCount * (tensor.Type == StorageType.C64 ? 2 : 1), values.Length);
        if (tensor.Type == StorageType.C64) return;

        float[] actual = tensor.ToSingleArray();
        for (int i = 0; i < actual.Length; i++) Assert.Equal(Number(values[i]), actual[i]);
        if (tensor.Type is StorageType.I64 or StorageType.I32 or StorageType.I16 or StorageType.I8 or StorageType.U8 or StorageType.U16 or StorageType.U32)
            Assert.Equal(values.Select(v => v.GetInt64()), tensor.ToInt64Array());
    }

    [Fact]
    public void Rounding_from_f32_agrees_with_torch()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Golden.PathOf("safetensors/rounding.safetensors"));
        float[] x = file["x"].ToSingleArray();
        foreach ((string name, StorageType type) in new[]
        {
            ("bf16", StorageType.BF16), ("f16", StorageType.F16), ("float8_e4m3fn", StorageType.F8_E4M3), ("float8_e5m2", StorageType.F8_E5M2),
        })
        {
            byte[] rounded = new byte[file[name].ByteCount];
            ElementConversion.FromSingle(type, x, rounded);
            float[] expected = file[name].ToSingleArray(), actual = new float[x.Length];
            ElementConversion.ToSingle(type, rounded, actual);
            for (int i = 0; i < x.Length; i++)
                Assert.True(
                    BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i])
                        || (float.IsNaN(expected[i]) && float.IsNaN(actual[i])),
                    $"{x[i]:R} as {type}: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }

    [Fact]
    public void Scalars_and_empty_tensors_have_their_shapes()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Golden.PathOf("safetensors/shapes.safetensors"));
        Assert.Equal(0, file["scalar"].Shape.Length);
        Assert.Single(file["scalar"].ToSingleArray());
        Assert.Equal([3, 0, 2], file["empty2"].Shape.ToArray());
        Assert.Empty(file["empty2"].ToSingleArray());
        Assert.Equal(1000, file["long"].ToInt64Array().Length);
    }

    [Fact]
    public void Names_with_escapes_and_the_empty_name_are_found()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Golden.PathOf("safetensors/escaped-names.safetensors"));
        Assert.Equal(6, file["a\u00e9\"\n/\U0001F600"].ElementCount);
        Assert.Equal(4, file[""].ElementCount);
    }

    [Fact]
    public void A_missing_tensor_is_named_together_with_the_checkpoint()
    {
        string path = Golden.PathOf("safetensors/unsorted-header.safetensors");
        using SafetensorsFile file = SafetensorsFile.Open(path);
        var error = Assert.Throws<InvalidDataException>(() => file["third"]);
        Assert.StartsWith($"{path}: tensor 'third' is missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Equal("no/such.safetensors: no such file", Assert.Throws<FileNotFoundException>(() => TensorArchive.Open("no/such.safetensors")).Message);

    [Fact]
    public void Bfloat16_conversion_does_not_depend_on_the_length()
    {
        var random = new Random(1);
        for (int length = 0; length < 70; length++)
        {
            float[] x = [.. Enumerable.Range(0, length).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))];
            ushort[] bits = new ushort[length];
            ElementConversion.SingleToBFloat16(x, bits);
            Assert.Equal(x.Select(ElementConversion.SingleToBFloat16), bits);
            float[] back = new float[length];
            ElementConversion.BFloat16ToSingle(bits, back);
            Assert.Equal(bits.Select(ElementConversion.BFloat16ToSingle), back);
        }
    }

    private static IEnumerable<JsonElement> Flat(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().SelectMany(Flat) : [value];

    private static float Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => 1,
        JsonValueKind.False => 0,
        JsonValueKind.String => value.GetString()!.ToUpperInvariant() switch
        {
            "NAN" => float.NaN,
            "INF" or "INFINITY" => float.PositiveInfinity,
            "-INF" or "-INFINITY" => float.NegativeInfinity,
            var other => throw new InvalidDataException(other),
        },
        _ => (float)value.GetDouble(),
    };

    [SkippableFact]
    public async Task A_pipe_is_not_waited_for()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows keeps pipes elsewhere");
        using var scratch = new TemporaryFolder();
        string pipe = scratch.File("model.safetensors"), link = scratch.File("link.safetensors");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [pipe])) mkfifo.WaitForExit();
        File.CreateSymbolicLink(link, pipe);
        foreach (string path in (string[])[pipe, link])
        {
            Task opening = Task.Run(() => SafetensorsFile.Open(path).Dispose());
            InvalidDataException error = await Assert.ThrowsAsync<InvalidDataException>(() => opening.WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
        }
    }
}
