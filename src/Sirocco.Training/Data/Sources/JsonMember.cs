using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sirocco.Training;

/// <summary>A member of a file's one object.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">What it holds, bare numbers as empty texts (<see cref="JsonRecords.WithoutBareNumbers"/>).</param>
/// <param name="Written">The same as it stands in the file, and the byte before it; null where that is no different.</param>
internal sealed record JsonMember(string Name, JsonElement Value, byte[]? Written = null)
{
    /// <summary>The bare word that a text of the value stands for: NaN, Infinity or -Infinity; null where it is a text.</summary>
    /// <param name="text">A part of <see cref="Value"/>, or all of it.</param>
    public string? BareNumber(JsonElement text)
    {
        if (Written is null || !JsonMarshal.GetRawUtf8Value(Value).Overlaps(JsonMarshal.GetRawUtf8Value(text), out int offset)) return null;
        return Written[offset + 1] switch
        {
            (byte)'N' => "NaN",
            (byte)'I' => Written[offset] == (byte)'-' ? "-Infinity" : "Infinity",
            _ => null,
        };
    }
}
