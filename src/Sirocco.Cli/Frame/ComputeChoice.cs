using Sirocco.Compute;

namespace Sirocco.Cli.Frame;

/// <summary>What the common options say about how to compute.</summary>
/// <param name="Precision">null keeps what the model's file holds</param>
/// <param name="Threads">0 takes one for each core</param>
internal sealed record ComputeChoice(Precision? Precision, int Threads)
{
    public static Precision? ParsePrecision(string word) => word switch
    {
        "f32" => Compute.Precision.F32,
        "bf16" => Compute.Precision.BF16,
        "int8" => Compute.Precision.Int8,
        _ => null,
    };

    public static string Name(Precision precision) => precision switch
    {
        Compute.Precision.F32 => "f32",
        Compute.Precision.BF16 => "bf16",
        _ => "int8",
    };

    public static ComputeChoice From(Invocation invocation) => new(ParsePrecision(invocation.Get(CommonOptions.Precision)!), invocation.Threads ?? 0);

    /// <summary>Refuses a precision that weights cannot be trained in.</summary>
    /// <param name="needs">what needs gradients, as the user asked for it</param>
    public void RequireGradients(string needs)
    {
        if (Precision == Compute.Precision.Int8) throw new UsageException($"--precision int8 has no gradients, and {needs} needs them; choose f32 or bf16");
    }

    /// <summary>Refuses another device than the processor.</summary>
    public static void RequireDevice(Invocation invocation)
    {
        string device = invocation.Get(CommonOptions.Device) ?? "cpu";
        if (device == "cpu") return;
        if (device.StartsWith("cuda", StringComparison.Ordinal))
            throw new NotSupportedException($"--device {device}: this build computes on the processor only; leave the option out");
        throw new UsageException($"--device takes cpu or cuda[:N], not '{device}'");
    }
}
