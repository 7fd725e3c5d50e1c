using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Byte strings with the verdict of the reference library (safetensors 0.8.0).</summary>
public class SafetensorsVerdictTests
{
    public static TheoryData<string> Cases() =>
        [.. Golden.Json("safetensors/verdicts.json").GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_header_is_judged_as_the_reference_library_judges_it(string name)
    {
        JsonElement golden = Golden.Json("safetensors/verdicts.json").GetProperty("cases").EnumerateArray()
            .Single(c => c.GetProperty("name").GetString() == name);
        using var scratch = new TemporaryFolder();
        string path = scratch.Write("x.safetensors", golden.GetProperty("bytes").GetBytesFromBase64());

        if (golden.GetProperty("verdict").GetString() == "reject")
        {
            var error = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
            Assert.StartsWith(path + ": ", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(error.Message, char.IsControl);
            return;
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        var expected = golden.GetProperty("tensors").EnumerateObject().Select(t => $"{t.Name} {t.Value[1]} [{string.Join(", ", t.Value[0].EnumerateArray())}]");
        var actual = file.Tensors.Select(t => $"{t.Name} {t.Type.Name} {t.ShapeText}");
        Assert.Equal(expected.Order(StringComparer.Ordinal), actual.Order(StringComparer.Ordinal));
        var metadata = golden.GetProperty("metadata");
        if (metadata.ValueKind == JsonValueKind.Object)
            Assert.Equal(metadata.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString()!), file.Metadata);
        else
            Assert.Empty(file.Metadata);
    }
}
