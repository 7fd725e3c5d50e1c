using System.Runtime.InteropServices;

namespace Sirocco.Models.Tests;

/// <summary>What building an index may do to what lies there already: nothing but replace an index, whenever the build ends.</summary>
public sealed partial class IndexExchangeTests : IDisposable
{
    private static readonly IndexDescription Description = new() { Dimensions = 2, Store = VectorStore.F32 };
    private readonly TemporaryFolder temporary = new();
    private readonly string index;

    public IndexExchangeTests() => index = temporary.File("index");

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void Building_again_replaces_the_index_and_leaves_open_readers_what_they_had()
    {
        Build("old", 50);
        using VectorIndex before = VectorIndex.Open(index);
        if (OperatingSystem.IsWindows()) return; // Windows keeps the name of a folder with open files
        Build("new", 20);
        using VectorIndex after = VectorIndex.Open(index);
        Assert.Equal((50, "old", 20, "new"), (before.Count, before.Search(new float[2], 3)[0][2].Id, after.Count, after.Id(19)));
        Assert.Equal(["index"], Names());
    }

    [Fact]
    public void A_build_that_is_given_up_leaves_the_earlier_index_as_it_was()
    {
        Build("old");
        using (VectorIndexBuilder builder = new(index, Description)) builder.Add("x", "x", [1, 2]);
        Assert.Equal("old", IdOf(index));
        Assert.Equal(["index"], Names());
    }

    [Fact]
    public void A_builder_that_cannot_start_leaves_nothing_open_or_behind()
    {
        Write("index/letter.txt", "dear");
        Assert.Throws<IOException>(() => new VectorIndexBuilder(index, Description));
        File.Delete(temporary.File("index/letter.txt"));
        Build("new");
        Assert.Equal(["index"], Names());
    }

    [Theory]
    [InlineData("letter.txt", "dear", "letter.txt")]
    [InlineData("index.json", """{"name": "my site"}""", "index.json")]
    [InlineData("index.json", "", "index.json")]
    [InlineData("vectors.f32", "precious", "index.json")]
    [InlineData("vectors/part.bin", "precious", "vectors")]
    public void A_folder_that_is_no_index_is_refused_and_kept(string file, string content, string named)
    {
        Write("index/" + file, content);
        Assert.Contains(named, Assert.Throws<IOException>(() => Build("new")).Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(temporary.File("index/" + file)));
        Assert.Equal(["index"], Names());
    }

    [Fact]
    public void Vectors_beside_an_index_json_of_others_are_kept()
    {
        Write("index/index.json", """{"mine": 1}""");
        Write("index/vectors.f32", "precious");
        IOException error = Assert.Throws<IOException>(() => Build("new"));
        Assert.Contains("holds no index that could be replaced", error.Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(temporary.File("index/vectors.f32")));
    }

    [Fact]
    public void An_index_with_a_file_of_its_user_in_it_is_not_replaced()
    {
        Build("old");
        Write("index/notes.txt", "mine");
        Assert.Contains("notes.txt", Assert.Throws<IOException>(() => Build("new")).Message, StringComparison.Ordinal);
        Assert.Equal("old", IdOf(index));
        File.Delete(temporary.File("index/notes.txt"));

        // It may also come while the build runs.
        using VectorIndexBuilder builder = new(index, Description);
        builder.Add("new", "", [1, 2]);
        Write("index/notes.txt", "mine");
        Assert.Contains("notes.txt", Assert.Throws<IOException>(builder.Commit).Message, StringComparison.Ordinal);
        builder.Dispose();
        Assert.Equal(("old", "mine"), (IdOf(index), File.ReadAllText(temporary.File("index/notes.txt"))));
        Assert.Equal(["index"], Names());
    }

    [Fact]
    public void Neighbours_and_a_file_of_that_name_are_left_alone()
    {
        string[] neighbours = ["index.lock", "index.new/thesis.txt", "index.old/thesis.txt", "file"];
        foreach (string neighbour in neighbours) Write(neighbour, "mine");
        Build("old");
        Build("new");
        Assert.Throws<IOException>(() => new VectorIndexBuilder(temporary.File("file"), Description));
        Assert.All(neighbours, neighbour => Assert.Equal("mine", File.ReadAllText(temporary.File(neighbour))));
    }

    [Theory]
    [InlineData(".index.sirocco-new/notes.txt")]
    [InlineData(".index.sirocco-old/notes.txt")]
    [InlineData(".index.sirocco-new/vectors.f32/notes.txt")]
    [InlineData(".index.sirocco-lock")]
    [InlineData(".index.sirocco-new")]
    public void Names_that_a_build_needs_are_not_taken_from_others(string name)
    {
        Build("old");
        Write(name, "mine");
        IOException error = Assert.Throws<IOException>(() => Build("new"));
        Assert.Contains(name.Split('/')[0], error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(("mine", "old"), (File.ReadAllText(temporary.File(name)), IdOf(index)));
    }

    [SkippableFact]
    public void A_link_is_followed_to_the_index_and_files_behind_links_are_kept()
    {
        Skip.If(OperatingSystem.IsWindows(), "links need a privilege on Windows");
        Directory.CreateDirectory(temporary.File("disk"));
        Directory.CreateSymbolicLink(index, temporary.File("disk/real"));
        Build("old");
        Build("new");
        Assert.Equal(("new", temporary.File("disk/real")), (IdOf(index), new DirectoryInfo(index).LinkTarget));
        Assert.Equal(["disk", "index"], Names());

        Write("precious", "mine");
        File.Delete(temporary.File("disk/real/vectors.f32"));
        File.CreateSymbolicLink(temporary.File("disk/real/vectors.f32"), temporary.File("precious"));
        Assert.Throws<IOException>(() => Build("newer"));
        Assert.Equal("mine", File.ReadAllText(temporary.File("precious")));
    }

    /// <summary>Every state in which a kill can leave the disk, in the order in which a build goes through them, and what is searched then.</summary>
    [Theory]
    [InlineData("X new-partial", "old")]
    [InlineData("X new", "old")]
    [InlineData("X-empty old new", "old")]
    [InlineData("old new", "old")]
    [InlineData("old", "old")]
    [InlineData("X-empty old", "old")]
    [InlineData("X old", "old")]
    [InlineData("X old-partial", "old")]
    [InlineData("X old-without-json", "old")]
    [InlineData("X lock", "old")]
    [InlineData("new-partial", null)]
    [InlineData("new", null)]
    [InlineData("X-empty", null)]
    public void Whenever_a_build_is_killed_an_index_stays_and_the_next_build_cleans_up(string state, string? searched)
    {
        foreach (string part in state.Split(' '))
        {
            string place = part[0] == 'X' ? index : temporary.File($".index.sirocco-{part.Split('-')[0]}");
            if (part == "lock") File.WriteAllText(place, "");
            else if (part == "X-empty") Directory.CreateDirectory(place);
            else if (part.StartsWith("new", StringComparison.Ordinal)) Build("unfinished", place: place);
            else Build(part[0] == 'X' || !state.Contains("X ", StringComparison.Ordinal) ? "old" : "older", place: place);
            if (part.EndsWith("json", StringComparison.Ordinal)) File.Delete(Path.Combine(place, "index.json"));
            if (!part.EndsWith("partial", StringComparison.Ordinal)) continue;
            foreach (string file in Directory.GetFiles(place).Order(StringComparer.Ordinal).Take(3)) File.Delete(file);
        }

        void Searched()
        {
            if (searched is null) Assert.ThrowsAny<IOException>(() => IdOf(index));
            else Assert.Equal(searched, IdOf(index));
        }

        Searched();
        new VectorIndexBuilder(index, Description).Dispose(); // cleans up, and is given up
        Searched();
        Assert.DoesNotContain(Names(), name => name.StartsWith('.'));
        Build("new");
        Assert.Equal("new", IdOf(index));
        Assert.Equal(["index"], Names());
    }

    [Fact]
    public void The_only_copy_is_not_removed_because_something_else_took_the_name()
    {
        Build("old", place: temporary.File(".index.sirocco-old"));
        Write("index/notes.txt", "mine");
        Assert.Contains("notes.txt", Assert.Throws<IOException>(() => Build("new")).Message, StringComparison.Ordinal);
        Assert.Equal("old", IdOf(temporary.File(".index.sirocco-old")));
    }

    [Fact]
    public void A_second_builder_of_one_index_is_refused_while_the_first_runs()
    {
        using VectorIndexBuilder first = new(index, Description);
        Assert.Contains(
            "another process is building this index",
            Assert.Throws<IOException>(() => new VectorIndexBuilder(index, Description)).Message,
            StringComparison.Ordinal);
        first.Dispose();
        new VectorIndexBuilder(index, Description).Dispose();
        Assert.Empty(Names());
    }

    [Fact]
    public void Of_many_builders_one_at_a_time_gets_the_index()
    {
        int builders = 0, built = 0;
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            try
            {
                using VectorIndexBuilder builder = new(index, Description);
                Assert.Equal(1, Interlocked.Increment(ref builders));
                builder.Add("a", "a", [1, 2]);
                Interlocked.Increment(ref built);
                Interlocked.Decrement(ref builders);
                builder.Commit();
            }
            catch (IOException e)
            {
                Assert.Contains("building this index", e.Message, StringComparison.Ordinal);
            }
        });
        Assert.True(built > 0);
        Assert.Equal("a", IdOf(index));
        Assert.Equal(["index"], Names());
    }

    [SkippableFact]
    public async Task Searches_during_exchanges_see_one_index_or_the_other()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows keeps the name of a folder with open files");
        Build("0", 3);
        using CancellationTokenSource done = new();
        Task search = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                using VectorIndex opened = VectorIndex.Open(index);
                IReadOnlyList<SearchHit> hits = opened.Search(new float[] { 1, 0 }, 3)[0];
                Assert.Equal(3, hits.Count);
                Assert.All(hits, hit => Assert.Equal((hits[0].Id, hits[0].Id), (hit.Id, hit.Text)));
                Assert.Equal(float.Parse(hits[0].Id, System.Globalization.CultureInfo.InvariantCulture), hits[0].Score);
            }
        });
        for (int build = 1; build < 60; build++) Build($"{build}", 3);
        await done.CancelAsync();
        await search;
    }

    [Fact]
    public async Task A_search_that_runs_while_its_index_is_disposed_ends_or_says_so()
    {
        Build("1", 2000);
        for (int run = 0; run < 5; run++)
        {
            VectorIndex opened = VectorIndex.Open(index);
            using Barrier start = new(3);
            Task[] searches = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                start.SignalAndWait();
                try
                {
                    while (true) Assert.Equal("1", opened.Search(new float[] { 1, 0 }, 3, threads: 1)[0][2].Text);
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
            }))];
            start.SignalAndWait();
            Thread.Sleep(run);
            opened.Dispose();
            await Task.WhenAll(searches);
            Assert.Throws<ObjectDisposedException>(() => opened.Search(new float[2], 1));
            Assert.Throws<ObjectDisposedException>(() => opened.Text(0));
        }
    }

    [Fact]
    public void A_missing_parent_is_named()
    {
        string parent = temporary.File("gone");
        IOException error = Assert.ThrowsAny<IOException>(() => Build("new", place: Path.Combine(parent, "index")));
        Assert.Contains($"the folder {parent} does not exist", error.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_folder_that_may_not_be_written_is_one_line()
    {
        Skip.If(OperatingSystem.IsWindows() || Environment.UserName == "root", "the superuser may write everywhere");
        string closed = Directory.CreateDirectory(temporary.File("closed")).FullName;
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(closed, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        IOException error = Assert.Throws<IOException>(() => Build("new", place: Path.Combine(closed, "index")));
        Assert.Equal($"{Path.Combine(closed, "index")}: cannot be written: permission denied; choose a folder that you may write to", error.Message);
    }

    [SkippableFact]
    public void A_disk_that_is_full_is_one_line_and_the_earlier_index_stays()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "/dev/full is Linux's");
        Build("old");
        using (VectorIndexBuilder builder = new(index, Description))
        {
            FillDiskUnder(temporary.File(".index.sirocco-new"));
            IOException error = Assert.Throws<IOException>(() =>
            {
                for (int i = 0; i < 100_000; i++) builder.Add("new", "a text", [1, 2]);
                builder.Commit();
            });
            Assert.Equal($"{index}: cannot be written: the disk is full; free some space or choose another folder", error.Message);
        }

        Assert.Equal("old", IdOf(index));
        Assert.Equal(["index"], Names());
    }

    [Fact]
    public void Ids_that_come_twice_are_counted()
    {
        using VectorIndexBuilder builder = new(index, Description);
        foreach (string id in (string[])["a", "b", "b", "a", "b"]) builder.Add(id, "", [1, 2]);
        Assert.Equal((3, "b"), (builder.RepeatedIds, builder.FirstRepeatedId));
    }

    /// <summary>Makes every file that this process has open in a folder lie on a disk without a free byte.</summary>
    private static void FillDiskUnder(string folder)
    {
        using FileStream full = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        foreach (FileInfo handle in new DirectoryInfo("/proc/self/fd").EnumerateFiles().ToArray())
        {
            if (handle.LinkTarget?.StartsWith(folder, StringComparison.Ordinal) != true) continue;
            int descriptor = int.Parse(handle.Name, System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal(descriptor, Dup2((int)full.SafeFileHandle.DangerousGetHandle(), descriptor));
        }
    }

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Dup2(int from, int to);

    private static string IdOf(string path)
    {
        using VectorIndex opened = VectorIndex.Open(path);
        return opened.Id(0);
    }

    private string[] Names() =>
        [.. Directory.EnumerateFileSystemEntries(temporary.Path).Select(entry => Path.GetFileName(entry)!).Order(StringComparer.Ordinal)];

    private void Write(string name, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(temporary.File(name))!);
        File.WriteAllText(temporary.File(name), content);
    }

    private void Build(string id, int records = 1, string? place = null)
    {
        float first = float.TryParse(id, System.Globalization.CultureInfo.InvariantCulture, out float number) ? number : 1;
        using VectorIndexBuilder builder = new(place ?? index, Description);
        for (int i = 0; i < records; i++) builder.Add(id, id, [first, 0]);
        builder.Commit();
    }
}
