namespace Sirocco.Models;

/// <summary>
/// How an index names its model: a hub id as it is, a folder that contains the index relative to it (both can be moved together), any other by its full path.
/// </summary>
internal static class ModelReference
{
    private const string RelativeMark = "./";

    public static string Write(string model, string indexFolder)
    {
        if (!Directory.Exists(model) && !File.Exists(model)) return model;
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)), index = Path.GetFullPath(indexFolder);
        return index.StartsWith(full + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? RelativeMark + Path.GetRelativePath(index, full).Replace('\\', '/')
            : full;
    }

    public static string Read(string reference, string indexFolder)
    {
        string model = reference.StartsWith(RelativeMark, StringComparison.Ordinal) ? Path.GetFullPath(Path.Combine(indexFolder, reference)) : reference;
        if (Path.IsPathRooted(model) && !Directory.Exists(model) && !File.Exists(model))
        {
            throw new FileNotFoundException(
                $"{indexFolder}: was made with the model {model}, which is not there; put it back, say with --model where it is now, or make the index again",
                model);
        }
        return model;
    }
}
