using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Training;

/// <summary>
/// Documents whose text is that of a positive, apart from case and white space: right answers under another id. Of texts only digests are held, and only of
/// positives.
/// </summary>
internal sealed class EqualTexts
{
    private readonly Dictionary<UInt128, List<int>> documents = [];
    private readonly MiningTask task;

    public EqualTexts(MiningTask task, int threads, CancellationToken cancellation)
    {
        this.task = task;
        for (int question = 0; question < task.Questions; question++)
        {
            foreach (int positive in task.Positives(question)) documents.TryAdd(Digest(positive), []);
        }

        Lock gate = new();
        Parallel.For(0, task.Documents, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation }, document =>
        {
            if (!documents.TryGetValue(Digest(document), out List<int>? equal)) return;
            lock (gate) equal.Add(document);
        });
    }

    /// <summary>Documents, its positives among them, with the text of one of a question's positives.</summary>
    public int[] Of(int question) => [.. task.Positives(question).SelectMany(positive => documents[Digest(positive)]).Distinct()];

    private UInt128 Digest(int document)
    {
        StringBuilder text = new();
        bool space = false;
        foreach (char c in task.DocumentText(document))
        {
            if (char.IsWhiteSpace(c))
            {
                space = true;
                continue;
            }

            if (space) text.Append(' ');
            space = false;
            text.Append(char.ToLower(c, CultureInfo.InvariantCulture));
        }

        return BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
