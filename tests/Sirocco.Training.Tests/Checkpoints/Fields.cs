using System.Text.Json;

namespace Sirocco.Training.Tests.Checkpoints;

/// <summary>Values of lines of training.jsonl.</summary>
internal static class Fields
{
    public static double Number(string line, string key) => JsonDocument.Parse(line).RootElement.GetProperty(key).GetDouble();

    public static IEnumerable<int> Steps(string file) => File.ReadLines(file).Select(line => (int)Number(line, "step"));
}
