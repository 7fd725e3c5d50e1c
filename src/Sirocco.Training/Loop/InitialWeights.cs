using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Values of a file for parameters that would start at random, so that a recorded run can be followed from its first step.</summary>
internal static class InitialWeights
{
    /// <summary>Sets every parameter that the file names.</summary>
    /// <param name="path">Tensors by the names of the checkpoint, of peft, or of the recording program's wrapper.</param>
    /// <param name="model">Its own parameters and its adapter's.</param>
    /// <param name="further">What trains beside the model.</param>
    /// <exception cref="InvalidDataException">A tensor names no parameter, or the file is damaged.</exception>
    public static void Read(string path, EncoderModel model, IReadOnlyList<Parameter> further)
    {
        using TensorArchive archive = TensorArchive.Open(path);
        Dictionary<string, float[]> values = archive.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.ToSingleArray(), StringComparer.Ordinal);
        foreach (string name in model.Adapter?.SetParameters(values) ?? [.. values.Keys])
        {
            Parameter? parameter = model.Parameters.Concat(further).FirstOrDefault(candidate => IsInsideWrapper(candidate.Name, name));
            if (parameter is null) throw new InvalidDataException($"{path}: tensor '{name}' names no parameter of {model.Path}");
            parameter.SetValues(values[name]);
        }
    }

    /// <summary>
    /// Whether a recording's name, which may have the wrapper's <c>model.</c> or <c>student.model.</c> before it, means a parameter of the checkpoint.
    /// </summary>
    private static bool IsInsideWrapper(string parameter, string recorded) =>
        recorded == parameter || recorded == "model." + parameter || recorded == "model.model." + parameter || recorded == "student.model." + parameter;
}
