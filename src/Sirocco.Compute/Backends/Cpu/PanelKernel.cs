using System.Runtime.InteropServices;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>What one 32-bit unit of a kernel's factors holds. A unit is what one lane multiplies and sums in one step.</summary>
internal enum PanelFormat
{
    /// <summary>One f32.</summary>
    F32,

    /// <summary>Two bf16 of consecutive k, the even one in the low half.</summary>
    BF16,

    /// <summary>Four consecutive k: unsigned bytes (value + 128) in A, signed bytes in B. Sums begin with −128 · Σ B, which the panel holds.</summary>
    U8S8,

    /// <summary>Two 16-bit integers of consecutive k in A; in B two signed bytes, so that a unit of B is 16 bits.</summary>
    S16S8,
}

/// <summary>Addresses and sizes of one call of a panel kernel. Emitted code reads it by offset, which is why the layout is explicit.</summary>
[StructLayout(LayoutKind.Explicit, Size = SaveOffset + (10 * 16))]
internal unsafe struct PanelArguments
{
    public const int AOffset = 0, AStrideOffset = 8, BOffset = 16, StepsOffset = 24, COffset = 32, CStrideOffset = 40, AddendOffset = 48,
        AddendStrideOffset = 56;

    /// <summary>Where emitted integer code counts the steps that are left.</summary>
    public const int RemainingOffset = 64;

    /// <summary>Where emitted code keeps ten vector registers of its caller on Windows.</summary>
    public const int SaveOffset = 80;

    /// <summary>First row of A: units in order of k.</summary>
    [FieldOffset(AOffset)]
    public void* A;

    /// <summary>Bytes from one row of A to the next.</summary>
    [FieldOffset(AStrideOffset)]
    public nint AStride;

    /// <summary>Panel of B: for each step of k, one unit for each of the panel's columns. 64-byte aligned.</summary>
    [FieldOffset(BOffset)]
    public void* B;

    /// <summary>Units of k; at least 1.</summary>
    [FieldOffset(StepsOffset)]
    public nint Steps;

    /// <summary>First row of the result, f32. No alignment required.</summary>
    [FieldOffset(COffset)]
    public void* C;

    /// <summary>Bytes from one row of the result to the next.</summary>
    [FieldOffset(CStrideOffset)]
    public nint CStride;

    /// <summary>Added to the result when not null, read before the result is written: may be C itself.</summary>
    [FieldOffset(AddendOffset)]
    public void* Addend;

    /// <summary>Bytes from one row of the addend to the next.</summary>
    [FieldOffset(AddendStrideOffset)]
    public nint AddendStride;
}

/// <summary>
/// C[rows, PanelWidth] = A[rows, k] · B[k, PanelWidth] (+ addend) for 1 … <see cref="RowTile"/> rows, with sums kept in registers over all of k.
/// Each element of C is one chain of multiply-adds in order of k, the same whatever the number of rows.
/// </summary>
/// <remarks>
/// Integer formats have scales for every <see cref="Group"/> elements of k, one in each row of A and one for each column of B. Sums within a group are 32-bit
/// integers (below 2²³, so exact in f32 as well); across groups C is f32: C = addend, then C += row scale · (column scale · sum), group by group.
/// 
/// Layouts. A is row-major in units (see <see cref="PanelFormat"/>), for integers with the f32 scale after each group; B is a panel <c>[steps][PanelWidth]</c>
/// of units, for integers group by group, with <c>[PanelWidth]</c> f32 scales after each and, in <see cref="PanelFormat.U8S8"/>, <c>[PanelWidth]</c> 32-bit
/// integers −128 · Σ B before it. Where k is no multiple of <see cref="KPack"/> both are padded with zeros; columns that a last panel lacks are zeros too and
/// are still written. <see cref="PanelPacking"/> makes panels and <see cref="RowConversion"/> makes rows.
/// </remarks>
internal abstract unsafe class PanelKernel(PanelFormat format, int rowTile, int panelWidth)
{
    /// <summary>
    /// Elements of k that share a scale in integer formats; the last group may be shorter. 128 keeps a feature that is hundreds of times larger than the others
    /// from rounding all of them away, see docs/precision.md.
    /// </summary>
    public const int Group = 128;

    /// <summary>What the factors are made of.</summary>
    public PanelFormat Format { get; } = format;

    /// <summary>Most rows in one call.</summary>
    public int RowTile { get; } = rowTile;

    /// <summary>Columns of a panel; a multiple of 8.</summary>
    public int PanelWidth { get; } = panelWidth;

    /// <summary>Elements of k in a unit.</summary>
    public int KPack { get; } = format switch { PanelFormat.F32 => 1, PanelFormat.U8S8 => 4, _ => 2 };

    /// <summary>Where k may be cut: a multiple of this many elements.</summary>
    public int KAlignment => IsInteger ? Group : 4;

    /// <summary>Whether factors and their sums within a group are integers.</summary>
    public bool IsInteger => Format is PanelFormat.U8S8 or PanelFormat.S16S8;

    /// <summary>Tier and instruction for people: <c>emitted vdpbf16ps 6×64</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Computes one block; <paramref name="rows"/> is 1 … <see cref="RowTile"/>.</summary>
    public abstract void Run(int rows, PanelArguments* arguments);

    /// <summary>Units in which <paramref name="k"/> elements are stored.</summary>
    public int Steps(int k) => (k + KPack - 1) / KPack;

    /// <summary>Units of a whole group.</summary>
    public int GroupSteps => Group / KPack;

    /// <summary>Groups of <paramref name="k"/> elements; 0 for formats that have none.</summary>
    public int Groups(int k) => IsInteger ? (k + Group - 1) / Group : 0;

    /// <summary>Bytes of one row of A.</summary>
    public long RowBytes(int k) => 4L * (Steps(k) + Groups(k));

    /// <summary>Bytes of one panel of B.</summary>
    public long PanelBytes(int k) => (StepBytes * Steps(k)) + ((StartBytes + ScaleBytes) * Groups(k));

    /// <summary>Bytes of what a group's sums begin with.</summary>
    public long StartBytes => Format == PanelFormat.U8S8 ? 4L * PanelWidth : 0;

    /// <summary>Bytes of a group's scales.</summary>
    public long ScaleBytes => IsInteger ? 4L * PanelWidth : 0;

    /// <summary>Bytes of a panel that one step of k takes.</summary>
    public long StepBytes => (Format == PanelFormat.S16S8 ? 2L : 4L) * PanelWidth;

    /// <summary>Panels that cover <paramref name="n"/> columns.</summary>
    public int Panels(int n) => (n + PanelWidth - 1) / PanelWidth;

    /// <summary>
    /// C[rows, panels · PanelWidth] = A · B (+ addend) for any number of rows and of consecutive panels; all columns of the last panel are written.
    /// </summary>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="panels">Panels that follow one another at <paramref name="first"/>.B.</param>
    /// <param name="panelBytes">Bytes from one panel to the next: more than its steps take where only the first of them are used.</param>
    /// <param name="first">Arguments of the first block.</param>
    public void RunAll(int rows, int panels, long panelBytes, in PanelArguments first)
    {
        PanelArguments block = first;
        for (int panel = 0; panel < panels; panel++)
        {
            long column = 4L * panel * PanelWidth;
            block.B = (byte*)first.B + (panel * panelBytes);
            for (int row = 0; row < rows; row += RowTile)
            {
                block.A = (byte*)first.A + (row * first.AStride);
                block.C = (byte*)first.C + (row * first.CStride) + column;
                block.Addend = first.Addend == null ? null : (byte*)first.Addend + (row * first.AddendStride) + column;
                Run(Math.Min(RowTile, rows - row), &block);
            }
        }
    }
}
