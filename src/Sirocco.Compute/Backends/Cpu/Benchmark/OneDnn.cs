using System.Runtime.InteropServices;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// oneDNN's matmul primitive, as the neighbour that our products are measured against where <c>libdnnl</c> is installed. Versions 2 and 3 differ only in how
/// descriptors are made. Weights are in the layout that oneDNN itself prefers, packed before the clock starts.
/// </summary>
internal sealed unsafe class OneDnn : IDisposable
{
    private const int Cpu = 1, F32 = 3, BF16 = 2, S32 = 4, S8 = 5, U8 = 6;
    private const int AnyLayout = 1, RowMajor = 3;
    private const int SourceDescriptor = 129, WeightsDescriptor = 131, DestinationDescriptor = 133;
    private const int SourceArgument = 1, DestinationArgument = 17, WeightsArgument = 33;

    /// <summary>Version 2 fills structures of the caller: 696 bytes for a memory descriptor, some 3,500 for an operation.</summary>
    private const int MemoryDescriptorBytes = 1024, OperationBytes = 16384;

    private static readonly string[] Names = ["libdnnl.so.3", "libdnnl.so.2", "dnnl.dll", "libdnnl.dylib"];
    private static readonly string[] ThreadRuntimes = ["libgomp.so.1", "libomp.so.5", "libiomp5.so"];

    private readonly nint library;
    private readonly int threads;
    private readonly nint engine, stream;
    private readonly Queue<Action> releases = new();
    private nint primitive;
    private readonly nint[] memories = new nint[3];

    private OneDnn(nint library, int threads)
    {
        this.library = library;
        this.threads = threads;
        fixed (nint* to = &engine)
            Check(((delegate* unmanaged<nint*, int, nuint, int>)Export("dnnl_engine_create"))(to, Cpu, 0), "engine");
        fixed (nint* to = &stream)
            Check(((delegate* unmanaged<nint*, nint, uint, int>)Export("dnnl_stream_create"))(to, engine, 1), "stream");
        Version* version = ((delegate* unmanaged<Version*>)Export("dnnl_version"))();
        Major = version->Major;
        Name = $"oneDNN {version->Major}.{version->Minor}";
    }

    public string Name { get; }

    private int Major { get; }

    /// <summary>Prepares a product [m, k] · [k, n]; null where oneDNN is absent or has no such product for this processor.</summary>
    public static OneDnn? TryCreate(int m, int n, int k, Precision precision, int threads)
    {
        foreach (string name in Names)
        {
            if (!NativeLibrary.TryLoad(name, out nint library))
                continue;
            OneDnn neighbour = new(library, threads);
            try
            {
                neighbour.Prepare(m, n, k, precision);
                return neighbour;
            }
            catch (NotSupportedException)
            {
                neighbour.Dispose();
            }
        }

        return null;
    }

    public void Run()
    {
        LimitThreads();
        Argument* arguments = stackalloc Argument[3]
        {
            new Argument { Index = SourceArgument, Memory = memories[0] },
            new Argument { Index = WeightsArgument, Memory = memories[1] },
            new Argument { Index = DestinationArgument, Memory = memories[2] },
        };
        Check(((delegate* unmanaged<nint, nint, int, Argument*, int>)Export("dnnl_primitive_execute"))(primitive, stream, 3, arguments), "product");
        Check(((delegate* unmanaged<nint, int>)Export("dnnl_stream_wait"))(stream), "product");
    }

    public void Dispose()
    {
        while (releases.TryDequeue(out Action? release))
            release();
        Release("dnnl_stream_destroy", stream);
        Release("dnnl_engine_destroy", engine);
    }

    private void Prepare(int m, int n, int k, Precision precision)
    {
        LimitThreads();
        (int left, int right, int result) = precision switch
        {
            Precision.F32 => (F32, F32, F32),
            Precision.BF16 => (BF16, BF16, F32),
            _ => (U8, S8, S32),
        };
        nint source = Describe(m, k, left, RowMajor), weights = Describe(k, n, right, AnyLayout), destination = Describe(m, n, result, RowMajor);
        nint description = 0;
        if (Major >= 3)
        {
            Check(
                ((delegate* unmanaged<nint*, nint, nint, nint, nint, nint, nint, int>)Export("dnnl_matmul_primitive_desc_create"))(
                    &description, engine, source, weights, 0, destination, 0), "matmul");
        }
        else
        {
            nint operation = Zeroed(OperationBytes);
            Check(
                ((delegate* unmanaged<nint, nint, nint, nint, nint, int>)Export("dnnl_matmul_desc_init"))(operation, source, weights, 0, destination),
                "matmul");
            Check(
                ((delegate* unmanaged<nint*, nint, nint, nint, nint, int>)Export("dnnl_primitive_desc_create"))(&description, operation, 0, engine, 0),
                "matmul");
        }

        fixed (nint* to = &primitive)
            Check(((delegate* unmanaged<nint*, nint, int>)Export("dnnl_primitive_create"))(to, description), "primitive");
        ReleaseLater("dnnl_primitive_destroy", primitive);
        memories[0] = Allocate(description, SourceDescriptor);
        memories[1] = Allocate(description, WeightsDescriptor);
        memories[2] = Allocate(description, DestinationDescriptor);
        ReleaseLater("dnnl_primitive_desc_destroy", description);
    }

    private nint Describe(int rows, int columns, int type, int layout)
    {
        long* sizes = stackalloc long[12];
        (sizes[0], sizes[1]) = (rows, columns);
        nint descriptor = 0;
        if (Major >= 3)
        {
            Check(
                ((delegate* unmanaged<nint*, int, long*, int, int, int>)Export("dnnl_memory_desc_create_with_tag"))(&descriptor, 2, sizes, type, layout),
                "descriptor");
            ReleaseLater("dnnl_memory_desc_destroy", descriptor);
            return descriptor;
        }

        descriptor = Zeroed(MemoryDescriptorBytes);
        Check(
            ((delegate* unmanaged<nint, int, long*, int, int, int>)Export("dnnl_memory_desc_init_by_tag"))(descriptor, 2, sizes, type, layout),
            "descriptor");
        return descriptor;
    }

    /// <summary>Memory in the layout that the primitive chose, filled with bytes that are an ordinary number in every type.</summary>
    private nint Allocate(nint description, int which)
    {
        nint layout = ((delegate* unmanaged<nint, int, int, nint>)Export("dnnl_primitive_desc_query_md"))(description, which, 0);
        nuint bytes = ((delegate* unmanaged<nint, nuint>)Export("dnnl_memory_desc_get_size"))(layout);
        nint data = (nint)NativeMemory.AlignedAlloc(bytes, 4096);
        releases.Enqueue(() => NativeMemory.AlignedFree((void*)data));
        NativeMemory.Fill((void*)data, bytes, 0x3c);
        nint memory;
        Check(((delegate* unmanaged<nint*, nint, nint, nint, int>)Export("dnnl_memory_create"))(&memory, layout, engine, data), "memory");
        ReleaseLater("dnnl_memory_destroy", memory);
        return memory;
    }

    /// <summary>oneDNN takes its threads from OpenMP, whose setting belongs to the calling thread.</summary>
    private void LimitThreads()
    {
        foreach (string name in ThreadRuntimes)
        {
            if (NativeLibrary.TryLoad(name, out nint runtime) && NativeLibrary.TryGetExport(runtime, "omp_set_num_threads", out nint set))
                ((delegate* unmanaged<int, void>)set)(threads);
        }
    }

    private nint Export(string name) => NativeLibrary.GetExport(library, name);

    private void Release(string function, nint handle) => ((delegate* unmanaged<nint, int>)Export(function))(handle);

    private void ReleaseLater(string function, nint handle) => releases.Enqueue(() => Release(function, handle));

    private nint Zeroed(nuint bytes)
    {
        nint memory = (nint)NativeMemory.AllocZeroed(bytes);
        releases.Enqueue(() => NativeMemory.Free((void*)memory));
        return memory;
    }

    private static void Check(int status, string what)
    {
        if (status != 0)
            throw new NotSupportedException($"oneDNN does not offer this {what} here (status {status})");
    }

    private struct Argument
    {
        public int Index;
        public nint Memory;
    }

    private struct Version
    {
#pragma warning disable CS0649 // filled by oneDNN
        public int Major;
        public int Minor;
#pragma warning restore CS0649
    }
}
