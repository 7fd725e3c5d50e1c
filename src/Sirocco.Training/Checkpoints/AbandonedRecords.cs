using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// Records of steps that a run takes again, because it was killed after its last checkpoint or goes back to an earlier one: they leave <c>training.jsonl</c>
/// and <c>validation.jsonl</c>, in which every step then stands once, for <c>training.abandoned.jsonl</c> and <c>validation.abandoned.jsonl</c>.
/// </summary>
internal static class AbandonedRecords
{
    /// <summary>Moves the records of a step and of all that follow.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="step">The next step of the run.</param>
    public static void Move(string folder, int step)
    {
        foreach (string name in (string[])["training", "validation"])
            Move(Path.Combine(folder, name + ".jsonl"), Path.Combine(folder, name + ".abandoned.jsonl"), step);
    }

    private static void Move(string file, string abandoned, int step)
    {
        if (!File.Exists(file)) return;
        string[] lines = File.ReadAllLines(file);
        ILookup<bool, string> done = lines.ToLookup(line => StepOf(line) < step);
        if (!done[false].Any()) return;
        File.AppendAllLines(abandoned, done[false]);
        AtomicFile.WriteAllText(file, string.Concat(done[true].Select(line => line + "\n")));
    }

    /// <summary>A line that was cut off in the middle belongs to no step that is kept.</summary>
    private static int StepOf(string line)
    {
        try
        {
            Utf8JsonReader json = new(System.Text.Encoding.UTF8.GetBytes(line));
            // NaN and Infinity, which JSON lacks, come after the step: the original's order of keys.
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("step") && json.Read() && json.TryGetInt32(out int step))
                    return line.EndsWith('}') ? step : int.MaxValue;
            }

            return int.MaxValue;
        }
        catch (JsonException)
        {
            return int.MaxValue;
        }
    }
}
