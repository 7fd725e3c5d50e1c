namespace Sirocco.Compute.Backends.Cpu;

/// <summary>The panel product in plain loops: what every other kernel is tested against, and what runs under <c>SIROCCO_KERNELS=scalar</c>.</summary>
internal sealed unsafe class ScalarPanelKernel(PanelFormat format, int rowTile = 4, int panelWidth = 16) : PanelKernel(format, rowTile, panelWidth)
{
    public override string Name => $"scalar {Format} {RowTile}×{PanelWidth}";

    public override void Run(int rows, PanelArguments* arguments)
    {
        for (int row = 0; row < rows; row++)
        {
            byte* a = (byte*)arguments->A + (row * arguments->AStride);
            byte* c = (byte*)arguments->C + (row * arguments->CStride);
            byte* addend = arguments->Addend == null ? null : (byte*)arguments->Addend + (row * arguments->AddendStride);
            for (int column = 0; column < PanelWidth; column++)
            {
                float added = addend == null ? 0 : ((float*)addend)[column];
                ((float*)c)[column] = IsInteger
                    ? DotGroups(a, (byte*)arguments->B, column, arguments->Steps, added)
                    : DotFloats(a, (byte*)arguments->B, column, arguments->Steps) + added;
            }
        }
    }

    private float DotFloats(byte* a, byte* b, int column, nint steps)
    {
        float sum = 0;
        for (nint step = 0; step < steps; step++)
        {
            uint left = ((uint*)a)[step], right = ((uint*)b)[(step * PanelWidth) + column];
            if (Format == PanelFormat.F32)
            {
                sum += BitConverter.UInt32BitsToSingle(left) * BitConverter.UInt32BitsToSingle(right);
            }
            else
            {
                // The order of vdpbf16ps: the odd element first.
                sum += BitConverter.UInt32BitsToSingle(left & 0xffff0000) * BitConverter.UInt32BitsToSingle(right & 0xffff0000);
                sum += BitConverter.UInt32BitsToSingle(left << 16) * BitConverter.UInt32BitsToSingle(right << 16);
            }
        }

        return sum;
    }

    private float DotGroups(byte* a, byte* b, int column, nint steps, float sum)
    {
        for (nint left = steps; left > 0; left -= GroupSteps)
        {
            nint count = Math.Min(left, GroupSteps);
            int start = StartBytes == 0 ? 0 : ((int*)b)[column];
            int dot = start + DotIntegers(a, b + StartBytes, column, count);
            a += 4 * count;
            b += StartBytes + (count * StepBytes);
            sum = MathF.FusedMultiplyAdd(*(float*)a, ((float*)b)[column] * dot, sum);
            a += sizeof(float);
            b += ScaleBytes;
        }

        return sum;
    }

    private int DotIntegers(byte* a, byte* b, int column, nint steps)
    {
        int sum = 0;
        for (nint k = 0; k < steps * KPack; k++)
        {
            nint step = k / KPack, part = k % KPack;
            int left = Format == PanelFormat.U8S8 ? a[k] : ((short*)a)[k];
            sum += left * ((sbyte*)b)[(((step * PanelWidth) + column) * KPack) + part];
        }

        return sum;
    }
}
