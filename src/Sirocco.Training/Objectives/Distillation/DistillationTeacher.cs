using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>The network that a student follows. It does not train, so its passes record nothing.</summary>
/// <param name="Model">The network, without a place in an arena.</param>
/// <param name="Precision">Of its matrix products.</param>
internal sealed record DistillationTeacher(BiEncoder Model, Precision Precision)
{
    /// <summary>Pooled vectors, and the outputs of some layers.</summary>
    /// <param name="context">The device.</param>
    /// <param name="texts">Ids that the student reads too.</param>
    /// <param name="positions">What positions count.</param>
    /// <param name="layers">Layers, from 0.</param>
    /// <param name="cancellation">Stops between layers.</param>
    internal (float[] Pooled, Dictionary<int, float[]> Layers) Read(
        ComputeContext context, TokenizedBatch texts, PositionCount positions, IReadOnlySet<int> layers, CancellationToken cancellation)
    {
        using Scope f = context.BeginScope(Precision, null, cancellation);
        Segments segments = texts.Segments(positions);
        Dictionary<int, float[]> captured = [];
        Tensor hidden = Model.Decoder.Forward(f, texts.TokenArray, segments, Model.Mask, afterLayer: (layer, state) =>
        {
            if (layers.Contains(layer)) captured[layer] = state.ToArray();                  // [tokens, hidden]
        });
        return (Model.Pool(f, hidden, segments).ToArray(), captured);                       // [texts, features]
    }
}
