using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Eval;

/// <summary>The ways in which each model is measured: every precision of its weights with every length and store of its vectors.</summary>
internal sealed record EvaluationVariants(IReadOnlyList<Precision?> Precisions, IReadOnlyList<VectorVariant> Vectors, bool SeveralLengths, bool SeveralStores)
{
    public static EvaluationVariants Read(string precisions, string? dimensions, string stores)
    {
        Precision?[] held = [.. Words("--precision", precisions).Select(Held)];
        int?[] lengths = dimensions is null ? [null] : [.. Words("--dimensions", dimensions).Select(word => (int?)Length(word))];
        VectorStore[] kept = [.. Words("--store", stores).Select(word => word switch
        {
            "f32" => VectorStore.F32,
            "int8" => VectorStore.Int8,
            "binary" => VectorStore.Binary,
            _ => throw new UsageException($"--store takes f32, int8 and binary, not '{word}'"),
        })];
        return new EvaluationVariants(
            held, [.. lengths.SelectMany(length => kept.Select(store => new VectorVariant(length, store)))], lengths.Length > 1, kept.Length > 1);
    }

    /// <summary>Whether vectors are cut, or kept in another way than an index of f32 keeps them.</summary>
    public bool ChangeVectors => Vectors is not [{ Dimensions: null, Store: VectorStore.F32 }];

    /// <summary>A row's name: the model, and what tells its row from the others.</summary>
    public string Name(string model, Precision? precision, VectorVariant vectors) =>
        Name(model, precision, vectors.Dimensions)
            + (SeveralStores ? vectors.Store switch { VectorStore.Int8 => ", int8 index", VectorStore.Binary => ", binary index", _ => ", f32 index" } : "");

    /// <summary>The same where vectors are not stored.</summary>
    public string Name(string model, Precision? precision, int? dimensions)
    {
        string weights = Precisions.Count == 1 ? "" : precision is { } held ? $", {ComputeChoice.Name(held)}" : ", auto";
        return model + weights + (SeveralLengths ? string.Create(CultureInfo.InvariantCulture, $", {dimensions} dimensions") : "");
    }

    private static IEnumerable<string> Words(string option, string list)
    {
        string[] words = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return words.Length > 0 ? words.Distinct() : throw new UsageException($"{option} names nothing; give a value or leave it out");
    }

    private static Precision? Held(string word) => word == "auto" ? null
        : ComputeChoice.ParsePrecision(word) ?? throw new UsageException($"--precision takes auto, f32, bf16 and int8, not '{word}'");

    private static int Length(string word) => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length > 0 ? length
        : throw new UsageException($"--dimensions takes whole numbers from 1 up, not '{word}'");
}
