using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>The sections of what surrounds training: <c>checkpoint</c>, <c>distributed</c>, <c>wandb</c>.</summary>
internal static class OutputSections
{
    /// <param name="section">The section.</param>
    /// <param name="adapts">Whether the run trains an adapter, which is always safetensors.</param>
    public static CheckpointOptions Checkpoint(SectionReader section, bool adapts)
    {
        CheckpointOptions defaults = new();
        string folder = section.Text("checkpoint_dir", defaults.Folder);
        if (folder.Length == 0) throw section.Wrong("checkpoint_dir", "a folder for the run");
        if (folder.StartsWith('<') && folder.EndsWith('>'))
            throw section.Wrong("checkpoint_dir", "a folder in its place, such as --checkpoint.checkpoint_dir DIR");
        CheckpointOptions options = new()
        {
            Enabled = section.Bool("enabled", defaults.Enabled),
            Folder = folder,
            Export = section.Choice(
                "save_consolidated",
                defaults.Export,
                ("final", ConsolidatedExport.Final),
                ("every", ConsolidatedExport.Every),
                ("true", ConsolidatedExport.Every),
                ("false", ConsolidatedExport.Never)),
            RestoreFrom = section.OptionalText("restore_from"),
            KeepLast = section.OptionalInt("max_recent_checkpoints", null, 1),
            KeepBest = section.OptionalInt("keep_best", null, 1),
            BestMetric = section.Text("best_metric_key", defaults.BestMetric),
            KeepSourceConfig = section.Bool("v4_compatible", defaults.KeepSourceConfig),
        };
        if (!section.Choice("model_save_format", true, ("safetensors", true), ("torch_save", false))) options = WithoutSafetensors(section, options, adapts);
        if (section.Has("allow_legacy_pickle_restore")) section.Bool("allow_legacy_pickle_restore", false);
        section.Ignore(
            "allow_legacy_pickle_restore", "is_async", "wait_for_staging", "cpu_offload", "single_rank_consolidation", "staging_dir", "diffusers_compatible",
            "consolidation_timeout_minutes", "model_cache_dir", "model_repo_id", "is_peft", "dequantize_base_checkpoint", "original_model_root_dir",
            "skip_task_head_prefixes_for_base_model", "model_state_dict_keys");
        section.Finish();
        return options;
    }

    public static DistributedOptions Distributed(SectionReader section)
    {
        DistributedOptions defaults = new();
        DistributedOptions options = new()
        {
            Strategy = section.Choice(
                "strategy",
                defaults.Strategy,
                ("fsdp2", DistributedStrategy.Fsdp2),
                ("ddp", DistributedStrategy.Ddp),
                ("megatron_fsdp", DistributedStrategy.MegatronFsdp)),
            DataParallelSize = section.OptionalInt("dp_size", null, 1),
            ParameterType = Policy(section.Section("mp_policy")) ?? defaults.ParameterType,
            AutocastType = ModelSections.WeightType(section, "autocast_dtype"),
            RecomputeActivations = section.Choice("activation_checkpointing", false, ("false", false), ("true", true), ("full", true), ("selective", true)),
        };
        foreach (string key in (string[])["tp_size", "pp_size", "cp_size", "ep_size"])
        {
            if (section.OptionalInt(key, 1, 1) > 1) throw section.Wrong(key, "1 or none: retrieval training splits data, not models");
        }

        section.Ignore(
            "dp_replicate_size", "sequence_parallel", "tp_plan", "patch_is_packed_sequence", "offload_policy",
            "activation_checkpointing_scope", "defer_fsdp_grad_sync", "reshard_after_forward", "enable_async_tensor_parallel", "enable_compile",
            "enable_fsdp2_prefetch", "fsdp2_backward_prefetch_depth", "fsdp2_forward_prefetch_depth", "multimodal", "find_unused_parameters", "static_graph",
            "bucket_cap_mb", "gradient_as_bucket_view", "broadcast_buffers");
        section.Finish();
        return options;
    }

    public static WandbOptions? Wandb(SectionReader? section)
    {
        if (section is null) return null;
        bool enabled = section.Bool("enable", true);
        WandbOptions options = new()
        {
            Project = section.Text("project", "automodel"),
            Entity = section.OptionalText("entity"),
            Name = section.OptionalText("name"),
            Group = section.OptionalText("group"),
            Tags = section.Texts("tags", []),
            Notes = section.OptionalText("notes"),
            Mode = section.OptionalText("mode"),
            Folder = section.OptionalText("dir"),
        };
        string[] read = ["enable", "project", "entity", "name", "group", "tags", "notes", "mode", "dir"];
        section.Ignore([.. section.Keys.Except(read)]); // everything else goes to wandb.init in the original
        return enabled ? options : null;
    }

    /// <summary>
    /// What torch_save leaves of the section: it has no form of an adapter and none that other programs load; a run's own state is kept in any case.
    /// </summary>
    private static CheckpointOptions WithoutSafetensors(SectionReader section, CheckpointOptions options, bool adapts)
    {
        string key = section.FullName("model_save_format");
        if (adapts) section.Reading.Warnings.Add($"{key} is torch_save, in which adapters cannot be saved: they are saved as safetensors");
        else if (options.Export != ConsolidatedExport.Never)
        {
            section.Reading.Warnings.Add(
                $"{key} is torch_save: no {ModelArtifacts.ExportFolder} is written; set it to safetensors for models that other programs load");
        }
        return adapts ? options : options with { Export = ConsolidatedExport.Never };
    }

    private static ElementType? Policy(SectionReader? section)
    {
        if (section is null) return null;
        section.Target(TargetKind.MixedPrecisionPolicy);
        ElementType? type = ModelSections.WeightType(section, "param_dtype");
        section.Ignore("reduce_dtype", "output_dtype", "cast_forward_inputs");
        section.Finish();
        return type;
    }
}
