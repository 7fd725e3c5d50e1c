using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed unsafe class RowConversionTests
{
    private const ushort Untouched = 0x5a5a;

    [Fact]
    public void Rounding_writes_the_elements_asked_for_and_a_kernels_row_a_zero_after_an_odd_count()
    {
        Random random = new(1);
        for (int count = 1; count < 40; count++)
        {
            float[] values = [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
            ushort[] expected = [.. values.Select(Widening.ToBF16)], dense = [.. Enumerable.Repeat(Untouched, count + 2)], row = [.. dense];
            fixed (float* from = values)
            fixed (ushort* toDense = dense, toRow = row)
            {
                RowConversion.ToBF16(ElementType.F32, from, count, toDense);
                RowConversion.ToBF16Pairs(from, count, toRow);
            }

            Assert.Equal([.. expected, Untouched, Untouched], dense);
            Assert.Equal([.. expected, count % 2 == 0 ? Untouched : (ushort)0, Untouched], row);
        }
    }

    /// <summary>Widths of an odd vocabulary, an odd LoRA rank and a score head with one label.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(301, 131)]
    [InlineData(16401, 1)]
    public void A_tensor_of_odd_width_is_rounded_by_several_threads_and_nothing_behind_it_changes(int rows, int columns)
    {
        using ComputeContext context = new(Machines.Create(Machines.ReferenceOfAvx512, threads: 3));
        using Scope f = context.BeginScope(Precision.BF16);
        Random random = new(rows);
        float[] values = [.. Enumerable.Range(0, rows * columns).Select(_ => random.NextSingle() - 0.5f)];
        Tensor x = f.Upload(values, rows, columns), before = f.New(rows, columns, ElementType.BF16);
        void* block = before.Pointer;
        int room = ((values.Length * sizeof(ushort)) + 63) / 64 * 64 / sizeof(ushort);
        new Span<ushort>(block, room).Fill(Untouched);
        f.Free(before);

        // The pool hands out the block that it got back last; odd counts leave room behind them.
        Tensor rounded = f.Rounded(x);
        Assert.True(rounded.Pointer == block);
        ushort[] expected = [.. values.Select(Widening.ToBF16), .. Enumerable.Repeat(Untouched, room - values.Length)];
        Assert.NotEqual(values.Length, room);
        Assert.Equal(expected, new Span<ushort>(block, room).ToArray());
    }
}
