using System.Globalization;
using Sirocco.Formats;

namespace Sirocco.Benchmarks;

/// <summary>How fast the text columns of a Parquet or Arrow file are decoded on one core, in bytes of UTF-8 that come out; the file is in the system's cache.</summary>
internal static class TableReading
{
    private const int Rounds = 5;

    internal static void Print(IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            double best = double.MaxValue;
            long bytes = 0;
            for (int round = 0; round < Rounds; round++)
            {
                // Processor time: what else the machine does must not count.
                TimeSpan before = Environment.CpuUsage.TotalTime;
                bytes = Read(path);
                best = Math.Min(best, (Environment.CpuUsage.TotalTime - before).TotalSeconds);
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {bytes / 1e6:0.0} MB of text, {bytes / 1e6 / best:0} MB/s a core"));
        }
    }

    private static long Read(string path)
    {
        using TableFile file = TableFile.Open(path);
        long bytes = 0;
        foreach (ColumnBatch batch in file.ReadBatches([.. file.Fields.Where(field => field.Type.Kind == ColumnKind.Text).Select(field => field.Name)]))
        {
            using (batch)
            {
                foreach (Column column in batch.Columns)
                    for (int row = 0; row < column.Length; row++) bytes += column.Bytes(row).Length;
            }
        }
        return bytes;
    }
}
