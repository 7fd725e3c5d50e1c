namespace Sirocco.Formats.Tests;

public class CheckpointFolderTests
{
    private static void Touch(TemporaryFolder scratch, params string[] names)
    {
        foreach (string name in names) scratch.Write(name, "{}"u8);
    }

    [Theory]
    [InlineData("model.safetensors", "model.safetensors", "model.safetensors.index.json", "x.gguf")]
    [InlineData("model.safetensors.index.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "consolidated.safetensors")]
    [InlineData("weights.safetensors", "weights.safetensors", "consolidated.safetensors", "adapter_model.safetensors", "x.gguf")]
    [InlineData("consolidated.safetensors", "consolidated.safetensors", "params.json", "x.gguf")]
    [InlineData("model.safetensors", "model.safetensors", "consolidated.safetensors", "params.json", "config.json")]
    [InlineData("x.gguf", "x.gguf", "mmproj-x.gguf", "config.json", ".model.safetensors.0123.partial")]
    public void The_weights_of_a_folder_are_found(string expected, params string[] names)
    {
        using var scratch = new TemporaryFolder();
        Touch(scratch, names);
        Assert.Equal(scratch.File(expected), CheckpointFolder.FindWeights(scratch.Path));
    }

    [Theory]
    [InlineData("holds no weights: expected model.safetensors, model.safetensors.index.json or a .gguf file", "config.json")]
    [InlineData(
        "holds no weights: expected model.safetensors, model.safetensors.index.json or a .gguf file (pytorch_model.bin is a pickle; convert it to safetensors)",
        "pytorch_model.bin")]
    [InlineData(
        "holds 2 safetensors files (a.safetensors, b.safetensors, …) but no model.safetensors.index.json; download the index or name one file",
        "a.safetensors",
        "b.safetensors")]
    [InlineData("holds 2 GGUF files (a.gguf, b.gguf, …); name the one to use", "a.gguf", "b.gguf")]
    public void A_folder_without_one_form_of_weights_says_what_to_do(string expected, params string[] names)
    {
        using var scratch = new TemporaryFolder();
        Touch(scratch, names);
        Assert.Equal($"{scratch.Path}: {expected}", Assert.Throws<FileNotFoundException>(() => TensorArchive.Open(scratch.Path)).Message);
    }
}
