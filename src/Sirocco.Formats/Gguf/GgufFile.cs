namespace Sirocco.Formats;
public sealed class GgufFile { internal static bool HasSignature(string path) => false; }
public static class GgufCheckpoint { public static TensorArchive Open(string path) => throw new FileNotFoundException(path); }
