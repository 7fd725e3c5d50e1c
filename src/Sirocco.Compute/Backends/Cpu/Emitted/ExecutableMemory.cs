using System.Runtime.InteropServices;

namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>
/// Machine code on pages of its own: written while they are readable and writable, then turned readable and executable, never both. The pages live as long as
/// the process. Systems may refuse (SELinux execmem, hardened runtimes, seccomp); that is an answer, not an error.
/// </summary>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1, Write = 2, Execute = 4;
    private const int Private = 2;
    private const uint CommitAndReserve = 0x3000, Release = 0x8000, PageReadWrite = 0x04, PageExecuteRead = 0x20;

    /// <summary>Places <paramref name="code"/> on executable pages.</summary>
    /// <param name="code">Position-independent machine code.</param>
    /// <param name="refusal">Why the system said no, or null.</param>
    /// <returns>Address of the first byte, or null.</returns>
    public static void* Place(ReadOnlySpan<byte> code, out string? refusal) =>
        OperatingSystem.IsWindows() ? PlaceOnWindows(code, out refusal) : PlaceOnUnix(code, out refusal);

    private static void* PlaceOnUnix(ReadOnlySpan<byte> code, out string? refusal)
    {
        int anonymous = OperatingSystem.IsMacOS() ? 0x1000 : 0x20;
        nuint size = (nuint)code.Length;
        void* pages = MapMemory(null, size, Read | Write, Private | anonymous, -1, 0);
        if ((nint)pages == -1)
        {
            refusal = $"mmap failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}";
            return null;
        }

        code.CopyTo(new Span<byte>(pages, code.Length));
        if (ProtectMemory(pages, size, Read | Execute) != 0)
        {
            refusal = $"the system refuses executable memory: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}";
            _ = UnmapMemory(pages, size);
            return null;
        }

        refusal = null;
        return pages;
    }

    private static void* PlaceOnWindows(ReadOnlySpan<byte> code, out string? refusal)
    {
        nuint size = (nuint)code.Length;
        void* pages = VirtualAlloc(null, size, CommitAndReserve, PageReadWrite);
        if (pages == null)
        {
            refusal = $"VirtualAlloc failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}";
            return null;
        }

        code.CopyTo(new Span<byte>(pages, code.Length));
        if (VirtualProtect(pages, size, PageExecuteRead, out _) == 0)
        {
            refusal = $"the system refuses executable memory: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}";
            _ = VirtualFree(pages, 0, Release);
            return null;
        }

        refusal = null;
        return pages;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* MapMemory(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int ProtectMemory(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int UnmapMemory(void* address, nuint length);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial void* VirtualAlloc(void* address, nuint size, uint type, uint protection);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial int VirtualFree(void* address, nuint size, uint type);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial int VirtualProtect(void* address, nuint size, uint protection, out uint before);
}
