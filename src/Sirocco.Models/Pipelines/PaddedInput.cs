using System.Numerics.Tensors;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>The input tensors of <see cref="ForwardPass"/> and <see cref="ContrastiveStep"/>, checked, without padding.</summary>
internal sealed class PaddedInput
{
    public required PaddedBatch Shape { get; init; }

    /// <summary>[tokens]; empty where embeddings are given.</summary>
    public required int[] Ids { get; init; }

    /// <summary>[tokens, hidden], or null.</summary>
    public float[]? Embeddings { get; init; }

    /// <summary>[tokens] next-token labels, or null.</summary>
    public int[]? Labels { get; init; }

    public static PaddedInput Read(TensorArchive input, ModelConfig config, PositionCount positions)
    {
        if (input.TryGet("inputs_embeds", out StoredTensor? embeddings) && !input.Contains("input_ids"))
        {
            if (embeddings.Shape.Length != 3 || embeddings.Shape[2] != config.HiddenSize)
            {
                throw new InvalidDataException(
                    $"{input.Path}: tensor 'inputs_embeds' is {embeddings.ShapeText}, expected [sequences, tokens, {config.HiddenSize}]");
            }
            PaddedBatch shape = Batch(input, "inputs_embeds", embeddings.Shape[0], embeddings.Shape[1], "attention_mask", positions);
            float[] rows = shape.TokenRows(embeddings.ToSingleArray(), config.HiddenSize);
            RequireFinite(input, rows, shape, config.HiddenSize);
            return new PaddedInput { Shape = shape, Ids = [], Embeddings = rows, Labels = ReadLabels(input, shape, config) };
        }

        if (embeddings is not null) throw new InvalidDataException($"{input.Path}: give either input_ids or inputs_embeds, not both");
        PaddedInput batch = Read(input, "input_ids", "attention_mask", config, positions);
        return new PaddedInput { Shape = batch.Shape, Ids = batch.Ids, Labels = ReadLabels(input, batch.Shape, config) };
    }

    public static PaddedInput Read(TensorArchive input, string ids, string mask, ModelConfig config, PositionCount positions)
    {
        if (!input.TryGet(ids, out StoredTensor? tensor))
            throw new InvalidDataException($"{input.Path}: tensor '{ids}' is missing, expected token ids [sequences, tokens]");
        if (tensor.Shape.Length != 2) throw new InvalidDataException($"{input.Path}: tensor '{ids}' is {tensor.ShapeText}, expected [sequences, tokens]");
        PaddedBatch shape = Batch(input, ids, tensor.Shape[0], tensor.Shape[1], mask, positions);
        long[] values = tensor.ToInt64Array();
        foreach (int cell in shape.Cells)
        {
            if ((ulong)values[cell] >= (ulong)config.VocabularySize)
            {
                throw new InvalidDataException($"{input.Path}: tensor '{ids}' has token id {values[cell]} at [{cell / shape.Columns}, {cell % shape.Columns}], "
                    + $"outside the vocabulary of {config.VocabularySize}");
            }
        }

        return new PaddedInput { Shape = shape, Ids = shape.Tokens(values, ids) };
    }

    private static PaddedBatch Batch(TensorArchive input, string name, long rows, long columns, string mask, PositionCount positions)
    {
        if (rows > int.MaxValue || columns > int.MaxValue || rows * columns > Array.MaxLength)
            throw new InvalidDataException($"{input.Path}: a batch of {rows} x {columns} tokens is too large");
        if (rows == 0 || columns == 0)
            throw new InvalidDataException($"{input.Path}: tensor '{name}' holds no token ([{rows}, {columns}]); give at least one sequence of one token");
        long[] Integers(string key)
        {
            if (!input.TryGet(key, out StoredTensor? tensor)) return [];
            return tensor.Shape is [var r, var c] && r == rows && c == columns ? tensor.ToInt64Array()
                : throw new InvalidDataException($"{input.Path}: tensor '{key}' is {tensor.ShapeText}, expected [{rows}, {columns}]");
        }

        try
        {
            PaddedBatch batch = PaddedBatch.Create((int)rows, (int)columns, Integers(mask), positions, Integers("position_ids"));
            return batch.Segments.Tokens > 0 ? batch
                : throw new InvalidDataException($"{input.Path}: tensor '{mask}' is 0 everywhere, so there is no token; mark tokens with 1");
        }
        catch (InvalidDataException e) when (!e.Message.StartsWith(input.Path, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{input.Path}: {e.Message}", e);
        }
    }

    private static void RequireFinite(TensorArchive input, ReadOnlySpan<float> rows, PaddedBatch shape, int features)
    {
        for (int token = 0; token < shape.Cells.Length; token++)
        {
            if (TensorPrimitives.IsFiniteAll(rows.Slice(token * features, features))) continue;
            int cell = shape.Cells[token];
            throw new InvalidDataException(
                $"{input.Path}: tensor 'inputs_embeds' holds a value that is not a finite number at [{cell / shape.Columns}, {cell % shape.Columns}]");
        }
    }

    private static int[]? ReadLabels(TensorArchive input, PaddedBatch shape, ModelConfig config)
    {
        if (!input.TryGet("labels", out StoredTensor? tensor)) return null;
        if (tensor.Shape is not [var rows, var columns] || rows != shape.Rows || columns != shape.Columns)
            throw new InvalidDataException($"{input.Path}: tensor 'labels' is {tensor.ShapeText}, expected [{shape.Rows}, {shape.Columns}]");
        long[] values = tensor.ToInt64Array();
        foreach (long label in values)
        {
            if (label != -100 && (ulong)label >= (ulong)config.VocabularySize)
                throw new InvalidDataException($"{input.Path}: tensor 'labels' holds {label}, expected -100 or an id below {config.VocabularySize}");
        }

        return shape.ShiftedLabels(values);
    }
}
