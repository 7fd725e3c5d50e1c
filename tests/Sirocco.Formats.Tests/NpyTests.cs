using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Against files and verdicts of numpy 2.3.5.</summary>
public class NpyTests
{
    // What numpy reads and this reader refuses on purpose, each with a remedy in its message.
    private static readonly string[] Refused = ["dtype-be-i4.npy", "dtype-be-f4.npy", "dtype-S4.npy", "dtype-le-U5.npy", "fortran.npy"];

    public static TheoryData<string> Arrays() =>
        [.. Golden.Json("numpy/contents.json").GetProperty("files").EnumerateObject().Select(f => f.Name)
            .Where(n => n.EndsWith(".npy", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Arrays))]
    public void An_array_reads_as_numpy_wrote_it(string name)
    {
        JsonElement golden = Golden.Json("numpy/contents.json").GetProperty("files").GetProperty(name);
        string path = Golden.PathOf("numpy/" + name);
        if (Refused.Contains(name))
        {
            Assert.StartsWith(path + ": offset ", Assert.Throws<InvalidDataException>(() => NpyFile.Open(path)).Message, StringComparison.Ordinal);
            return;
        }
        using NpyFile file = NpyFile.Open(path);
        Assert.Equal(golden.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), file.Array.Shape.ToArray());
        var values = golden.GetProperty("values").EnumerateArray()
            .Select(v => v.ValueKind is JsonValueKind.True or JsonValueKind.False ? (v.GetBoolean() ? 1f : 0f) : (float)v.GetDouble());
        Assert.Equal(values, file.Array.ToSingleArray());
    }

    public static TheoryData<string> Verdicts() =>
        [.. Golden.Json("numpy/verdicts.json").GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void A_header_is_judged_as_numpy_judges_it(string name)
    {
        JsonElement golden = Golden.Json("numpy/verdicts.json").GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        using var scratch = new TemporaryFolder();
        string path = scratch.Write("x.npy", golden.GetProperty("bytes").GetBytesFromBase64());
        if (golden.GetProperty("verdict").GetString() == "reject" || name == "structured")
        {
            var error = Assert.Throws<InvalidDataException>(() => NpyFile.Open(path));
            Assert.StartsWith(path + ": ", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(error.Message, char.IsControl);
            return;
        }
        using NpyFile file = NpyFile.Open(path);
        Assert.Equal([2, 3], file.Array.Shape.ToArray());
    }

    [Fact]
    public void A_matrix_written_row_by_row_is_byte_for_byte_numpys_file()
    {
        using var scratch = new TemporaryFolder();
        using NpyFile golden = NpyFile.Open(Golden.PathOf("numpy/dtype-le-f4.npy"));
        float[] values = golden.Array.ToSingleArray();
        using (var writer = new NpyWriter(scratch.File("x.npy"), 4))
        {
            writer.Append(values.AsSpan(0, 8));
            writer.Append(values.AsSpan(8));
            writer.Commit();
        }
        Assert.Equal(File.ReadAllBytes(Golden.PathOf("numpy/dtype-le-f4.npy")), File.ReadAllBytes(scratch.File("x.npy")));
    }

    [Fact]
    public void Integers_written_in_one_go_are_byte_for_byte_numpys_file()
    {
        using var scratch = new TemporaryFolder();
        using NpyFile golden = NpyFile.Open(Golden.PathOf("numpy/dtype-le-i8.npy"));
        NpyWriter.Write<long>(scratch.File("x.npy"), [3, 4], golden.Array.ToInt64Array());
        Assert.Equal(File.ReadAllBytes(Golden.PathOf("numpy/dtype-le-i8.npy")), File.ReadAllBytes(scratch.File("x.npy")));
    }

    [Fact]
    public void A_matrix_that_is_not_committed_leaves_nothing()
    {
        using var scratch = new TemporaryFolder();
        using (var writer = new NpyWriter(scratch.File("x.npy"), 4)) writer.Append(new float[4]);
        Assert.Empty(scratch.Files());
    }
}
