using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// An activation module of torch.nn with its default settings, by the class path that a sentence-transformers folder keeps: what a Dense module ends with, and
/// what a cross-encoder does to its scores.
/// </summary>
internal sealed class TorchActivation
{
    // SELU's constants (Klambauer et al. 2017), the fixed point at mean 0 and variance 1.
    private const double SeluScale = 1.0507009873554804934193349852946, SeluAlpha = 1.6732632423543772848170429916717;

    private static readonly Dictionary<string, Func<Scope, Tensor, Tensor>> Table = new(StringComparer.Ordinal)
    {
        ["Identity"] = (_, x) => x,
        ["Tanh"] = (f, x) => f.Tanh(x),
        ["Sigmoid"] = (f, x) => f.Sigmoid(x),
        ["ReLU"] = (f, x) => f.Relu(x),
        ["GELU"] = (f, x) => f.Gelu(x),
        ["SiLU"] = (f, x) => f.Silu(x),
        ["CELU"] = Elementwise(Elu),
        ["ELU"] = Elementwise(Elu),
        ["Hardshrink"] = Elementwise(x => Math.Abs(x) > 0.5 ? x : 0),
        ["Hardsigmoid"] = Elementwise(x => Math.Clamp(x + 3, 0, 6) / 6),
        ["Hardswish"] = Elementwise(x => x * Math.Clamp(x + 3, 0, 6) / 6),
        ["Hardtanh"] = Elementwise(x => Math.Clamp(x, -1, 1)),
        ["LeakyReLU"] = Elementwise(x => x >= 0 ? x : 0.01 * x),
        ["LogSigmoid"] = Elementwise(x => -Softplus(-x)),
        ["Mish"] = Elementwise(x => x * Math.Tanh(Softplus(x))),
        ["ReLU6"] = Elementwise(x => Math.Clamp(x, 0, 6)),
        ["RReLU"] = Elementwise(x => x >= 0 ? x : x * (1.0 / 8 + 1.0 / 3) / 2), // the mean of its random slopes, as outside training
        ["SELU"] = Elementwise(x => SeluScale * (x > 0 ? x : SeluAlpha * (Math.Exp(x) - 1))),
        ["Softplus"] = Elementwise(x => x > 20 ? x : Softplus(x)),
        ["Softshrink"] = Elementwise(x => x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0),
        ["Softsign"] = Elementwise(x => x / (1 + Math.Abs(x))),
        ["Tanhshrink"] = Elementwise(x => x - Math.Tanh(x)),
    };

    private readonly Func<Scope, Tensor, Tensor> apply;

    private TorchActivation(string path, Func<Scope, Tensor, Tensor> apply)
    {
        Path = path;
        this.apply = apply;
    }

    /// <summary>A Dense module's, where its folder names none.</summary>
    public static TorchActivation Tanh { get; } = Of("torch.nn.modules.activation.Tanh")!;

    public static TorchActivation Sigmoid { get; } = Of("torch.nn.modules.activation.Sigmoid")!;

    public static TorchActivation Identity { get; } = Of("torch.nn.modules.linear.Identity")!;

    /// <summary>The class path, such as <c>torch.nn.modules.activation.Tanh</c>.</summary>
    public string Path { get; }

    /// <summary>
    /// The activation under a key of a folder's file; null where the file names none, or one outside torch, which the library does not run but replaces by its
    /// default.
    /// </summary>
    /// <exception cref="NotSupportedException">It is torch's, but none of those here.</exception>
    public static TorchActivation? Read(ConfigReader? file, string key)
    {
        if (file?.Text(key) is not { } path || !path.StartsWith("torch.", StringComparison.Ordinal)) return null;
        return Of(path)
            ?? throw new NotSupportedException($"{file.File}: {key} '{Visible.Short(path)}' is not supported; supported are {string.Join(", ", Table.Keys)}");
    }

    /// <summary>y = activation(x), element by element.</summary>
    /// <exception cref="NotSupportedException">Under a tape, for those without a gradient here.</exception>
    public Tensor Apply(Scope f, Tensor x) => apply(f, x);

    private static TorchActivation? Of(string path) =>
        Table.TryGetValue(path[(path.LastIndexOf('.') + 1)..], out Func<Scope, Tensor, Tensor>? apply) ? new TorchActivation(path, apply) : null;

    /// <summary>Rare ones are computed number by number in f64: a vector has a few thousand features.</summary>
    private static Func<Scope, Tensor, Tensor> Elementwise(Func<double, double> function) => (f, x) =>
    {
        if (f.Tape is not null)
            throw new NotSupportedException("this activation of a Dense module cannot be trained; Identity, Tanh, Sigmoid, ReLU, GELU and SiLU can");
        return f.Upload(Array.ConvertAll(x.ToArray(), value => (float)function(value)), x.Rows, x.Columns);
    };

    private static double Elu(double x) => x > 0 ? x : Math.Exp(x) - 1;

    /// <summary>ln(1 + eˣ), without overflow.</summary>
    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
}
