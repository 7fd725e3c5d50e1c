using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>The instructions of one emitted panel kernel; the shape of its code is the same for all.</summary>
/// <param name="Instruction">What multiplies, for people.</param>
/// <param name="Format">Units of the factors.</param>
/// <param name="VectorBytes">64 (zmm) or 32 (ymm).</param>
/// <param name="VectorsPerRow">Vectors across the panel.</param>
/// <param name="Multiply">sum += unit of A × units of B; for <paramref name="Add"/> ≠ INVALID only the product, into a register of its own.</param>
/// <param name="Add">Adds the product to the sum where one instruction does not do both.</param>
/// <param name="LoadB">Loads one vector of a panel.</param>
/// <param name="BroadcastA">Loads one unit of A into all lanes.</param>
/// <param name="AddMemory">Adds a vector of the addend to a sum; INVALID for integers, whose sums of a group go through <see cref="GroupEnd"/>.</param>
internal sealed record PanelInstructions(
    string Instruction, PanelFormat Format, int VectorBytes, int VectorsPerRow,
    Code Multiply, Code Add, Code LoadB, Code BroadcastA, Code AddMemory)
{
    /// <summary>Vectors of f32 from and to memory.</summary>
    public Code LoadFloats => VectorBytes == 64 ? Code.EVEX_Vmovups_zmm_k1z_zmmm512 : Code.VEX_Vmovups_ymm_ymmm256;

    public Code StoreFloats => VectorBytes == 64 ? Code.EVEX_Vmovups_zmmm512_k1z_zmm : Code.VEX_Vmovups_ymmm256_ymm;

    /// <summary>What takes a group's integers to f32: conversion, times the column's scale, times the row's scale plus the result so far.</summary>
    public (Code Convert, Code Scale, Code ScaleAdd) GroupEnd => VectorBytes == 64
        ? (Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, Code.EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er, Code.EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er)
        : (Code.VEX_Vcvtdq2ps_ymm_ymmm256, Code.VEX_Vmulps_ymm_ymm_ymmm256, Code.VEX_Vfmadd213ps_ymm_ymm_ymmm256);

    public bool IsInteger => Format is PanelFormat.U8S8 or PanelFormat.S16S8;

    /// <summary>Units of a whole group.</summary>
    public int GroupSteps => PanelKernel.Group / (Format == PanelFormat.U8S8 ? 4 : 2);

    /// <summary>6×64 in AVX-512: 24 sums, 4 vectors of B, 4 registers left for broadcasts; 6×16 in AVX2: 12 sums, 2 of B, 1 broadcast, 1 product.</summary>
    public const int RowTile = 6;

    public int PanelWidth => VectorsPerRow * VectorBytes / 4;

    /// <summary>Bytes of a panel that one step of k consumes.</summary>
    public int StepBytes => PanelWidth * (Format == PanelFormat.S16S8 ? 2 : 4);

    public static PanelInstructions F32Avx512 { get; } = new(
        "vfmadd231ps", PanelFormat.F32, 64, 4,
        Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Code.INVALID,
        Code.EVEX_Vmovups_zmm_k1z_zmmm512, Code.EVEX_Vbroadcastss_zmm_k1z_xmmm32, Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er);

    public static PanelInstructions BF16Avx512 { get; } = F32Avx512 with
    {
        Instruction = "vdpbf16ps",
        Format = PanelFormat.BF16,
        Multiply = Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32,
    };

    public static PanelInstructions Int8Avx512Vnni { get; } = new(
        "vpdpbusd", PanelFormat.U8S8, 64, 4,
        Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32, Code.INVALID,
        Code.EVEX_Vmovdqu32_zmm_k1z_zmmm512, Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32, Code.INVALID);

    /// <summary>For AVX-512 without VNNI: bytes are widened to 16 bits on their way into the register, so no sum can saturate.</summary>
    public static PanelInstructions Int8Avx512 { get; } = new(
        "vpmaddwd", PanelFormat.S16S8, 64, 4,
        Code.EVEX_Vpmaddwd_zmm_k1z_zmm_zmmm512, Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32,
        Code.EVEX_Vpmovsxbw_zmm_k1z_ymmm256, Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32, Code.INVALID);

    public static PanelInstructions F32Avx2 { get; } = new(
        "vfmadd231ps", PanelFormat.F32, 32, 2,
        Code.VEX_Vfmadd231ps_ymm_ymm_ymmm256, Code.INVALID,
        Code.VEX_Vmovups_ymm_ymmm256, Code.VEX_Vbroadcastss_ymm_m32, Code.VEX_Vaddps_ymm_ymm_ymmm256);

    public static PanelInstructions Int8AvxVnni { get; } = new(
        "vpdpbusd", PanelFormat.U8S8, 32, 2,
        Code.VEX_Vpdpbusd_ymm_ymm_ymmm256, Code.INVALID,
        Code.VEX_Vmovdqu_ymm_ymmm256, Code.VEX_Vpbroadcastd_ymm_xmmm32, Code.INVALID);

    public static PanelInstructions Int8Avx2 { get; } = new(
        "vpmaddwd", PanelFormat.S16S8, 32, 2,
        Code.VEX_Vpmaddwd_ymm_ymm_ymmm256, Code.VEX_Vpaddd_ymm_ymm_ymmm256,
        Code.VEX_Vpmovsxbw_ymm_xmmm128, Code.VEX_Vpbroadcastd_ymm_xmmm32, Code.INVALID);
}

/// <summary>Assembles <see cref="PanelKernel"/> for a fixed number of rows: <c>void f(PanelArguments*)</c>.</summary>
/// <remarks>
/// One step of the 6×64 tile is 24 multiply-adds for 10 loads (4 vectors of B, 6 broadcasts). Two multiply-adds and two loads a cycle make that 12 cycles of
/// arithmetic against 5 of loads, and 256 bytes of panel in 12 cycles are a third of what level 2 delivers, so the multipliers are what limits: 64 f32, 128
/// bf16 or 256 int8 operations a cycle, which is 241, 482 and 965 · 10⁹ a second at 3.77 GHz. 24 independent sums cover the latency of 4 cycles × 2 units three
/// times. The 6×16 tile of AVX2: 12 multiply-adds for 8 loads, 6 cycles against 4. The end of a group of integers is a conversion, two multiplications and a
/// store for each sum: 48 instructions beside 1,536 in AVX2, and measured on one Zen 3 machine with two threads 0.96 to 0.99 of the speed that one scale for a
/// whole row had (512×3072×9216), 1.02 to 1.04 at 512×576×1536, where there is no epilogue any more.
///
/// What the general registers hold; r11 is the argument throughout, and rdx and r8 are three and five times rcx while rcx is the stride of A.
/// <code>
/// phase                       rax (A)             r9 (B)                r10 (Count)             rcx (Stride)
/// BeginResult (integers)      row of C            row of the addend     addend − C              —
/// Steps                       A at this step      B at this step        steps left              stride of A
/// end of a group (integers)   A at row scales     B at column scales    row of C                stride of A
/// Store (floats)              row of C            row of the addend     stride of the addend    stride of C
/// </code>
/// </remarks>
internal static class PanelEmitter
{
    private const int Unroll = 4;

    // Registers that both calling conventions leave to the callee.
    private static readonly AssemblerRegister64 Arguments = r11, A = rax, B = r9, Count = r10;
    private static readonly AssemblerRegister64 Stride = rcx, Stride3 = rdx, Stride5 = r8;

    /// <summary>Emits the function for <paramref name="rows"/> rows.</summary>
    public static void Emit(Assembler code, PanelInstructions instructions, int rows, CallingConvention convention)
    {
        Registers registers = new(instructions, rows);
        convention.Enter(code, Arguments, PanelArguments.SaveOffset);
        if (instructions.IsInteger) BeginResult(code, registers);
        code.mov(A, __[Arguments + PanelArguments.AOffset]);
        code.mov(Stride, __[Arguments + PanelArguments.AStrideOffset]);
        code.lea(Stride3, __[Stride + (Stride * 2)]);
        code.lea(Stride5, __[Stride + (Stride * 4)]);
        code.mov(B, __[Arguments + PanelArguments.BOffset]);
        code.mov(Count, __[Arguments + PanelArguments.StepsOffset]);
        if (instructions.IsInteger)
        {
            Groups(code, registers);
        }
        else
        {
            foreach (Register sum in registers.Sums) code.AddInstruction(Zero(sum));
            Steps(code, registers);
            Store(code, registers);
        }

        convention.Leave(code, Arguments, PanelArguments.SaveOffset);
    }

    /// <summary>The result begins as the addend, or zero: groups add to it.</summary>
    private static void BeginResult(Assembler code, Registers registers)
    {
        PanelInstructions instructions = registers.Instructions;
        (AssemblerRegister64 c, AssemblerRegister64 addend, AssemblerRegister64 difference) = (A, B, Count);
        code.mov(c, __[Arguments + PanelArguments.COffset]);
        code.mov(addend, __[Arguments + PanelArguments.AddendOffset]);
        Label done = code.CreateLabel("begun"), copy = code.CreateLabel("copy");
        code.mov(difference, addend);
        code.sub(difference, c);
        code.je(done);
        code.test(addend, addend);
        code.jne(copy);
        code.AddInstruction(Zero(registers.Sum(0, 0)));
        ForEachVector((_, at) => code.AddInstruction(Instruction.Create(instructions.StoreFloats, At(c, at), registers.Sum(0, 0))), addendToo: false);
        code.jmp(done);
        code.Label(ref copy);
        ForEachVector(
            (sum, at) =>
            {
                code.AddInstruction(Instruction.Create(instructions.LoadFloats, sum, At(addend, at)));
                code.AddInstruction(Instruction.Create(instructions.StoreFloats, At(c, at), sum));
            },
            addendToo: true);
        code.Label(ref done);

        void ForEachVector(Action<Register, int> emit, bool addendToo)
        {
            for (int row = 0; row < registers.Rows; row++)
            {
                for (int v = 0; v < instructions.VectorsPerRow; v++) emit(registers.Sum(row, v), v * instructions.VectorBytes);
                code.add(c, __[Arguments + PanelArguments.CStrideOffset]);
                if (addendToo) code.add(addend, __[Arguments + PanelArguments.AddendStrideOffset]);
            }
        }
    }

    /// <summary>Group by group: integer sums in registers, then C += row scale · (column scale · sum). Expects all steps in <see cref="Count"/>.</summary>
    private static void Groups(Assembler code, Registers registers)
    {
        PanelInstructions instructions = registers.Instructions;
        (Code convert, Code scale, Code scaleAdd) = instructions.GroupEnd;
        AssemblerMemoryOperand remaining = __[Arguments + PanelArguments.RemainingOffset];
        Label group = code.CreateLabel("group"), whole = code.CreateLabel("whole"), start = code.CreateLabel("start");
        code.mov(remaining, Count);
        code.Label(ref group);
        code.mov(Count, remaining);
        code.sub(Count, instructions.GroupSteps);
        code.mov(remaining, Count);
        code.jge(whole);
        code.add(Count, instructions.GroupSteps);
        code.jmp(start);
        code.Label(ref whole);
        code.mov(Count, instructions.GroupSteps);
        code.Label(ref start);
        BeginSums(code, registers);
        Steps(code, registers);

        // Count is zero and free; A stands at the rows' scales, B at the columns'.
        AssemblerRegister64 c = Count;
        code.mov(c, __[Arguments + PanelArguments.COffset]);
        for (int row = 0; row < registers.Rows; row++)
        {
            Register rowScale = registers.Broadcast(row);
            code.AddInstruction(Instruction.Create(instructions.BroadcastA, rowScale, RowAddress(row, 0)));
            for (int v = 0; v < instructions.VectorsPerRow; v++)
            {
                Register sum = registers.Sum(row, v);
                code.AddInstruction(Instruction.Create(convert, sum, sum));
                code.AddInstruction(Instruction.Create(scale, sum, sum, At(B, v * instructions.VectorBytes)));
                code.AddInstruction(Instruction.Create(scaleAdd, sum, rowScale, At(c, v * instructions.VectorBytes)));
                code.AddInstruction(Instruction.Create(instructions.StoreFloats, At(c, v * instructions.VectorBytes), sum));
            }

            code.add(c, __[Arguments + PanelArguments.CStrideOffset]);
        }

        code.add(A, sizeof(float));
        code.add(B, sizeof(float) * instructions.PanelWidth);
        code.mov(Count, remaining);
        code.test(Count, Count);
        code.jg(group);
    }

    /// <summary>Integer sums begin with zero, or with what the panel has for the group.</summary>
    private static void BeginSums(Assembler code, Registers registers)
    {
        PanelInstructions instructions = registers.Instructions;
        if (instructions.Format == PanelFormat.S16S8)
        {
            foreach (Register sum in registers.Sums) code.AddInstruction(Zero(sum));
            return;
        }

        for (int v = 0; v < instructions.VectorsPerRow; v++)
        {
            code.AddInstruction(Instruction.Create(instructions.LoadFloats, registers.Sum(0, v), At(B, v * instructions.VectorBytes)));
            for (int row = 1; row < registers.Rows; row++)
                code.AddInstruction(Instruction.Create(instructions.LoadFloats, registers.Sum(row, v), registers.Sum(0, v)));
        }

        code.add(B, sizeof(int) * instructions.PanelWidth);
    }

    /// <summary>The loop over <see cref="Count"/> units of k, which it leaves at zero.</summary>
    private static void Steps(Assembler code, Registers registers)
    {
        int stepBytes = registers.Instructions.StepBytes;
        Label loop = code.CreateLabel("loop"), rest = code.CreateLabel("rest"), single = code.CreateLabel("single"), done = code.CreateLabel("done");
        code.sub(Count, Unroll);
        code.jl(rest);
        code.Label(ref loop);
        for (int step = 0; step < Unroll; step++) Step(code, registers, step);
        code.add(A, 4 * Unroll);
        code.add(B, stepBytes * Unroll);
        code.sub(Count, Unroll);
        code.jge(loop);
        code.Label(ref rest);
        code.add(Count, Unroll);
        code.je(done);
        code.Label(ref single);
        Step(code, registers, 0);
        code.add(A, 4);
        code.add(B, stepBytes);
        code.dec(Count);
        code.jne(single);
        code.Label(ref done);
    }

    /// <summary>One unit of k: the vectors of B, then row by row a broadcast and its products.</summary>
    private static void Step(Assembler code, Registers registers, int step)
    {
        PanelInstructions instructions = registers.Instructions;
        int loadBytes = instructions.StepBytes / instructions.VectorsPerRow;
        for (int v = 0; v < instructions.VectorsPerRow; v++)
        {
            MemoryOperand at = At(B, (step * instructions.StepBytes) + (v * loadBytes));
            code.AddInstruction(Instruction.Create(instructions.LoadB, registers.B(v), at));
        }

        for (int row = 0; row < registers.Rows; row++)
        {
            Register unit = registers.Broadcast(row);
            code.AddInstruction(Instruction.Create(instructions.BroadcastA, unit, RowAddress(row, 4 * step)));
            for (int v = 0; v < instructions.VectorsPerRow; v++)
            {
                Register sum = registers.Sum(row, v);
                if (instructions.Add == Code.INVALID)
                {
                    code.AddInstruction(Instruction.Create(instructions.Multiply, sum, unit, registers.B(v)));
                    continue;
                }

                code.AddInstruction(Instruction.Create(instructions.Multiply, registers.Product, unit, registers.B(v)));
                code.AddInstruction(Instruction.Create(instructions.Add, sum, sum, registers.Product));
            }
        }
    }

    /// <summary>Rows 0 … 5 of A from one pointer: strides 0, s, 2s, 3s, 4s, 5s without touching a seventh register.</summary>
    private static MemoryOperand RowAddress(int row, int offset) => row switch
    {
        0 => At(A, offset),
        3 => At(A, offset, Stride3),
        5 => At(A, offset, Stride5),
        _ => At(A, offset, Stride, row),
    };

    /// <summary>[base + index · scale + offset]; the assembler shortens the displacement where it can.</summary>
    private static MemoryOperand At(Register @base, int offset, Register index = Register.None, int scale = 1) =>
        new(@base, index, scale, offset, displSize: offset == 0 ? 0 : 1);

    private static void Store(Assembler code, Registers registers)
    {
        PanelInstructions instructions = registers.Instructions;
        (AssemblerRegister64 c, AssemblerRegister64 cStride, AssemblerRegister64 addend, AssemblerRegister64 addendStride) = (A, Stride, B, Count);
        code.mov(c, __[Arguments + PanelArguments.COffset]);
        code.mov(cStride, __[Arguments + PanelArguments.CStrideOffset]);
        code.mov(addend, __[Arguments + PanelArguments.AddendOffset]);
        code.mov(addendStride, __[Arguments + PanelArguments.AddendStrideOffset]);

        Label store = code.CreateLabel("store");
        code.test(addend, addend);
        code.je(store);
        for (int row = 0; row < registers.Rows; row++)
        {
            for (int v = 0; v < instructions.VectorsPerRow; v++)
            {
                Register sum = registers.Sum(row, v);
                MemoryOperand at = At(addend, v * instructions.VectorBytes);
                code.AddInstruction(Instruction.Create(instructions.AddMemory, sum, sum, at));
            }

            code.add(addend, addendStride);
        }

        code.Label(ref store);
        for (int row = 0; row < registers.Rows; row++)
        {
            for (int v = 0; v < instructions.VectorsPerRow; v++)
            {
                MemoryOperand at = At(c, v * instructions.VectorBytes);
                code.AddInstruction(Instruction.Create(instructions.StoreFloats, at, registers.Sum(row, v)));
            }

            code.add(c, cStride);
        }
    }

    /// <summary>Clears the whole register through its lowest 256 bits (low registers) or 512 bits.</summary>
    private static Instruction Zero(Register register) => register >= Register.ZMM0
        ? Instruction.Create(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, register, register, register)
        : Instruction.Create(Code.VEX_Vpxor_ymm_ymm_ymmm256, register, register, register);

    /// <summary>Who sits in which vector register: sums first, then B, then broadcasts in turn, a product last where one is needed.</summary>
    private readonly record struct Registers(PanelInstructions Instructions, int Rows)
    {
        private Register First => Instructions.VectorBytes == 64 ? Register.ZMM0 : Register.YMM0;

        private int Last => Instructions.VectorBytes == 64 ? 31 : 15;

        private int SumCount => PanelInstructions.RowTile * Instructions.VectorsPerRow;

        public Register Product => First + Last;

        public IEnumerable<Register> Sums
        {
            get
            {
                for (int i = 0; i < Rows * Instructions.VectorsPerRow; i++) yield return First + i;
            }
        }

        public Register Sum(int row, int vector) => First + ((row * Instructions.VectorsPerRow) + vector);

        public Register B(int vector) => First + (SumCount + vector);

        public Register Broadcast(int row)
        {
            int first = SumCount + Instructions.VectorsPerRow;
            int free = Last + 1 - first - (Instructions.Add == Code.INVALID ? 0 : 1);
            return First + (first + (row % free));
        }
    }
}
