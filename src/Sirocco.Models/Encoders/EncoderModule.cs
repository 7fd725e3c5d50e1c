using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>A step between pooling and the finished vector.</summary>
internal abstract class EncoderModule
{
    private protected EncoderModule()
    {
    }

    /// <summary>Weights of the step.</summary>
    public virtual IEnumerable<Parameter> Parameters => [];

    /// <summary>Features that it gives for the features that it takes.</summary>
    public virtual int Output(int input) => input;

    /// <summary>Runs the step.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="x">[sequences, features in]</param>
    /// <returns>[sequences, features out]</returns>
    public abstract Tensor Apply(Scope f, Tensor x);
}

/// <summary>Scales each vector to unit length.</summary>
internal sealed class NormalizeModule : EncoderModule
{
    /// <inheritdoc/>
    public override Tensor Apply(Scope f, Tensor x) => f.NormalizeRows(x);
}

/// <summary>activation(x Wᵀ + b), as the Dense module of sentence-transformers; with a residual also + x, or + x Rᵀ where the widths differ.</summary>
internal sealed class DenseModule : EncoderModule
{
    private readonly Parameter weight;
    private readonly Parameter? bias;
    private readonly TorchActivation activation;
    private readonly bool hasResidual;
    private readonly Parameter? residual;

    private DenseModule(Parameter weight, Parameter? bias, TorchActivation activation, bool hasResidual, Parameter? residual)
    {
        this.weight = weight;
        this.bias = bias;
        this.activation = activation;
        this.hasResidual = hasResidual;
        this.residual = residual;
    }

    /// <summary>The activation's class in torch.</summary>
    public string ActivationName => activation.Path;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters => new[] { weight, bias, residual }.OfType<Parameter>();

    /// <inheritdoc/>
    public override int Output(int input) => input == weight.Columns ? weight.Rows
        : throw new InvalidDataException($"tensor '{weight.Name}' takes {weight.Columns} features, but the module before it gives {input}");

    /// <inheritdoc/>
    public override Tensor Apply(Scope f, Tensor x)
    {
        Tensor y = f.Linear(x, weight);
        y = activation.Apply(f, bias is null ? y : f.AddBias(y, bias));
        return hasResidual ? f.Add(y, residual is null ? x : f.Linear(x, residual)) : y;
    }

    /// <summary>Reads a module's folder: config.json and model.safetensors.</summary>
    /// <param name="folder">The module's folder.</param>
    /// <param name="features">What the module before it gives.</param>
    /// <param name="place">Of the module among all, which torch puts before the names of its weights: <c>2.linear.weight</c>.</param>
    internal static DenseModule Load(string folder, int features, int place)
    {
        ConfigReader config = ConfigReader.Load(Path.Combine(folder, "config.json"));
        int input = config.Int("in_features", 1, 1 << 20), output = config.Int("out_features", 1, 1 << 20);
        if (input != features) throw config.Wrong("in_features", $"{features}, the features that the module before it gives");
        if (config.Text("module_input_name") is { } and not "sentence_embedding") throw config.Wrong("module_input_name", "sentence_embedding");
        TorchActivation activation = TorchActivation.Read(config, "activation_function") ?? TorchActivation.Tanh;
        bool hasResidual = config.Bool("use_residual", false);
        using TensorArchive archive = TensorArchive.Open(Path.Combine(folder, "model.safetensors"));
        Parameter Take(string name, params int[] shape)
        {
            StoredTensor tensor = archive[name];
            if (!tensor.Shape.SequenceEqual(Array.ConvertAll(shape, extent => (long)extent)))
            {
                throw new InvalidDataException(
                    $"{tensor.FilePath}: tensor '{name}' is {tensor.ShapeText}, but config.json asks for [{string.Join(", ", shape)}]");
            }
            return Parameter.FromValues(string.Create(CultureInfo.InvariantCulture, $"{place}.{name}"), shape, tensor.ToSingleArray());
        }

        return new DenseModule(
            Take("linear.weight", output, input),
            config.Bool("bias", true) ? Take("linear.bias", output) : null,
            activation,
            hasResidual,
            hasResidual && input != output ? Take("residual.weight", output, input) : null);
    }

    /// <summary>Writes the module's folder.</summary>
    internal void Write(AtomicFolder output, string path)
    {
        JsonObject config = new()
        {
            ["in_features"] = weight.Columns,
            ["out_features"] = weight.Rows,
            ["bias"] = bias is not null,
            ["activation_function"] = ActivationName,
            ["module_input_name"] = "sentence_embedding",
            ["module_output_name"] = "sentence_embedding",
        };
        if (hasResidual) config["use_residual"] = true;
        AtomicFile.WriteAllText(output.PathOf(path + "/config.json"), config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        SafetensorsWriter.Write(output.PathOf(path + "/model.safetensors"), Parameters.Select(parameter =>
        {
            float[] values = new float[parameter.Count];
            parameter.CopyTo(values);
            string name = parameter.Name[(parameter.Name.IndexOf('.') + 1)..]; // without the module's place
            return OutgoingTensor.Create<float>(name, [.. parameter.Shape.Select(extent => (long)extent)], values);
        }));
    }
}
