using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What a checkpoint of a distillation holds for other programs, in the places and by the names of NeMo AutoModel.</summary>
internal static class StudentExport
{
    /// <summary>The projection, beside <c>model/</c> and in the student's folder.</summary>
    public const string ProjectionFile = "projection.pt";

    /// <summary>model/consolidated: the student under <c>student.model.</c> and the projection, as the original's wrapper names them.</summary>
    /// <param name="student">As it stands.</param>
    /// <param name="projection">As it stands.</param>
    /// <param name="folder">The folder; missing parents are made.</param>
    /// <param name="options">Tokenizer, element type.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    public static void WriteConsolidated(
        BiEncoder student, StudentProjection projection, string folder, ExportOptions options, CancellationToken cancellation = default) =>
        student.Save(folder, Consolidated(options) with { FurtherWeights = projection.Parameters }, cancellation);

    /// <summary>Options of model/consolidated, but for the projection.</summary>
    public static ExportOptions Consolidated(ExportOptions options) => options with { WeightPrefix = "student.model." };

    /// <summary>
    /// student/: the student alone, with its projection beside it. The original copies the source's configuration, by which other programs would run the
    /// student causally; here it says how the student was trained.
    /// </summary>
    /// <param name="student">As it stands.</param>
    /// <param name="projection">As it stands.</param>
    /// <param name="folder">The folder; missing parents are made.</param>
    /// <param name="options">Tokenizer, element type.</param>
    /// <param name="cancellation">Leaves a folder without the projection, or things as they were.</param>
    public static void WriteStudent(
        BiEncoder student, StudentProjection projection, string folder, ExportOptions options, CancellationToken cancellation = default)
    {
        student.Save(folder, options, cancellation);
        WriteProjection(projection, Path.Combine(folder, ProjectionFile));
    }

    /// <summary>The projection as torch saves {weight, bias, in_features, out_features}.</summary>
    /// <param name="projection">As it stands.</param>
    /// <param name="path">The file.</param>
    public static void WriteProjection(StudentProjection projection, string path) => AtomicFile.Write(path, stream => TorchFile.Write(stream, "projection",
    [
        ("weight", projection.Weight),
        ("bias", projection.Bias),
        ("in_features", projection.Weight.Columns),
        ("out_features", projection.Weight.Rows),
    ]));
}
