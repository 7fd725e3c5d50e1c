namespace Sirocco.Compute.Backends.Cpu;

/// <summary>A weight in int8: one scale for each output channel, packed for the int8 kernel.</summary>
internal sealed class QuantizedWeight : IDisposable
{
    public static QuantizedWeight Quantize(CpuBackend backend, in Operand weight) =>
        throw new NotSupportedException($"int8 weights of {weight.Rows} rows on {backend.Team.Threads} threads");

    public void Dispose()
    {
    }
}
