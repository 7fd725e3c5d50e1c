using System.Runtime.InteropServices;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>Blocks of a <see cref="ParameterArena"/> as safetensors files, bit for bit: one f32 tensor for each parameter, by its name.</summary>
internal static class ArenaFile
{
    /// <summary>Writes blocks of an arena.</summary>
    /// <param name="path">The file.</param>
    /// <param name="arena">Names, shapes and places.</param>
    /// <param name="blocks">Each with what comes before the parameters' names in the file.</param>
    /// <param name="cancellation">Leaves no file.</param>
    public static void Write(string path, ParameterArena arena, IEnumerable<(string Prefix, ArenaSlice Values)> blocks, CancellationToken cancellation) =>
        SafetensorsWriter.Write(path, blocks.SelectMany(block => Tensors(arena, block.Values, block.Prefix)), null, cancellation);

    /// <summary>Finds the tensors of blocks of an arena, and checks that they fit.</summary>
    /// <returns>Copies the values into the blocks.</returns>
    /// <exception cref="InvalidDataException">A tensor is missing, too much, or of another shape; the message names file and key.</exception>
    public static Action Bind(TensorArchive archive, ParameterArena arena, IReadOnlyList<(string Prefix, ArenaSlice Values)> blocks)
    {
        List<Action> reads = [];
        foreach ((string prefix, ArenaSlice values) in blocks)
        {
            for (int i = 0; i < arena.Parameters.Count; i++)
            {
                Parameter parameter = arena.Parameters[i];
                StoredTensor tensor = Find(archive, prefix + parameter.Name, parameter);
                long start = arena.Offsets[i];
                reads.Add(() =>
                {
                    for (int row = 0; row < parameter.Rows; row++)
                        tensor.ReadRows(row, values.Span(start + ((long)row * parameter.Columns), parameter.Columns));
                });
            }
        }

        if (archive.Tensors.Count > reads.Count)
        {
            HashSet<string> known = [.. blocks.SelectMany(block => arena.Parameters.Select(parameter => block.Prefix + parameter.Name))];
            throw new InvalidDataException($"{archive.Path}: tensor '{archive.Tensors.First(tensor => !known.Contains(tensor.Name)).Name}' is no part of this "
                + $"run's model and optimizer; {Remedy}");
        }

        return () => reads.ForEach(read => read());
    }

    private const string Remedy = "the checkpoint belongs to another model or recipe, name another checkpoint.checkpoint_dir or restore_from";

    private static StoredTensor Find(TensorArchive archive, string name, Parameter parameter)
    {
        if (!archive.TryGet(name, out StoredTensor? tensor)) throw new InvalidDataException($"{archive.Path}: tensor '{name}' is missing; {Remedy}");
        bool fits = tensor.Type == StorageType.F32 && tensor.Shape.SequenceEqual(parameter.Shape.Select(extent => (long)extent).ToArray());
        return fits ? tensor : throw new InvalidDataException(
            $"{archive.Path}: tensor '{name}' is {tensor.Type.Name} {tensor.ShapeText}, expected F32 [{string.Join(", ", parameter.Shape)}]; {Remedy}");
    }

    private static IEnumerable<OutgoingTensor> Tensors(ParameterArena arena, ArenaSlice block, string prefix)
    {
        for (int i = 0; i < arena.Parameters.Count; i++)
        {
            Parameter parameter = arena.Parameters[i];
            long start = arena.Offsets[i];
            yield return new OutgoingTensor(prefix + parameter.Name, StorageType.F32, [.. parameter.Shape.Select(extent => (long)extent)], stream =>
            {
                for (int row = 0; row < parameter.Rows; row++)
                    stream.Write(MemoryMarshal.AsBytes(block.Span(start + ((long)row * parameter.Columns), parameter.Columns)));
            });
        }
    }
}
