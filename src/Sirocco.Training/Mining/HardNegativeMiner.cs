using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// Mines hard negatives: for each question of a training file, the documents that a model ranks highest and that are no answers. The file that it writes trains
/// as it is.
/// <code>
/// MiningReport report = new HardNegativeMiner().Run(new MiningRecipe { Input = "train.json", Output = "mined.json", Model = "./encoder" });
/// </code>
/// </summary>
public sealed class HardNegativeMiner
{
    private readonly ModelOptions device;
    private readonly MiningObserver observer;

    /// <param name="device">Threads, determinism, an adapter of the model; a precision given here overrides the recipe's, attention is the folder's.</param>
    /// <param name="observer">Is told of progress; null: nobody is.</param>
    public HardNegativeMiner(ModelOptions? device = null, MiningObserver? observer = null)
    {
        this.device = device ?? new ModelOptions();
        this.observer = observer ?? new MiningObserver.Silent();
    }

    /// <summary>Finds the folder of a model that the recipe names; by default hub ids are looked up in the cache, and downloaded where it lacks them.</summary>
    public Func<string, CancellationToken, string> Locate { get; init; } = HubModel.Resolve;

    /// <summary>Reads the questions, encodes them and the documents, searches, and writes the file.</summary>
    /// <param name="recipe">From a file (<see cref="RecipeFile.ReadMining"/>) or put together in code.</param>
    /// <param name="cancellation">Stops downloads, and between layers; vectors of finished chunks stay in the cache.</param>
    /// <exception cref="InvalidDataException">A file cannot be used; the message says where and why. Data is read before the model is.</exception>
    /// <exception cref="FileNotFoundException">A file or model is missing.</exception>
    public MiningReport Run(MiningRecipe recipe, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        MiningTask task = MiningTask.Read(recipe.Input, recipe.Corpus, recipe.KeepInputNegatives, cancellation);
        PrepareOutput(recipe, task);
        string modelPath = Locate(recipe.Model, cancellation);
        string tokenizerPath = recipe.Tokenizer is { } own ? Locate(own, cancellation) : modelPath;
        using IndexedDocuments? indexed = recipe.Index is null ? null : OpenIndex(recipe, task, modelPath, tokenizerPath);
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(new TokenizerOptions
        {
            Path = tokenizerPath,
            Backend = recipe.ForceDefaultTokenizer ? TokenizerBackend.Wrapped : TokenizerBackend.Automatic,
            AddBeginToken = recipe.AddBeginToken ?? false,
            AddEndToken = recipe.AddEndToken ?? false,
        });
        if (tokenizer.Notice is { } notice) observer.Warned(notice);
        using Reranker? reranker = recipe.Reranker is { } path ? LoadReranker(Locate(path, cancellation)) : null;
        using BiEncoder model = BiEncoder.FromBackbone(modelPath, new BackboneOptions { Precision = device.Precision });
        if (device.Adapter is { } adapter) Adapter.Load(model, adapter);
        indexed?.RequireVectorsOf(model);
        using ComputeContext context = device.NewContext();
        MiningEncoder encoder = new(model, tokenizer, context, device.Precision ?? recipe.Precision ?? model.NaturalPrecision, recipe.Positions);
        string settings = recipe.CacheFolder is null ? "" // nothing is kept, so nothing is looked for
            : $"sirocco 1 model={ModelFingerprint.Of(modelPath, device.Adapter, whole: true)} tokenizer={ModelFingerprint.Of(tokenizerPath)} "
            + $"begin={recipe.AddBeginToken} end={recipe.AddEndToken} forced={recipe.ForceDefaultTokenizer} {encoder.Settings}";

        using EmbeddingCache cache = EmbeddingCache.Open(recipe, observer.Warned);
        Stopwatch clock = Stopwatch.StartNew();
        (EmbeddingFile questionFile, DocumentVectors documentFiles) = Encode(recipe, task, encoder, indexed, settings, cache, cancellation);
        using EmbeddingFile questions = questionFile;
        using DocumentVectors documents = documentFiles;
        clock.Stop();

        CandidateCheck? check = reranker is null ? null : new CandidateCheck(reranker, task, recipe.RerankerMargin);
        List<MinedNegatives> mined = Search(recipe, task, context, questions, documents, check, cancellation);
        new MinedFile(task, recipe, mined).Write(model);
        return Report(recipe, task, mined) with
        {
            Tokens = encoder.Tokens,
            Reused = cache.Reused,
            EncodingTime = clock.Elapsed,
            Rejected = check?.Rejected ?? 0,
        };
    }

    private void PrepareOutput(MiningRecipe recipe, MiningTask task)
    {
        string full = Path.GetFullPath(recipe.Output), folder = Path.GetDirectoryName(full)!;
        if (Directory.Exists(full)) throw new IOException($"{recipe.Output}: is a folder; train_file_output_path takes a file");
        RequireFolder(folder, "train_file_output_path", "takes a file in a folder");
        if (recipe.CacheFolder is { } cache) RequireFolder(Path.GetFullPath(cache), "cache_embeddings_dir", "takes a folder");
        Directory.CreateDirectory(folder);
        string extension = Path.GetExtension(full).ToLowerInvariant();
        if (task.Form != MiningForm.CorpusIds && extension is not (".jsonl" or ".json"))
            throw new InvalidDataException($"{recipe.Output}: these records are written as JSON Lines; name the file .jsonl");
        if (task.Form == MiningForm.CorpusIds && extension != ".json")
            observer.Warned($"{recipe.Output}: training reads a file with a corpus by the name ending in .json; this one does not");
        string input = Path.GetDirectoryName(Path.GetFullPath(recipe.Input))!;
        if (task.Form != MiningForm.CorpusIds || string.Equals(folder, input, StringComparison.Ordinal)) return;
        foreach (string corpus in JsonRecords.CorpusPaths(recipe.Input)
            .Where(corpus => !Path.IsPathRooted(corpus) && !Directory.Exists(Path.Combine(folder, corpus))))
        {
            observer.Warned($"{recipe.Output}: names its corpus as {recipe.Input} does, '{corpus}' beside the file, where it is not; "
                + $"write the file into {input}, or give the corpus an absolute path, to train on it");
        }
    }

    private IndexedDocuments OpenIndex(MiningRecipe recipe, MiningTask task, string modelPath, string tokenizerPath)
    {
        static string Whole(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (device.Adapter is { } adapter)
        {
            throw new InvalidDataException($"{adapter}: mining.index has the vectors of the model without this adapter; "
                + "merge it into the model (sirocco adapter merge) and index with that, or leave out mining.index");
        }
        if (Whole(tokenizerPath) != Whole(modelPath))
        {
            throw new InvalidDataException(
                "mining.tokenizer_name_or_path names another tokenizer than the model's, with which mining.index was made; leave one of the two out");
        }
        return IndexedDocuments.Open(recipe, task, ModelFingerprint.Of(modelPath));
    }

    private static void RequireFolder(string folder, string key, string takes)
    {
        for (string? place = folder; place is not null; place = Path.GetDirectoryName(place))
        {
            if (File.Exists(place)) throw new IOException($"{place}: is a file, not a folder; {key} {takes}");
        }
    }

    private Reranker LoadReranker(string path)
    {
        Reranker reranker = Reranker.FromPretrained(
            path, new RerankerOptions { Threads = device.Threads, Deterministic = device.Deterministic, Precision = device.Precision, Raw = true });
        if (reranker.Labels == 1) return reranker;
        int labels = reranker.Labels;
        reranker.Dispose();
        throw new InvalidDataException($"{path}: gives {labels} scores for a pair; mining.reranker takes a model that gives one");
    }

    private (EmbeddingFile Questions, DocumentVectors Documents) Encode(
        MiningRecipe recipe,
        MiningTask task,
        MiningEncoder encoder,
        IndexedDocuments? indexed,
        string settings,
        EmbeddingCache cache,
        CancellationToken cancellation)
    {
        int features = encoder.Features;
        if (indexed is not null && indexed.Features != features)
        {
            throw new InvalidDataException(
                $"{recipe.Index}: holds vectors of {indexed.Features} features, the model gives {features}; make the index again without a cut");
        }
        if (cache.FromNumpy(recipe.LoadFromCache, task.Questions, task.Documents, features) is { } given)
            return (given.Questions, new DocumentVectors([given.Documents], task.Documents));

        string questionSettings =
            $"{settings} prefix={recipe.QueryPrefix} length={recipe.QueryLength} batch={(encoder.BatchesMatter ? recipe.QueryBatchSize : 0)}";
        string fingerprint = EmbeddingCache.Fingerprint(
            questionSettings, 0, task.Questions, (hash, question) => Append(hash, Encoding.UTF8.GetBytes(task.QuestionText(question))));
        EmbeddingFile questions = cache.Questions(task.Questions, features, fingerprint, () => encoder.Encode(
            task.Questions, question => recipe.QueryPrefix + task.QuestionText(question), question => $"question '{task.QuestionId(question)}'",
            recipe.QueryLength, recipe.QueryBatchSize, Tell(MiningPhase.Questions, 0, task.Questions), cancellation));

        string documentSettings = $"{settings} prefix={recipe.PassagePrefix} length={recipe.PassageLength} "
            + $"batch={(encoder.BatchesMatter ? recipe.DocumentBatchSize : 0)} {indexed?.Settings}";
        List<EmbeddingFile> chunks = [];
        try
        {
            for (int start = 0; start < task.Documents; start += recipe.ChunkSize)
            {
                cancellation.ThrowIfCancellationRequested();
                int first = start, count = Math.Min(recipe.ChunkSize, task.Documents - start);
                long reused = cache.Reused;
                fingerprint = EmbeddingCache.Fingerprint(documentSettings, first, count, (hash, document) => Append(hash, task.DocumentBytes(document)));
                chunks.Add(cache.Chunk(chunks.Count, count, features, fingerprint, () => indexed?.Vectors(first, count) ?? encoder.Encode(
                    count, i => recipe.PassagePrefix + task.DocumentText(first + i), i => $"document '{task.DocumentId(first + i)}'", recipe.PassageLength,
                    recipe.DocumentBatchSize, Tell(MiningPhase.Documents, first, task.Documents), cancellation)));
                if (cache.Reused > reused || indexed is not null) observer.Reused(MiningPhase.Documents, first + count, task.Documents);
                else observer.Advanced(MiningPhase.Documents, first + count, task.Documents);
            }

            cache.RemoveChunksFrom(chunks.Count);
            return (questions, new DocumentVectors(chunks, recipe.ChunkSize));
        }
        catch
        {
            questions.Dispose();
            chunks.ForEach(chunk => chunk.Dispose());
            throw;
        }
    }

    private List<MinedNegatives> Search(
        MiningRecipe recipe,
        MiningTask task,
        ComputeContext context,
        EmbeddingFile questions,
        DocumentVectors documents,
        CandidateCheck? check,
        CancellationToken cancellation)
    {
        int spare = check is null ? 1 : 2; // the original's reserve of candidates
        int wanted = (int)Math.Min((long)recipe.Negatives * spare, task.Documents);

        // Where the form is this program's own, lists are too: JSON has no −∞, and a filler would train as the negative that the margin says it is not.
        MiningRecipe searched = recipe with { FiniteOnly = recipe.FiniteOnly || task.Form != MiningForm.CorpusIds };
        NegativeSearch search = new(context, searched, documents.Features, wanted);
        EqualTexts? equal = recipe.DropEqualTexts ? new EqualTexts(task, context.Threads, cancellation) : null;
        long pairs = (long)task.Questions * task.Documents;
        List<MinedNegatives> mined = new(task.Questions);
        foreach (FoundNegatives found in search.Run(
            questions,
            documents,
            task.Positives,
            question => equal?.Of(question) ?? [],
            done => observer.Advanced(MiningPhase.Search, done, pairs),
            cancellation))
        {
            (int Document, float Score)[] kept = check?.Filter(mined.Count, found.Candidates, cancellation) ?? found.Candidates;
            kept = kept[..Math.Min(kept.Length, recipe.Negatives)];
            mined.Add(new MinedNegatives(found.Positives, [.. kept.Select(negative => negative.Document)], [.. kept.Select(negative => negative.Score)]));
            if (check is not null) observer.Advanced(MiningPhase.Reranking, mined.Count, task.Questions);
        }

        return mined;
    }

    private Action<int> Tell(MiningPhase phase, int before, int total) => done => observer.Advanced(phase, before + done, total);

    private static MiningReport Report(MiningRecipe recipe, MiningTask task, List<MinedNegatives> mined)
    {
        double[] margins = [.. mined.Where(question => question.Positives.Length > 0 && question.Scores.Length > 0 && float.IsFinite(question.Scores[0]))
            .Select(question => (double)question.Positives.Min() - question.Scores[0])];
        return new MiningReport
        {
            Output = recipe.Output,
            Queries = task.Questions,
            Documents = task.Documents,
            Negatives = mined.Sum(question => (long)question.Documents.Length),
            Fillers = mined.Sum(question => (long)question.Scores.Count(float.IsNegativeInfinity)),
            QueriesWithoutNegatives = mined.Count(question => question.Scores.Length == 0 || float.IsNegativeInfinity(question.Scores[0])),
            Margins = MarginDistribution.Of(margins),
            Rejected = 0,
            Tokens = 0,
            Reused = 0,
            EncodingTime = TimeSpan.Zero,
        };
    }

    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> text)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
        hash.AppendData(length);
        hash.AppendData(text);
    }
}
