using System.Runtime.InteropServices;
using Sirocco.Compute;
using Sirocco.Compute.Backends.Cpu;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// The weights of a model folder or file, as a network asks for them. Tensors in f32, bf16, f16, and FP8 with one scale are used where they lie in the mapped
/// file; FP8 with a scale for each row or block and GGUF's blocks are converted one tensor after the other, in parallel over its rows, so no more than the
/// converted copy is ever held; where products are to be in int8, that copy is the int8 operand itself.
/// </summary>
public sealed unsafe class Checkpoint : IParameterSource, IDisposable
{
    private readonly TensorArchive archive;
    private readonly CheckpointLayout layout;
    private readonly Precision precision;
    private readonly int headSize;
    private readonly HashSet<string> taken = new(StringComparer.Ordinal);
    private CpuBackend? quantizer;

    private Checkpoint(TensorArchive archive, CheckpointLayout layout, Precision precision, int headSize)
    {
        this.headSize = headSize;
        this.archive = archive;
        this.layout = layout;
        this.precision = precision;
    }

    /// <summary>Opens the weights of a model; reads headers only.</summary>
    /// <param name="path">A folder with safetensors or GGUF, or a file.</param>
    /// <param name="precision">
    /// Of the products to come, which says what GGUF's quantised blocks become: bf16, or f32, which keeps every bit of their scales; for int8 the weights of
    /// projections are held in int8 only, everything else in bf16.
    /// </param>
    /// <param name="headSize">Features of a head, by which rows of q and k of Mistral's own files are put in order.</param>
    /// <exception cref="FileNotFoundException">The folder holds no weights, or a shard is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or holds no such network.</exception>
    public static Checkpoint Open(string path, Precision precision = Precision.BF16, int headSize = 0)
    {
        TensorArchive archive = TensorArchive.Open(path);
        try
        {
            return new Checkpoint(archive, CheckpointLayout.Of(archive), precision, headSize);
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>The file or folder.</summary>
    public string Path => archive.Path;

    /// <summary>Names of parameters start with this in the file: <c>model.</c>, <c>language_model.model.</c>, or nothing.</summary>
    public string Prefix => layout.Body;

    /// <summary>Whether there is a head of its own for next-token logits; none means that the embedding serves.</summary>
    public bool HasHead => archive.Contains(layout.Head);

    /// <summary>Whether there is a classifier's head.</summary>
    public bool HasScore => archive.Contains(CheckpointLayout.Score);

    /// <summary>Labels of the classifier's head: its rows.</summary>
    public int ScoreLabels => archive.TryGet(CheckpointLayout.Score, out StoredTensor? score) ? checked((int)score.Rows) : 0;

    /// <summary>The precision of products that keeps what the file stores: f32 for f32, bf16 for everything narrower.</summary>
    public Precision NaturalPrecision =>
        archive[layout.NameOf("layers.0.mlp.down_proj.weight")].Type is StorageType.F32 or StorageType.F64 ? Precision.F32 : Precision.BF16;

    /// <summary>Where the network's shape is written, for messages.</summary>
    private string Settings => archive is GgufCheckpoint ? "the file's metadata" : layout.IsNative ? "params.json" : "config.json";

    /// <inheritdoc/>
    public Parameter Take(string name, int[] shape, ShardAxis axis)
    {
        string stored = layout.NameOf(name);
        if (!archive.TryGet(stored, out StoredTensor? tensor))
        {
            throw new InvalidDataException($"{archive.Path}: tensor '{stored}' is missing, expected [{string.Join(", ", shape)}]; "
                + $"the checkpoint is incomplete or {Settings} is another model's");
        }
        if (!tensor.Shape.SequenceEqual(Array.ConvertAll(shape, extent => (long)extent)))
            throw new InvalidDataException($"{tensor.FilePath}: tensor '{stored}' is {tensor.ShapeText}, but {Settings} asks for [{string.Join(", ", shape)}]");
        taken.Add(stored);
        string called = layout.IsNative ? name : stored; // under Mistral's own names rows of q and k lie otherwise than they are held
        RowOrder order = layout.RowsOf(name, headSize);
        Fp8Scale? scale = tensor.Type is StorageType.F8_E4M3 or StorageType.F8_E5M2 ? Fp8Scale.Of(archive, tensor, stored) : null;
        ElementType? own = tensor.Type switch
        {
            StorageType.F32 => ElementType.F32,
            StorageType.BF16 => ElementType.BF16,
            StorageType.F16 => ElementType.F16,
            StorageType.F8_E4M3 when scale!.OfTensor is not null => ElementType.F8E4M3,
            StorageType.F8_E5M2 when scale!.OfTensor is not null => ElementType.F8E5M2,
            _ => null,
        };
        if (own is { } same && tensor.Order.IsIdentity && order.IsIdentity && (nint)tensor.Pointer % same.Size() == 0)
            return Parameter.FromMemory(called, shape, same, (nint)tensor.Pointer, archive, axis, scale?.OfTensor ?? 1);

        bool int8 = precision == Precision.Int8 && tensor.Type.IsQuantised && name.EndsWith("_proj.weight", StringComparison.Ordinal);
        ElementType type = tensor.Type switch
        {
            StorageType.F32 or StorageType.F64 => ElementType.F32,
            StorageType.BF16 or StorageType.F8_E4M3 or StorageType.F8_E5M2 => ElementType.BF16,
            StorageType.F16 => ElementType.F16,
            _ when tensor.Type.IsQuantised => precision == Precision.F32 || int8 ? ElementType.F32 : ElementType.BF16,
            _ => throw new InvalidDataException(
                $"{tensor.FilePath}: tensor '{stored}' is stored as {tensor.Type.Name}, expected F32, F16, BF16, F8_E4M3 or a GGUF block type"),
        };
        NativeBlock block = new(checked(tensor.ElementCount * type.Size()), zeroed: false);
        Convert(tensor, order, scale, type, block);
        return int8
            ? Parameter.FromQuantized(quantizer ??= new CpuBackend(), called, shape, type, block, axis)
            : Parameter.FromMemory(called, shape, type, block.Pointer, block, axis);
    }

    /// <summary>
    /// Refuses a checkpoint with more of the network than was taken, such as further layers, biases or norms: without them it would compute something else than
    /// the model it was saved from.
    /// </summary>
    /// <exception cref="InvalidDataException">A tensor under the network's names was left over.</exception>
    internal void RequireAllTaken()
    {
        quantizer?.Dispose();
        quantizer = null;
        foreach (StoredTensor tensor in archive.Tensors)
        {
            if (layout.IsOfNetwork(tensor.Name) && !taken.Contains(tensor.Name))
            {
                throw new InvalidDataException($"{tensor.FilePath}: tensor '{Visible.Short(tensor.Name)}' is no part of the network that {Settings} describes; "
                    + $"the checkpoint is another model's, or {Settings} is");
            }
        }
    }

    /// <summary>Closes the files. Parameters taken from here must not be used afterwards.</summary>
    public void Dispose()
    {
        quantizer?.Dispose();
        archive.Dispose();
    }

    private static void Convert(StoredTensor tensor, RowOrder order, Fp8Scale? scale, ElementType type, NativeBlock block)
    {
        int columns = checked((int)tensor.Columns);
        Parallel.For(0, tensor.Rows, () => new float[columns], (row, _, values) =>
        {
            long source = order.Source(row);
            tensor.ReadRows(source, values);
            scale?.Apply(source, values);
            nint target = block.Pointer + (nint)(row * columns * type.Size());
            switch (type)
            {
                case ElementType.F32:
                    values.CopyTo(new Span<float>((void*)target, columns));
                    break;
                case ElementType.BF16:
                    ElementConversion.SingleToBFloat16(values, new Span<ushort>((void*)target, columns));
                    break;
                default:
                    ElementConversion.FromSingle(StorageType.F16, values, MemoryMarshal.AsBytes(new Span<Half>((void*)target, columns)));
                    break;
            }

            return values;
        }, _ => { });
    }
}
