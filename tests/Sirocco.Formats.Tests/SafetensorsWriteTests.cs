using FsCheck;
using FsCheck.Fluent;

namespace Sirocco.Formats.Tests;

public class SafetensorsWriteTests
{
    [Theory]
    [InlineData("dtypes")]
    [InlineData("none")]
    [InlineData("shapes")]
    public void A_file_copied_tensor_by_tensor_is_byte_for_byte_what_the_reference_wrote(string name)
    {
        string golden = Golden.PathOf($"safetensors/{name}.safetensors");
        using var scratch = new TemporaryFolder();
        using SafetensorsFile file = SafetensorsFile.Open(golden);
        byte[] expected = File.ReadAllBytes(golden);
        bool hasMetadata = expected.AsSpan().IndexOf("__metadata__"u8) >= 0;
        SafetensorsWriter.Write(scratch.File("copy"), file.Tensors.Select(t => OutgoingTensor.Copy(t)), hasMetadata ? file.Metadata : null);

        byte[] actual = File.ReadAllBytes(scratch.File("copy"));
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Any_tensors_written_are_read_back_unchanged()
    {
        var names = ArbMap.Default.GeneratorFor<NonNull<string>>().Select(s => s.Get.Replace('\uFFFD', '?')).Where(s => s != "__metadata__" && IsUnicode(s));
        var shapes = Gen.Choose(0, 4).ListOf().Select(list => list.Take(4).Select(i => (long)i).ToArray());
        var types = Gen.Elements(StorageType.U8, StorageType.F32, StorageType.BF16, StorageType.F64, StorageType.I64, StorageType.F8_E4M3);
        var tensors = names.Zip(shapes).Zip(types).ListOf().Select(list => list.DistinctBy(t => t.Item1.Item1).ToArray());

        Prop.ForAll(tensors.ToArbitrary(), list =>
        {
            using var scratch = new TemporaryFolder();
            var random = new Random(list.Length);
            var contents = list.ToDictionary(t => t.Item1.Item1, t =>
            {
                byte[] bytes = new byte[t.Item1.Item2.Aggregate(1L, (a, b) => a * b) * t.Item2.BlockBytes];
                random.NextBytes(bytes);
                return bytes;
            });
            SafetensorsWriter.Write(
                scratch.File("x"), list.Select(t => OutgoingTensor.Create<byte>(t.Item1.Item1, t.Item2, t.Item1.Item2, contents[t.Item1.Item1])));
            using SafetensorsFile file = SafetensorsFile.Open(scratch.File("x"));
            Assert.Equal(list.Length, file.Tensors.Count);
            foreach (var ((name, shape), type) in list)
            {
                Assert.Equal((type, $"[{string.Join(", ", shape)}]"), (file[name].Type, file[name].ShapeText));
                Assert.True(file[name].Bytes.SequenceEqual(contents[name]));
            }
        }).Check(Config.QuickThrowOnFailure);
    }

    [Fact]
    public void Data_starts_at_a_multiple_of_eight()
    {
        using var scratch = new TemporaryFolder();
        SafetensorsWriter.Write(scratch.File("x"), [OutgoingTensor.Create<float>("x", [3], new float[] { 1, 2, 3 })]);
        using SafetensorsFile file = SafetensorsFile.Open(scratch.File("x"));
        Assert.Equal(0, file["x"].FileOffset % 8);
    }

    [Fact]
    public void A_tensor_that_writes_too_little_or_too_much_leaves_no_file()
    {
        using var scratch = new TemporaryFolder();
        foreach (int written in new[] { 3, 5 })
            Assert.Throws<InvalidOperationException>(
                () => SafetensorsWriter.Write(scratch.File("x"), [new OutgoingTensor("x", StorageType.U8, [4], s => s.Write(new byte[written]))]));
        Assert.Empty(scratch.Files());
    }

    private static bool IsUnicode(string s)
    {
        for (int i = 0; i < s.Length; i++)
        {
            if (!char.IsSurrogate(s[i])) continue;
            if (!char.IsHighSurrogate(s[i]) || i + 1 == s.Length || !char.IsLowSurrogate(s[i + 1])) return false;
            i++;
        }
        return true;
    }
}
