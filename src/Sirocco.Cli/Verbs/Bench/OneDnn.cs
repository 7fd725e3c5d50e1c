using System.Runtime.InteropServices;
using Sirocco.Compute;

namespace Sirocco.Cli.Verbs.Bench;

/// <summary>
/// oneDNN's matrix product as the neighbour to measure against, where its 2.x library is installed (Debian: libdnnl2). It is given its
/// own layout for the weights, packed beforehand, which is its fastest way.
/// </summary>
internal sealed unsafe partial class OneDnn : IDisposable
{
    private const string Library = "libdnnl.so.2";
    private const int DescriptorBytes = 4096;       // dnnl_memory_desc_t has 696 bytes in 2.6, dnnl_matmul_desc_t 2800
    private const int AnyLayout = 1;                // dnnl_format_tag_any
    private const int RowMajor = 3;                 // dnnl_ab
    private const int WeightsOfPrimitive = 131;     // dnnl_query_weights_md
    private const int Source = 1;                   // DNNL_ARG_SRC
    private const int Destination = 17;             // DNNL_ARG_DST
    private const int Weights = 33;                 // DNNL_ARG_WEIGHTS
    private const int Processor = 1;                // dnnl_cpu
    private static readonly void* OwnMemory = (void*)(nint)(-1); // DNNL_MEMORY_ALLOCATE

    private readonly Argument[] arguments = new Argument[3];
    private readonly void* engine;
    private readonly void* stream;
    private readonly void* primitive;

    /// <summary>Prepares C[m, n] = A[m, k] · B[k, n] with f32 or 32-bit integer sums.</summary>
    public OneDnn(int m, int k, int n, Precision precision, int threads)
    {
        omp_set_num_threads(threads);
        (int left, int right, int result) = precision switch
        {
            Precision.F32 => (3, 3, 3),     // dnnl_f32
            Precision.BF16 => (2, 2, 3),    // dnnl_bf16
            _ => (6, 5, 4),                 // dnnl_u8, dnnl_s8, dnnl_s32
        };
        fixed (void** made = &engine) Check(dnnl_engine_create(made, Processor, 0));
        fixed (void** made = &stream) Check(dnnl_stream_create(made, engine, 1));
        byte* a = stackalloc byte[DescriptorBytes], b = stackalloc byte[DescriptorBytes], c = stackalloc byte[DescriptorBytes],
            product = stackalloc byte[DescriptorBytes];
        Describe(a, m, k, left, RowMajor);
        Describe(b, k, n, right, AnyLayout);
        Describe(c, m, n, result, RowMajor);
        Check(dnnl_matmul_desc_init(product, a, b, null, c));
        void* description;
        Check(dnnl_primitive_desc_create(&description, product, null, engine, null));
        fixed (void** made = &primitive) Check(dnnl_primitive_create(made, description));
        arguments[0] = new Argument(Source, Memory(a));
        arguments[1] = new Argument(Weights, Memory(dnnl_primitive_desc_query_md(description, WeightsOfPrimitive, 0)));
        arguments[2] = new Argument(Destination, Memory(c));
        Check(dnnl_primitive_desc_destroy(description));
    }

    public static bool IsInstalled => NativeLibrary.TryLoad(Library, out _);

    public void Run()
    {
        fixed (Argument* first = arguments) Check(dnnl_primitive_execute(primitive, stream, arguments.Length, first));
        Check(dnnl_stream_wait(stream));
    }

    public void Dispose()
    {
        foreach (Argument argument in arguments) Check(dnnl_memory_destroy(argument.Memory));
        Check(dnnl_primitive_destroy(primitive));
        Check(dnnl_stream_destroy(stream));
        Check(dnnl_engine_destroy(engine));
    }

    private static void Describe(byte* descriptor, long rows, long columns, int type, int layout)
    {
        long* extents = stackalloc long[12] { rows, columns, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
        Check(dnnl_memory_desc_init_by_tag(descriptor, 2, extents, type, layout));
    }

    private static void Check(int status)
    {
        if (status != 0) throw new NotSupportedException($"oneDNN cannot run this product here (status {status})");
    }

    private void* Memory(void* descriptor)
    {
        void* memory;
        void* data;
        Check(dnnl_memory_create(&memory, descriptor, engine, OwnMemory));
        Check(dnnl_memory_get_data_handle(memory, &data));
        NativeMemory.Fill(data, dnnl_memory_desc_get_size(descriptor), 0x3C); // 0.011 as f32 and as bf16, 60 as a byte
        return memory;
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Argument(int index, void* memory)
    {
        public readonly int Index = index;
        public readonly void* Memory = memory;
    }

    [LibraryImport("libgomp.so.1")]
    private static partial void omp_set_num_threads(int threads);

    [LibraryImport(Library)]
    private static partial int dnnl_engine_create(void** engine, int kind, nuint index);

    [LibraryImport(Library)]
    private static partial int dnnl_engine_destroy(void* engine);

    [LibraryImport(Library)]
    private static partial int dnnl_stream_create(void** stream, void* engine, uint flags);

    [LibraryImport(Library)]
    private static partial int dnnl_stream_wait(void* stream);

    [LibraryImport(Library)]
    private static partial int dnnl_stream_destroy(void* stream);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_desc_init_by_tag(void* descriptor, int dimensions, long* extents, int type, int layout);

    [LibraryImport(Library)]
    private static partial nuint dnnl_memory_desc_get_size(void* descriptor);

    [LibraryImport(Library)]
    private static partial int dnnl_matmul_desc_init(void* product, void* source, void* weights, void* bias, void* destination);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_desc_create(void** description, void* operation, void* attributes, void* engine, void* hint);

    [LibraryImport(Library)]
    private static partial void* dnnl_primitive_desc_query_md(void* description, int what, int index);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_desc_destroy(void* description);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_create(void** primitive, void* description);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_destroy(void* primitive);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_execute(void* primitive, void* stream, int count, Argument* arguments);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_create(void** memory, void* descriptor, void* engine, void* data);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_get_data_handle(void* memory, void** data);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_destroy(void* memory);
}
