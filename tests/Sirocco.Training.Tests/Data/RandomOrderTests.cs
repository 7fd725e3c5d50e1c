using System.Text.Json;

namespace Sirocco.Training.Tests;

/// <summary>Orders recorded from torch, Python, numpy and Hugging Face datasets.</summary>
public class RandomOrderTests
{
    [Fact]
    public void Permutations_are_those_of_torch() =>
        All("torch_randperm", entry => First(entry, TorchRandom.Permutation(Count(entry), Seed(entry))));

    [Fact]
    public void Samples_and_shuffles_are_those_of_Python()
    {
        All("python_sample", entry => First(entry, new PythonRandom(Seed(entry)).Sample(Count(entry), entry.GetProperty("k").GetInt32())));
        All("python_shuffle", entry => First(entry, new PythonRandom(Seed(entry)).Shuffle(Count(entry))));
    }

    [Fact]
    public void Permutations_are_those_of_numpy_and_so_are_shuffled_datasets()
    {
        All("numpy_permutation", entry => First(entry, NumpyRandom.Permutation(Count(entry), Seed(entry))));
        All("shuffle", entry => First(entry, NumpyRandom.Permutation(Count(entry), Seed(entry))));
    }

    [Fact]
    public void Splits_and_shards_are_those_of_datasets()
    {
        All("train_test_split", entry =>
        {
            (int[] train, int[] test) = DatasetSplits.TrainTest(Count(entry), entry.GetProperty("test_size").GetDouble(), Seed(entry));
            Same(entry.GetProperty("train"), train);
            Same(entry.GetProperty("test"), test);
        });
        All("split_slices", entry =>
        {
            string split = entry.GetProperty("split").GetString()!;
            if (entry.TryGetProperty("error", out _))
            {
                Assert.Throws<ArgumentException>(() => DatasetSplits.Slice(split, Count(entry)));
                return;
            }

            int[] rows = DatasetSplits.Slice(split, Count(entry));
            Assert.Equal(entry.GetProperty("count").GetInt32(), rows.Length);
            Assert.Equal(entry.GetProperty("first")[0].GetInt32(), rows[0]);
            Assert.Equal(entry.GetProperty("last")[0].GetInt32(), rows[^1]);
        });
        All("shards", entry =>
        {
            int shards = entry.GetProperty("num_shards").GetInt32();
            for (int i = 0; i < shards; i++)
            {
                int[] rows = DatasetSplits.Shard(Count(entry), shards, i);
                JsonElement expected = entry.GetProperty("contiguous")[i];
                Assert.Equal((expected[0].GetInt32(), expected[1].GetInt32()), (rows.Length == 0 ? expected[0].GetInt32() : rows[0], rows.Length));
                Same(entry.GetProperty("strided")[i], DatasetSplits.Shard(Count(entry), shards, i, contiguous: false), cut: 3);
            }
        });
    }

    /// <summary>Expected values: torch 1.13, Python 3.11 and numpy 1.24. torch's generator takes 32 bits of a seed, the others all.</summary>
    [Fact]
    public void Seeds_may_have_more_than_32_bits()
    {
        Assert.Equal([5, 6, 1, 2, 0, 8, 9, 3, 7, 4], TorchRandom.Permutation(10, 8589934593));
        Assert.Equal([74, 12, 33, 55, 51, 39, 93, 97, 19], new PythonRandom(8589934593).Sample(100, 9));
        Assert.Equal([8, 5, 6, 0, 9, 1, 4, 3, 7, 2], NumpyRandom.Permutation(10, 8589934593));
    }

    [Fact]
    public void A_sample_of_a_negative_seed_is_that_of_its_magnitude() => Assert.Equal(new PythonRandom(7).Sample(100, 9), new PythonRandom(-7).Sample(100, 9));

    private static void All(string section, Action<JsonElement> check)
    {
        JsonElement entries = JsonDocument.Parse(File.ReadAllBytes(GoldenFile.Path("datasets/orders.json"))).RootElement.GetProperty(section);
        Assert.NotEqual(0, entries.GetArrayLength());
        foreach (JsonElement entry in entries.EnumerateArray()) check(entry);
    }

    private static int Count(JsonElement entry) => entry.GetProperty("n").GetInt32();

    private static int Seed(JsonElement entry) => entry.GetProperty("seed").GetInt32();

    private static void First(JsonElement entry, int[] actual) => Same(entry.GetProperty("first"), actual);

    /// <summary>Recorded lists are cut after some entries.</summary>
    private static void Same(JsonElement recorded, int[] actual, int cut = 64)
    {
        int[] expected = [.. recorded.EnumerateArray().Select(value => value.GetInt32())];
        Assert.Equal(expected, expected.Length < cut ? actual : actual[..cut]);
    }
}
