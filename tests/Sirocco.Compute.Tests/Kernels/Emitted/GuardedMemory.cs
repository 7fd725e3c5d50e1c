using System.Runtime.InteropServices;

namespace Sirocco.Compute.Tests.Kernels.Emitted;

/// <summary>Memory of an interpreted program: blocks far apart, so that one byte beyond any of them is an error.</summary>
internal sealed class GuardedMemory
{
    private const ulong Distance = 1 << 24;

    private readonly List<(ulong Address, byte[] Bytes)> blocks = [];

    /// <summary>Adds a block and returns its address. Not aligned: emitted code must not rely on alignment.</summary>
    public ulong Add<T>(ReadOnlySpan<T> contents)
        where T : unmanaged
    {
        ulong address = ((ulong)blocks.Count + 1) * Distance + 4;
        blocks.Add((address, MemoryMarshal.AsBytes(contents).ToArray()));
        return address;
    }

    /// <summary>The bytes at an address.</summary>
    /// <exception cref="InvalidOperationException">Some of them belong to no block.</exception>
    public Span<byte> At(ulong address, int length)
    {
        foreach ((ulong start, byte[] bytes) in blocks)
        {
            if (address >= start && address - start + (ulong)length <= (ulong)bytes.Length)
                return bytes.AsSpan((int)(address - start), length);
        }

        throw new InvalidOperationException($"{length} bytes at 0x{address:x} lie outside every block");
    }

    /// <summary>A copy of a whole block.</summary>
    public T[] Read<T>(ulong address)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(blocks.Single(block => block.Address == address).Bytes).ToArray();
}
