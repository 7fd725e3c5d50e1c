using Sirocco.Cli.Frame;
using Sirocco.Formats;

namespace Sirocco.Cli.Records;

/// <summary>Where the tensors of a network go: a safetensors file; with --json its name and theirs on standard output.</summary>
internal static class TensorOutput
{
    public static void Write(Invocation invocation, string path, IReadOnlyList<OutgoingTensor> tensors)
    {
        SafetensorsWriter.Write(path, tensors, null, invocation.Cancellation);
        if (invocation.Json) new Facts().Add("output", path).Add("tensors", tensors.Select(tensor => tensor.Name)).WriteJson(invocation.Terminal.Output);
    }
}
