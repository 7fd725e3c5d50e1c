using System.Globalization;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// The checkpoints of a run in its folder. One is made under <c>NAME.reserving-HEX</c>, gets its name by a rename while a marker still says that it is
/// incomplete, is named by <c>LATEST</c>, and only then loses the marker: whenever the process is killed, what <c>LATEST</c> or the newest complete folder
/// names can be resumed.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    private const string Marker = ".incomplete", Reserving = ".reserving-", Replaced = ".replaced-", Earlier = "earlier-", LockFile = ".training";
    private readonly FileStream held;

    private RunFolder(string path, FileStream held)
    {
        Path = path;
        this.held = held;
        Latest = new Tracker(path, "LATEST");
        LowestValidation = new Tracker(path, "LOWEST_VAL");
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Names the newest checkpoint.</summary>
    public Tracker Latest { get; }

    /// <summary>Names the checkpoint with the best validation.</summary>
    public Tracker LowestValidation { get; }

    /// <summary>Takes a folder for one run.</summary>
    /// <exception cref="IOException">Another process trains in it, or it cannot be written.</exception>
    public static RunFolder Open(string path)
    {
        string file = System.IO.Path.Combine(path, LockFile);
        try
        {
            Directory.CreateDirectory(path);
            return new RunFolder(path, new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1));
        }
        catch (IOException e) when (File.Exists(file) && WriteFailure.IsHeldElsewhere(e))
        {
            throw new IOException($"{path}: another process trains in this folder; wait for it or name another checkpoint.checkpoint_dir", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(path, e);
        }
    }

    /// <summary>The folder of a checkpoint.</summary>
    public string PathOf(CheckpointName name) => System.IO.Path.Combine(Path, name.ToString());

    /// <summary>The folder beside a distillation's checkpoint that holds its student.</summary>
    public string StudentOf(CheckpointName name) => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"step_{name.Step}"));

    /// <summary>Whether a checkpoint's folder is there and was finished.</summary>
    public static bool IsComplete(string checkpoint) => Directory.Exists(checkpoint) && !File.Exists(System.IO.Path.Combine(checkpoint, Marker));

    /// <summary>The complete checkpoints, the one that <c>LATEST</c> names first, then the newest first.</summary>
    public IReadOnlyList<CheckpointName> Complete()
    {
        CheckpointName? latest = Latest.Target;
        return [.. Names().Where(name => IsComplete(PathOf(name))).OrderByDescending(name => name == latest).ThenByDescending(SerialOf)
            .ThenByDescending(name => name.Step)];
    }

    /// <summary>Makes a checkpoint appear, and removes what a killed run left half made or half deleted.</summary>
    /// <param name="name">What it is called; a checkpoint of that name, from before the run went back behind it, is replaced.</param>
    /// <param name="write">Fills the folder that it is given.</param>
    /// <exception cref="IOException">It cannot be written; earlier checkpoints are as they were.</exception>
    public void Publish(CheckpointName name, Action<string> write)
    {
        string made = PathOf(name), tag = Guid.NewGuid().ToString("N")[..8], staged = made + Reserving + tag, replaced = made + Replaced + tag;
        try
        {
            RemoveLeftovers();
            Directory.CreateDirectory(staged);
            File.WriteAllBytes(System.IO.Path.Combine(staged, Marker), []);
            write(staged);
            CheckpointSums.Write(staged);
            if (Directory.Exists(made)) Directory.Move(made, replaced);
            Directory.Move(staged, made);
            Latest.PointTo(name);
            File.Delete(System.IO.Path.Combine(made, Marker));
            if (Directory.Exists(replaced)) Directory.Delete(replaced, recursive: true);
        }
        catch (Exception e)
        {
            TemporaryPath.TryDeleteFolder(staged);
            if (!IsComplete(made))
            {
                if (Directory.Exists(replaced)) TryRestore(replaced, made);
                else TemporaryPath.TryDeleteFolder(made);
            }

            if (e is not (IOException or UnauthorizedAccessException)) throw;
            IOException explained = WriteFailure.Explain(made, e);
            throw new IOException(explained.Message.Replace(staged, made, StringComparison.Ordinal), explained);
        }
    }

    /// <summary>Where <see cref="SetAside"/> moves checkpoints to.</summary>
    public string NextEarlier => Enumerable.Range(1, int.MaxValue)
        .Select(n => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"{Earlier}{n}"))).First(folder => !Directory.Exists(folder));

    /// <summary>Moves the checkpoints that are there, and the students beside them, into <see cref="NextEarlier"/>, where no run looks for its own.</summary>
    /// <exception cref="IOException">They cannot be moved.</exception>
    public void SetAside()
    {
        string earlier = NextEarlier;
        try
        {
            foreach (CheckpointName name in Complete())
            {
                Directory.CreateDirectory(earlier);
                Directory.Move(PathOf(name), System.IO.Path.Combine(earlier, name.ToString()));
                if (Directory.Exists(StudentOf(name)))
                    Directory.Move(StudentOf(name), System.IO.Path.Combine(earlier, System.IO.Path.GetFileName(StudentOf(name))));
            }

            LowestValidation.Remove();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(earlier, e);
        }
    }

    /// <summary>Deletes what is neither among the newest nor among the best.</summary>
    /// <param name="recent">How many of the newest stay.</param>
    /// <param name="best">Those that stay in any case.</param>
    public void Prune(int recent, IEnumerable<CheckpointName> best)
    {
        IReadOnlyList<CheckpointName> complete = Complete();
        HashSet<CheckpointName> kept = [.. complete.Take(recent), .. best];
        foreach (CheckpointName name in complete.Where(name => !kept.Contains(name)))
        {
            // Marked first: a kill in the middle leaves something that nobody takes for a checkpoint.
            File.WriteAllBytes(System.IO.Path.Combine(PathOf(name), Marker), []);
            Directory.Delete(PathOf(name), recursive: true);
            if (Directory.Exists(StudentOf(name))) Directory.Delete(StudentOf(name), recursive: true);
        }
    }

    /// <summary>The state of a checkpoint, or null where it cannot be read.</summary>
    public CheckpointState? StateOf(CheckpointName name)
    {
        try
        {
            return CheckpointState.Read(PathOf(name));
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>One more than the highest serial number so far.</summary>
    public long NextSerial() => Names().Select(SerialOf).DefaultIfEmpty(0).Max() + 1;

    public void Dispose() => held.Dispose();

    private IEnumerable<CheckpointName> Names()
    {
        foreach (DirectoryInfo folder in new DirectoryInfo(Path).EnumerateDirectories("epoch_*"))
        {
            if (folder.LinkTarget is null && CheckpointName.TryParse(folder.Name, out CheckpointName name)) yield return name;
        }
    }

    /// <summary>A checkpoint whose state cannot be read is older than all others.</summary>
    private long SerialOf(CheckpointName name) => StateOf(name)?.Serial ?? 0;

    /// <summary>
    /// Puts back the checkpoint that was to be replaced. Where even that fails, it stays under the name that it has, and the failure before it is what the user
    /// hears of.
    /// </summary>
    private static void TryRestore(string replaced, string made)
    {
        TemporaryPath.TryDeleteFolder(made);
        try
        {
            Directory.Move(replaced, made);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }

    private void RemoveLeftovers()
    {
        foreach (DirectoryInfo folder in new DirectoryInfo(Path).EnumerateDirectories("epoch_*").Where(folder => folder.LinkTarget is null))
        {
            int end = folder.Name.IndexOf(Reserving, StringComparison.Ordinal);
            if (end < 0) end = folder.Name.IndexOf(Replaced, StringComparison.Ordinal);
            bool ours = CheckpointName.TryParse(end < 0 ? folder.Name : folder.Name[..end], out _);
            if (ours && (end >= 0 || !IsComplete(folder.FullName))) folder.Delete(recursive: true);
        }
    }
}
