namespace Sirocco.Models;

/// <summary>
/// What a recipe's <c>PeftConfig</c> says beside an adapter's mathematics: fields that choose kernels and storage of the original, and how the others were
/// spelled. <c>automodel_peft_config.json</c> repeats them as they were written.
/// </summary>
public sealed record AutoModelAdapterFields
{
    /// <summary>Whether target_modules was one text, not a list.</summary>
    public bool TargetIsText { get; init; }

    /// <summary>Whether exclude_modules was one text, not a list.</summary>
    public bool ExcludeIsText { get; init; }

    /// <summary>lora_A_init; null: by the name of <see cref="AdapterOptions.Initialization"/>.</summary>
    public string? Initialization { get; init; }

    /// <summary>lora_dtype: null for that of the base weights.</summary>
    public string? ElementType { get; init; }

    /// <summary>use_memory_efficient_lora</summary>
    public bool IsMemoryEfficient { get; init; } = true;

    /// <summary>use_triton</summary>
    public bool UsesTriton { get; init; }

    /// <summary>moe_rank_scaling</summary>
    public bool ScalesRankOfExperts { get; init; }

    /// <summary>expert_weight_format</summary>
    public string ExpertWeightFormat { get; init; } = "unquantized";
}
