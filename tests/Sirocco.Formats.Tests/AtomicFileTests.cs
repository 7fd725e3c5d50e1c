namespace Sirocco.Formats.Tests;

public class AtomicFileTests
{
    [Fact]
    public void A_file_appears_with_its_content_when_committed()
    {
        using var scratch = new Scratch();
        string path = scratch.PathOf("a.txt");
        using (AtomicFile file = AtomicFile.Create(path))
        {
            file.Stream.Write("text"u8);
            Assert.False(File.Exists(path));
            file.Commit();
        }
        Assert.Equal("text", File.ReadAllText(path));
        Assert.Equal(["a.txt"], scratch.Files());
    }

    [Fact]
    public void A_failing_writer_leaves_the_earlier_file_and_nothing_else()
    {
        using var scratch = new Scratch();
        string path = scratch.Write("a.txt", "before"u8);
        Assert.Throws<OperationCanceledException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[1 << 20]);
            throw new OperationCanceledException();
        }));
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal(["a.txt"], scratch.Files());
    }

    [Fact]
    public void A_process_that_dies_while_writing_leaves_the_earlier_file()
    {
        using var scratch = new Scratch();
        string path = scratch.Write("a.txt", "before"u8);
        AtomicFile killed = AtomicFile.Create(path);   // neither committed nor disposed, as after SIGKILL
        killed.Stream.Write(new byte[1 << 20]);
        killed.Stream.Flush();
        Assert.Equal("before", File.ReadAllText(path));
        AtomicFile.WriteAllText(path, "after");
        Assert.Equal("after", File.ReadAllText(path));
        killed.Dispose();
        Assert.Equal(["a.txt"], scratch.Files());
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        using var scratch = new Scratch();
        string path = Path.Combine(scratch.Folder, "none", "a.txt");
        var error = Assert.Throws<DirectoryNotFoundException>(() => AtomicFile.Create(path));
        Assert.Equal($"{path}: cannot be written because the folder {Path.GetDirectoryName(path)} does not exist; create it first", error.Message);
    }

    [SkippableFact]
    public void A_full_disk_is_one_line_that_names_the_file()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "/dev/full exists on Linux only");
        var error = Assert.Throws<IOException>(() => AtomicFile.Write("/dev/full", stream => stream.Write(new byte[1 << 20])));
        Assert.Equal("/dev/full: cannot be written: the disk is full; free some space or choose another folder", error.Message);
    }

    [SkippableFact]
    public void A_read_only_file_system_is_one_line_that_names_the_file()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Directory.Exists("/proc/self"), "/proc exists on Linux only");
        var error = Assert.Throws<IOException>(() => AtomicFile.Create("/proc/self/a.txt"));
        Assert.StartsWith("/proc/self/a.txt: cannot be written: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [SkippableFact]
    public void A_device_is_written_and_not_replaced()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "/dev/null exists on Unix only");
        AtomicFile.WriteAllText("/dev/null", "text");
        Assert.Equal("", File.ReadAllText("/dev/null"));
    }

    [Fact]
    public void A_folder_appears_whole_or_not_at_all()
    {
        using var scratch = new Scratch();
        string path = scratch.PathOf("model");
        using (AtomicFolder folder = AtomicFolder.Create(path)) File.WriteAllText(folder.PathOf("config.json"), "{}");
        Assert.Empty(Directory.GetFileSystemEntries(scratch.Folder));

        using (AtomicFolder folder = AtomicFolder.Create(path))
        {
            File.WriteAllText(folder.PathOf("config.json"), "{}");
            File.WriteAllText(folder.PathOf("1_Pooling/config.json"), "{}");
            Assert.False(Directory.Exists(path));
            folder.Commit();
        }
        Assert.Equal(["model/1_Pooling/config.json", "model/config.json"], scratch.Files().Select(name => name.Replace('\\', '/')));
    }

    [Fact]
    public void Files_that_a_new_folder_does_not_write_stay_in_an_existing_one()
    {
        using var scratch = new Scratch();
        scratch.Write("notes.txt", "mine"u8);
        scratch.Write("config.json", "old"u8);
        using (AtomicFolder folder = AtomicFolder.Create(scratch.Folder))
        {
            File.WriteAllText(folder.PathOf("config.json"), "new");
            folder.Commit();
        }
        Assert.Equal(["config.json", "notes.txt"], scratch.Files());
        Assert.Equal("new", File.ReadAllText(scratch.PathOf("config.json")));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("a/../../x")]
    [InlineData("a//x")]
    [InlineData("C:x")]
    [InlineData("a\\x")]
    [InlineData("")]
    public void Names_that_leave_the_folder_are_refused(string name)
    {
        using var scratch = new Scratch();
        using AtomicFolder folder = AtomicFolder.Create(scratch.PathOf("m"));
        Assert.Throws<ArgumentException>(() => folder.PathOf(name));
    }
}
