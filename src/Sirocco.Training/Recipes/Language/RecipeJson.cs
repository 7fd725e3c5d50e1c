using System.Numerics;
using System.Text.Json.Nodes;

namespace Sirocco.Training;

/// <summary>A configuration as JSON, values as they were written; numbers that JSON lacks are texts.</summary>
internal static class RecipeJson
{
    public static JsonObject From(RecipeMapping mapping) => new(mapping.Keys.Select(key => KeyValuePair.Create(key, From(mapping[key]))));

    private static JsonNode? From(RecipeNode? node) => node switch
    {
        RecipeMapping mapping => From(mapping),
        RecipeSequence sequence => new JsonArray([.. sequence.Items.Select(From)]),
        RecipeScalar { Written: bool truth } => JsonValue.Create(truth),
        RecipeScalar { Written: long number } => JsonValue.Create(number),
        RecipeScalar { Written: double number } when double.IsFinite(number) => JsonValue.Create(number),
        RecipeScalar { Written: double or BigInteger } scalar => JsonValue.Create(YamlWriter.Plain(scalar.Written)),
        RecipeScalar { Written: string text } => JsonValue.Create(text),
        _ => null,
    };
}
