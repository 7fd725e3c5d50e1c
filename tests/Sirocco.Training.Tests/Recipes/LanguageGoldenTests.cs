using System.Text.Json;

namespace Sirocco.Training.Tests;

/// <summary>The language against what PyYAML 6.0.3 and Python's ast.literal_eval made of the same texts.</summary>
public sealed class LanguageGoldenTests
{
    [Fact]
    public void Plain_scalars_have_the_types_that_PyYAML_gives_them() => All("yaml-scalars.json", entry =>
    {
        string text = entry.GetProperty("text").GetString()!;
        RecipeMapping tree = YamlReader.Read("k: " + text, "test.yaml");
        return (text, RecipeText.Expected(entry.GetProperty("value")), RecipeText.Of(tree["k"]!));
    });

    [Fact]
    public void Texts_that_are_literals_of_Python_have_its_values() => All("python-literals.json", entry =>
    {
        string text = entry.GetProperty("text").GetString()!;
        return (
            text, RecipeText.Expected(entry.GetProperty("value")), RecipeText.Of(ValueTranslation.Node(ValueTranslation.Literal(text), ValueOrigin.Default)));
    });

    [Fact]
    public void Configurations_are_written_as_PyYAML_writes_them() => All("yaml-dumps.json", entry =>
        ("dump", entry.GetProperty("yaml").GetString()!, YamlWriter.Write((RecipeMapping)RecipeText.Tree(entry.GetProperty("value")))));

    [Fact]
    public void What_is_written_reads_back_the_same() => All("yaml-dumps.json", entry =>
    {
        RecipeMapping tree = (RecipeMapping)RecipeText.Tree(entry.GetProperty("value"));
        string yaml = YamlWriter.Write(tree);
        return (yaml, RecipeText.Of(tree), RecipeText.Of(YamlReader.Read(yaml, "test.yaml")));
    });

    private static void All(string golden, Func<JsonElement, (string Text, string Expected, string Actual)> compare)
    {
        List<string> wrong = [];
        foreach (JsonElement entry in GoldenFile.Json(Path.Combine("recipes", golden)).EnumerateArray())
        {
            (string text, string expected, string actual) = compare(entry);
            if (expected != actual) wrong.Add($"{RecipeText.Shown(text)}: expected <{expected}>, was <{actual}>");
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} differ: {string.Join("\n", wrong.Take(12))}");
    }
}
