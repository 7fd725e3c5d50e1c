using System.Numerics.Tensors;
using Sirocco.Models;

// Ranks the lines of a text file by what they mean: dotnet run --project samples/SemanticSearch -- MODEL FILE QUERY
// MODEL is an embedding model's folder or hub id: nvidia/llama-nemotron-embed-1b-v2, or what `./sirocco demo` left in demo-output.
if (args is not [string model, string file, string query])
{
    Console.Error.WriteLine("usage: SemanticSearch MODEL FILE QUERY");
    return 2;
}

using Embedder embedder = Embedder.FromPretrained(model);
string[] lines = await File.ReadAllLinesAsync(file);

// Models are trained with a prompt before queries and often another before documents; the model's folder says which.
float[][] documents = await embedder.EmbedAsync(lines, prompt: embedder.DocumentPrompt);
float[] wanted = embedder.Embed(query, prompt: embedder.QueryPrompt);

foreach ((float score, string line) in documents
    .Select((vector, i) => (Score: TensorPrimitives.CosineSimilarity(vector.AsSpan(), wanted), Line: lines[i]))
    .OrderByDescending(hit => hit.Score)
    .Take(5))
{
    Console.WriteLine($"{score:0.000}  {line}");
}

return 0;
