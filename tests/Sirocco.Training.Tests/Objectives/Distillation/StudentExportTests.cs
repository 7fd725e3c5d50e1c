using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Objectives.Distillation;

/// <summary>What a distillation's checkpoints hold for other programs.</summary>
public sealed class StudentExportTests : IDisposable
{
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    private static float[] Values(Parameter parameter)
    {
        float[] values = new float[parameter.Count];
        parameter.CopyTo(values);
        return values;
    }

    [Fact]
    public void The_consolidated_weights_have_the_wrappers_names_and_the_students_their_own()
    {
        BiEncoder student = TinyTask.Model();
        StudentProjection projection = StudentProjection.Create(32, 48, 42);
        string consolidated = Path.Combine(temporary.Path, "consolidated"), alone = Path.Combine(temporary.Path, "student");
        StudentExport.WriteConsolidated(student, projection, consolidated, new ExportOptions());
        StudentExport.WriteStudent(student, projection, alone, new ExportOptions());

        Assert.Equal(
            [.. student.Parameters.Select(parameter => "student.model." + parameter.Name).Concat(["projection.weight", "projection.bias"])
                .Order(StringComparer.Ordinal)],
            Names(consolidated));
        Assert.Equal([.. student.Parameters.Select(parameter => parameter.Name).Order(StringComparer.Ordinal)], Names(alone));
        Assert.False(File.Exists(Path.Combine(consolidated, "modules.json")));
        using BiEncoder whole = BiEncoder.FromBackbone(consolidated, new BackboneOptions());
        Assert.Equal(student.Parameters.Select(Values), whole.Parameters.Select(Values));
        using BiEncoder read = (BiEncoder)EncoderModel.FromPretrained(alone);
        Assert.False(read.IsCausal);

        static string[] Names(string folder)
        {
            using TensorArchive archive = TensorArchive.Open(Path.Combine(folder, "model.safetensors"));
            return [.. archive.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal)];
        }
    }

    [Fact]
    public void Every_checkpoint_has_the_student_beside_it_in_the_files_of_the_original()
    {
        string file = temporary.Write(
            "run.yaml",
            File.ReadAllText(Path.Combine(GoldenFile.Retrieval, "distill", "run.yaml"))
                .Replace("common/", Path.Combine(GoldenFile.Retrieval, "common") + "/", StringComparison.Ordinal));
        string[] words = "--step_scheduler.max_steps 1 --checkpoint.save_consolidated false --validation_dataset none --lr_scheduler none".Split(' ');
        RetrievalRecipe recipe = RecipeFile.ReadTraining(file, [.. words, "--checkpoint.checkpoint_dir", temporary.File("out")]).Recipe;
        RunOutcome outcome = new RecipeRunner(new ComputeOptions { Threads = 2 }).Run(recipe);

        string student = temporary.File("out/step_0");
        string[] files =
        [
            "meta.json", "projection.pt", "student/config.json", "student/model.safetensors", "student/model.safetensors.index.json", "student/projection.pt",
            "student/tokenizer.json", "student/tokenizer_config.json",
        ];
        Assert.All(files, name => Assert.True(File.Exists(Path.Combine(student, name)), $"{name} is missing"));
        Assert.Single(Directory.GetFiles(Path.Combine(student, "student"), "*.safetensors"));
        using BiEncoder read = (BiEncoder)EncoderModel.FromPretrained(Path.Combine(student, "student"));
        Assert.Equal(Path.Combine(temporary.File("out"), "epoch_0_step_0"), outcome.Checkpoint);
        Assert.Null(outcome.ModelFolder);
    }

    [Fact]
    public void The_projection_is_an_archive_of_uncompressed_storages_with_a_pickle_that_names_them()
    {
        StudentProjection projection = StudentProjection.Create(6, 4, 42);
        string path = Path.Combine(temporary.Path, StudentExport.ProjectionFile);
        StudentExport.WriteProjection(projection, path);

        using ZipArchive zip = ZipFile.OpenRead(path);
        Assert.Equal(
            ["projection/data.pkl", "projection/byteorder", "projection/data/0", "projection/data/1", "projection/version"],
            zip.Entries.Select(entry => entry.FullName));
        Assert.All(zip.Entries, entry => Assert.Equal(entry.Length, entry.CompressedLength));
        float[] weights = new float[24];
        projection.Weight.CopyTo(weights);
        Assert.Equal(weights, MemoryMarshal.Cast<byte, float>(Content("projection/data/0")).ToArray());
        byte[] pickle = Content("projection/data.pkl");
        Assert.Equal([0x80, 2], pickle[..2]);
        Assert.Equal((byte)'.', pickle[^1]);
        string text = Encoding.Latin1.GetString(pickle);
        foreach (string part in (string[])["weight", "bias", "in_features", "out_features", "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nFloatStorage\n"])
            Assert.Contains(part, text, StringComparison.Ordinal);

        byte[] Content(string name)
        {
            using Stream stream = zip.GetEntry(name)!.Open();
            using MemoryStream all = new();
            stream.CopyTo(all);
            return all.ToArray();
        }
    }
}
