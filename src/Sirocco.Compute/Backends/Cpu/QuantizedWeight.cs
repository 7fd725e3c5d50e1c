using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// A weight [outputs, inputs] in int8: symmetric, one scale for each output channel, kept in the panels that the int8 kernel reads, so that products stream it
/// without further packing. Holds one byte for each element; the original may be unmapped afterwards.
/// </summary>
internal sealed unsafe class QuantizedWeight : IDisposable
{
    private QuantizedWeight(PanelKernel kernel, int rows, int columns)
    {
        (Kernel, Rows, Columns) = (kernel, rows, columns);
        int padded = kernel.Panels(rows) * kernel.PanelWidth;
        Panels = (byte*)NativeMemory.AlignedAlloc((nuint)checked(kernel.Panels(rows) * kernel.PanelBytes(columns)), 4096);
        Scales = (float*)NativeMemory.AlignedAlloc((nuint)padded * sizeof(float), 64);
        Offsets = (int*)NativeMemory.AlignedAlloc((nuint)padded * sizeof(int), 64);
    }

    /// <summary>The kernel whose layout the panels have.</summary>
    public PanelKernel Kernel { get; }

    /// <summary>Output channels.</summary>
    public int Rows { get; }

    /// <summary>Input features.</summary>
    public int Columns { get; }

    /// <summary>All panels, one after another.</summary>
    public byte* Panels { get; private set; }

    /// <summary>For each output channel (zero beyond the last), what one step of its integers is worth.</summary>
    public float* Scales { get; private set; }

    /// <summary>For each output channel, 128 · Σ of its integers: what the kernel's sums are too large by when activations carry an offset of 128; else zero.</summary>
    public int* Offsets { get; private set; }

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

    public void Dispose()
    {
        NativeMemory.AlignedFree(Panels);
        NativeMemory.AlignedFree(Scales);
        NativeMemory.AlignedFree(Offsets);
        Panels = null;
        Scales = null;
        Offsets = null;
    }

    /// <summary>Quantises the rows of one panel and packs them, a block of k at a time.</summary>
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
            int padded = (k + 3) / 4 * 4;
            long floatBytes = 4L * padded, byteCount = (long)width * padded;
            float* floats = (float*)Backend.Scratch(worker, ScratchSlot.Tile, floatBytes + byteCount);
            sbyte* bytes = (sbyte*)floats + floatBytes;
            Unsafe.InitBlockUnaligned(bytes, 0, checked((uint)byteCount));
            for (int i = 0; i < width; i++)
            {
                (Result.Scales[row + i], Result.Offsets[row + i]) = (0, 0);
                if (i >= rows)
                    continue;
                RowConversion.Run(PanelFormat.F32, Weight, row + i, 1, 0, k, (byte*)floats, floatBytes);
                float scale = Quantization.Scale(floats, k);
                Quantization.ToInt8(floats, k, scale, bytes + ((long)i * padded));
                Result.Scales[row + i] = scale;
                if (kernel.Format == PanelFormat.U8S8)
                    Result.Offsets[row + i] = 128 * Sum(bytes + ((long)i * padded), k);
            }

            Pack(kernel, bytes, padded, k, Result.Panels + (item * kernel.PanelBytes(k)), worker);
        }

        /// <summary>Turns rows of bytes into steps: quads as they are, or quads split into two pairs.</summary>
        private readonly void Pack(PanelKernel kernel, sbyte* bytes, int stride, int k, byte* panel, int worker)
        {
            int quads = stride / 4, width = kernel.PanelWidth;
            if (kernel.Format == PanelFormat.U8S8)
            {
                UnitTranspose.Run<PlainUnits, WholeUnits>((byte*)bytes, stride, panel, 4L * width, width, quads);
                return;
            }

            uint* turned = (uint*)Backend.Scratch(worker, ScratchSlot.Panels, 4L * quads * width);
            UnitTranspose.Run<PlainUnits, WholeUnits>((byte*)bytes, stride, (byte*)turned, 4L * width, width, quads);
            int steps = kernel.Steps(k);
            for (int step = 0; step < steps; step++)
            {
                uint* from = turned + ((long)(step / 2) * width);
                ushort* to = (ushort*)panel + ((long)step * width);
                int shift = step % 2 * 16;
                for (int column = 0; column < width; column += 8)
                {
                    Vector128<uint> low = Vector128.Load(from + column) >> shift, high = Vector128.Load(from + column + 4) >> shift;
                    Vector128.Narrow(low & Vector128.Create(0xffffu), high & Vector128.Create(0xffffu)).Store(to + column);
                }
            }
        }

        private static int Sum(sbyte* bytes, int count)
        {
            int sum = 0;
            for (int i = 0; i < count; i++)
                sum += bytes[i];
            return sum;
        }
    }
}
