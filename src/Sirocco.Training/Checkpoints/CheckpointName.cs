using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Sirocco.Training;

/// <summary>A checkpoint's folder name, <c>epoch_0_step_499</c>: the epoch and the step just done, both from 0.</summary>
/// <param name="Epoch">From 0.</param>
/// <param name="Step">From 0, over the whole run.</param>
internal readonly partial record struct CheckpointName(int Epoch, int Step)
{
    public static bool TryParse([NotNullWhen(true)] string? text, out CheckpointName name)
    {
        name = default;
        if (text is null || Form().Match(text) is not { Success: true } match) return false;
        if (!Number(match.Groups[1], out int epoch) || !Number(match.Groups[2], out int step)) return false;
        name = new CheckpointName(epoch, step);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"epoch_{Epoch}_step_{Step}");

    private static bool Number(Group digits, out int number) => int.TryParse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    [GeneratedRegex(@"^epoch_(0|[1-9][0-9]*)_step_(0|[1-9][0-9]*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
