using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Against the gguf package (0.19) and transformers' own reading of GGUF files.</summary>
public class GgufTests
{
    public static TheoryData<StorageType> DecodableTypes() =>
        [
            .. Enum.GetValues<StorageType>().Where(type => type.IsQuantised && ElementConversion.CanReadAsSingle(type) && type != StorageType.Q8_K),
            StorageType.F16, StorageType.BF16,
        ];

    [Theory]
    [MemberData(nameof(DecodableTypes))]
    public void Blocks_are_dequantised_bit_for_bit(StorageType type)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(Golden.PathOf("gguf/blocks.safetensors"));
        float[] expected = golden[$"{type}.dequantised"].ToSingleArray(), actual = new float[expected.Length];
        ElementConversion.ToSingle(type, golden[$"{type}.raw"].Bytes, actual);
        Assert.Equal(MemoryMarshal.Cast<float, int>(expected).ToArray(), MemoryMarshal.Cast<float, int>(actual).ToArray());
    }

    [Fact]
    public void Every_metadata_type_and_plain_tensor_type_reads_back()
    {
        JsonElement golden = Golden.Json("gguf/index.json").GetProperty("metadata_file");
        using GgufFile file = GgufFile.Open(Golden.PathOf("gguf/metadata.gguf"));
        foreach (JsonProperty entry in golden.GetProperty("metadata").EnumerateObject())
        {
            Assert.True(file.Values.TryGet(entry.Name, out object? value), entry.Name);
            Assert.Equal(Text(entry.Value), Text(value!));
        }
        foreach (JsonProperty entry in golden.GetProperty("tensors").EnumerateObject())
        {
            StoredTensor tensor = file[entry.Name];
            Assert.Equal(entry.Value.GetProperty("type").GetString(), tensor.Type.Name);
            Assert.Equal(entry.Value.GetProperty("dimensions_innermost_first").EnumerateArray().Select(d => d.GetInt64()).Reverse(), tensor.Shape.ToArray());
            Assert.Equal(entry.Value.GetProperty("data_offset").GetInt64(), tensor.FileOffset);
            Assert.Equal(entry.Value.GetProperty("values").EnumerateArray().Select(v => v.GetSingle()), tensor.ToSingleArray());
        }
    }

    public static TheoryData<string> Models() => [.. Golden.Json("gguf/index.json").GetProperty("models").EnumerateObject().Select(m => m.Name)];

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void A_model_has_the_tensors_and_values_of_its_hugging_face_form(string name)
    {
        string path = Golden.PathOf("gguf/" + name);
        if (!File.Exists(path)) path = Path.Combine(SharedFolder(), "goldens", "formats", "gguf", name);
        Skip.IfNot(File.Exists(path), $"{name} is not among the small goldens");
        using GgufCheckpoint checkpoint = GgufCheckpoint.Open(path);
        using SafetensorsFile golden = SafetensorsFile.Open(Path.ChangeExtension(path, ".safetensors"));
        JsonElement types = Golden.Json("gguf/index.json").GetProperty("models").GetProperty(name).GetProperty("tensor_types");
        Assert.Equal(types.EnumerateObject().Count(), checkpoint.Tensors.Count);
        int compared = 0;
        foreach (StoredTensor expected in golden.Tensors.Where(t => t.Name.StartsWith("dequantised.", StringComparison.Ordinal)))
        {
            StoredTensor actual = checkpoint[expected.Name["dequantised.".Length..]];
            Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
            Assert.Equal(expected.ToSingleArray(), actual.ToSingleArray());
            compared++;
        }
        Assert.True(compared >= 3);
    }

    [Fact]
    public void A_ministral_file_describes_itself_as_its_config_json_does()
    {
        using GgufCheckpoint checkpoint = GgufCheckpoint.Open(Golden.PathOf("gguf/mistral3-q8_0.gguf"));
        Assert.Equal("""
            {"architectures":["Ministral3ForCausalLM"],"attention_bias":false,"head_dim":16,"hidden_act":"silu","hidden_size":64,"intermediate_size":96,
            "max_position_embeddings":512,"model_type":"ministral3","num_attention_heads":4,"num_hidden_layers":2,"num_key_value_heads":2,
            "rms_norm_eps":9.999999747378752E-06,"rope_parameters":{"rope_theta":10000,"rope_type":"yarn","factor":16,"original_max_position_embeddings":32,
            "beta_fast":32,"beta_slow":1,"mscale":1,"mscale_all_dim":1,"llama_4_scaling_beta":0.10000000149011612},"tie_word_embeddings":true,"vocab_size":288,
            "bos_token_id":1,"eos_token_id":2}
            """.ReplaceLineEndings(""), checkpoint.Config.ToJsonString());
    }

    [Fact]
    public void Llama_3_scaling_appears_as_divisors_of_the_frequencies()
    {
        using GgufCheckpoint checkpoint = GgufCheckpoint.Open(Golden.PathOf("gguf/llama3-rope-f16.gguf"));
        using GgufFile file = GgufFile.Open(Golden.PathOf("gguf/llama3-rope-f16.gguf"));
        Assert.Equal("frequency_divisors", (string?)checkpoint.Config["rope_parameters"]!["rope_type"]);
        Assert.Equal(file["rope_freqs.weight"].ToSingleArray(), checkpoint.Config["rope_parameters"]!["frequency_divisors"]!.AsArray().Select(d => (float)d!));
        Assert.False(checkpoint.Contains("rope_freqs.weight"));
    }

    [Fact]
    public void The_tokenizer_and_template_of_a_file_are_read()
    {
        using GgufCheckpoint checkpoint = GgufCheckpoint.Open(Golden.PathOf("gguf/llama-q4_0.gguf"));
        GgufTokenizer tokenizer = checkpoint.Tokenizer!;
        Assert.Equal(
            ("llama", 288, 288, "<s>", GgufTokenType.Control),
            (tokenizer.Model, tokenizer.Tokens.Count, tokenizer.Scores.Count, tokenizer.Tokens[tokenizer.Bos!.Value], tokenizer.Types[1]));
        Assert.Equal((true, 2, 0, null), (tokenizer.AddBos, tokenizer.Eos, tokenizer.Unknown, tokenizer.Padding));
        Assert.StartsWith("{{ bos_token }}", tokenizer.ChatTemplate, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_read_in_pieces_and_as_bfloat16_are_the_rows_of_the_whole()
    {
        using GgufCheckpoint checkpoint = GgufCheckpoint.Open(Golden.PathOf("gguf/llama-q4_0.gguf"));
        StoredTensor tensor = checkpoint["model.layers.0.self_attn.q_proj.weight"];
        Assert.False(tensor.Order.IsIdentity);
        float[] whole = tensor.ToSingleArray(), piece = new float[3 * tensor.Columns];
        tensor.ReadRows(5, piece);
        Assert.Equal(whole.AsSpan(5 * 64, piece.Length).ToArray(), piece);
        ushort[] narrow = new ushort[2 * tensor.Columns];
        tensor.ReadRowsBFloat16(7, narrow);
        Assert.Equal(whole.AsSpan(7 * 64, narrow.Length).ToArray().Select(ElementConversion.SingleToBFloat16), narrow);
    }

    [Fact]
    public void Damaged_files_that_the_reference_refuses_are_refused_with_one_line()
    {
        using var scratch = new TemporaryFolder();
        foreach (JsonElement golden in Golden.Json("gguf/index.json").GetProperty("damaged").GetProperty("cases").EnumerateArray())
        {
            string name = golden.GetProperty("name").GetString()!;
            string path = scratch.Write(name, golden.GetProperty("bytes").GetBytesFromBase64());
            Exception? error = Record.Exception(() => GgufFile.Open(path).Dispose());
            if (golden.GetProperty("verdict").GetString() == "reject") Assert.True(error is not null, name);
            if (name == "good") Assert.Null(error);
            if (error is null) continue;
            Assert.True(
                error is InvalidDataException && error.Message.StartsWith(path + ": ", StringComparison.Ordinal) && !error.Message.Any(char.IsControl),
                $"{name}: {error}");
        }
    }

    [SkippableFact]
    public void A_published_model_opens_from_its_folder()
    {
        string folder = Path.Combine(SharedFolder(), "models", "smollm2-135m-instruct");
        Skip.IfNot(Directory.Exists(folder), "../shared/models is not there");
        using TensorArchive archive = TensorArchive.Open(folder);
        var checkpoint = Assert.IsType<GgufCheckpoint>(archive);
        Assert.Equal(272, archive.Tensors.Count);
        Assert.Equal(
            (49152, 48900, "smollm", false),
            (checkpoint.Tokenizer!.Tokens.Count, checkpoint.Tokenizer.Merges.Count, checkpoint.Tokenizer.Pre, checkpoint.Tokenizer.AddBos));
        Assert.Equal([49152, 576], archive["model.embed_tokens.weight"].Shape.ToArray());
        float[] row = new float[576];
        archive["model.embed_tokens.weight"].ReadRows(1000, row);
        Assert.Contains(row, value => value != 0);
    }

    internal static string SharedFolder()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "Sirocco.slnx"))) return Path.Combine(at.FullName, "..", "shared");
        return "shared";
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => string.Join(";", value.EnumerateArray().Select(Text)),
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.True => "True",
        JsonValueKind.False => "False",
        _ => value.ToString(),
    };

    private static string Text(object value) =>
        value is Array array ? string.Join(";", array.Cast<object>().Select(Text)) : Convert.ToString(value, CultureInfo.InvariantCulture)!;
}
