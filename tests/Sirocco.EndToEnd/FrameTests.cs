using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Formats;
using Sirocco.Training;

namespace Sirocco.EndToEnd;

public sealed class FrameTests
{
    private static readonly RootCommand Root = CommandLine.CreateRoot(new Terminal(), null);

    /// <summary>Verbs by the words that lead to them, such as <c>adapter merge</c>.</summary>
    private static readonly Dictionary<string, Verb> VerbsByName = Leaves(Root, "").ToDictionary(leaf => leaf.Name, leaf => leaf.Verb, StringComparer.Ordinal);

    public static TheoryData<string> Verbs => [.. VerbsByName.Keys];

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_verb_explains_itself_with_two_or_three_examples(string name)
    {
        Outcome help = SiroccoProcess.Run([.. name.Split(' '), "--help"]).ExpectSuccess();
        Assert.Equal("", help.Error);
        Verb verb = VerbsByName[name];
        Assert.InRange(verb.Examples.Count, 2, 3);
        Assert.All(verb.Examples, example => Assert.Contains(example.Line, help.Output, StringComparison.Ordinal));
        Assert.All(verb.Options, option => Assert.Contains(option.Name, help.Output, StringComparison.Ordinal));
        Assert.All(verb.Options, option => Assert.False(string.IsNullOrWhiteSpace(option.Description)));
        Assert.All(verb.Arguments, argument => Assert.False(string.IsNullOrWhiteSpace(argument.Description)));
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_example_of_the_help_is_a_command_line_that_parses(string name)
    {
        foreach (Example example in VerbsByName[name].Examples)
        {
            string[] words = Assert.Single(ShellCommands(example.Line), command => command[0] == "./sirocco");
            Assert.Empty(Root.Parse(Spelling.Normalise(words[1..], Root)).Errors);
        }
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_long_option_may_be_written_with_underscores(string name)
    {
        foreach (Option option in VerbsByName[name].Options.Where(option => option.Name.StartsWith("--", StringComparison.Ordinal)))
        {
            string underscored = "--" + option.Name[2..].Replace('-', '_');
            Assert.Equal([.. name.Split(' '), option.Name], Spelling.Normalise([.. name.Split(' '), underscored], Root));
            Assert.Equal([.. name.Split(' '), option.Name + "=a_b"], Spelling.Normalise([.. name.Split(' '), underscored + "=a_b"], Root));
        }
    }

    [Theory]
    [InlineData("forward")]
    [InlineData("contrastive")]
    [InlineData("embed")]
    [InlineData("rerank")]
    [InlineData("index")]
    [InlineData("search")]
    [InlineData("bench")]
    public void A_verb_that_computes_can_be_told_to_be_deterministic(string name)
    {
        Assert.Contains(Root.Subcommands.Single(verb => verb.Name == name).Options, option => option.Name == "--deterministic");
    }

    [Fact]
    public void Texts_after_two_hyphens_are_left_alone()
    {
        Assert.Equal(["info", "--", "--max_length"], Spelling.Normalise(["info", "--", "--max_length"], Root));
    }

    [Fact]
    public void The_value_of_an_option_is_never_taken_for_an_option()
    {
        Assert.Equal(["embed", "--prompt", "--max_length"], Spelling.Normalise(["embed", "--prompt", "--max_length"], Root));
    }

    [Theory]
    [InlineData("imfo", "there is no verb 'imfo'; did you mean info?")]
    [InlineData("info --tensros x", "sirocco info has no option --tensros; did you mean --tensors?")]
    [InlineData("info --zzzzzz", "sirocco info has no option --zzzzzz; see sirocco info --help")]
    [InlineData("info", "PATH is missing; see sirocco info --help")]
    [InlineData("embed --max-lenght 5", "sirocco embed has no option --max-lenght; did you mean --max-length?")]
    [InlineData("embed m --threads many", "--threads takes a whole number from 1 to 4096, not 'many'; see sirocco embed --help")]
    [InlineData("embed m --precision f64", "--precision takes one of auto, f32, bf16, int8, not 'f64'; see sirocco embed --help")]
    [InlineData("embed m text --normalize --no-normalize", "--normalize and --no-normalize contradict each other; give one of them")]
    [InlineData("embed m text --input file", "give texts or --input, not both")]
    [InlineData("contrastive m in out --temperature 1 --precision int8", "--precision int8 has no gradients, and contrastive needs them; choose f32 or bf16")]
    [InlineData(
        "forward m in out --outputs logits,grads --precision int8", "--precision int8 has no gradients, and --outputs grads needs them; choose f32 or bf16")]
    [InlineData("forward m in -", "OUTPUT takes a file, not -: the result cannot go to standard output")]
    [InlineData("index m corpus.txt -", "INDEX takes a folder, not -: the result cannot go to standard output")]
    [InlineData("index m corpus.txt ", "INDEX takes a path, not an empty word; see sirocco index --help")]
    [InlineData("embed m text --output ", "--output takes a path, not an empty word; see sirocco embed --help")]
    [InlineData("rerank m --query q --template {query}", "--template needs both {query} and {passage}")]
    [InlineData("rerank m --query q --template {query}{passage}{title}", "--template has {query} and {passage} only, not {title}")]
    [InlineData("demo --minutes 1 --steps 5", "give --minutes or --steps, not both")]
    [InlineData(
        "embed m text --pooling best",
        "--pooling takes one of avg, mean, cls, last, weighted_avg, lasttoken, max, mean_sqrt_len_tokens, weightedmean, not 'best'; see sirocco embed --help")]
    [InlineData("forward m in out --outputs logit", "there is no output 'logit'; did you mean logits?")]
    [InlineData("forward m in out --outputs ", "--outputs names no output; there are logits, hidden_states, last_hidden_state, embedding, score, loss, grads")]
    [InlineData("contrastive m in out --temperature 1e-300", "--temperature takes a number above 0 within the range of float32, not 1E-300")]
    [InlineData("contrastive m in out --temperature 0", "--temperature takes a number above 0 within the range of float32, not 0")]
    [InlineData("contrastive m in out --temperature NaN", "--temperature takes a number, not 'NaN'; see sirocco contrastive --help")]
    [InlineData(
        "bench embed --shape nope", "shape 'nope' is unknown: use ministral-3b, ministral-8b, ministral-14b, llama-1b, llama-3b, llama-8b, encoder-110m")]
    [InlineData("bench gemm --tokens 5", "bench gemm has no use for --tokens, which is for embed and train; leave it out")]
    [InlineData("bench embed --neighbour", "bench embed has no use for --neighbour, which is for gemm; leave it out")]
    [InlineData("contrastive m in out", "--temperature is missing; see sirocco contrastive --help")]
    [InlineData("train r.yaml --thread 1", "sirocco train has no option --thread; did you mean --threads?")]
    [InlineData("train r.yaml --nproc_per_nod=2", "sirocco train has no option --nproc_per_nod; did you mean --nproc-per-node?")]
    [InlineData("mine m.yaml --precison f32", "sirocco mine has no option --precison; did you mean --precision?")]
    [InlineData("train r.yaml --explain --initial-weights ", "--initial-weights takes a path, not an empty word; see sirocco train --help")]
    [InlineData("train --config ", "--config takes a path, not an empty word; see sirocco train --help")]
    [InlineData("plot run --output ", "--output takes a path, not an empty word; see sirocco plot --help")]
    [InlineData("demo --precision int8", "--precision int8 has no gradients, and demo needs them; choose f32 or bf16")]
    [InlineData("demo --query chess --minutes 1", "--minutes has no use with --query, which trains nothing; leave it out")]
    [InlineData("info table.parquet --rows 1 --tensors", "--tensors has no use with --rows, which prints rows; leave it out")]
    [InlineData("search i q --candidates 3", "--candidates needs --rerank MODEL")]
    [InlineData("search i q --rerank-share 0.5", "--rerank-share needs --rerank MODEL")]
    [InlineData("eval m --corpus c --queries q --candidates 3", "--candidates needs --rerank MODEL")]
    [InlineData("eval m --corpus c --queries q --rerank-share 0.5", "--rerank-share needs --rerank MODEL")]
    [InlineData("eval run.trec --qrels q --max-queries 3", "--max-queries needs --queries FILE")]
    [InlineData("eval run.trec --qrels q --top 3", "--top needs a MODEL, an index or --bm25 that searches")]
    [InlineData("eval run.trec --qrels q --store int8", "--store needs a MODEL or an index, whose vectors it changes")]
    [InlineData("eval run.trec --qrels q --query-prompt p", "--query-prompt needs a MODEL; an index has the prompt that it was made with")]
    [InlineData("eval run.trec --qrels q --prompt p", "--prompt needs a MODEL that embeds the documents")]
    public void A_wrong_command_line_ends_with_status_two_and_one_line_that_helps(string line, string message)
    {
        Outcome outcome = SiroccoProcess.Run(line.Split(' '));
        Assert.Equal(2, outcome.Status);
        Assert.Equal("", outcome.Output);
        Assert.Equal("error: " + message, Assert.Single(outcome.ErrorLines));
    }

    [Theory]
    [InlineData("train", "temperature", "recipe: TrainBiEncoderRecipe", "collate_fn: {}", "")]
    [InlineData("train", "temperature", "recipe: TrainCrossEncoderRecipe", "collate_fn: {rerank_max_length: 8}", "")]
    [InlineData("train", "projection_lr", "recipe: EmbeddingDistillRecipe", "collate_fn: {}", ", teacher_hidden_size: 8")]
    [InlineData("mine", "mining", "mining: {train_qa_file_path: a, train_file_output_path: b, model_name_or_path: m}", null, null)]
    public void No_key_of_a_recipe_is_taken_for_a_mistyped_option(string verb, string known, string begin, string? collator, string? student)
    {
        string sections = verb == "mine" ? "" : $$"""

            model: {pretrained_model_name_or_path: m{{student}}}
            teacher_model: {pretrained_model_name_or_path: m}
            dataset: {data_dir_list: d, n_passages: 2}
            dataloader: {{{collator}}}
            optimizer: {lr: 1e-4}
            """;
        using TemporaryFolder folder = new();
        string recipe = folder.Write("r.yaml", begin + sections);
        string[] unknown = ["nothing_of_that_name=1"];
        string message = Assert.Throws<InvalidDataException>(
            () => verb == "mine" ? (object)RecipeFile.ReadMining(recipe, unknown) : RecipeFile.ReadTraining(recipe, unknown)).Message;
        string[] keys = message.Split("it takes ")[^1].Split(", ");
        Assert.Contains(known, keys);
        Assert.All(keys, key => Assert.Contains($"--{key}=1", Spelling.Normalise([verb, recipe, $"--{key}=1"], Root)[^1], StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_verb_the_verbs_are_listed()
    {
        Outcome outcome = SiroccoProcess.Run().ExpectSuccess();
        Assert.All(Root.Subcommands, verb => Assert.Contains(verb.Name, outcome.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void The_version_is_one_line()
    {
        Assert.Matches(@"^\d+\.\d+\.\d+", Assert.Single(SiroccoProcess.Run("--version").ExpectSuccess().OutputLines));
    }

    [Theory]
    [InlineData("embad", "embed")]
    [InlineData("tok", "tokenize")]
    [InlineData("ebmed", "embed")]
    [InlineData("quux", null)]
    public void The_nearest_word_is_the_one_with_the_fewest_edits(string typed, string? expected)
    {
        Assert.Equal(expected, NearestWord.Find(typed, ["embed", "tokenize", "info"]));
    }

    [Fact]
    public void A_message_of_several_lines_becomes_one()
    {
        Assert.Equal("first second third", Failure.OneLine("first\r\nsecond\t third\n"));
    }

    [Fact]
    public void Progress_shows_the_rate_and_the_time_that_is_left()
    {
        using ProgressLine progress = new(new Terminal(), quiet: true, "embedding", "texts", 200);
        Assert.Contains(
            "25% 50/200 texts, 5.0 texts/s, 0:30 left, loss 1.5", progress.Describe(50, "loss 1.5", null, TimeSpan.FromSeconds(10)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_an_earlier_run_did_counts_neither_for_the_rate_nor_for_the_time_that_is_left()
    {
        using ProgressLine progress = new(new Terminal(), quiet: true, "embedding", "texts", 200);
        progress.GoOnFrom(100, part: null, TimeSpan.FromSeconds(5));
        Assert.Contains("50% 100/200 texts, 0.0 texts/s", progress.Describe(100, null, null, TimeSpan.FromSeconds(5)), StringComparison.Ordinal);
        Assert.Contains("75% 150/200 texts, 5.0 texts/s, 0:10 left", progress.Describe(150, null, null, TimeSpan.FromSeconds(15)), StringComparison.Ordinal);
        Assert.EndsWith("200/200 texts, 5.0 texts/s", progress.Describe(200, null, null, TimeSpan.FromSeconds(25)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_training_run_that_goes_on_at_step_80_of_100_has_a_quarter_of_the_time_left_after_16_more()
    {
        using ProgressLine progress = new(new Terminal(), quiet: true, "training", "tokens", total: null);
        progress.GoOnFrom(0, 0.8, TimeSpan.Zero);
        Assert.Contains("96% 1,600 tokens, 100 tokens/s, 0:04 left", progress.Describe(1600, null, 0.96, TimeSpan.FromSeconds(16)), StringComparison.Ordinal);
    }

    /// <summary>The commands of a pipeline, each as its words without quotes.</summary>
    private static List<string[]> ShellCommands(string line)
    {
        List<string[]> commands = [];
        List<string> words = [];
        List<char> word = [];
        char quote = '\0';
        foreach (char c in line + " |")
        {
            if (c == quote) quote = '\0';
            else if (quote == '\0' && c is ('\'' or '"')) quote = c;
            else if (quote != '\0' || c is not (' ' or '|')) word.Add(c);
            else if (word.Count > 0)
            {
                words.Add(new string([.. word]));
                word.Clear();
            }

            if (quote != '\0' || c != '|') continue;
            commands.Add([.. words.TakeWhile(text => text is not (">" or "<"))]);
            words.Clear();
        }

        return commands;
    }

    private static IEnumerable<(string Name, Verb Verb)> Leaves(Command command, string before) => command.Subcommands.SelectMany(inner =>
        inner is Verb verb ? [(before + inner.Name, verb)] : Leaves(inner, before + inner.Name + " "));
}
