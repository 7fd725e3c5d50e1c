using System.Globalization;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Vectors of a task's documents that an index has already.</summary>
internal sealed class IndexedDocuments : IDisposable
{
    private readonly VectorIndex index;
    private readonly int[] rows;    // place of the task → row of the index

    private IndexedDocuments(VectorIndex index, int[] rows) => (this.index, this.rows) = (index, rows);

    /// <summary>Features of a vector.</summary>
    public int Features => index.Dimensions;

    /// <summary>How the index computed, beside what <see cref="Open"/> and <see cref="RequireVectorsOf"/> have made sure of.</summary>
    public string Settings => $"index precision={index.Description.Settings.GetValueOrDefault("precision")}";

    /// <summary>Opens the index of a recipe and looks whether its texts are those that mining would encode, token for token.</summary>
    /// <param name="recipe">Whose prefix and length the documents must have been embedded with.</param>
    /// <param name="task">Whose documents the index must hold.</param>
    /// <param name="fingerprint">Of the model.</param>
    /// <exception cref="InvalidDataException">It is of another model, another setting, or lacks a document; the message says which.</exception>
    public static IndexedDocuments Open(MiningRecipe recipe, MiningTask task, string fingerprint)
    {
        foreach ((string key, bool? asked) in new[] { ("add_bos_token", recipe.AddBeginToken), ("add_eos_token", recipe.AddEndToken) })
        {
            if (asked == true)
                throw new InvalidDataException($"mining.{key} adds a token that the vectors of mining.index were made without; leave one of the two out");
        }

        VectorIndex index = VectorIndex.Open(recipe.Index!);
        try
        {
            IndexDescription description = index.Description;
            Require("model", description.Fingerprint, fingerprint, "make it with mining.model_name_or_path as it is now");
            Require("prompt before documents", description.DocumentPrompt, recipe.PassagePrefix, "that is mining.passage_prefix");
            Require(
                "length in tokens",
                description.Settings.GetValueOrDefault("max-length") ?? "",
                recipe.PassageLength.ToString(CultureInfo.InvariantCulture),
                "that is mining.passage_max_length");
            if (description.Store != VectorStore.F32) throw new InvalidDataException($"{index.Folder}: keeps no f32 vectors; make the index with --store f32");

            Dictionary<string, int> rowOf = new(index.Count, StringComparer.Ordinal);
            for (int row = 0; row < index.Count; row++) rowOf[index.Id(row)] = row;
            int[] rows = new int[task.Documents];
            for (int place = 0; place < rows.Length; place++)
            {
                string id = task.DocumentId(place);
                if (!rowOf.TryGetValue(id, out rows[place]))
                    throw new InvalidDataException($"{index.Folder}: lacks the document '{id}' of {recipe.Corpus ?? recipe.Input}; make the index again");
                if (PythonText.Strip(index.Text(rows[place])) != task.DocumentText(place))
                {
                    throw new InvalidDataException(
                        $"{index.Folder}: has another text for the document '{id}' than {recipe.Corpus ?? recipe.Input}; make the index again");
                }
            }

            return new IndexedDocuments(index, rows);

            void Require(string what, string has, string wanted, string remedy)
            {
                if (has != wanted)
                    throw new InvalidDataException($"{index.Folder}: was made with another {what} ('{has}') than mining has ('{wanted}'); {remedy}");
            }
        }
        catch
        {
            index.Dispose();
            throw;
        }
    }

    /// <summary>Makes sure that the index was made with the pooling, attention and normalisation that the model mines with.</summary>
    /// <exception cref="InvalidDataException">One of them is another; the message says which and what to do.</exception>
    public void RequireVectorsOf(BiEncoder model)
    {
        IReadOnlyDictionary<string, string> settings = index.Description.Settings;

        // What the index does not say, the folder does; of attention an index takes the folder's word otherwise than a recipe does.
        bool causal = model.Config.IsCausal ?? model.Settings.IsSentenceTransformers;
        Require("pooling", settings.GetValueOrDefault("pooling"), string.Join('+', model.Settings.Poolings.Select(PoolingNames.ConfigName)));
        Require("bidirectional", settings.GetValueOrDefault("bidirectional") ?? Flag(!causal), Flag(!model.IsCausal));
        Require("normalize", settings.GetValueOrDefault("normalize"), Flag(model.EndsNormalized));
        string? other = model.Settings.LowerCase ? "was made of lower-cased texts"
            : index.Description.DocumentPrompt.Length > 0 && !model.Settings.IncludePrompt ? "leaves the tokens of the prompt out of its vectors" : null;
        if (other is not null)
            throw new InvalidDataException($"{index.Folder}: {other}, as the model's folder says, and mining does not; leave out mining.index");

        static string Flag(bool value) => value ? "true" : "false";
        void Require(string name, string? has, string wanted)
        {
            if (has is not null && has != wanted)
            {
                throw new InvalidDataException($"{index.Folder}: was made with {name}: {has}, but mining's vectors have {name}: {wanted}; "
                    + "make the index as mining embeds, or leave out mining.index");
            }
        }
    }

    /// <summary>Vectors of documents in the order of the task.</summary>
    public IEnumerable<float[]> Vectors(int first, int count)
    {
        for (int place = first; place < first + count; place++)
        {
            float[] vector = new float[index.Dimensions];
            index.CopyVector(rows[place], vector);
            yield return vector;
        }
    }

    public void Dispose() => index.Dispose();
}
