namespace Sirocco.Training;

/// <summary>Contradictions between sections, found before anything is loaded.</summary>
internal static class RecipeChecks
{
    public static void Check(RetrievalRecipe recipe, SectionReader top)
    {
        if (top.Section("step_scheduler") is { } steps) steps.Check(() => recipe.StepScheduler.Accumulation(recipe.Distributed.DataParallelSize ?? 1));
        CheckSchedule(recipe, top);
        CheckValidation(recipe, top);
        switch (recipe)
        {
            case BiEncoderRecipe biEncoder:
                Check(biEncoder, top);
                break;
            case CrossEncoderRecipe crossEncoder:
                Check(crossEncoder, top);
                break;
            case DistillationRecipe distillation:
                Check(distillation, top);
                break;
        }
    }

    // The run is at most max_steps long; its real length is known when the data are read.
    private static void CheckSchedule(RetrievalRecipe recipe, SectionReader top)
    {
        if (top.Section("lr_scheduler") is not { } section || recipe.ParameterSchedule is not { } schedule) return;
        section.Check(() => ParameterSchedule.Resolve(schedule, recipe.Optimizer.LearningRate, recipe.Optimizer.WeightDecay, recipe.StepScheduler.MaxSteps ?? int.MaxValue));
    }

    private static void CheckValidation(RetrievalRecipe recipe, SectionReader top)
    {
        if (recipe.EarlyStopping is not { } stopping) return;
        SectionReader section = top.RequiredSection("early_stopping");
        bool ofEvaluation = recipe.Evaluation?.Metrics.Contains(stopping.Metric) == true;
        bool ofValidation = stopping.Metric is "val_loss" or "val_acc1" or "val_mrr" && recipe.ValidationDataset is not null;
        if (!ofEvaluation && !ofValidation) throw section.Wrong("metric", "val_loss, val_acc1 or val_mrr with a validation_dataset, or a metric of an evaluation section");
    }

    private static void Check(BiEncoderRecipe recipe, SectionReader top)
    {
        if (recipe.Model.MultiVector && recipe.Matryoshka is not null) throw top.Wrong("matryoshka", "no such section with pooling colbert, which has no single vector");
        if (recipe.Model.MultiVector && recipe.GradientCache is not null) throw top.Wrong("grad_cache", "no such section with pooling colbert, which has no single vector");
        if (recipe.Model.MultiVector && recipe.Evaluation is not null) throw top.Wrong("evaluation", "no such section with pooling colbert, which has no single vector");
        bool uses = recipe.FalseNegatives.Rule != FalseNegativeRule.Identity;
        if (uses && !recipe.Model.InBatchNegatives) throw top.Wrong("false_negatives", "this with model.do_distributed_inbatch_negative: true only; without it no passage of another query is a candidate");
        if (recipe.Collator.UseDatasetInstruction && !recipe.Dataset.UseInstructions) top.Reading.Warnings.Add("dataloader.collate_fn.use_dataset_instruction is true but dataset.use_dataset_instruction is not: all instructions are empty");
    }

    private static void Check(CrossEncoderRecipe recipe, SectionReader top)
    {
        if (recipe.Temperature != 1 && recipe.Model.Temperature is { } own && own != 1) throw top.Wrong("temperature", $"1, or model.temperature 1 instead of {YamlWriter.Float(own)}: scores would be divided twice");
        foreach (string key in (string[])["grad_cache", "matryoshka", "false_negatives", "evaluation"])
        {
            if (top.Has(key)) throw top.Wrong(key, "no such section: it is for bi-encoders");
        }
    }

    private static void Check(DistillationRecipe recipe, SectionReader top)
    {
        DistillationLosses losses = recipe.Losses;
        if (recipe.Collator.TeacherCache is not null && losses.IntermediateWeight > 0) throw top.Wrong("intermediate_loss_weight", "0: cached embeddings have no layers");
        if (losses is { CosineWeight: 0, EmbeddingErrorWeight: 0, ScoreWeight: 0, IntermediateWeight: 0, InfoNceWeight: 0, InfoNceDistillationWeight: 0 }) throw top.Wrong("distill_loss_weight", "a weight above 0 for at least one loss");
    }
}
