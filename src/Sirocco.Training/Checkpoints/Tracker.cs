using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// <c>LATEST</c> or <c>LOWEST_VAL</c> of a run: a relative link to one of its checkpoints that is replaced by one rename, or a text file with the name where
/// links cannot be made.
/// </summary>
/// <param name="folder">The run's folder.</param>
/// <param name="name">The tracker's name.</param>
internal sealed class Tracker(string folder, string name)
{
    private readonly string link = Path.Combine(folder, name);
    private readonly string text = Path.Combine(folder, name + ".txt");

    /// <summary>The checkpoint that it names, or null where it is missing or names none.</summary>
    public CheckpointName? Target
    {
        get
        {
            string? target = new DirectoryInfo(link).LinkTarget ?? (File.Exists(text) ? File.ReadAllText(text).Trim() : null);
            return CheckpointName.TryParse(target, out CheckpointName found) ? found : null;
        }
    }

    /// <summary>Names another checkpoint.</summary>
    public void PointTo(CheckpointName target)
    {
        if (TryLink(target.ToString()))
        {
            File.Delete(text);
            return;
        }

        AtomicFile.WriteAllText(text, target + "\n");
        RemoveLink();
    }

    /// <summary>Names none any more.</summary>
    public void Remove()
    {
        File.Delete(text);
        RemoveLink();
    }

    private void RemoveLink()
    {
        if (new DirectoryInfo(link).LinkTarget is null) return;
        if (OperatingSystem.IsWindows()) Directory.Delete(link);
        else File.Delete(link);
    }

    private bool TryLink(string target)
    {
        if (OperatingSystem.IsWindows()) return TryLinkOnWindows(target);

        // Made inside the checkpoint, where it leads nowhere: File.Move renames a link to nothing, but refuses one to a folder.
        string made = Path.Combine(folder, target, "." + name);
        try
        {
            File.Delete(made);
            File.CreateSymbolicLink(made, target);
            File.Move(made, link, overwrite: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            File.Delete(made);
            return false;
        }
    }

    /// <summary>A link to a folder is of a kind of its own there, which nothing replaces in one go and not everybody may make.</summary>
    private bool TryLinkOnWindows(string target)
    {
        try
        {
            if (new DirectoryInfo(link).LinkTarget is not null) Directory.Delete(link);
            Directory.CreateSymbolicLink(link, target);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return false;
        }
    }
}
