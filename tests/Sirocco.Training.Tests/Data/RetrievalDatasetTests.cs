using System.IO.Compression;
using FsCheck;
using FsCheck.Fluent;

namespace Sirocco.Training.Tests;

public class RetrievalDatasetTests
{
    private const string Inline = """{"query": "q", "pos_doc": "p", "neg_doc": ["n"]}""";
    private const string Metadata = """{"class": "TextQADataset", "corpus_id": "c", "query_instruction": "find:", "passage_instruction": "text:"}""";

    [Theory]
    [InlineData("x.jsonl", "{0}\n\n{0}\n", 2)]
    [InlineData("x.jsonl", "{0}", 1)]
    [InlineData("x.jsonl", "{0}\r\n{0}", 2)]
    [InlineData("x.json", "[{0},\n{0}]", 2)]
    [InlineData("x.json", "{\"data\": [{0}], \"other\": 1}", 1)]
    [InlineData("x.json", "{0}", 1)]
    [InlineData("x.jsonl", "\uFEFF{0}\n{0}", 2)]
    public void Inline_records_are_read_from_each_form_of_JSON(string name, string form, int count)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write(name, form.Replace("{0}", Inline, StringComparison.Ordinal));
        RetrievalDataset dataset = Load(path, passages: 2);
        Assert.Equal(count, dataset.Count);
        Assert.Equal(["p", "n"], dataset.Get(count - 1).Documents.Select(document => document.Text));
        Assert.Equal($"{name}:{count - 1}", dataset.Get(count - 1).QuestionId);
    }

    [Fact]
    public void Queries_name_documents_of_a_file_beside_them()
    {
        using TemporaryFolder folder = new();
        string corpus = folder.Write(
            "corpus.jsonl", """{"id": "a", "section": "x", "text": "A"}""" + "\n" + """{"id": 7, "text": "seven"}""" + "\n" + """{"id": "b", "text": "B"}""");
        string queries = folder.Write(
            "queries.jsonl", """{"query": "q", "positive": "b"}""" + "\n" + """{"query": "r", "positive": ["a", "b"], "negative": [7]}""");
        RetrievalDataset dataset = RetrievalDataset.Load(
            new RetrievalDatasetOptions { Sources = [new RetrievalSource(queries, Corpus: corpus)], PassagesPerQuery = 1 });
        Assert.Equal(["b", "a"], Enumerable.Range(0, dataset.Count).Select(row => dataset.Get(row).Documents[0].Id));
        Assert.Equal("B", dataset.Get(0).Documents[0].Text);
        Assert.Equal("seven", Assert.Single(dataset.Record(1).Negatives).Text);
        string unknown = folder.Write("wrong.jsonl", """{"query": "q", "positive": "z"}""");
        InvalidDataException refused = Assert.Throws<InvalidDataException>(
            () => RetrievalDataset.Load(new RetrievalDatasetOptions { Sources = [new RetrievalSource(unknown, Corpus: corpus)], PassagesPerQuery = 1 }));
        Assert.Contains("wrong.jsonl", refused.Message, StringComparison.Ordinal);
        Assert.Contains("'z'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pretty_printed_object_is_one_record()
    {
        using TemporaryFolder folder = new();
        Assert.Equal(1, Load(folder.Write("x.json", "{\n \"question\": \"q\",\n \"pos_doc\": [7],\n \"neg_doc\": [{\"text\": \"n\"}]\n}\n"), 2).Count);
    }

    [Fact]
    public void Scalars_become_the_texts_that_Python_makes_of_them()
    {
        using TemporaryFolder folder = new();
        const string Numbers = "[1.0, 1e5, 1e16, 0.0001, 0.00001, true, -0.0, 123456789012345678901234567890, 1.5e300, 0.1]";
        string path = folder.Write("x.jsonl", $$"""{"query": "q", "id": 5, "pos_doc": 12, "neg_doc": {{Numbers}}}""");
        RetrievalExample example = Load(path, 11).Get(0);
        Assert.Equal(
            ["12", "1.0", "100000.0", "1e+16", "0.0001", "1e-05", "True", "-0.0", "123456789012345678901234567890", "1.5e+300", "0.1"],
            example.Documents.Select(document => document.Text));
        Assert.Equal("5", example.QuestionId);
    }

    [Fact]
    public void Numbers_that_Python_writes_as_bare_words_do_not_hinder_reading()
    {
        using TemporaryFolder folder = new();
        Corpus(folder, """{"id": "a", "text": "A"}""", """{"id": "b", "text": "NaN is -Infinity"}""");
        string path = folder.Write("x.json", """
            {
                "corpus": {"path": "corpus"},
                "data": [
                    {
                        "question_id": 1, "question": "NaN \"Infinity", "corpus_id": "c",
                        "pos_doc": [{"id": "a", "score": NaN}], "neg_doc": [{"id": "b", "score": -Infinity}]
                    }
                ]
            }
            """);
        RetrievalExample example = Load(path, 2).Get(0);
        Assert.Equal("NaN \"Infinity", example.Question);
        Assert.Equal("NaN is -Infinity", example.Documents[1].Text);
    }

    [Fact]
    public void The_last_of_several_documents_of_one_id_is_taken_and_numbers_are_ids_too()
    {
        using TemporaryFolder folder = new();
        Corpus(folder, """{"id": 1, "text": "old"}""", """{"id": "2", "text": "two"}""", """{"id": "1", "text": "new"}""");
        string path = folder.Write("x.json", Record("""{"id": "1", "score": 3}""", "2"));
        RetrievalDataset dataset = Load(path, 3, new() { Sources = [], UseInstructions = true });
        Assert.Equal(["new", "two", "two"], dataset.Get(0).Documents.Select(document => document.Text));
        Assert.Equal(("find:", "text:"), (dataset.Get(0).QueryInstruction, dataset.Get(0).PassageInstruction));
        Assert.Contains("repeated", dataset.Warnings.Single(), StringComparison.Ordinal);
        Assert.Equal(2, dataset.Corpora.Single().Count);
    }

    [Fact]
    public void Positives_take_turns_by_epoch_only_where_asked_and_only_in_training()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("x.jsonl", """{"query": "q", "pos_doc": ["a", "b", "c"], "neg_doc": []}""");
        string Positive(bool cycles, DatasetUse use, int epoch) =>
            Load(path, 1, new() { Sources = [], CyclePositives = cycles, Use = use }).Get(0, epoch).Documents[0].Text;
        Assert.Equal(["a", "b", "c", "a"], Enumerable.Range(0, 4).Select(epoch => Positive(true, DatasetUse.Training, epoch)));
        Assert.Equal(("a", "a"), (Positive(false, DatasetUse.Training, 1), Positive(true, DatasetUse.Evaluation, 1)));
    }

    [Fact]
    public void Pair_and_triplet_columns_are_read_from_tables()
    {
        using TemporaryFolder folder = new();
        string csv = folder.Write("x.csv", "anchor,positive,negative_1,negative_2\n\"a \"\"quoted\"\", one\",\"p\r\nq\",n1,n2\n\nb,p2,n3,\n");
        RetrievalDataset dataset = Load(csv, 3);
        Assert.Equal(["p\r\nq", "n1", "n2"], dataset.Get(0).Documents.Select(document => document.Text));
        Assert.Equal("a \"quoted\", one", dataset.Get(0).Question);
        Assert.Equal(["p2", "n3", "n3"], dataset.Get(1).Documents.Select(document => document.Text));
        Assert.Contains(":5", dataset.Get(1).Place, StringComparison.Ordinal);
        Assert.Equal("n", Load(folder.Write("y.tsv", "query\tpos_doc\tneg_doc\nq\tp\tn"), 2).Get(0).Documents[1].Text);
        Assert.Equal(
            ["p", "n"],
            Load(folder.Write("z.jsonl", """{"anchor": "a", "positive": ["p"], "negative": ["n", "m"]}"""), 2)
                .Get(0).Documents.Select(document => document.Text));
    }

    [Fact]
    public void A_folder_of_the_hub_is_read_by_its_train_split()
    {
        using TemporaryFolder folder = new();
        folder.Write("set/data/train-00001-of-00002.jsonl", """{"anchor": "b", "positive": "p"}""");
        folder.Write("set/data/train-00000-of-00002.jsonl", """{"anchor": "a", "positive": "p"}""");
        folder.Write("set/data/test-00000-of-00001.jsonl", """{"anchor": "c", "positive": "p"}""");
        RetrievalDataset dataset = Load(folder.File("set"), 1);
        Assert.Equal(["a", "b"], Enumerable.Range(0, dataset.Count).Select(row => dataset.Get(row).Question));
    }

    [Fact]
    public void A_data_set_saved_to_disk_is_read_from_its_Arrow_files()
    {
        string saved = GoldenFile.Path("datasets/gsm8k/saved"), hub = GoldenFile.Path("datasets/gsm8k/hub");
        RetrievalDataset fromArrow = Load(saved, 1), fromParquet = Load(hub, 1);
        Assert.Equal(fromParquet.Count, fromArrow.Count);
        for (int i = 0; i < fromArrow.Count; i++)
            Assert.Equal((fromParquet.Get(i).Question, fromParquet.Get(i).Documents[0]), (fromArrow.Get(i).Question, fromArrow.Get(i).Documents[0]));
    }

    [Fact]
    public void A_bundle_is_read_with_the_bundles_inside_it_and_sampled_as_datasets_shuffle()
    {
        using TemporaryFolder folder = new();
        folder.Write("set/metadata.json", """
            {
                "format": "nemo_automodel_normalized_vl_retrieval_arrow",
                "version": 1,
                "sources": [{"path": "sources/source-00000"}, {"path": "sources/source-00001"}]
            }
            """);
        for (int i = 0; i < 2; i++)
        {
            string source = $"set/sources/source-0000{i}/";
            folder.Write(source + "metadata.json", """
                {
                    "format": "nemo_automodel_normalized_vl_retrieval_arrow",
                    "version": 1,
                    "train_shards": ["train/a.jsonl"],
                    "corpora": [{"corpus_id": "c", "metadata": {"query_instruction": "find:"}, "shards": ["corpus/a.jsonl"]}]
                }
                """);
            string documents = $$""" "pos_doc": [{"id": "{{i}}"}], "neg_doc": [{"id": "same"}]""";
            folder.Write(
                source + "train/a.jsonl",
                string.Join('\n', Enumerable.Range(0, 5).Select(row =>
                    $$"""{"question_id": "q", "question": "q{{i}}{{row}}", "corpus_id": "c",{{documents}}}""")));
            folder.Write(
                source + "corpus/a.jsonl", $$"""{"id": "{{i}}", "text": "text {{i}}", "image_jpeg": null}""" + "\n" + """{"id": "same", "text": "S"}""");
        }

        RetrievalDatasetOptions options = new() { Sources = [new(folder.File("set"), 4)], Kind = RetrievalDatasetKind.Normalized, PassagesPerQuery = 2 };
        RetrievalDataset dataset = RetrievalDataset.Load(options);
        Assert.Equal(
            NumpyRandom.Permutation(10, 42)[..4].Select(row => $"q{row / 5}{row % 5}"), Enumerable.Range(0, 4).Select(row => dataset.Get(row).Question));
        Assert.Equal(3, dataset.Corpora.Single().Count);
        folder.Write("set/sources/source-00001/corpus/a.jsonl", """{"id": "same", "text": "other"}""");
        Assert.Contains("has another text than", Assert.Throws<InvalidDataException>(() => RetrievalDataset.Load(options)).Message, StringComparison.Ordinal);
        folder.Write("set/metadata.json", """{"format": "nemo_automodel_normalized_vl_retrieval_arrow", "version": 1, "sources": [{"path": "../../etc"}]}""");
        Assert.Contains("not inside the bundle", Assert.Throws<InvalidDataException>(() => RetrievalDataset.Load(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scored_pairs_are_read_with_their_scores()
    {
        using TemporaryFolder folder = new();
        Assert.Equal([new("a", "b", 0.5), new("c", "d", 4)], ScoredPairs.Read(folder.Write("x.csv", "sentence1,sentence2,score\na,b,0.5\nc,d,4")));
        string wrong = folder.Write("x.jsonl", """{"sentence1": "a", "sentence2": "b", "label": "much"}""");
        Assert.Contains(
            "x.jsonl:1: 'label' is no number", Assert.Throws<InvalidDataException>(() => ScoredPairs.Read(wrong)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bare_NaN_is_neither_a_score_nor_a_title()
    {
        using TemporaryFolder folder = new();
        string pairs = folder.Write(
            "pairs.jsonl", "{\"sentence1\": \"a\", \"sentence2\": \"b\", \"score\": NaN}\n{\"sentence1\": \"a\", \"sentence2\": \"b\", \"score\": -Infinity}");
        Assert.Contains(
            "pairs.jsonl:1: 'score' is no number", Assert.Throws<InvalidDataException>(() => ScoredPairs.Read(pairs)).Message, StringComparison.Ordinal);
        Assert.Equal(
            "text", EvaluationCorpus.Load(folder.Write("corpus.jsonl", "{\"_id\": \"a\", \"title\": NaN, \"text\": \"text\", \"rank\": -Infinity}")).TextOf(0));
    }

    [Theory]
    [InlineData("x.jsonl.gz")]
    [InlineData("train.jsonl.gz")]
    public void Compressed_records_are_a_source_as_a_file_and_in_a_folder(string name)
    {
        using TemporaryFolder folder = new();
        using (GZipStream gzip = new(File.Create(folder.File(name)), CompressionLevel.Fastest))
            gzip.Write(System.Text.Encoding.UTF8.GetBytes($"{Inline}\n{Inline}\n"));
        Assert.Equal(2, Load(folder.File(name), 2).Count);
        Assert.Equal(2, Load(folder.Path, 2).Count);
    }

    [Theory]
    [InlineData("x.csv.gz")]
    [InlineData("x.parquet.gz")]
    [InlineData("x.jsonl.zst")]
    [InlineData("x.zip")]
    public void Other_compressed_tables_are_refused_by_their_names(string name)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write(name, "");
        Assert.Equal(
            $"{path}: of compressed files only JSON Lines with .gz are read; unpack it first",
            Assert.Throws<InvalidDataException>(() => EvaluationCorpus.Load(path)).Message);
    }

    [Fact]
    public void Reading_stops_between_records_and_between_documents()
    {
        using TemporaryFolder folder = new();
        CancellationToken cancelled = new(canceled: true);
        Corpus(folder, """{"id": 1, "text": "one"}""");
        Assert.Throws<OperationCanceledException>(() => Sirocco.Training.Corpus.Load(folder.File("corpus"), cancelled));
        RetrievalDatasetOptions inline = new() { Sources = [new(folder.Write("x.jsonl", Inline))], PassagesPerQuery = 2 };
        Assert.Throws<OperationCanceledException>(() => RetrievalDataset.Load(inline, cancellation: cancelled));
    }

    [Fact]
    public void Sources_are_joined_in_the_order_of_the_reference()
    {
        using TemporaryFolder folder = new();
        Corpus(folder, """{"id": 1, "text": "one"}""", """{"id": 2, "text": "two"}""");
        string withCorpus = folder.Write("x.json", Record("1", "2")), inline = folder.Write("x.jsonl", Inline);
        RetrievalDataset dataset = RetrievalDataset.Load(new() { Sources = [new(inline), new(withCorpus, 5)], PassagesPerQuery = 2 });
        Assert.Equal(["question", "q"], Enumerable.Range(0, 2).Select(row => dataset.Get(row).Question));
        Assert.Contains("num_samples is 5", dataset.Warnings.Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\"}", "x.jsonl:2: the record has no 'pos_doc'")]
    [InlineData("x.jsonl", "{0}\n\n{\"pos_doc\": 1}", "x.jsonl:3: the record has no 'query' or 'question'")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_doc\": \"p\"}", "x.jsonl:2: the record has no 'neg_doc'")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_doc\": [], \"neg_doc\": []}", "x.jsonl:2: 'pos_doc' is empty")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_doc\": \"p\", \"neg_doc\": []}", "x.jsonl:2: 'neg_doc' is empty")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"\", \"pos_doc\": \"p\", \"neg_doc\": \"n\"}", "x.jsonl:2: 'query' is empty")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_doc\": \"\", \"neg_doc\": \"n\"}", "x.jsonl:2: 'pos_doc' holds an empty text")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_doc\": {\"title\": 1}, \"neg_doc\": \"n\"}", "x.jsonl:2: 'pos_doc' holds a document without 'text'")]
    [InlineData(
        "x.jsonl",
        "{0}\n{\"query\": \"q\", \"pos_doc\": {\"text\": \"t\", \"image\": \"i.png\"}, \"neg_doc\": \"n\"}",
        "x.jsonl:2: 'pos_doc' holds a document with an 'image'")]
    [InlineData("x.jsonl", "{0}\n{\"query\": [1], \"pos_doc\": \"p\", \"neg_doc\": \"n\"}", "x.jsonl:2: 'query' is a list")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"\\ud800\", \"pos_doc\": \"p\", \"neg_doc\": \"n\"}", "x.jsonl:2: 'query' is not valid Unicode")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_d", "x.jsonl:2: is not JSON at byte")]
    [InlineData("x.jsonl", "{0}\n7", "x.jsonl:2: is a number, expected an object")]
    [InlineData("x.jsonl", "{0}\n{0} {0}", "x.jsonl:2: is not JSON at byte")]
    [InlineData("x.jsonl", "", "x.jsonl: is empty")]
    [InlineData("x.jsonl", "\n \n", "x.jsonl: holds no records")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_doc\": [null], \"neg_doc\": \"n\"}", "x.jsonl:2: 'pos_doc' holds null")]
    [InlineData("x.jsonl", "{0}\n{\"query\": \"q\", \"pos_doc\": \"p\", \"neg_doc\": [null, \"n\"]}", "x.jsonl:2: 'neg_doc' holds null")]
    [InlineData("x.jsonl", "{0}\n{\"\\ud800\": 1, \"query\": \"q\"}", "x.jsonl:2: the name of a member is not valid Unicode")]
    [InlineData(
        "x.jsonl",
        "{0}\n{\"query\": \"q\", \"pos_doc\": {\"\\uDFFF\": 1, \"text\": \"p\"}, \"neg_doc\": \"n\"}",
        "x.jsonl:2: the name of a member is not valid Unicode")]
    [InlineData("x.json", "[{0},\n{\"query\": \"q\", \"other\": {\"te\\ud800\": 1}}]", "x.json:2: the name of a member is not valid Unicode")]
    [InlineData("x.json", "[{0},\n{\"query\": ]", "x.json:2: is not JSON at byte")]
    [InlineData("x.json", "[{0}, {\"query\": \"q\"}]", "x.json: record 1 (counted from 0): the record has no 'pos_doc'")]
    [InlineData("x.csv", "anchor,positive\na,\"b", "x.csv:2: a quoted cell has no closing quote")]
    [InlineData("x.csv", "anchor,positive\na,b,c", "x.csv:2: the row has 3 cells")]
    [InlineData("x.csv", "anchor,positive\na,", "x.csv:2: 'positive' is empty")]
    [InlineData("x.csv", "anchor,anchor\na,b", "x.csv:1: the header names the column 'anchor' twice")]
    [InlineData("x.csv", "sentence1,sentence2,score\na,b,1", "x.csv:2: holds a scored pair")]
    [InlineData("x.csv", "anchor,positive\n", "x.csv: holds no records")]
    public void A_record_that_cannot_be_used_is_named_with_file_line_and_key(string name, string form, string message)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write(name, form.Replace("{0}", Inline, StringComparison.Ordinal));
        string said = Assert.Throws<InvalidDataException>(() => Load(path, 2)).Message;
        Assert.Contains(message, said, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', said);
    }

    [Theory]
    [InlineData("""{"id": "zzz"}""", "2", "'pos_doc' names the document 'zzz', which the corpus 'c'")]
    [InlineData("1", "9", "'neg_doc' names the document '9'")]
    [InlineData("1", "3", "'neg_doc' names the document '3', whose text is empty")]
    [InlineData("""{"name": 1}""", "2", "'pos_doc' holds a document without 'id'")]
    public void A_document_that_the_corpus_lacks_is_named_with_its_record(string positive, string negative, string message)
    {
        using TemporaryFolder folder = new();
        Corpus(folder, """{"id": 1, "text": "one"}""", """{"id": 2, "text": "two"}""", """{"id": 3, "text": ""}""");
        string said = Assert.Throws<InvalidDataException>(() => Load(folder.Write("x.json", Record(positive, negative)), 2)).Message;
        Assert.StartsWith(folder.File("x.json") + ": record 0 (counted from 0): ", said, StringComparison.Ordinal);
        Assert.Contains(message, said, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_wrong_with_a_corpus_is_said_before_training()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("x.json", Record("1", "2"));
        Assert.Contains("merlin_metadata.json", Failure(path), StringComparison.Ordinal);
        folder.Write("corpus/merlin_metadata.json", """{"class": "ColPaliDataset", "corpus_id": "c"}""");
        Assert.Contains("a corpus of images", Failure(path), StringComparison.Ordinal);
        folder.Write("corpus/merlin_metadata.json", """{"class": "TextQADataset"}""");
        Assert.Contains("'corpus_id'", Failure(path), StringComparison.Ordinal);
        folder.Write("corpus/merlin_metadata.json", Metadata.Replace("\"c\"", "\"other\"", StringComparison.Ordinal));
        folder.Write("corpus/train.jsonl", """{"id": 1}""");
        Assert.Contains("train.jsonl:1: the record has no 'text'", Failure(path), StringComparison.Ordinal);
        folder.Write("corpus/train.jsonl", """{"id": 1, "text": "one"}""");
        Assert.Contains("'corpus_id' is 'c', but there are only 'other'", Failure(path), StringComparison.Ordinal);

        folder.Write("second/corpus/merlin_metadata.json", Metadata.Replace("\"c\"", "\"other\"", StringComparison.Ordinal));
        folder.Write("second/corpus/train.jsonl", """{"id": 1, "text": "one"}""");
        string second = folder.Write("second/x.json", Record("1", "2"));
        string said = Assert.Throws<InvalidDataException>(() => RetrievalDataset.Load(new() { Sources = [new(path), new(second)] })).Message;
        Assert.Contains("has the corpus_id 'other', as has", said, StringComparison.Ordinal);

        static string Failure(string path) => Assert.Throws<InvalidDataException>(() => Load(path, 2)).Message;
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_named_with_their_line()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("x.jsonl");
        File.WriteAllBytes(path, [.. "{\"query\": \"q\", \"pos_doc\": \"p\", \"neg_doc\": \"n\"}\n{\"query\": \""u8, 0xC3, 0x28, .. "\"}"u8]);
        Assert.Contains("x.jsonl:2: is not valid UTF-8 at byte 11", Assert.Throws<InvalidDataException>(() => Load(path, 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_surrogate_pair_in_a_text_that_nobody_reads_does_no_harm()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("x.jsonl", Inline[..^1] + """, "note": "\ud83d", "\ud83d\ude00": 1}""");
        Assert.Equal(1, Load(path, 2).Count);
    }

    [Fact]
    public void Of_a_repeated_data_member_the_last_is_read()
    {
        using TemporaryFolder folder = new();
        string last = Inline.Replace("\"q\"", "\"r\"", StringComparison.Ordinal);
        string path = folder.Write("x.json", $$"""{"data": [{{Inline}}, {{Inline}}], "data": [{{last}}]}""");
        RetrievalDataset dataset = Load(path, 2);
        Assert.Equal((1, "r"), (dataset.Count, dataset.Get(0).Question));
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{\n")]
    [InlineData("\uFEFF {\r\n  \"corpus\"")]
    public void A_file_above_2_GB_in_one_piece_of_JSON_is_told_from_lines(string start)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("x.json", start);
        using (FileStream file = File.OpenWrite(path)) file.SetLength((1L << 31) + 1);   // sparse: nothing is written
        Assert.Equal(
            $"{path}: is larger than 2 GB in one piece of JSON; write one record on each line (.jsonl) instead",
            Assert.Throws<InvalidDataException>(() => Load(path, 2)).Message);
    }

    [Fact]
    public void A_file_with_a_corpus_is_not_taken_for_records_with_texts()
    {
        using TemporaryFolder folder = new();
        Corpus(folder, """{"id": 1, "text": "one"}""", """{"id": 2, "text": "two"}""");
        string path = folder.Write("x.json", Record("1", "2"));
        Assert.StartsWith(
            $"{path}: has 'corpus' and 'data', which is the form with a corpus",
            Assert.Throws<InvalidDataException>(() => Load(path, 2, new() { Sources = [], Kind = RetrievalDatasetKind.Inline })).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[1, 2]")]
    [InlineData("not JSON")]
    [InlineData("{\"format\": 1}")]
    public void A_metadata_file_of_somebody_else_makes_no_bundle(string metadata)
    {
        using TemporaryFolder folder = new();
        folder.Write("set/train.jsonl", """{"anchor": "a", "positive": "p"}""");
        folder.Write("set/metadata.json", metadata);
        Assert.Equal(1, Load(folder.File("set"), 1).Count);
    }

    [Fact]
    public void Long_texts_leave_the_room_beside_short_ones_to_those_that_follow()
    {
        TextPool pool = new();
        byte[] text = new byte[300_000];
        long before = GC.GetAllocatedBytesForCurrentThread();
        List<(int Handle, int Length)> added = [];
        for (int i = 0; i < 20; i++)
        {
            text[0] = (byte)i;
            added.Add((pool.Append(text), text.Length));
            added.Add((pool.Append(text.AsSpan(0, i)), i));
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 20 * text.Length, (20 * text.Length) + (2 << 20));
        Assert.Equal(added.Select(text => text.Length), added.Select(text => pool.Bytes(text.Handle).Length));
        Assert.Equal(Enumerable.Range(1, 19), added.Where(text => text.Length is > 0 and < 20).Select(text => (int)pool.Bytes(text.Handle)[0]));
    }

    [Fact]
    public void A_negative_seed_is_refused_before_reading_where_NumPy_would_shuffle_with_it()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("x.jsonl", Inline);
        RetrievalDatasetOptions options = new() { Sources = [new(path)], Seed = -1, PassagesPerQuery = 2, Shuffle = true };
        Assert.Equal(1, RetrievalDataset.Load(options).Count);
        string Message(RetrievalDatasetOptions wrong) => Assert.Throws<InvalidDataException>(() => RetrievalDataset.Load(wrong)).Message;
        string expected = "the dataset's seed is -1, but do_shuffle shuffles as NumPy does; give a seed of 0 or more";
        Assert.Equal(expected, Message(options with { MaximumExamples = 1 }));
        Assert.Equal(expected, Message(options with { Kind = RetrievalDatasetKind.Inline }));
        string bundle = folder.Write("set/metadata.json", """{"format": "nemo_automodel_normalized_vl_retrieval_arrow", "version": 1}""");
        Assert.Contains($"{bundle}: num_samples shuffles", Message(options with { Sources = [new(bundle, 1)] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        RetrievalDatasetOptions options = new() { Sources = [new("x.jsonl")] };
        Assert.All(
            [
                options with { Sources = [] }, options with { PassagesPerQuery = 0 }, options with { MaximumExamples = -1 }, options with { FirstExample = -1 },
                options with { Sources = [new("x", -1)] }],
            wrong => Assert.Throws<InvalidDataException>(() => RetrievalDataset.Load(wrong)));
        Assert.Throws<FileNotFoundException>(() => RetrievalDataset.Load(options));
    }

    /// <summary>Damaged files fail with the reader's own error, and with no other.</summary>
    [Theory]
    [InlineData("x.jsonl", Inline + "\n" + Inline)]
    [InlineData("x.json", "[" + Inline + ",\n" + Inline + "]")]
    [InlineData(
        "x.json",
        """{"corpus": {"path": "corpus"}, "data": [{"question_id": 1, "question": "q", "corpus_id": "c", "pos_doc": [1, NaN], "neg_doc": [{"id": 2}]}]}""")]
    [InlineData("x.csv", "anchor,positive,negative\n\"a\"\"\",\"p\nq\",n\nb,\"\",m\n")]
    public void Damaged_files_fail_with_an_error_of_the_reader(string name, string content)
    {
        using TemporaryFolder folder = new();
        Corpus(folder, """{"id": 1, "text": "one"}""", """{"id": 2, "text": "two"}""");
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(content);
        FuzzRounds.Run(300, random =>
        {
            byte[] damaged = Damage(bytes, random);
            string path = folder.File(name);
            File.WriteAllBytes(path, damaged);
            try
            {
                RetrievalDataset dataset = Load(path, 2);
                for (int row = 0; row < dataset.Count; row++) Assert.Equal(2, dataset.Get(row).Documents.Count);
            }
            catch (Exception e) when (e is InvalidDataException or FileNotFoundException)
            {
                Assert.Contains(folder.Path, e.Message, StringComparison.Ordinal);
            }
        });
    }

    [Fact]
    public void Each_row_is_seen_once_an_epoch_by_one_process_in_an_order_of_seed_and_epoch()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>().Filter(n => n is >= 0 and < 200), ArbMap.Default.ArbFor<int>().Filter(w => w is > 0 and < 5), (rows, world) =>
        {
            HashSet<int> seen = [];
            for (int rank = 0; rank < world; rank++)
            {
                BatchSampler sampler = new(rows, new DataLoaderOptions(), 3, 7, rank, world), again = new(rows, new DataLoaderOptions(), 3, 7, rank, world);
                IReadOnlyList<int[]> batches = sampler.Batches(2);
                Assert.Equal(batches, again.Batches(2));
                Assert.Equal(sampler.Count, batches.Count);
                Assert.All(batches.SelectMany(batch => batch), row => Assert.True(seen.Add(row)));
                Assert.All(
                    new BatchSampler(rows, new DataLoaderOptions { DropLast = true }, 3, 7, rank, world).Batches(0), batch => Assert.Equal(3, batch.Length));
            }

            Assert.Equal(rows / world * world, seen.Count);
        }).QuickCheckThrowOnFailure();
    }

    private static byte[] Damage(byte[] bytes, Random random)
    {
        List<byte> damaged = [.. bytes];
        for (int i = random.Next(1, 4); i > 0 && damaged.Count > 0; i--)
        {
            int at = random.Next(damaged.Count);
            switch (random.Next(4))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged.RemoveRange(at, random.Next(damaged.Count - at));
                    break;
                case 2:
                    damaged.Insert(at, "{}[]\",:\n\\0"u8[random.Next(10)]);
                    break;
                default:
                    damaged.InsertRange(at, damaged.GetRange(at, random.Next(damaged.Count - at)));
                    break;
            }
        }

        return [.. damaged];
    }

    private static RetrievalDataset Load(string path, int passages, RetrievalDatasetOptions? options = null) =>
        RetrievalDataset.Load((options ?? new() { Sources = [] }) with { Sources = [new RetrievalSource(path)], PassagesPerQuery = passages });

    private static void Corpus(TemporaryFolder folder, params string[] documents)
    {
        folder.Write("corpus/merlin_metadata.json", Metadata);
        folder.Write("corpus/train.jsonl", string.Join('\n', documents));
    }

    private static string Record(string positive, string negative) =>
        $$"""
        {
            "corpus": {"path": "corpus"},
            "data": [{"question_id": "q1", "question": "question", "corpus_id": "c", "pos_doc": [{{positive}}], "neg_doc": [{{negative}}], "extra": {} } ]
        }
        """;
}
