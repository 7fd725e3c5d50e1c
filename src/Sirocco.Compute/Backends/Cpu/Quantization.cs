using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Runs of numbers as 8-bit integers with one scale: q = round(x / scale), scale = max |x| / 127, so that q is in [−127, 127] and 0 stays 0.
/// A run that holds NaN or infinity gets the scale NaN, which its products inherit.
/// </summary>
internal static unsafe class Quantization
{
    /// <summary>max |x| / 127.</summary>
    public static float Scale(float* row, int count)
    {
        Vector256<float> most = Vector256<float>.Zero;
        int i = 0;
        for (; i + 8 <= count; i += 8) most = Vector256.Max(most, Vector256.Abs(Vector256.Load(row + i)));
        float result = 0;
        for (int lane = 0; lane < 8; lane++) result = MathF.Max(result, most[lane]);
        for (; i < count; i++) result = MathF.Max(result, MathF.Abs(row[i]));
        return float.IsFinite(result) ? result / 127 : float.NaN;
    }

    /// <summary>Signed bytes.</summary>
    public static void ToInt8(float* row, int count, float scale, sbyte* destination)
    {
        float inverse = Inverse(scale);
        int i = 0;
        for (; i + 16 <= count; i += 16) Vector128.Narrow(Round8(row + i, inverse), Round8(row + i + 8, inverse)).Store(destination + i);
        for (; i < count; i++) destination[i] = (sbyte)Round(row[i], inverse);
    }

    /// <summary>A left factor's row as the kernel reads it: group by group its units and their scale.</summary>
    public static void ToRow(PanelKernel kernel, float* row, int k, byte* destination)
    {
        for (int first = 0; first < k; first += PanelKernel.Group)
        {
            int count = Math.Min(PanelKernel.Group, k - first), steps = kernel.Steps(count);
            float scale = Scale(row + first, count);
            ToUnits(kernel.Format, row + first, count, steps * kernel.KPack, scale, destination);
            *(float*)(destination + (4 * steps)) = scale;
            destination += kernel.RowBytes(count);
        }
    }

    /// <summary>A run in the units of <paramref name="format"/>; <paramref name="padded"/> − <paramref name="count"/> zeros follow.</summary>
    private static void ToUnits(PanelFormat format, float* row, int count, int padded, float scale, byte* destination)
    {
        float inverse = Inverse(scale);
        int i = 0;
        if (format == PanelFormat.U8S8)
        {
            for (; i + 16 <= count; i += 16)
            {
                Vector128<sbyte> rounded = Vector128.Narrow(Round8(row + i, inverse), Round8(row + i + 8, inverse));
                (rounded.AsByte() + Vector128.Create((byte)128)).Store(destination + i);
            }

            for (; i < padded; i++) destination[i] = (byte)(128 + (i < count ? Round(row[i], inverse) : 0));
        }
        else
        {
            for (; i + 8 <= count; i += 8) Round8(row + i, inverse).Store((short*)destination + i);
            for (; i < padded; i++) ((short*)destination)[i] = (short)(i < count ? Round(row[i], inverse) : 0);
        }
    }

    private static float Inverse(float scale) => scale > 0 ? 1 / scale : 0;

    private static int Round(float value, float inverse) => (int)MathF.Round(value * inverse);

    private static Vector128<short> Round8(float* row, float inverse)
    {
        Vector256<int> rounded = Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(row) * inverse));
        return Vector128.Narrow(rounded.GetLower(), rounded.GetUpper());
    }
}
