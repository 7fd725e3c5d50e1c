using System.Buffers.Binary;
using System.Text;
using Sirocco.Training.Tests.Checkpoints;

namespace Sirocco.Training.Tests.Tracking;

/// <summary>Files are read back by the rules of wandb's own reader (wandb/sdk/internal/datastore.py), field numbers by its wandb_internal.proto.</summary>
public sealed class WandbLogTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_magic_number_is_the_checksum_that_wandb_says_it_is() => Assert.Equal(0xBEE1u, Checksum("Weights & Biases"u8) & 0xFFFF);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(32747)] // leaves 7 bytes of a block: a first piece without bytes
    [InlineData(32748)] // leaves 6: zeros
    [InlineData(32754)] // fills the block
    [InlineData(32755)]
    [InlineData(100_000)]
    public void Records_of_any_length_can_be_read_back(int length)
    {
        string path = folder.File("run.wandb");
        byte[][] written = [[.. Enumerable.Range(0, length).Select(i => (byte)(i * 31))], [1, 2, 3], new byte[40_000], [4]];
        using (WandbFile file = new(path))
        {
            foreach (byte[] record in written) file.Write(record);
        }

        Assert.Equal(written, Records(File.ReadAllBytes(path)));
    }

    [Fact]
    public void A_run_leaves_its_configuration_its_rows_its_summary_and_its_end()
    {
        using TinyRun run = new();
        TinyRun.Recorder recorder = run.Run(
            ["--wandb.project", "packages", "--wandb.name", "tiny", "--wandb.tags", "['a','b']", "--step_scheduler.log_remote_every_steps", "2"]);
        string file = Assert.Single(Directory.GetFiles(Path.Combine(run.Folder, "wandb"), "run-*.wandb", SearchOption.AllDirectories));
        string place = Path.GetFileName(Path.GetDirectoryName(file)!);
        Assert.Matches("^offline-run-[0-9]{8}_[0-9]{6}-[0-9a-z]{8}$", place);
        Assert.Equal($"run-{place[^8..]}.wandb", Path.GetFileName(file));

        List<List<(int Number, object Value)>> records = [.. Records(File.ReadAllBytes(file)).Select(ProtobufFields.Read)];
        Assert.Equal(Enumerable.Range(1, records.Count).Select(i => (long)i), records.Select(record => (long)record[0].Value));
        List<(int Number, object Value)> first = ProtobufFields.Read((byte[])records[0].Single(field => field.Number == 17).Value);
        Assert.Equal(place[^8..], Text(first, 1));
        Assert.Equal("packages", Text(first, 3));
        Assert.Equal("tiny", Text(first, 8));
        Assert.Equal(["a", "b"], first.Where(field => field.Number == 10).Select(field => Encoding.UTF8.GetString((byte[])field.Value)));
        Assert.Equal("7", Items((byte[])first.Single(field => field.Number == 4).Value)["seed"]);

        List<Dictionary<string, string>> rows = [.. records.Where(record => record[1].Number == 2).Select(record => Items((byte[])record[1].Value))];
        int[] steps = [.. rows.Select(row => int.Parse(row["_step"], null))];
        Assert.Equal(steps.Order().Distinct(), steps);
        Assert.All(
            rows.Where(row => row.ContainsKey("loss")),
            row => Assert.Equal(recorder.Steps[int.Parse(row["_step"], null)].Loss, double.Parse(row["loss"], null), 1e-6));
        Assert.Equal(recorder.Steps.Count(step => step.Step % 2 == 0), rows.Count(row => row.ContainsKey("loss")));
        Assert.Contains(rows, row => row.ContainsKey("val_loss"));
        Assert.Equal([3, 18], records.TakeLast(2).Select(record => record[1].Number)); // summary, exit
        Assert.DoesNotContain(ProtobufFields.Read((byte[])records[^1][1].Value), field => field.Number == 1); // exit code 0
    }

    [Fact]
    public void A_disabled_section_leaves_nothing()
    {
        using TinyRun run = new();
        run.Run(["--wandb.mode", "disabled"]);
        Assert.False(Directory.Exists(Path.Combine(run.Folder, "wandb")));
    }

    /// <summary>CRC-32 bit by bit.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte next in bytes)
        {
            crc ^= next;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return ~crc;
    }

    private static string Text(List<(int Number, object Value)> message, int number) =>
        Encoding.UTF8.GetString((byte[])message.Single(field => field.Number == number).Value);

    private static Dictionary<string, string> Items(byte[] message) =>
        ProtobufFields.Read(message).Where(field => field.Number == 1).Select(field => ProtobufFields.Read((byte[])field.Value))
            .ToDictionary(item => Text(item, 1), item => Text(item, 16));

    private static List<byte[]> Records(byte[] file)
    {
        Assert.Equal([.. ":W&B"u8, 0xE1, 0xBE, 0], file[..7]);
        List<byte[]> records = [];
        List<byte> open = [];
        bool begun = false;
        for (int at = 7; at < file.Length;)
        {
            int left = 32768 - (at % 32768);
            if (left < 7)
            {
                Assert.All(file[at..(at + left)], value => Assert.Equal(0, value));
                at += left;
                continue;
            }

            int length = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(at + 4)), kind = file[at + 6];
            Assert.InRange(length, 0, left - 7);
            Assert.Equal(Checksum(file.AsSpan(at + 6, 1 + length)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)));
            Assert.Equal(!begun, kind is 1 or 2);
            begun = kind is 2 or 3;
            open.AddRange(file[(at + 7)..(at + 7 + length)]);
            if (!begun)
            {
                records.Add([.. open]);
                open.Clear();
            }

            at += 7 + length;
        }

        return records;
    }
}
