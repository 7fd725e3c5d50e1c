using System.IO.Compression;
using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training.Tests.Mining;

public sealed class MiningTests : IDisposable
{
    private static readonly string Tokenizer = GoldenFile.Path("retrieval/common/llama"), Data = GoldenFile.Path("retrieval/common/data");
    private readonly TemporaryFolder folder = new();
    private readonly Recorder recorder = new();

    public MiningTests()
    {
        foreach (string file in Directory.GetFiles(Data, "*", SearchOption.AllDirectories))
        {
            string copy = folder.File(Path.GetRelativePath(Data, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        SaveModel("model", 5);
    }

    public void Dispose() => folder.Dispose();

    private MiningRecipe Recipe => new()
    {
        Input = folder.File("train.json"),
        Output = folder.File("mined.json"),
        Model = folder.File("model"),
        Negatives = 6,
        QueryLength = 24,
        PassageLength = 40,
    };

    [Fact]
    public void Sizes_of_chunks_and_blocks_do_not_change_what_is_mined()
    {
        string[] expected = Lists(Recipe);
        Assert.Equal(expected, Lists(Recipe with { ChunkSize = 7 }));
        Assert.Equal(expected, Lists(Recipe with { QueriesAtOnce = 3 }));
        Assert.Equal(["mined.json"], Directory.GetFileSystemEntries(folder.Path, "mined*").Select(Path.GetFileName)); // and no vectors are left beside the file
    }

    [Fact]
    public void Negatives_are_the_best_documents_below_the_margin()
    {
        Run(Recipe with { CacheFolder = folder.File("cache"), FiniteOnly = true });
        MiningTask task = MiningTask.Read(Recipe.Input, null, withNegatives: false);
        float[][] questions = Vectors("cache/queries.safetensors"), documents = Vectors("cache/corpus_chunks/chunk_0000.safetensors");
        JsonElement[] rows = Rows(Recipe.Output);
        for (int q = 0; q < task.Questions; q++)
        {
            double[] scores = [.. documents.Select(document => document.Zip(questions[q], (a, b) => (double)a * b).Sum())];
            int[] positives = task.Positives(q);
            double most = positives.Min(positive => scores[positive]) * 0.95;
            double[] best = [.. Enumerable.Range(0, scores.Length)
                .Except(positives)
                .Select(document => scores[document])
                .Where(score => score <= most)
                .OrderDescending()
                .Take(6)];
            double[] mined = [.. rows[q].GetProperty("neg_doc").EnumerateArray().Select(negative => negative.GetProperty("score").GetDouble())];
            Assert.Equal(best.Length, mined.Length);
            for (int i = 0; i < best.Length; i++) Assert.Equal(best[i], mined[i], 1e-6);
        }
    }

    [Fact]
    public void A_run_that_was_cut_short_goes_on_after_its_last_chunk()
    {
        MiningRecipe recipe = Recipe with { ChunkSize = 16, CacheFolder = folder.File("cache") };
        string[] expected = Lists(Recipe with { ChunkSize = 16 });
        using CancellationTokenSource stop = new();
        recorder.Stop = (phase, done) =>
        {
            if (phase == MiningPhase.Documents && done > 40) stop.Cancel();
        };
        Assert.ThrowsAny<OperationCanceledException>(() => new HardNegativeMiner(null, recorder).Run(recipe, stop.Token));
        recorder.Stop = null;
        MiningReport report = Run(recipe);
        Assert.InRange(report.Reused, report.Queries + 32, report.Queries + 48);
        Assert.Equal(report.Reused - report.Queries, recorder.Reuses.Max()); // told, so that they do not count as work of this run
        Assert.Equal(expected, Lists(recipe));
        Assert.Empty(recorder.Warnings);
        Assert.Equal(report.Queries + report.Documents, Run(recipe).Reused);
    }

    [Theory]
    [InlineData("prefix")]
    [InlineData("length")]
    [InlineData("model")]
    [InlineData("weight")]
    [InlineData("text")]
    [InlineData("damage")]
    public void Vectors_of_other_settings_or_texts_are_made_anew_and_that_is_said(string changed)
    {
        MiningRecipe recipe = Recipe with { CacheFolder = folder.File("cache") };
        Run(recipe);
        switch (changed)
        {
            case "prefix":
                recipe = recipe with { PassagePrefix = "passage: " };
                break;
            case "length":
                recipe = recipe with { PassageLength = 20 };
                break;
            case "model":
                SaveModel("model", 6);
                break;
            case "weight":
                using (FileStream weights = File.Open(folder.File("model/model.safetensors"), FileMode.Open))
                {
                    weights.Position = weights.Length / 2 / sizeof(float) * sizeof(float);
                    weights.Write(BitConverter.GetBytes(0.25f));
                }

                break;
            case "text":
                folder.Write("train.json", File.ReadAllText(folder.File("train.json")).Replace("library", "LIBRARY", StringComparison.Ordinal));
                break;
            default:
                using (FileStream chunk = File.OpenWrite(folder.File("cache/corpus_chunks/chunk_0000.safetensors"))) chunk.SetLength(chunk.Length / 2);
                break;
        }

        string[] cached = Lists(recipe);
        Assert.NotEmpty(recorder.Warnings);
        Assert.All(recorder.Warnings, warning => Assert.Contains("made anew", warning, StringComparison.Ordinal));
        Assert.Equal(Lists(recipe with { CacheFolder = null }), cached);
    }

    [Fact]
    public void Files_of_the_original_are_read_where_the_recipe_asks_for_them_and_only_then()
    {
        Run(Recipe with { CacheFolder = folder.File("ours") });
        string[] expected = Lists(Recipe);
        MiningRecipe recipe = Recipe with { CacheFolder = folder.File("theirs") };
        Directory.CreateDirectory(recipe.CacheFolder);
        SaveNumpy("theirs/query_embeddings.npz", Vectors("ours/queries.safetensors"));
        SaveNumpy("theirs/passage_embeddings.npz", Vectors("ours/corpus_chunks/chunk_0000.safetensors"));
        MiningReport report = Run(recipe with { LoadFromCache = true });
        Assert.Equal((0, report.Queries + report.Documents), (report.Tokens, report.Reused));
        Assert.Equal(expected, Lists(recipe with { LoadFromCache = true }));
        Assert.All(recorder.Warnings, warning => Assert.Contains("as they are", warning, StringComparison.Ordinal));

        SaveNumpy("theirs/query_embeddings.npz", Vectors("ours/queries.safetensors")[1..]);
        Assert.Contains(
            "query_embeddings.npz: holds [",
            Assert.Throws<InvalidDataException>(() => Run(recipe with { LoadFromCache = true })).Message,
            StringComparison.Ordinal);
        Assert.Equal(0, Run(recipe).Reused);
        Assert.Contains("are not used", recorder.Warnings[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_with_the_same_id_get_the_results_of_the_last_and_lists_are_filled_unless_told_otherwise()
    {
        folder.Write("small/merlin_metadata.json", """{"class": "TextQADataset", "corpus_id": "c"}""");
        folder.Write("small/train.jsonl", string.Concat("abcdef".Select(id => $$"""{"id": "{{id}}", "text": "package {{id}} for É"}""" + "\n")));
        string input = folder.Write("twice.json", """
            {"version": 1.50, "corpus": {"path": "small"}, "data": [
              {"question_id": 7, "question": "erst\u00e9", "corpus_id": "c", "pos_doc": ["a", "b"], "neg_doc": ["c"]},
              {"question_id": 7, "question": "\"\\\n", "corpus_id": "c", "pos_doc": [{"id": "d"}], "neg_doc": [{"id": "e"}]},
              {"question_id": 8, "question": "", "corpus_id": "c", "pos_doc": [], "neg_doc": []}], "mining": 1, "note": [1, 2e3, {}, [], null, true]}
            """);
        MiningRecipe recipe = Recipe with { Input = input, KeepInputNegatives = true, Margin = 50, MarginType = MiningMargin.Absolute, Negatives = 3 };
        Run(recipe);
        string text = File.ReadAllText(recipe.Output);
        JsonElement[] rows = Rows(recipe.Output);
        Assert.StartsWith(
            """
            {
                "version": 1.5,
                "corpus": {
                    "path": "small"
                },
                "data": [
                    {
                        "question_id": "7",
                        "question": "ersté"
            """.ReplaceLineEndings("\n"),
            text,
            StringComparison.Ordinal);
        Assert.EndsWith(
            "\n    },\n    \"note\": [\n        1,\n        2000.0,\n        {},\n        [],\n        null,\n        true\n    ]\n}",
            text,
            StringComparison.Ordinal);
        Assert.Equal(
            ["e:-1", "a:0", "b:0", "c:0"],
            rows[0].GetProperty("neg_doc").EnumerateArray().Select(document => $"{document.GetProperty("id")}:{document.GetProperty("score")}"));
        Assert.Equal([true, false], rows[0].GetProperty("pos_doc").EnumerateArray().Select(document => document.TryGetProperty("score", out _)));
        Assert.Equal(3, rows[2].GetProperty("neg_doc").GetArrayLength());
        Assert.Equal([1, 1, 0], (Run(recipe with { FiniteOnly = true }), Rows(recipe.Output).Select(row => row.GetProperty("neg_doc").GetArrayLength())).Item2);
    }

    [Fact]
    public void A_document_with_the_text_of_a_positive_is_dropped_on_request()
    {
        string input = folder.Write("inline.jsonl", """
            {"query": "socket pool", "pos_doc": ["a pool of sockets"], "neg_doc": ["A  pool of SOCKETS", "time zones"]}
            {"query": "zones", "pos_doc": ["time zones"], "neg_doc": ["a colour picker"]}

            """);
        MiningRecipe recipe = Recipe with { Input = input, Output = folder.File("mined.jsonl"), Margin = null };
        Run(recipe);
        Assert.Equal([3, 3], Lines(recipe.Output).Select(row => row.GetProperty("neg_doc").GetArrayLength()));
        Run(recipe with { DropEqualTexts = true });
        Assert.Equal(
            ["a colour picker", "time zones"],
            Lines(recipe.Output)[0].GetProperty("neg_doc").EnumerateArray().Select(document => document.GetProperty("text").GetString())
                .Order(StringComparer.Ordinal));
        Train(recipe.Output, "inline");
    }

    [Fact]
    public void A_mined_file_trains_as_it_is()
    {
        MiningReport report = Run(Recipe with { FiniteOnly = false });
        Assert.Equal(report.Queries * 6, report.Negatives);
        Train(Recipe.Output, "corpus");
    }

    [Fact]
    public void Queries_beside_a_file_of_documents_get_the_same_negatives_and_train_beside_it()
    {
        MiningTask task = MiningTask.Read(Recipe.Input, null, withNegatives: false);
        string corpus = folder.Write(
            "documents.jsonl",
            string.Concat(
                Enumerable.Range(0, task.Documents)
                    .Select(place => JsonSerializer.Serialize(new { id = task.DocumentId(place), text = task.DocumentText(place) }) + "\n")));
        string queries = folder.Write(
            "queries.jsonl",
            string.Concat(
                Enumerable.Range(0, task.Questions)
                    .Select(q => JsonSerializer.Serialize(new { query = task.Question(q), positive = task.Positives(q).Select(task.DocumentId) }) + "\n")));
        string[] expected = Lists(Recipe with { FiniteOnly = true });
        MiningRecipe recipe = Recipe with { Input = queries, Corpus = corpus, Output = folder.File("mined.jsonl"), FiniteOnly = true };
        Run(recipe);
        Assert.Empty(recorder.Warnings);
        JsonElement[] rows = Lines(recipe.Output);
        Assert.Equal(expected, rows.Select(row => string.Join(' ', row.GetProperty("negative").EnumerateArray().Select(id => id.GetString()))));
        Assert.All(rows, row => Assert.Equal(row.GetProperty("negative").GetArrayLength(), row.GetProperty("negative_score").GetArrayLength()));

        RetrievalDataset dataset = RetrievalDataset.Load(
            new RetrievalDatasetOptions { Sources = [new RetrievalSource(recipe.Output, Corpus: corpus)], PassagesPerQuery = 3 });
        Assert.Equal(task.Questions, dataset.Count);
        Assert.Equal(
            rows[0].GetProperty("negative").EnumerateArray().Take(2).Select(id => id.GetString()),
            dataset.Get(0).Documents.Skip(1).Select(document => document.Id));
        MiningRecipe wrong = recipe with
        {
            Input = folder.Write("wrong.jsonl", """{"query": "x", "positive": "none"}"""),
            Output = folder.File("other.jsonl"),
        };
        Assert.Contains("documents.jsonl' in", Record.Exception(() => Run(wrong)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "name the file .jsonl", Record.Exception(() => Run(recipe with { Output = folder.File("mined.txt") })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Documents_whose_vectors_an_index_has_are_not_embedded_again()
    {
        MiningTask task = MiningTask.Read(Recipe.Input, null, withNegatives: false);
        MiningRecipe recipe = Recipe with { PassagePrefix = "passage: " }, indexed = recipe with { Index = folder.File("index") };
        void Build(Func<string, string> text, VectorStore store = VectorStore.F32) =>
            BuildIndex(indexed, text, new EmbedderOptions { IsCausal = false }, store);

        Build(text => text);
        string[] expected = Lists(recipe);
        Assert.Equal(expected, Lists(indexed));
        Assert.True(Run(indexed).Tokens < Run(recipe).Tokens / 2);

        string Message(MiningRecipe wrong) => Assert.Throws<InvalidDataException>(() => Run(wrong)).Message;
        Assert.Contains(
            "another prompt before documents ('passage: ') than mining has ('')", Message(indexed with { PassagePrefix = "" }), StringComparison.Ordinal);
        Assert.Contains("another length in tokens ('40') than mining has ('41')", Message(indexed with { PassageLength = 41 }), StringComparison.Ordinal);
        Build(text => text + "!");
        Assert.Contains("has another text for the document", Message(indexed), StringComparison.Ordinal);
        Build(text => text, VectorStore.Int8);
        Assert.Contains("keeps no f32 vectors", Message(indexed), StringComparison.Ordinal);
        Build(text => text);
        SaveModel("model", 6);
        Assert.Contains("another model", Message(indexed), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pooling", "was made with pooling: last, but mining's vectors have pooling: avg")]
    [InlineData("attention", "was made with bidirectional: false, but mining's vectors have bidirectional: true")]
    [InlineData("normalize", "was made with normalize: false, but mining's vectors have normalize: true")]
    [InlineData("begin", "mining.add_bos_token adds a token that the vectors of mining.index were made without")]
    [InlineData("end", "mining.add_eos_token adds a token")]
    [InlineData("tokenizer", "mining.tokenizer_name_or_path names another tokenizer than the model's")]
    [InlineData("adapter", "mining.index has the vectors of the model without this adapter")]
    [InlineData("nothing", null)]
    [InlineData("the model's own", null)]
    public void An_index_whose_vectors_are_not_those_of_the_recipe_is_refused(string changed, string? message)
    {
        MiningRecipe recipe = Recipe with
        {
            Index = folder.File("index"),
            AddBeginToken = changed == "begin" ? true : null,
            AddEndToken = changed == "end" ? true : null,
            Tokenizer = changed switch { "tokenizer" => Tokenizer, "nothing" => folder.File("model") + "/", _ => null },
        };
        BuildIndex(recipe, text => text, changed switch
        {
            "pooling" => new EmbedderOptions { Pooling = Pooling.Last },
            "attention" => new EmbedderOptions { IsCausal = true },
            "normalize" => new EmbedderOptions { Normalize = false },
            "the model's own" => new EmbedderOptions { Pooling = Pooling.Average, IsCausal = false, Normalize = true },
            _ => new EmbedderOptions(),
        });
        HardNegativeMiner miner = new(new ModelOptions { Threads = 2, Adapter = changed == "adapter" ? SaveAdapter() : null });
        if (message is null) Assert.Equal(Lists(recipe with { Index = null }), Lists(recipe));
        else Assert.Contains(message, Assert.Throws<InvalidDataException>(() => miner.Run(recipe)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_of_the_original_are_named_as_the_user_knows_them()
    {
        MiningRecipe recipe = Recipe with { CacheFolder = folder.File("theirs"), LoadFromCache = true };
        Run(Recipe with { CacheFolder = folder.File("ours") });
        float[][] questions = Vectors("ours/queries.safetensors"), documents = Vectors("ours/corpus_chunks/chunk_0000.safetensors");
        Directory.CreateDirectory(recipe.CacheFolder!);
        SaveNumpy("theirs/query_embeddings.npz", questions);
        documents[3][1] = float.NaN;
        SaveNumpy("theirs/passage_embeddings.npz", documents);
        string passages = folder.File("theirs/passage_embeddings.npz");
        string Message() => Assert.Throws<InvalidDataException>(() => Run(recipe)).Message;
        Assert.Equal($"{passages}: vector 3 (counted from 0) is not finite; make the file anew, or leave out load_embeddings_from_cache", Message());
        SaveNumpy("theirs/passage_embeddings.npz", documents, byColumns: true);
        Assert.StartsWith(passages + ":", Message(), StringComparison.Ordinal);
        Assert.DoesNotContain("unpacked", Message(), StringComparison.Ordinal);
    }

    /// <summary>A margin that no document keeps: the original completes its lists with what the margin removed, at −∞.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lists_in_forms_of_this_program_have_no_fillers(bool beside)
    {
        string inline = folder.Write("inline.jsonl", """
            {"query": "socket pool", "pos_doc": ["a pool of sockets"], "neg_doc": ["time zones"]}
            {"query": "zones", "pos_doc": ["time zones"], "neg_doc": ["a colour picker"]}
            """);
        string corpus = folder.Write("documents.jsonl", """
            {"id": "a", "text": "a pool of sockets"}
            {"id": "b", "text": "time zones"}
            """);
        string queries = folder.Write("queries.jsonl", """{"query": "socket pool", "positive": "a", "negative": "b"}""");
        MiningRecipe recipe = Recipe with
        {
            Input = beside ? queries : inline,
            Corpus = beside ? corpus : null,
            Output = folder.File("mined.jsonl"),
            Margin = 50,
            MarginType = MiningMargin.Absolute,
        };
        MiningReport report = Run(recipe);
        Assert.Equal((0, 0, report.Queries), (report.Negatives, report.Fillers, report.QueriesWithoutNegatives));
        Assert.All(Lines(recipe.Output), row => Assert.Equal(0, row.GetProperty(beside ? "negative" : "neg_doc").GetArrayLength()));
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(2_000_000_000)]
    public void More_negatives_may_be_asked_for_than_there_are_documents(int negatives)
    {
        string[] expected = Lists(Recipe with { Negatives = 1000 });
        Assert.Equal(expected, Lists(Recipe with { Negatives = negatives }));
    }

    [Fact]
    public void What_the_input_has_beside_its_records_is_repeated_word_for_word()
    {
        string data = File.ReadAllText(folder.File("train.json")).TrimEnd().TrimEnd('}');
        string input = folder.Write(
            "more.json", data + """, "rate": NaN, "least": -Infinity, "most": Infinity, "text": "NaN", "note": [-Infinity, "", {"a": NaN}]}""");
        Run(Recipe with { Input = input });
        Assert.Contains(
            """
                "rate": NaN,
                "least": -Infinity,
                "most": Infinity,
                "text": "NaN",
                "note": [
                    -Infinity,
                    "",
                    {
                        "a": NaN
                    }
                ],
            """.ReplaceLineEndings("\n").TrimStart(),
            File.ReadAllText(Recipe.Output),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_question_that_is_null_is_mined_as_an_empty_one()
    {
        string text = File.ReadAllText(folder.File("train.json"));
        int start = text.IndexOf("\"question\": \"", StringComparison.Ordinal) + "\"question\": ".Length;
        int end = text.IndexOf("\",", start + 1, StringComparison.Ordinal) + 1;
        string Asked(string question)
        {
            Run(Recipe with { Input = folder.Write("asked.json", text[..start] + question + text[end..]), CacheFolder = folder.File("cache") });
            return Rows(Recipe.Output)[0].GetRawText();
        }

        string empty = Asked("\"\"");
        Assert.Contains("\"question\": \"\"", empty, StringComparison.Ordinal);
        Assert.Equal(empty, Asked("null"));
    }

    /// <summary>A Ministral network scales queries by position; with padding on the left the position of a token is its column in the batch.</summary>
    [Fact]
    public void Positions_count_columns_of_the_original_batches()
    {
        SaveModel("ministral", 5, ModelFamily.Ministral3);
        string config = folder.File("ministral/tokenizer_config.json");
        File.WriteAllText(config, File.ReadAllText(config).TrimEnd().TrimEnd('}').TrimEnd() + """, "padding_side": "left"}""");
        MiningRecipe recipe = Recipe with { Model = folder.File("ministral"), CacheFolder = folder.File("cache"), QueryBatchSize = 5 };
        Run(recipe);
        float[][] vectors = Vectors("cache/queries.safetensors");
        using BiEncoder model = BiEncoder.FromBackbone(recipe.Model);
        using ComputeContext context = new();
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(new TokenizerOptions { Path = recipe.Model });
        Assert.Equal(TextSide.Left, tokenizer.PaddingSide);
        MiningTask task = MiningTask.Read(recipe.Input, null, withNegatives: false);
        int[][] ids = [.. Enumerable.Range(0, task.Questions).Select(q => tokenizer.Encode(task.QuestionText(q), 24))];
        double worst = 0, other = 0;
        for (int q = 0; q < ids.Length; q++)
        {
            int columns = ids.Skip(q / 5 * 5).Take(5).Max(row => row.Length);
            float[] Alone(int first)
            {
                using Scope f = context.BeginScope();
                return model.Encode(f, ids[q], Segments.FromLengths([ids[q].Length], [.. Enumerable.Range(first, ids[q].Length)])).ToArray();
            }

            worst = Math.Max(worst, Alone(columns - ids[q].Length).Zip(vectors[q], (a, b) => Math.Abs(a - b)).Max());
            other = Math.Max(other, Alone(0).Zip(vectors[q], (a, b) => Math.Abs(a - b)).Max());
        }

        Assert.True(worst <= 2e-6, $"{worst}");
        Assert.True(other > 1e-5, "the test shows nothing: positions do not matter to this model");
    }

    [Fact]
    public void Mistakes_in_the_data_come_before_the_model_is_looked_for()
    {
        MiningRecipe recipe = Recipe with { Model = folder.File("nowhere") };
        string Message(string name, string? content)
        {
            string path = content is null ? folder.File(name) : folder.Write(name, content);
            return Record.Exception(() => Run(recipe with { Input = path, KeepInputNegatives = true })).Message;
        }

        Assert.Contains("absent.json: no such file", Message("absent.json", null), StringComparison.Ordinal);
        string Row(string positive, string negative) => $$"""
            {
                "corpus": {"path": "corpus"},
                "data": [{"question_id": "q", "question": "x", "corpus_id": "{{CorpusId}}", "pos_doc": ["{{positive}}"], "neg_doc": [{{negative}}]}]
            }
            """;
        Assert.Contains("'pos_doc' names the document 'none'", Message("a.json", Row("none", "")), StringComparison.Ordinal);
        string known = MiningTask.Read(Recipe.Input, null, false).DocumentId(0);
        Assert.Contains("'neg_doc' names the document 'gone'", Message("b.json", Row(known, "\"gone\"")), StringComparison.Ordinal);
        string More(string members) => Row(known, "").TrimEnd().TrimEnd('}') + ", " + members + "}";
        Assert.Contains("c.json: 'note' is not valid Unicode", Message("c.json", More(""" "note": ["\ud800"]""")), StringComparison.Ordinal);
        Assert.Contains(
            "d.json:4: the name of a member is not valid Unicode", Message("d.json", More(""" "note": {"\uDC00": 1}""")), StringComparison.Ordinal);
        string Path(string path) => Row(known, "").Replace("\"corpus\"}", $"\"{path}\"}}", StringComparison.Ordinal);
        Assert.Contains("e.json: 'path' is not valid Unicode", Message("e.json", Path("\\ud800")), StringComparison.Ordinal);
        Assert.Contains("f.json: the 'path' of 'corpus' holds a null character", Message("f.json", Path("\\u0000x")), StringComparison.Ordinal);
        string file = folder.Write("a file", "");
        Assert.Equal(
            $"{file}: is a file, not a folder; train_file_output_path takes a file in a folder",
            Record.Exception(() => Run(recipe with { Output = System.IO.Path.Combine(file, "below", "mined.json") })).Message);
        Assert.Equal(
            $"{file}: is a file, not a folder; cache_embeddings_dir takes a folder", Record.Exception(() => Run(recipe with { CacheFolder = file })).Message);
        Assert.StartsWith(recipe.Model, Record.Exception(() => Run(recipe)).Message, StringComparison.Ordinal);
    }

    private string CorpusId => Corpus.Load(folder.File("corpus")).Description.Id;

    private MiningReport Run(MiningRecipe recipe) => new HardNegativeMiner(new ModelOptions { Threads = 2 }, recorder).Run(recipe);

    /// <summary>Mined rows, one text for each.</summary>
    private string[] Lists(MiningRecipe recipe)
    {
        Run(recipe);
        return [.. Rows(recipe.Output)
            .Select(row => string.Join(' ', row.GetProperty("neg_doc").EnumerateArray().Select(document => document.GetProperty("id").GetString())))];
    }

    private static JsonElement[] Rows(string path)
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(path).Replace("-Infinity", "0", StringComparison.Ordinal));
        return [.. file.RootElement.GetProperty("data").EnumerateArray().Select(row => row.Clone())];
    }

    private static JsonElement[] Lines(string path) => [.. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement)];

    private float[][] Vectors(string name)
    {
        using TensorArchive archive = TensorArchive.Open(folder.File(name));
        return [.. archive.Values("embeddings").Chunk((int)archive["embeddings"].Columns)];
    }

    private void SaveNumpy(string name, float[][] vectors, bool byColumns = false)
    {
        string array = folder.File("array.npy");
        NpyWriter.Write<float>(array, [vectors.Length, vectors[0].Length], [.. vectors.SelectMany(vector => vector)]);
        if (byColumns)
        {
            byte[] bytes = File.ReadAllBytes(array);
            " True"u8.CopyTo(bytes.AsSpan(bytes.AsSpan().IndexOf("False"u8)));
            File.WriteAllBytes(array, bytes);
        }

        File.Delete(folder.File(name));
        using ZipArchive archive = ZipFile.Open(folder.File(name), ZipArchiveMode.Create);
        archive.CreateEntryFromFile(array, "arr_0.npy", CompressionLevel.NoCompression);
    }

    private static void BuildIndex(MiningRecipe recipe, Func<string, string> text, EmbedderOptions options, VectorStore store = VectorStore.F32)
    {
        MiningTask task = MiningTask.Read(recipe.Input, null, withNegatives: false);
        using Embedder embedder = Embedder.FromPretrained(recipe.Model, options with { MaxLength = recipe.PassageLength, Threads = 2 });
        IEnumerable<IndexRecord> records = Enumerable.Range(0, task.Documents).Reverse()
            .Select(place => new IndexRecord(task.DocumentId(place), text(task.DocumentText(place))));
        SemanticIndex.Build(embedder, records, recipe.Index!, new IndexOptions { DocumentPrompt = recipe.PassagePrefix, Store = store });
    }

    private string SaveAdapter()
    {
        using BiEncoder model = BiEncoder.FromBackbone(folder.File("model"));
        Adapter.Attach(model, new AdapterOptions { Rank = 2 }).Save(folder.File("adapter"));
        return folder.File("adapter");
    }

    private void SaveModel(string name, ulong seed, ModelFamily family = ModelFamily.Llama)
    {
        ModelConfig config = TinyTask.Config with
        {
            Family = family,
            VocabularySize = 2000,
            MaxPositions = 512,
            Rope = family == ModelFamily.Ministral3 ? new RopeParameters { QueryScaleBeta = 0.5, OriginalMaxPositions = 4 } : new RopeParameters(),
        };
        using BiEncoder model = new(new Decoder(config, new RandomParameters(config, seed)), new EncoderSettings());
        model.Save(folder.File(name), new ExportOptions { Tokenizer = Tokenizer });
    }

    private void Train(string file, string name)
    {
        string recipe = folder.Write($"{name}.yaml", $$"""
            recipe: TrainBiEncoderRecipe
            seed: 1
            model: {pretrained_model_name_or_path: '{{folder.File("model")}}', pooling: avg, torch_dtype: float32}
            tokenizer: {pretrained_model_name_or_path: '{{Tokenizer}}'}
            dataset: {data_dir_list: '{{file}}', n_passages: 3}
            dataloader: {collate_fn: {q_max_len: 16, p_max_len: 32} }
            optimizer: {_target_: torch.optim.AdamW, lr: 1e-4}
            step_scheduler: {global_batch_size: 2, local_batch_size: 2, max_steps: 2, num_epochs: 2}
            checkpoint: {checkpoint_dir: '{{folder.File("run-" + name)}}', enabled: false}
            """);
        new RecipeRunner().Run(RecipeFile.ReadTraining(recipe).Recipe);
        Assert.Equal(2, File.ReadLines(Path.Combine(folder.File("run-" + name), "training.jsonl")).Count());
    }

    private sealed class Recorder : MiningObserver
    {
        public List<string> Warnings { get; } = [];

        public Action<MiningPhase, long>? Stop { get; set; }

        public List<long> Reuses { get; } = [];

        public override void Advanced(MiningPhase phase, long done, long total) => Stop?.Invoke(phase, done);

        public override void Reused(MiningPhase phase, long done, long total) => Reuses.Add(done);

        public override void Warned(string message) => Warnings.Add(message);
    }
}
