using System.Text.Json;
using System.Text.Json.Serialization;
using Sirocco.Models;

namespace Sirocco.Training.Demo;

/// <summary>Quality of one way of searching, over the test queries.</summary>
/// <param name="MrrAt10">Mean reciprocal rank.</param>
/// <param name="RecallAt10">Share of queries whose document is among the first ten.</param>
/// <param name="NdcgAt10">Normalised discounted cumulative gain.</param>
public sealed record SearchQuality(
    [property: JsonPropertyName("mrr@10")] double MrrAt10,
    [property: JsonPropertyName("recall@10")] double RecallAt10,
    [property: JsonPropertyName("ndcg@10")] double NdcgAt10)
{
    internal static SearchQuality Of(RetrievalMetrics metrics) => new(metrics.ReciprocalRank, metrics.Recall, metrics.NormalizedGain);
}

/// <summary>A search by the trained model.</summary>
/// <param name="Query">What was asked.</param>
/// <param name="Hits">Best first.</param>
public sealed record ExampleSearch(string Query, IReadOnlyList<SearchHit> Hits);

/// <summary>What a <see cref="Demonstration"/> found.</summary>
public sealed record DemonstrationReport
{
    /// <summary>Before training.</summary>
    public required SearchQuality Untrained { get; init; }

    /// <summary>After training.</summary>
    public required SearchQuality Trained { get; init; }

    /// <summary>BM25 on the same documents.</summary>
    public required SearchQuality Bm25 { get; init; }

    /// <summary>Queries that the figures are means of.</summary>
    public required int Queries { get; init; }

    /// <summary>Documents searched.</summary>
    public required int Documents { get; init; }

    /// <summary>Parameters of the encoder.</summary>
    public required long Parameters { get; init; }

    /// <summary>Training steps.</summary>
    public required long Steps { get; init; }

    /// <summary>Passes over the training queries.</summary>
    public required double Epochs { get; init; }

    /// <summary>Tokens trained on.</summary>
    public required long Tokens { get; init; }

    /// <summary>Time spent training.</summary>
    public required double TrainingSeconds { get; init; }

    /// <summary>Loss averaged over the last twentieth of the run.</summary>
    public required double FinalLoss { get; init; }

    /// <summary>Searches with the trained model.</summary>
    [JsonIgnore]
    public IReadOnlyList<ExampleSearch> Examples { get; init; } = [];

    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ReportContext.Default.DemonstrationReport);
}

[JsonSerializable(typeof(DemonstrationReport))]
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
internal sealed partial class ReportContext : JsonSerializerContext;
