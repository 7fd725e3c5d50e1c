namespace Sirocco.Training;

/// <summary>What mining is busy with.</summary>
public enum MiningPhase
{
    /// <summary>Questions become vectors; counted in texts.</summary>
    Questions,

    /// <summary>Documents become vectors; counted in texts.</summary>
    Documents,

    /// <summary>Questions are compared with documents; counted in pairs.</summary>
    Search,

    /// <summary>A reranker reads the candidates; counted in pairs.</summary>
    Reranking,
}

/// <summary>What mining tells while it goes on. Every method does nothing unless overridden.</summary>
public abstract class MiningObserver
{
    /// <summary>Some of a phase is done.</summary>
    /// <param name="phase">The phase.</param>
    /// <param name="done">Units done, those of an earlier run included.</param>
    /// <param name="total">Units of the phase.</param>
    public virtual void Advanced(MiningPhase phase, long done, long total)
    {
    }

    /// <summary>Vectors of an earlier run, or of an index, serve again.</summary>
    /// <param name="phase">The phase.</param>
    /// <param name="done">Units of the phase that are done with them.</param>
    /// <param name="total">Units of the phase.</param>
    public virtual void Reused(MiningPhase phase, long done, long total)
    {
    }

    /// <summary>Something that the user should know.</summary>
    public virtual void Warned(string message)
    {
    }

    internal sealed class Silent : MiningObserver;
}
