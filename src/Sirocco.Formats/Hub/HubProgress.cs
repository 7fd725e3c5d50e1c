namespace Sirocco.Formats;

/// <summary>How far a download is.</summary>
/// <param name="File">The file being fetched.</param>
/// <param name="FileNumber">Its number, from 1.</param>
/// <param name="FileCount">Files to have.</param>
/// <param name="Bytes">Bytes of this file that are on the disk.</param>
/// <param name="TotalBytes">Bytes that it has, where the server says.</param>
public readonly record struct HubProgress(string File, int FileNumber, int FileCount, long Bytes, long? TotalBytes);
