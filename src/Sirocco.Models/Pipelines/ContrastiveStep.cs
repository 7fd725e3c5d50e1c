using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>One contrastive step without an update: scores of queries against passages, their loss, and the gradients of every weight.</summary>
public static class ContrastiveStep
{
    /// <summary>Runs the step.</summary>
    /// <param name="model">A model folder or GGUF file.</param>
    /// <param name="input">
    /// <c>q_input_ids</c>, <c>q_mask</c> [B, S] and <c>p_input_ids</c>, <c>p_mask</c> [B·N, S']: the N passages of each query follow each other, the positive
    /// first.
    /// </param>
    /// <param name="temperature">Scores are divided by it.</param>
    /// <param name="inBatchNegatives">Whether a query is scored against all passages rather than its own N.</param>
    /// <param name="options">Pooling, normalisation and positions; its outputs are not used.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns><c>scores</c> [B, N] or [B, B·N], <c>loss</c> [], <c>grad.NAME</c> for each parameter.</returns>
    public static IReadOnlyList<OutgoingTensor> Run(
        string model,
        TensorArchive input,
        float temperature,
        bool inBatchNegatives,
        ForwardPassOptions options,
        CancellationToken cancellation = default)
    {
        if (!(temperature > 0) || !float.IsFinite(temperature) || !float.IsFinite(1 / temperature))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "a temperature must be above 0, with a finite reciprocal");
        ModelFolder folder = ModelFolder.Open(model);
        using BiEncoder encoder = BiEncoder.Load(folder, options.Model);
        encoder.Adjust(options.Pooling, options.Normalize);
        PaddedInput queries = PaddedInput.Read(input, "q_input_ids", "q_mask", encoder.Config, options.Positions);
        PaddedInput passages = PaddedInput.Read(input, "p_input_ids", "p_mask", encoder.Config, options.Positions);
        int count = queries.Shape.Rows;
        if (count == 0 || passages.Shape.Rows == 0 || passages.Shape.Rows % count != 0)
        {
            throw new InvalidDataException(
                $"{input.Path}: tensor 'p_input_ids' has {passages.Shape.Rows} passages, expected a multiple of the {count} queries");
        }

        encoder.RequireValues("compute gradients");
        ParameterArena arena = new(encoder.Parameters);
        using ComputeContext context = options.Model.NewContext();
        using Tape tape = new();
        using Scope f = context.BeginScope(options.Model.Precision ?? encoder.NaturalPrecision, tape, cancellation);
        Tensor q = encoder.Encode(f, queries.Ids, queries.Shape.Segments);              // [B, features]
        Tensor p = encoder.Encode(f, passages.Ids, passages.Shape.Segments);            // [B·N, features]
        encoder.RequireFinite(q.ToArray(), "the embedding of a query");
        encoder.RequireFinite(p.ToArray(), "the embedding of a passage");
        var (scores, labels) = ContrastiveScores(f, q, p, 1 / temperature, inBatchNegatives);
        if (!System.Numerics.Tensors.TensorPrimitives.IsFiniteAll<float>(scores.ToArray()))
        {
            throw new ArgumentOutOfRangeException(
                nameof(temperature), temperature, "divided by this temperature a score is too large for float32; give a larger one");
        }
        Tensor loss = f.CrossEntropy(scores, labels);
        return [ForwardPass.Matrix("scores", scores), ForwardPass.Scalar("loss", loss), .. ForwardPass.Gradients(tape, loss, arena, cancellation)];
    }

    /// <summary>Scores of queries against passages, and which column of each row is the positive.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="q">[B, features]</param>
    /// <param name="p">[B·N, features]; a query's passages follow each other, the positive first.</param>
    /// <param name="scale">One over the temperature.</param>
    /// <param name="inBatchNegatives">Against all passages, or each query's own.</param>
    /// <returns>[B, B·N] or [B, N], and [B] labels for <c>CrossEntropy</c>.</returns>
    internal static (Tensor Scores, int[] Labels) ContrastiveScores(Scope f, Tensor q, Tensor p, float scale, bool inBatchNegatives)
    {
        int passages = p.Rows / q.Rows;
        if (inBatchNegatives) return (f.Scores(q, p, scale), [.. Enumerable.Range(0, q.Rows).Select(i => i * passages)]);
        return (f.GroupScores(q, p, scale), new int[q.Rows]);
    }
}
