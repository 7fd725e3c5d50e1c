using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// Weights for measuring: ones in norms, elsewhere values of either sign between 2⁻⁶ and 2⁻⁵ made from random bits, several gigabytes in the time that
/// writing them takes. Not for training: see <see cref="RandomParameters"/>.
/// </summary>
/// <param name="type">How they are held: f32 or bf16.</param>
/// <param name="int8">Where given, weights of linear layers are held in int8 only, for products on this device.</param>
internal sealed unsafe class UniformParameters(ElementType type, ComputeContext? int8 = null) : IParameterSource
{
    private const int Chunk = 1 << 20;

    // Sign and fraction are random, the exponent is that of 2⁻⁶.
    private const ulong BF16Random = 0x807F_807F_807F_807F, BF16Exponent = 0x3C80_3C80_3C80_3C80, BF16One = 0x3F80_3F80_3F80_3F80;
    private const ulong F32Random = 0x807F_FFFF_807F_FFFF, F32Exponent = 0x3C80_0000_3C80_0000, F32One = 0x3F80_0000_3F80_0000;

    private readonly (ulong Random, ulong Exponent, ulong One) bits = type switch
    {
        ElementType.F32 => (F32Random, F32Exponent, F32One),
        ElementType.BF16 => (BF16Random, BF16Exponent, BF16One),
        _ => throw new ArgumentException($"weights for measuring are f32 or bf16, not {type}", nameof(type)),
    };

    /// <inheritdoc/>
    public Parameter Take(string name, int[] shape, ShardAxis axis)
    {
        long bytes = shape.Aggregate((long)type.Size(), (product, extent) => checked(product * extent)), words = (bytes + 7) / 8;
        NativeBlock block = new(words * 8, zeroed: false);
        bool norm = name.EndsWith("norm.weight", StringComparison.Ordinal);
        Parallel.For(0, (words + Chunk - 1) / Chunk, chunk =>
        {
            ulong state = ((ulong)chunk * 0x9E3779B97F4A7C15) + 1;
            Span<ulong> values = new((ulong*)block.Pointer + (chunk * Chunk), (int)Math.Min(Chunk, words - (chunk * Chunk)));
            if (norm)
            {
                values.Fill(bits.One);
                return;
            }

            for (int i = 0; i < values.Length; i++)
            {
                // Marsaglia's xorshift64 (2003).
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                values[i] = (state & bits.Random) | bits.Exponent;
            }
        });
        if (int8 is null || !name.EndsWith("_proj.weight", StringComparison.Ordinal))
            return Parameter.FromMemory(name, shape, type, block.Pointer, block, axis);
        return Parameter.FromQuantized(int8.Backend, name, shape, type, block, axis);
    }
}
