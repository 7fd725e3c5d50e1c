using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// Checkpoints of a run under one folder: <c>step_N/</c> with weights, moments and state, each made whole under a temporary name, and a file <c>LATEST</c>
/// that names the newest complete one and is replaced last. Whatever a killed run leaves behind, <c>LATEST</c> names a checkpoint that can be resumed.
/// </summary>
/// <param name="folder">Holds the checkpoints of one run.</param>
/// <param name="keep">Checkpoints kept; older ones are deleted once a new one is complete.</param>
public sealed class TrainingCheckpoint(string folder, int keep = 2)
{
    private const string Tracker = "LATEST";
    private const string WeightsFile = "weights.safetensors";
    private const string MomentsFile = "moments.safetensors";
    private const string StateFile = "state.json";

    /// <summary>Folder of the newest complete checkpoint, or null.</summary>
    public string? Latest
    {
        get
        {
            string tracker = Path.Combine(folder, Tracker);
            if (!File.Exists(tracker)) return null;
            string name = File.ReadAllText(tracker).Trim();
            string place = Path.Combine(folder, name);
            if (name.Length == 0 || name != Path.GetFileName(name) || !Directory.Exists(place))
                throw new InvalidDataException($"{tracker}: names no checkpoint in its folder; write the name of a step_… folder into it, or delete it to start anew");
            return place;
        }
    }

    /// <summary>Writes a checkpoint of a trainer.</summary>
    /// <exception cref="IOException">It cannot be written; earlier checkpoints are as they were.</exception>
    public void Save(ContrastiveTrainer trainer)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"step_{trainer.State.Step}");
        using (AtomicFolder staged = AtomicFolder.Create(Path.Combine(folder, name)))
        {
            Optimizer optimizer = trainer.Optimizer;
            SafetensorsWriter.Write(staged.PathOf(WeightsFile), Tensors(optimizer.Arena, optimizer.Arena.Masters, ""));
            SafetensorsWriter.Write(staged.PathOf(MomentsFile), [.. optimizer.States.SelectMany(state => Tensors(optimizer.Arena, state.Values, state.Name + "."))]);
            SavedState state = new(trainer.State, [.. optimizer.Steps]);
            AtomicFile.WriteAllBytes(staged.PathOf(StateFile), JsonSerializer.SerializeToUtf8Bytes(state, StateContext.Default.SavedState));
            staged.Commit();
        }

        AtomicFile.WriteAllText(Path.Combine(folder, Tracker), name + "\n");
        foreach (string old in Steps().SkipLast(keep)) Directory.Delete(old, recursive: true);
    }

    /// <summary>Continues from the newest checkpoint, where there is one.</summary>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="InvalidDataException">It is damaged or of another model; the message names the file.</exception>
    public bool Resume(ContrastiveTrainer trainer)
    {
        if (Latest is not { } place) return false;
        Optimizer optimizer = trainer.Optimizer;
        string file = Path.Combine(place, StateFile);
        SavedState state;
        try
        {
            state = JsonSerializer.Deserialize(File.ReadAllBytes(file), StateContext.Default.SavedState) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: is not a training state ({e.Message}); resume from another checkpoint", e);
        }

        if (state.Updates.Length != optimizer.Steps.Count) throw new InvalidDataException($"{file}: counts updates of {state.Updates.Length} parameters, the model has {optimizer.Steps.Count}; it belongs to another model");
        using (TensorArchive weights = TensorArchive.Open(Path.Combine(place, WeightsFile))) Read(weights, optimizer.Arena, optimizer.Arena.Masters, "");
        using (TensorArchive moments = TensorArchive.Open(Path.Combine(place, MomentsFile)))
        {
            foreach (OptimizerState moment in optimizer.States) Read(moments, optimizer.Arena, moment.Values, moment.Name + ".");
        }

        optimizer.RestoreSteps(state.Updates);
        trainer.Restore(state.State);
        return true;
    }

    private IEnumerable<string> Steps() => Directory.GetDirectories(folder, "step_*")
        .Where(path => long.TryParse(Path.GetFileName(path)["step_".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out _))
        .OrderBy(path => long.Parse(Path.GetFileName(path)["step_".Length..], CultureInfo.InvariantCulture));

    private static IEnumerable<OutgoingTensor> Tensors(ParameterArena arena, ArenaSlice block, string prefix)
    {
        for (int i = 0; i < arena.Parameters.Count; i++)
        {
            Parameter parameter = arena.Parameters[i];
            long start = arena.Offsets[i];
            yield return new OutgoingTensor(prefix + parameter.Name, StorageType.F32, [.. parameter.Shape.Select(extent => (long)extent)], stream =>
            {
                for (int row = 0; row < parameter.Rows; row++) stream.Write(MemoryMarshal.AsBytes(block.Span(start + ((long)row * parameter.Columns), parameter.Columns)));
            });
        }
    }

    private static void Read(TensorArchive archive, ParameterArena arena, ArenaSlice block, string prefix)
    {
        for (int i = 0; i < arena.Parameters.Count; i++)
        {
            Parameter parameter = arena.Parameters[i];
            if (!archive.TryGet(prefix + parameter.Name, out StoredTensor? tensor))
                throw new InvalidDataException($"{archive.Path}: tensor '{prefix}{parameter.Name}' is missing; the checkpoint belongs to another model");
            if (!tensor.Shape.SequenceEqual(parameter.Shape.Select(extent => (long)extent).ToArray()))
                throw new InvalidDataException($"{tensor.FilePath}: tensor '{tensor.Name}' is {tensor.ShapeText}, expected [{string.Join(", ", parameter.Shape)}]; the checkpoint belongs to another model");
            for (int row = 0; row < parameter.Rows; row++) tensor.ReadRows(row, block.Span(arena.Offsets[i] + ((long)row * parameter.Columns), parameter.Columns));
        }
    }

    internal sealed record SavedState(TrainingState State, long[] Updates);
}

[JsonSerializable(typeof(TrainingCheckpoint.SavedState))]
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
internal sealed partial class StateContext : JsonSerializerContext;
