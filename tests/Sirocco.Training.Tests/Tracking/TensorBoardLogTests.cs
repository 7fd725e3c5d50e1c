using System.Buffers.Binary;
using System.Text;

namespace Sirocco.Training.Tests.Tracking;

public sealed class TensorBoardLogTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // RFC 3720, B.4, and the check value of the CRC catalogue.
    public static TheoryData<byte[], uint> Checksums => new()
    {
        { new byte[32], 0x8A9136AA },
        { [.. Enumerable.Repeat((byte)0xFF, 32)], 0x62A8AB43 },
        { [.. Enumerable.Range(0, 32).Select(i => (byte)i)], 0x46DD794E },
        { [.. Enumerable.Range(0, 32).Select(i => (byte)(31 - i))], 0x113FDB5C },
        { Encoding.ASCII.GetBytes("123456789"), 0xE3069283 },
    };

    [Theory]
    [MemberData(nameof(Checksums))]
    public void The_checksum_is_Castagnolis(byte[] bytes, uint expected) => Assert.Equal(expected, TfRecord.Crc32C(bytes));

    [Fact]
    public void The_first_record_is_what_TensorFlow_begins_every_file_with()
    {
        using MemoryStream file = new();
        TfRecord.Write(file, new ProtobufMessage().Add(1, 1.5).Add(3, "brain.Event:2").Bytes);
        byte[] bytes = file.ToArray();
        Assert.Equal(24, BinaryPrimitives.ReadInt64LittleEndian(bytes));
        // The header's checksum is in every event file of TensorFlow: 18 00 00 00 00 00 00 00 a3 7f 4b 22.
        Assert.Equal([0xA3, 0x7F, 0x4B, 0x22], bytes[8..12]);
        Assert.Equal([0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0x1A, 0x0D, .. "brain.Event:2"u8], bytes[12..36]);
    }

    [Fact]
    public void Steps_and_validations_can_be_read_back()
    {
        using (TensorBoardLog log = new(folder.Path, 0))
        {
            log.Stepped(Step(0, 2.5f));
            log.Validated(new ValidationRecord(0, 0, [new("val_loss", 2), new("ndcg@10", 0.5)]));
            log.Stepped(Step(1, 0));
        }

        List<(long Step, string Tag, float Value)> scalars = [.. Records().Skip(1).SelectMany(Scalars)];
        Assert.Contains((0, "train/loss", 2.5f), scalars);
        Assert.Contains((0, "train/accuracy", 0.25f), scalars);
        Assert.Contains((0, "val/loss", 2f), scalars);
        Assert.Contains((0, "val/ndcg@10", 0.5f), scalars);
        Assert.Contains((1, "train/loss", 0f), scalars);
    }

    [Fact]
    public void A_run_that_goes_on_goes_on_in_the_same_file_behind_its_last_whole_record()
    {
        using (TensorBoardLog log = new(folder.Path, 0))
        {
            for (int i = 0; i < 4; i++) log.Stepped(Step(i, 1));
        }

        string file = Assert.Single(Directory.GetFiles(folder.Path));
        using (FileStream torn = File.OpenWrite(file)) torn.SetLength(torn.Length - 3);
        using (TensorBoardLog log = new(folder.Path, 2)) log.Stepped(Step(2, 7));

        Assert.Equal(file, Assert.Single(Directory.GetFiles(folder.Path)));
        List<Dictionary<int, object>> records = [.. Records()];
        Assert.Equal(6, records.Count); // version, steps 0 to 2, the new start, step 2 again
        Assert.Equal(2L, records[4][2]);
        Assert.Equal([0x08, 0x01], (byte[])records[4][7]); // SessionLog.START, from which TensorBoard drops what it had of step 2
        Assert.Contains((2, "train/loss", 7f), Scalars(records[5]));
    }

    private static TrainingRecord Step(int step, float loss) => new()
    {
        Step = step,
        Epoch = 0,
        Loss = loss,
        LossWindow = loss,
        GradientNorm = 1,
        LearningRate = 1e-5,
        Tokens = 100,
        Seconds = 0.5,
        Measures = [new("train_accuracy", 0.25)],
    };

    private IEnumerable<Dictionary<int, object>> Records()
    {
        using FileStream file = File.OpenRead(Directory.GetFiles(folder.Path).Single());
        while (TfRecord.Read(file) is { } record) yield return ProtobufFields.Read(record).ToDictionary(field => field.Number, field => field.Value);
        Assert.Equal(file.Length, file.Position);
    }

    private static IEnumerable<(long Step, string Tag, float Value)> Scalars(Dictionary<int, object> record)
    {
        long step = record.TryGetValue(2, out object? value) ? (long)value : 0;
        foreach ((_, object summary) in ProtobufFields.Read((byte[])record[5]))
        {
            Dictionary<int, object> fields = ProtobufFields.Read((byte[])summary).ToDictionary(field => field.Number, field => field.Value);
            yield return (step, Encoding.UTF8.GetString((byte[])fields[1]), (float)fields[2]);
        }
    }
}
