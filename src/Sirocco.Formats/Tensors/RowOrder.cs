namespace Sirocco.Formats;

/// <summary>
/// Where the rows of a matrix lie in the file. Checkpoints in Hugging Face's layout keep rotary pairs as (i, i + d/2) of a head; GGUF and
/// native Llama and Mistral files keep them as (2i, 2i + 1): row h·d + j·(d/2) + i of the former is row h·d + 2i + j of the latter.
/// </summary>
/// <param name="HeadSize">Rows of one head (d); 0 when rows lie in logical order.</param>
public readonly record struct RowOrder(int HeadSize)
{
    /// <summary>Whether row r of the tensor is row r of the file.</summary>
    public bool IsIdentity => HeadSize == 0;

    /// <summary>The row of the file that holds a logical row.</summary>
    public long Source(long row)
    {
        if (HeadSize == 0) return row;
        long head = row / HeadSize, within = row % HeadSize, half = HeadSize / 2;
        return head * HeadSize + 2 * (within % half) + within / half;
    }
}
