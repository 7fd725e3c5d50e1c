using Iced.Intel;

namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>Families of functions, one for each number of rows, in one block of bytes.</summary>
internal static class EmittedCode
{
    /// <summary>Assembles the functions for 1 … <paramref name="rowTile"/> rows, each on a cache line of its own.</summary>
    /// <param name="rowTile">Most rows.</param>
    /// <param name="emit">Emits the function for a number of rows; its code must not depend on where it lies.</param>
    /// <param name="offsets">Where each function begins.</param>
    public static byte[] Assemble(int rowTile, Action<Assembler, int> emit, out int[] offsets)
    {
        const int Line = 64;
        const byte Trap = 0xcc;
        using MemoryStream bytes = new();
        offsets = new int[rowTile];
        for (int rows = 1; rows <= rowTile; rows++)
        {
            while (bytes.Length % Line != 0) bytes.WriteByte(Trap);
            offsets[rows - 1] = (int)bytes.Length;
            Assembler code = new(bitness: 64);
            emit(code, rows);
            code.Assemble(new StreamCodeWriter(bytes), (ulong)bytes.Length);
        }

        return bytes.ToArray();
    }
}
