namespace Sirocco.Formats;

/// <summary>Turns the system's write errors, which name temporary files, into one line about the file that the user asked for.</summary>
public static class WriteFailure
{
    // The values of HResult: ENOSPC, EDQUOT and EROFS as Unix sets them, ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL on Windows.
    private const int NoSpace = 28, Quota = 122, MacQuota = 69, ReadOnlySystem = 30;
    private const int WindowsDiskFull = unchecked((int)0x80070070), WindowsHandleDiskFull = unchecked((int)0x80070027);

    // EWOULDBLOCK of Linux and of macOS, ERROR_SHARING_VIOLATION.
    private const int Locked = 11, MacLocked = 35, WindowsLocked = unchecked((int)0x80070020);

    /// <summary>Whether a file could not be opened because another process holds it.</summary>
    internal static bool IsHeldElsewhere(IOException cause) => cause.HResult is Locked or MacLocked or WindowsLocked;

    /// <summary>
    /// Whether an exception of the runtime's file functions says that something could not be written. A file that becomes too long (EFBIG: 4 GB on FAT32, or
    /// the process's limit) is reported as an argument out of range.
    /// </summary>
    internal static bool Is(Exception cause) => cause is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" };

    /// <param name="path">The file or folder that the user asked for.</param>
    /// <param name="cause">What the system said; a failure that is explained already is given back.</param>
    public static IOException Explain(string path, Exception cause)
    {
        if (cause is IOException { Data: var data } explained && data.Contains(typeof(WriteFailure))) return explained;
        string why = cause switch
        {
            UnauthorizedAccessException => "permission denied; choose a folder that you may write to",
            { HResult: NoSpace or WindowsDiskFull or WindowsHandleDiskFull } => "the disk is full; free some space or choose another folder",
            { HResult: Quota or MacQuota } => "the disk quota is used up; free some space or choose another folder",
            { HResult: ReadOnlySystem } => "the file system is read-only; choose another folder",
            ArgumentOutOfRangeException =>
                "it becomes longer than the file system or the process's limit (ulimit -f) allows; choose another folder or raise the limit",
            _ => OneLine(cause.Message),
        };
        var failure = new IOException($"{path}: cannot be written: {why}", cause);
        failure.Data[typeof(WriteFailure)] = true;
        return failure;
    }

    private static string OneLine(string message) => message.ReplaceLineEndings(" ").Trim();
}
