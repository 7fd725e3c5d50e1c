using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>Where a network's parameters come from: a checkpoint (<see cref="Checkpoint"/>) or random numbers (<see cref="RandomParameters"/>).</summary>
public interface IParameterSource
{
    /// <summary>Gives one parameter.</summary>
    /// <param name="name">Its name within the network, such as <c>layers.0.self_attn.q_proj.weight</c>, <c>lm_head.weight</c> or <c>score.weight</c>.</param>
    /// <param name="shape">[out, in] or [n].</param>
    /// <param name="axis">Where tensor parallelism may split it.</param>
    Parameter Take(string name, int[] shape, ShardAxis axis);
}
