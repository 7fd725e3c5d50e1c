namespace Sirocco.Models;

/// <summary>How an index keeps its vectors.</summary>
public enum VectorStore
{
    /// <summary>Four bytes a feature; scores are exact.</summary>
    F32,

    /// <summary>One byte a feature and a scale for each vector; every vector is scored, to about 0.4 % of its largest feature.</summary>
    Int8,

    /// <summary>
    /// One bit a feature beside the int8 copy: the Hamming distance of signs picks candidates, which are then scored as <see cref="Int8"/> does. Reads an
    /// eighth of the memory; a best vector whose signs agree badly can be missed.
    /// </summary>
    Binary,
}
