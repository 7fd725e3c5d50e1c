using System.Diagnostics;
using System.Globalization;

namespace Sirocco.Tests;

/// <summary>
/// The rounds of a fuzz test. By default as many as the test says, always the same ones: what fails on one machine fails on all. SIROCCO_FUZZ_SECONDS lets them
/// go on for a time, SIROCCO_FUZZ_SEED starts them elsewhere.
/// </summary>
public static class FuzzRounds
{
    /// <summary>Runs the rounds, each with random numbers of its own.</summary>
    /// <param name="rounds">How many where no time is set.</param>
    /// <param name="round">One round; throws what a test throws when it fails, or what it did not expect.</param>
    public static void Run(int rounds, Action<Random> round)
    {
        double seconds = double.TryParse(Environment.GetEnvironmentVariable("SIROCCO_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out double time) ? time : 0;
        int first = int.TryParse(Environment.GetEnvironmentVariable("SIROCCO_FUZZ_SEED"), CultureInfo.InvariantCulture, out int seed) ? seed : 1;
        Stopwatch watch = Stopwatch.StartNew();
        for (int i = 0; seconds > 0 ? watch.Elapsed.TotalSeconds < seconds : i < rounds; i++)
        {
            try
            {
                round(new Random(first + i));
            }
            catch (Exception failure)
            {
                Assert.Fail($"SIROCCO_FUZZ_SEED={first + i}: {failure}");
            }
        }
    }
}
