using System.Text;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Negatives of a question as they go into the file.</summary>
/// <param name="Positives">Score of each positive.</param>
/// <param name="Documents">Mined documents, best first.</param>
/// <param name="Scores">Their scores.</param>
internal sealed record MinedNegatives(float[] Positives, int[] Documents, float[] Scores);

/// <summary>
/// Writes the training file again, with scores and mined negatives: corpus-id files as the original does, others as JSON Lines of their own kind.
/// </summary>
internal sealed class MinedFile
{
    private const int Indent = 4;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly MiningTask task;
    private readonly MiningRecipe recipe;
    private readonly IReadOnlyList<MinedNegatives> results;
    private readonly Dictionary<string, int> lastOfId = new(StringComparer.Ordinal);

    /// <param name="task">The questions.</param>
    /// <param name="recipe">Paths and settings.</param>
    /// <param name="results">One for each question.</param>
    public MinedFile(MiningTask task, MiningRecipe recipe, IReadOnlyList<MinedNegatives> results)
    {
        (this.task, this.recipe, this.results) = (task, recipe, results);
        for (int question = 0; question < task.Questions; question++) lastOfId[task.QuestionId(question)] = question;
    }

    /// <summary>Writes the file; an earlier one of that name stays until this one is complete.</summary>
    /// <param name="model">Says how texts became vectors.</param>
    public void Write(BiEncoder model) => AtomicFile.Write(recipe.Output, stream =>
    {
        using StreamWriter writer = new(stream, Utf8, 1 << 16, leaveOpen: true);
        if (task.Form == MiningForm.CorpusIds) WriteDocument(new PythonJson(writer, Indent), model);
        else WriteLines(writer);
    });

    private void WriteDocument(PythonJson json, BiEncoder model)
    {
        IEnumerable<JsonMember> members = task.Members;
        if (task.Members.All(member => member.Name != "mining")) members = members.Append(new JsonMember("mining", default));
        json.Begin('{');
        foreach (JsonMember member in members)
        {
            json.Name(member.Name);
            switch (member.Name)
            {
                case "data":
                    json.Begin('[');
                    for (int question = 0; question < task.Questions; question++) WriteRow(json, question);
                    json.End(']');
                    break;
                case "mining":
                    json.Begin('{');
                    json.Name("args");
                    WriteArguments(json, model);
                    json.End('}');
                    break;
                default:
                    json.Value(member);
                    break;
            }
        }

        json.End('}');
    }

    private void WriteLines(StreamWriter writer)
    {
        for (int question = 0; question < task.Questions; question++)
        {
            if (task.Form == MiningForm.Queries) WriteQuery(new PythonJson(writer), question);
            else WriteRow(new PythonJson(writer), question);
            writer.Write('\n');
        }
    }

    /// <summary>A query with its documents by id; each list of scores goes with the list of ids before it.</summary>
    private void WriteQuery(PythonJson json, int question)
    {
        int[] supplied = recipe.KeepInputNegatives ? task.SuppliedNegatives(question) : [];
        json.Begin('{');
        Text(json, "question_id", task.QuestionId(question));
        Text(json, "query", task.Question(question));
        List("positive", task.Positives(question), results[question].Positives);
        List("negative", [.. supplied, .. results[question].Documents], [.. supplied.Select(_ => -1f), .. results[question].Scores]);
        json.End('}');

        void List(string name, int[] documents, float[] scores)
        {
            json.Name(name);
            json.Begin('[');
            foreach (int document in documents) json.Text(task.DocumentId(document));
            json.End(']');
            json.Name(name + "_score");
            json.Begin('[');
            foreach (float score in scores) json.Real(score);
            json.End(']');
        }
    }

    private void WriteRow(PythonJson json, int question)
    {
        // Rows that share an id get the results of the last, as in the original's tables.
        int source = task.Form == MiningForm.Inline ? question : lastOfId[task.QuestionId(question)];
        (int[] positives, float[] scores) = (task.Positives(question), results[source].Positives);
        json.Begin('{');
        Text(json, "question_id", task.QuestionId(question));
        Text(json, "question", task.Question(question));
        if (task.Form == MiningForm.CorpusIds || task.CorpusId(question) != InlineRecords.NoCorpus) Text(json, "corpus_id", task.CorpusId(question));
        json.Name("pos_doc");
        json.Begin('[');
        for (int i = 0; i < positives.Length; i++) WriteDocument(json, positives[i], () => json.Real(scores[i]), withScore: i < scores.Length);
        json.End(']');
        json.Name("neg_doc");
        json.Begin('[');
        foreach (int document in recipe.KeepInputNegatives ? task.SuppliedNegatives(source) : []) WriteDocument(json, document, () => json.Integer(-1));
        for (int i = 0; i < results[source].Documents.Length; i++)
            WriteDocument(json, results[source].Documents[i], () => json.Real(results[source].Scores[i]));
        json.End(']');
        json.End('}');
    }

    private void WriteDocument(PythonJson json, int document, Action writeScore, bool withScore = true)
    {
        json.Begin('{');
        Text(json, task.Form == MiningForm.Inline ? "text" : "id", task.DocumentId(document));
        if (withScore)
        {
            json.Name("score");
            writeScore();
        }

        json.End('}');
    }

    /// <summary>The settings in the names and the order of the original.</summary>
    private void WriteArguments(PythonJson json, BiEncoder model)
    {
        json.Begin('{');
        Text(json, "train_qa_file_path", recipe.Input);
        Text(json, "train_file_output_path", recipe.Output);
        Text(json, "cache_embeddings_dir", recipe.CacheFolder);
        Integer(json, "hard_negatives_to_mine", recipe.Negatives);
        json.Name("hard_neg_margin");
        json.Real(recipe.Margin);
        Text(json, "hard_neg_margin_type", recipe.MarginTypeText);
        Integer(json, "mining_batch_size", recipe.QueriesAtOnce);
        Integer(json, "query_embedding_batch_size", recipe.QueryBatchSize);
        Integer(json, "document_embedding_batch_size", recipe.DocumentBatchSize);
        Integer(json, "corpus_chunk_size", recipe.ChunkSize);
        Truth(json, "use_negatives_from_file", recipe.KeepInputNegatives);
        Truth(json, "trust_remote_code", recipe.TrustRemoteCode);
        Text(json, "multimodal_encoder", null);
        Truth(json, "cache_reuse", recipe.LoadFromCache && recipe.CacheFolder is not null);
        Text(json, "model_name_or_path", recipe.Model);
        Text(json, "pooling", PoolingNames.ConfigName(model.Settings.Poolings[0]));
        Truth(json, "l2_normalize", model.EndsNormalized);
        Text(json, "query_prefix", recipe.QueryPrefix);
        Text(json, "passage_prefix", recipe.PassagePrefix);
        Integer(json, "query_max_length", recipe.QueryLength);
        Integer(json, "passage_max_length", recipe.PassageLength);
        Truth(json, "add_bos_token", recipe.AddBeginToken);
        Truth(json, "add_eos_token", recipe.AddEndToken);
        Truth(json, "tokenizer_force_default", recipe.ForceDefaultTokenizer);
        Text(json, "tokenizer_name_or_path", recipe.Tokenizer ?? recipe.Model);
        json.End('}');
    }

    private static void Text(PythonJson json, string name, string? value)
    {
        json.Name(name);
        json.Text(value);
    }

    private static void Integer(PythonJson json, string name, int value)
    {
        json.Name(name);
        json.Integer(value);
    }

    private static void Truth(PythonJson json, string name, bool? value)
    {
        json.Name(name);
        json.Truth(value);
    }
}
