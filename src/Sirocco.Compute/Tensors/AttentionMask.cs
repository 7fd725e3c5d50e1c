namespace Sirocco.Compute;

/// <summary>Which keys of its own sequence a query may see.</summary>
/// <param name="Causal">Only keys up to its own place, rather than all.</param>
/// <param name="Window">
/// Where set, above 0: only keys less than this many places away, the last <c>Window</c> keys including its own when causal,
/// <c>|i − j| &lt; Window</c> when not.
/// </param>
public readonly record struct AttentionMask(bool Causal, int? Window = null)
{
    /// <summary>Every query sees the keys before it and its own.</summary>
    public static AttentionMask CausalAll => new(true);

    /// <summary>Every query sees every key of its sequence.</summary>
    public static AttentionMask Bidirectional => new(false);
}
