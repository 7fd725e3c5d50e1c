namespace Sirocco.Training.Tests;

/// <summary>Wrong recipes are refused before anything is loaded, in one line that says where and what to do.</summary>
public sealed class RecipeMistakeTests
{
    private static readonly string Recipe = Path.Combine(GoldenFile.Retrieval, "bi-llama-inline", "run.yaml");

    [Theory]
    [InlineData("dataset.npassages=3", "'dataset' has no key 'npassages'; did you mean n_passages?")]
    [InlineData("temprature=1", "a recipe has no key 'temprature'; did you mean temperature?")]
    [InlineData("model.subfolder=encoder", "model.subfolder is 'encoder'; give no subfolder, and name its folder in pretrained_model_name_or_path")]
    [InlineData("packed.size=3", "a recipe has no key 'packed'")]
    [InlineData("model.pool=avg", "'model' has no key 'pool'; did you mean pooling?")]
    [InlineData("dataloader.collate_fn.q_max_length=3", "'dataloader.collate_fn' has no key 'q_max_length'; did you mean q_max_len?")]
    [InlineData("step_scheduler.max_steps=many", "step_scheduler.max_steps is 'many'; give a whole number from 1 up")]
    [InlineData("step_scheduler.max_steps=0", "step_scheduler.max_steps is 0; give a whole number from 1 up")]
    [InlineData("step_scheduler.max_steps=2.5", "step_scheduler.max_steps is 2.5; give a whole number from 1 up")]
    [InlineData("step_scheduler.global_batch_size=7", "step_scheduler.global_batch_size 7 is no multiple of local_batch_size 4")]
    [InlineData("lr_scheduler.lr_warmup_steps=500", "lr_scheduler.lr_warmup_steps 500 is not below lr_decay_steps")]
    [InlineData("lr_scheduler.lr_warmup_steps=0.1", "lr_scheduler.lr_warmup_steps is 0.1; give a whole number from 0 up")]
    [InlineData("lr_scheduler.lr_decay_style=liner", "did you mean linear?")]
    [InlineData("optimizer.lr=-1", "optimizer.lr is -1; give a number from 0.0 up")]
    [InlineData("optimizer.betas=0.9", "optimizer.betas is 0.9; give two numbers")]
    [InlineData("optimizer._target_=torch.optim.AdamX", "did you mean torch.optim.AdamW?")]
    [InlineData("optimizer._target_=transformers.AutoTokenizer.from_pretrained", "does not belong into 'optimizer'")]
    [InlineData("model._target_=os.system", "is not known")]
    [InlineData("temperature=0", "temperature is 0; give a number above 0.0")]
    [InlineData("temperature=1e999", "temperature is .inf; give a number above 0.0")]
    [InlineData("model.l2_normalize=1", "model.l2_normalize is 1; give true or false")]
    [InlineData("model=x", "model is 'x'; give a section of keys and values")]
    [InlineData("dataset.model_type=cross_encoder", "dataset.model_type is 'cross_encoder'; give bi_encoder, which the recipe trains")]
    [InlineData("dataset.data_dir_list=[{'path': 'a', 'num_sample': 3}]", "'dataset.data_dir_list' has no key 'num_sample'; did you mean num_samples?")]
    [InlineData("dataset.data_dir_list=[]", "data_dir_list is empty")]
    [InlineData("distributed.tp_size=2", "distributed.tp_size is 2; give 1 or none")]
    [InlineData("validation_dataset.eval_negative_size=2", "validation_dataset.eval_negative_size is 2; give 4")]
    [InlineData("recipe=TrainBiEncoder", "did you mean TrainBiEncoderRecipe?")]
    [InlineData("matryoshka.dimensions=[8, 8]", "matryoshka.dimensions is [8, 8]; give different numbers of features")]
    [InlineData("false_negatives=margin", "without it no passage of another query is a candidate")]
    [InlineData("early_stopping.metric=ndcg@10", "early_stopping.metric is 'ndcg@10'; give val_loss")]
    [InlineData("checkpoint.checkpoint_dir=${SIROCCO_TEST_UNSET}", "checkpoint.checkpoint_dir needs environment variable SIROCCO_TEST_UNSET, which is not set")]
    [InlineData("tokenizer.tokenizer_backend=nemo", "tokenizer.tokenizer_backend is 'nemo'; give one of nemo_auto")]
    public void A_mistake_is_named_with_its_place_and_its_remedy(string mistake, string message)
    {
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => RecipeFile.ReadTraining(Recipe, [mistake]));
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(mistake.Split('=')[0], refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Fact]
    public void Sections_of_a_file_that_belong_to_other_programs_are_without_effect_but_misspelt_ones_are_named()
    {
        string text = File.ReadAllText(Recipe);
        using TemporaryFolder folder = new();
        ResolvedRecipe<RetrievalRecipe> foreign = RecipeFile.ReadTraining(
            folder.Write("foreign.yaml", text + "\npacked_sequence: {size: 0}\nrng: {ranked: true}\n"), []);
        Assert.Equal(["packed_sequence", "rng"], foreign.IgnoredKeys.Where(key => key is "packed_sequence" or "rng").Order());
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(
            () => RecipeFile.ReadTraining(folder.Write("misspelt.yaml", text + "\noptimiser: {lr: 1}\n"), []));
        Assert.Contains("a recipe has no key 'optimiser'; did you mean optimizer?", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(
            "is a folder; give a recipe in it",
            Assert.Throws<InvalidDataException>(() => RecipeFile.ReadTraining(folder.Path, [])).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("recipe: x\nrecipe: y\n", "t.yaml:2: key 'recipe' was given before, in line 1")]
    [InlineData("a:\n\t- 1\n", "t.yaml:2: ")]
    [InlineData("a: *b\n", "t.yaml:1: alias *b has no anchor &b before it")]
    [InlineData("a: &b [*b]\n", "t.yaml:1: alias *b stands inside its own anchor")]
    [InlineData("a: !!python/object:os.system x\n", "t.yaml:1: tag 'tag:yaml.org,2002:python/object:os.system'")]
    [InlineData("a: 1\n---\nb: 2\n", "t.yaml:2: ")]
    [InlineData("- a\n", "t.yaml:1: a recipe is a mapping of sections, not a list")]
    [InlineData("a: \"x\n", "t.yaml:")]
    [InlineData("", "t.yaml: is empty")]
    [InlineData("a: \u0001\n", "t.yaml:1: holds the control character U+0001")]
    public void Broken_YAML_is_refused_with_its_line(string yaml, string message) =>
        Assert.StartsWith(message, Assert.Throws<InvalidDataException>(() => YamlReader.Read(yaml, "t.yaml")).Message, StringComparison.Ordinal);

    [Fact]
    public void Deep_nesting_is_refused() =>
        Assert.Contains("nested deeper than 64 levels", Refusal("a: " + new string('[', 100_000)), StringComparison.Ordinal);

    [Fact]
    public void Aliases_that_multiply_are_refused()
    {
        string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + string.Concat(Enumerable.Range(1, 9).Select(i => $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n"));
        Assert.Contains("aliases make more than", Refusal(yaml), StringComparison.Ordinal);
    }

    [Fact]
    public void Merged_keys_give_way_to_a_mapping_s_own()
    {
        RecipeMapping tree = YamlReader.Read("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nuse:\n  <<: [*b, *o]\n  x: 9\n", "t.yaml");
        RecipeMapping use = (RecipeMapping)tree["use"]!;
        Assert.Equal([9L, 2L, 4L], ((string[])["x", "y", "z"]).Select(key => ((RecipeScalar)use[key]!).Value));
    }

    [Fact]
    public void Environment_variables_are_put_in_and_translated_and_kept_as_written()
    {
        string[] overrides = ["--seed", "${S}", "--checkpoint.checkpoint_dir=$HOME/${oc.env:RUN,first}", "--temperature", "${oc.env:T,0.5}"];
        ResolvedRecipe<RetrievalRecipe> file = RecipeFile.ReadTraining(Recipe, overrides, name => name switch
        {
            "S" => "7",
            "HOME" => "/home/x",
            _ => null,
        });
        Assert.Equal((7, "/home/x/first", 0.5), (file.Recipe.Seed, file.Recipe.Checkpoint.Folder, file.Recipe.Temperature));
        Assert.Contains("seed: ${S}\n", file.Configuration, StringComparison.Ordinal);
        Assert.Contains(file.Values, value => value is { Key: "seed", Value: "7", Origin: { Source: ValueSource.Override, Variables: ["S"] } });
    }

    [Fact]
    public void Seeds_are_whole_numbers_of_any_size_that_generators_take()
    {
        RetrievalRecipe recipe = RecipeFile.ReadTraining(Recipe, ["--seed", "4294967295", "--dataset.seed", "1000000000000"]).Recipe;
        Assert.Equal((4294967295, 1000000000000), (recipe.Seed, recipe.Dataset.Seed));
    }

    [Fact]
    public void Overrides_take_every_spelling()
    {
        BiEncoderRecipe recipe = (BiEncoderRecipe)RecipeFile.ReadTraining(Recipe,
        [
            "--step_scheduler.max_steps", "20", "--lr_scheduler.lr_warmup_steps=2", "dataset.n_passages=3", "--model.do_distributed_inbatch_negative",
            "--dataset.data_dir_list", "['a.json', 'b.jsonl']",
            "--dataset.seed", "-1", "--checkpoint.restore_from", "none",
        ]).Recipe;
        Assert.Equal(
            (20, 2, 3, true, -1, null),
            (
                recipe.StepScheduler.MaxSteps, recipe.ParameterSchedule!.WarmupSteps, recipe.Dataset.PassagesPerQuery, recipe.Model.InBatchNegatives,
                recipe.Dataset.Seed, recipe.Checkpoint.RestoreFrom));
        Assert.Equal(["a.json", "b.jsonl"], recipe.Dataset.Sources.Select(source => source.Path));
    }

    [Fact]
    public void Damaged_recipes_are_refused_in_one_line_or_read()
    {
        string[] texts = [.. ((string[])[GoldenFile.Path("recipes"), GoldenFile.Retrieval])
            .SelectMany(folder => Directory.GetFiles(folder, "*.yaml", SearchOption.AllDirectories)).Order(StringComparer.Ordinal).Select(File.ReadAllText)];
        const string Characters = "\n\t :-[]{}&*!|>'\"%@`#,?~<=0a\u00e9";
        FuzzRounds.Run(500, random =>
        {
            char[] text = texts[random.Next(texts.Length)].ToCharArray();
            for (int i = random.Next(1, 6); i > 0; i--) text[random.Next(text.Length)] = Characters[random.Next(Characters.Length)];
            string damaged = new string(text)[..random.Next(text.Length / 2, text.Length + 1)];
            try
            {
                RecipeMapping tree = new ValueTranslation(_ => null).Translate(YamlReader.Read(damaged, "t.yaml"));
                SectionReader top = new(tree, "", new RecipeReading());
                RecipeChecks.Check(RecipeSections.Training(top), top);
            }
            catch (InvalidDataException refusal)
            {
                Assert.True(
                    refusal.Message.StartsWith("t.yaml:", StringComparison.Ordinal) && !refusal.Message.Contains('\n', StringComparison.Ordinal),
                    refusal.Message);
            }
        });
    }

    private static string Refusal(string yaml) => Assert.Throws<InvalidDataException>(() => YamlReader.Read(yaml, "t.yaml")).Message;
}
