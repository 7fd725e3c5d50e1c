using System.Text.Json;
using System.Text.Json.Serialization;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// <c>state.json</c> of a checkpoint: where the run stands. The order of rows and the draws of dropout are functions of seed, epoch and step, so with the
/// weights and the moments this is all that a resumed run needs.
/// </summary>
internal sealed record CheckpointState
{
    public const string FileName = "state.json";

    /// <summary>Version of this form.</summary>
    [JsonRequired]
    public int Format { get; init; } = 1;

    /// <summary>Rises with every checkpoint of a folder, whatever its step: tells which is the newest.</summary>
    [JsonRequired]
    public long Serial { get; init; }

    /// <summary>The next step.</summary>
    [JsonRequired]
    public int Step { get; init; }

    /// <summary>The step that the run began with.</summary>
    public int FirstStep { get; init; }

    /// <summary>Epoch of the next step.</summary>
    [JsonRequired]
    public int Epoch { get; init; }

    /// <summary>Micro-batches of an epoch.</summary>
    [JsonRequired]
    public int BatchesPerEpoch { get; init; }

    /// <summary>Micro-batches of a step.</summary>
    [JsonRequired]
    public int Accumulation { get; init; }

    /// <summary>Seed of order and dropout.</summary>
    [JsonRequired]
    public long Seed { get; init; }

    /// <summary>The optimizer's rule.</summary>
    [JsonRequired]
    public required string Optimizer { get; init; }

    /// <summary>Updates that each trained parameter has had.</summary>
    [JsonRequired]
    public required IReadOnlyDictionary<string, long> Updates { get; init; }

    /// <summary>Metrics of the validation after this step; empty where there was none.</summary>
    public IReadOnlyDictionary<string, double> Validation { get; init; } = new Dictionary<string, double>();

    /// <summary>The course of learning rate and weight decay; null where they are constant.</summary>
    public SavedCourse? Course { get; init; }

    /// <summary>What early stopping has seen, or null.</summary>
    public EarlyStoppingState? EarlyStopping { get; init; }

    /// <summary>Checkpoints of the folder that are no part of this run's past: it went back behind them.</summary>
    public IReadOnlyList<SerialRange> Abandoned { get; init; } = [];

    /// <exception cref="InvalidDataException">The file is not such a state; the message names it.</exception>
    public static CheckpointState Read(string checkpoint)
    {
        string file = Path.Combine(checkpoint, FileName);
        try
        {
            CheckpointState state = JsonSerializer.Deserialize(File.ReadAllBytes(file), CheckpointStateJson.Default.CheckpointState)
                ?? throw new JsonException("it is null");
            if (state.Format != 1)
                throw new InvalidDataException($"{file}: has the form {state.Format}, this version reads form 1; resume with the version that wrote it");
            bool sound = state is
            {
                FirstStep: >= 0, Epoch: >= 0, BatchesPerEpoch: > 0, Accumulation: > 0, Updates: not null, Validation: not null,
                Abandoned: not null
            };
            return sound && state.Step >= state.FirstStep ? state : throw new JsonException("a count is negative or missing");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: is not the state of a run ({e.Message}); resume from another checkpoint", e);
        }
    }

    public void Write(string checkpoint) =>
        AtomicFile.WriteAllBytes(Path.Combine(checkpoint, FileName), JsonSerializer.SerializeToUtf8Bytes(this, CheckpointStateJson.Default.CheckpointState));
}

/// <summary>Checkpoints by <see cref="CheckpointState.Serial"/>.</summary>
/// <param name="First">The first of them.</param>
/// <param name="Last">The last of them.</param>
internal sealed record SerialRange(long First, long Last);

[JsonSerializable(typeof(CheckpointState))]
[JsonSourceGenerationOptions(
    WriteIndented = true,
    UseStringEnumConverter = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
internal sealed partial class CheckpointStateJson : JsonSerializerContext;
