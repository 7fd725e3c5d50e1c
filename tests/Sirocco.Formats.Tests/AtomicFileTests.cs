namespace Sirocco.Formats.Tests;

public class AtomicFileTests
{
    [Fact]
    public void A_file_appears_with_its_content_when_committed()
    {
        using var scratch = new TemporaryFolder();
        string path = scratch.File("a.txt");
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
        using var scratch = new TemporaryFolder();
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
        using var scratch = new TemporaryFolder();
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
        using var scratch = new TemporaryFolder();
        string path = Path.Combine(scratch.Path, "none", "a.txt");
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

    [SkippableFact]
    public void A_file_in_memory_under_dev_is_an_ordinary_file()
    {
        Skip.IfNot(Directory.Exists("/dev/shm"), "/dev/shm exists on Linux only");
        string path = $"/dev/shm/sirocco-test-{Guid.NewGuid():N}";
        try
        {
            AtomicFile.WriteAllText(path, "first");
            using (AtomicFile file = AtomicFile.Create(path))
            {
                file.Stream.Write("second"u8);
                Assert.Equal("first", File.ReadAllText(path));
            }

            Assert.Equal("first", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_folder_appears_whole_or_not_at_all()
    {
        using var scratch = new TemporaryFolder();
        string path = scratch.File("model");
        using (AtomicFolder folder = AtomicFolder.Create(path)) File.WriteAllText(folder.PathOf("config.json"), "{}");
        Assert.Empty(Directory.GetFileSystemEntries(scratch.Path));

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
        using var scratch = new TemporaryFolder();
        scratch.Write("notes.txt", "mine"u8);
        scratch.Write("config.json", "old"u8);
        using (AtomicFolder folder = AtomicFolder.Create(scratch.Path))
        {
            File.WriteAllText(folder.PathOf("config.json"), "new");
            folder.Commit();
        }
        Assert.Equal(["config.json", "notes.txt"], scratch.Files());
        Assert.Equal("new", File.ReadAllText(scratch.File("config.json")));
    }

    [Fact]
    public void What_a_killed_writer_left_the_next_writer_of_the_same_file_removes_and_nothing_else()
    {
        using var scratch = new TemporaryFolder();
        string path = scratch.File("a.txt"), longName = new('n', 100);
        string[] others =
        [
            ".a.txt.partial", ".a.txt.0123456789AB.partial", ".a.txt.0123456789ab.partial.bak", ".a.txt.x0123456789ab.partial", ".b.txt.0123456789ab.partial",
            "a.txt.partial",
        ];
        foreach (string name in others) scratch.Write(name, "mine"u8);
        using AtomicFile live = AtomicFile.Create(path);
        scratch.Write(".a.txt.0123456789ab.partial", "left"u8);
        AtomicFile.WriteAllText(path, "new");
        Assert.False(File.Exists(scratch.File(".a.txt.0123456789ab.partial")));
        live.Stream.Write("live"u8);
        live.Commit();
        Assert.Equal("live", File.ReadAllText(path));
        Assert.Equal([.. others.Append("a.txt").Order(StringComparer.Ordinal)], scratch.Files().Order(StringComparer.Ordinal));

        // Names that are cut to fit tell their targets apart.
        using AtomicFile one = AtomicFile.Create(scratch.File(longName + "1"));
        string left = scratch.Files().Single(name => name.StartsWith(".nnn", StringComparison.Ordinal));
        one.Dispose();
        scratch.Write(left, "left"u8);
        AtomicFile.WriteAllText(scratch.File(longName + "2"), "");
        Assert.True(File.Exists(scratch.File(left)));
        AtomicFile.WriteAllText(scratch.File(longName + "1"), "");
        Assert.False(File.Exists(scratch.File(left)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_killed_writer_left_the_next_writer_of_the_same_folder_removes_and_nothing_else(bool exists)
    {
        using var scratch = new TemporaryFolder();
        string path = scratch.File("model");
        if (exists) Directory.CreateDirectory(path);
        string prefix = exists ? "model/.new" : ".model";
        scratch.Write(prefix + ".0123456789ab.partial/.sirocco-writing", []);
        scratch.Write(prefix + ".0123456789ab.partial/weights/w.bin", "left"u8);
        scratch.Write(prefix + ".ba9876543210.partial/notes.txt", "mine"u8);
        using AtomicFolder live = AtomicFolder.Create(path);
        File.WriteAllText(live.PathOf("live.json"), "");
        using (AtomicFolder folder = AtomicFolder.Create(path))
        {
            File.WriteAllText(folder.PathOf("config.json"), "{}");
            folder.Commit();
        }

        live.Commit();
        Assert.Equal([.. new[] { "model/config.json", "model/live.json", prefix + ".ba9876543210.partial/notes.txt" }.Order(StringComparer.Ordinal)],
            scratch.Files().Select(name => name.Replace('\\', '/')).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_folder_whose_exchange_is_cut_short_is_without_its_key_file()
    {
        using var scratch = new TemporaryFolder();
        foreach (string name in (string[])["m/config.json", "m/a.bin", "m/b.bin/in-the-way"]) scratch.Write(name, "old"u8);
        using AtomicFolder folder = AtomicFolder.Create(scratch.File("m"));
        foreach (string name in (string[])["config.json", "a.bin", "b.bin"]) File.WriteAllText(folder.PathOf(name), "new");
        Assert.ThrowsAny<IOException>(() => folder.Commit(key: "config.json"));
        Assert.False(File.Exists(scratch.File("m/config.json")));
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
        using var scratch = new TemporaryFolder();
        using AtomicFolder folder = AtomicFolder.Create(scratch.File("m"));
        Assert.Throws<ArgumentException>(() => folder.PathOf(name));
    }
}
