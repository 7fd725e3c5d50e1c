namespace Sirocco.Training;

/// <summary>What only the whole of a recipe file shows: contradictions between its sections, and keys that change nothing beside others.</summary>
internal static class RecipeChecks
{
    public static void Check(RetrievalRecipe recipe, SectionReader top)
    {
        top.Check(recipe.Validate);
        if (recipe is BiEncoderRecipe { Collator.UseDatasetInstruction: true, Dataset.UseInstructions: false })
        {
            top.Reading.Warnings.Add(
                "dataloader.collate_fn.use_dataset_instruction is true but dataset.use_dataset_instruction is not: all instructions are empty");
        }
        if (recipe is DistillationRecipe) top.Section("distributed")?.Ignore("autocast_dtype"); // the original's has an autocast of its own
        if (recipe.Distributed.Ranks == 1) IgnoreKeysOfRanks(recipe, top);
        if (recipe.Dataset.MaximumExamples is null) top.Section("dataset")?.Ignore("do_shuffle", "train_data_select_offset"); // they choose the examples
        bool validates = recipe.StepScheduler is not { ValidateOnCheckpoint: false, ValidateEverySteps: null };
        if (!validates && (recipe.ValidationDataset is not null || recipe.Evaluation is not null))
        {
            top.Reading.Warnings.Add(
                "no step validates: step_scheduler.validate_on_checkpoint is false and val_every_steps is not given, so held-out data are read for nothing");
        }
    }

    /// <summary>How passages of other ranks count means nothing where there is one.</summary>
    private static void IgnoreKeysOfRanks(RetrievalRecipe recipe, SectionReader top)
    {
        if (recipe is BiEncoderRecipe { Model.InBatchNegatives: true }) top.Section("model")?.Ignore("detach_distributed_inbatch_negatives");
        if (recipe is not DistillationRecipe { Losses: var losses }) return;
        foreach ((string section, _, _) in losses.Contrasts) top.Section(section)?.Ignore("cross_device_negatives");
    }
}
