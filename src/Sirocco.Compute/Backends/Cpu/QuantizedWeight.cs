using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// A weight [outputs, inputs] in int8: symmetric, with a scale for each output channel and each <see cref="PanelKernel.Group"/> inputs, kept in the panels that
/// the int8 kernel reads, so that products stream it without further packing. Holds one byte for each element and, for each group, 4 or 8 more; the original
/// may be unmapped afterwards. Its memory lives as long as something refers to it.
/// </summary>
internal sealed unsafe class QuantizedWeight
{
    /// <summary>Widest panel of any int8 kernel.</summary>
    private const int MostWidth = 64;

    private QuantizedWeight(PanelKernel kernel, int rows, int columns)
    {
        (Kernel, Rows, Columns) = (kernel, rows, columns);
        Panels = new NativeBlock(checked(kernel.Panels(rows) * kernel.PanelBytes(columns)), zeroed: false);
    }

    /// <summary>The kernel whose layout the panels have.</summary>
    public PanelKernel Kernel { get; }

    /// <summary>Output channels.</summary>
    public int Rows { get; }

    /// <summary>Input features.</summary>
    public int Columns { get; }

    /// <summary>All panels, one after another.</summary>
    public NativeBlock Panels { get; }

    /// <summary>Quantises a weight, in parallel over its panels.</summary>
    /// <param name="backend">Threads and the kernel that will read the result.</param>
    /// <param name="weight">[outputs, inputs], any element type.</param>
    public static QuantizedWeight Quantize(CpuBackend backend, in Operand weight)
    {
        PanelKernel kernel = backend.Kernels.Int8;
        QuantizedWeight quantized = new(kernel, weight.Height, weight.Width);
        using ThreadTeam.Turn turn = backend.Team.TakeTurn();
        PanelQuantization work = new() { Backend = backend, Weight = weight, Result = quantized };
        backend.Team.Run(ref work, kernel.Panels(weight.Height));
        return quantized;
    }

    /// <summary>Quantises the rows of one panel and packs them, group by group.</summary>
    private struct PanelQuantization : IWork
    {
        public CpuBackend Backend;
        public Operand Weight;
        public QuantizedWeight Result;

        public readonly void Execute(int item, int worker)
        {
            PanelKernel kernel = Result.Kernel;
            (int width, int k) = (kernel.PanelWidth, Result.Columns);
            int row = item * width, rows = Math.Min(width, Result.Rows - row);
            float* floats = (float*)Backend.Scratch(worker, ScratchSlot.Tile, 4L * k * rows);
            RowConversion.Run(PanelFormat.F32, Weight, row, rows, 0, k, (byte*)floats, 4L * k);
            byte* panel = (byte*)Result.Panels.Pointer + (item * kernel.PanelBytes(k));
            uint* turned = (uint*)Backend.Scratch(worker, ScratchSlot.Panels, (long)PanelKernel.Group * width);
            sbyte* bytes = stackalloc sbyte[PanelKernel.Group * MostWidth];
            for (int first = 0; first < k; first += PanelKernel.Group)
            {
                int count = Math.Min(PanelKernel.Group, k - first);
                long units = kernel.Steps(count) * kernel.StepBytes;
                float* scales = (float*)(panel + kernel.StartBytes + units);
                Unsafe.InitBlockUnaligned(bytes, 0, (uint)(PanelKernel.Group * width));
                for (int i = 0; i < width; i++)
                {
                    float* from = floats + ((long)i * k) + first;
                    scales[i] = i < rows ? Quantization.Scale(from, count) : 0;
                    if (i < rows) Quantization.ToInt8(from, count, scales[i], bytes + (i * PanelKernel.Group));
                    if (kernel.StartBytes > 0) ((int*)panel)[i] = -128 * Sum(bytes + (i * PanelKernel.Group), count);
                }

                Pack(kernel, bytes, kernel.Steps(count), panel + kernel.StartBytes, turned);
                panel += kernel.PanelBytes(count);
            }
        }

        /// <summary>Turns rows of a group's bytes into steps: quads as they are, or quads split into two pairs.</summary>
        private static void Pack(PanelKernel kernel, sbyte* bytes, int steps, byte* to, uint* turned)
        {
            int width = kernel.PanelWidth;
            if (kernel.Format == PanelFormat.U8S8)
            {
                UnitTranspose.Run<PlainUnits, WholeUnits>((byte*)bytes, PanelKernel.Group, to, 4L * width, width, steps);
                return;
            }

            UnitTranspose.Run<PlainUnits, WholeUnits>((byte*)bytes, PanelKernel.Group, (byte*)turned, 4L * width, width, (steps + 1) / 2);
            for (int step = 0; step < steps; step++, to += kernel.StepBytes)
            {
                uint* from = turned + (step / 2 * width);
                int shift = step % 2 * 16;
                for (int column = 0; column < width; column += 8)
                {
                    Vector128<uint> low = Vector128.Load(from + column) >> shift, high = Vector128.Load(from + column + 4) >> shift;
                    Vector128.Narrow(low & Vector128.Create(0xffffu), high & Vector128.Create(0xffffu)).Store((ushort*)to + column);
                }
            }
        }

        private static int Sum(sbyte* bytes, int count)
        {
            int sum = 0;
            for (int i = 0; i < count; i++) sum += bytes[i];
            return sum;
        }
    }
}
