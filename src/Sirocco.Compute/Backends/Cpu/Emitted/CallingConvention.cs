using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>
/// What differs between the calling conventions of x86-64. Emitted functions take one pointer, use the registers that both conventions give away (rax, rcx,
/// rdx, r8 … r11) and leave the stack alone, so they are leaf functions that need no unwind information.
/// </summary>
internal sealed record CallingConvention(AssemblerRegister64 Argument, bool SavesVectors)
{
    private const int FirstSaved = 6, LastSaved = 15;

    /// <summary>Linux and macOS: the argument in rdi, every vector register free.</summary>
    public static CallingConvention SystemV { get; } = new(rdi, SavesVectors: false);

    /// <summary>Windows: the argument in rcx, xmm6 … xmm15 belong to the caller and are kept in the structure the argument points to.</summary>
    public static CallingConvention Windows { get; } = new(rcx, SavesVectors: true);

    public static CallingConvention Current => OperatingSystem.IsWindows() ? Windows : SystemV;

    /// <summary>Moves the argument to <paramref name="arguments"/> and saves what the caller owns at <paramref name="saveOffset"/> from there.</summary>
    public void Enter(Assembler code, AssemblerRegister64 arguments, int saveOffset)
    {
        code.mov(arguments, Argument);
        for (int i = FirstSaved; SavesVectors && i <= LastSaved; i++)
            code.vmovups(__xmmword_ptr[arguments + (saveOffset + (16 * (i - FirstSaved)))], Vector(i));
    }

    /// <summary>Restores and returns. Clears the upper halves first: mixing them with SSE code of the caller would be slow.</summary>
    public void Leave(Assembler code, AssemblerRegister64 arguments, int saveOffset)
    {
        code.vzeroupper();
        for (int i = FirstSaved; SavesVectors && i <= LastSaved; i++)
            code.vmovups(Vector(i), __xmmword_ptr[arguments + (saveOffset + (16 * (i - FirstSaved)))]);
        code.ret();
    }

    private static AssemblerRegisterXMM Vector(int index) => new(Register.XMM0 + index);
}
