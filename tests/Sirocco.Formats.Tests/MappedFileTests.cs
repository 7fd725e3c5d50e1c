namespace Sirocco.Formats.Tests;

public unsafe class MappedFileTests
{
    [Fact]
    public void An_empty_file_maps_to_nothing()
    {
        using var scratch = new TemporaryFolder();
        using MappedFile file = MappedFile.Open(scratch.Write("x", []));
        Assert.Equal(0, file.Length);
        Assert.True(file.Pointer is null);
        Assert.True(file.Span(0, 0).IsEmpty);
    }

    [Fact]
    public void Bytes_beyond_four_gigabytes_are_reached()
    {
        using var scratch = new TemporaryFolder();
        string path = scratch.File("x");
        using (var sparse = new FileStream(path, FileMode.CreateNew))
        {
            sparse.Seek(5L << 30, SeekOrigin.Begin);   // a hole: takes no room on the disk
            sparse.Write("end"u8);
        }
        using MappedFile file = MappedFile.Open(path);
        Assert.Equal((5L << 30) + 3, file.Length);
        Assert.True(file.Span(5L << 30, 3).SequenceEqual("end"u8));
        Assert.Equal((byte)'e', file.Pointer[5L << 30]);
    }

    [Fact]
    public void Ranges_outside_the_file_are_refused()
    {
        using var scratch = new TemporaryFolder();
        using MappedFile file = MappedFile.Open(scratch.Write("x", [1, 2, 3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = file.Span(2, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = file.Span(-1, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = file.Span(long.MaxValue, 2).Length);
    }

    [Fact]
    public void A_disposed_mapping_gives_no_spans()
    {
        using var scratch = new TemporaryFolder();
        MappedFile file = MappedFile.Open(scratch.Write("x", [1, 2, 3]));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _ = file.Span(0, 1).Length);
    }

    [Fact]
    public void A_file_that_is_mapped_can_be_replaced_by_a_new_save()
    {
        using var scratch = new TemporaryFolder();
        string path = scratch.Write("x", [1, 2, 3]);
        using MappedFile file = MappedFile.Open(path);
        if (OperatingSystem.IsWindows()) return;   // Windows keeps a mapped file's name
        AtomicFile.WriteAllBytes(path, [4, 5]);
        Assert.True(file.Span(0, 3).SequenceEqual(new byte[] { 1, 2, 3 }));
        Assert.Equal([4, 5], File.ReadAllBytes(path));
    }
}
