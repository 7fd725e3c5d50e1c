using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// Rotary settings in config.json: <c>rope_parameters</c> (transformers 5) or <c>rope_theta</c> and <c>rope_scaling</c> (transformers 4), the type
/// under <c>rope_type</c> or <c>type</c>. Of both at once transformers 5 takes <c>rope_scaling</c>, unless it is empty.
/// </summary>
internal static class RopeFile
{
    // What Ministral3Config sets where config.json is silent.
    private static readonly RopeParameters MinistralDefault = new()
    {
        Theta = 1_000_000,
        Scaling = RopeScaling.Yarn,
        Factor = 16,
        OriginalMaxPositions = 16_384,
        Mscale = 1,
        MscaleAllDim = 1,
        QueryScaleBeta = 0.1,
    };

    public static RopeParameters Read(ConfigReader text, ModelFamily family, int maxPositions)
    {
        double outerTheta = text.Number("rope_theta", 1, 1e15, 10_000);
        ConfigReader? rope = text.Object("rope_scaling") is { } scaling && scaling.Element.EnumerateObject().Any() ? scaling : text.Object("rope_parameters");
        if (rope is null)
        {
            return family == ModelFamily.Ministral3 ? MinistralDefault : new RopeParameters { Theta = outerTheta };
        }

        string type = rope.Text("rope_type") ?? rope.Text("type") ?? "default";
        if (rope.Number("partial_rotary_factor", 0, 1, text.Number("partial_rotary_factor", 0, 1, 1)) != 1)
            throw new NotSupportedException($"{text.File}: a partial_rotary_factor other than 1 is not supported");
        RopeParameters parameters = new()
        {
            Theta = rope.Number("rope_theta", 1, 1e15, outerTheta),
            OriginalMaxPositions = rope.Int("original_max_position_embeddings", 1, int.MaxValue, maxPositions),
            QueryScaleBeta = family == ModelFamily.Ministral3 ? rope.Number("llama_4_scaling_beta", 0, 1e3, 0) : 0,
        };
        switch (type)
        {
            case "default":
                return parameters;
            case "frequency_divisors": // how GGUF files carry llama3's scaling
                return parameters with { Divisors = Divisors(rope) };
            case "llama3":
                foreach (string key in (string[])["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"])
                {
                    if (!rope.Has(key)) throw rope.Missing(key, "a number, because rope_type is llama3");
                }

                parameters = parameters with
                {
                    Scaling = RopeScaling.Llama3,
                    Factor = rope.Number("factor", 1, 1e6, 0),
                    LowFrequencyFactor = rope.Number("low_freq_factor", 1e-6, 1e6, 0),
                    HighFrequencyFactor = rope.Number("high_freq_factor", 1e-6, 1e6, 0),
                };
                return parameters.HighFrequencyFactor > parameters.LowFrequencyFactor ? parameters
                    : throw rope.Wrong("high_freq_factor", "a number above low_freq_factor");
            case "yarn":
                if (parameters.Theta <= 1) throw rope.Wrong("rope_theta", "a number above 1, because rope_type is yarn");
                return parameters with
                {
                    Scaling = RopeScaling.Yarn,
                    Factor = rope.Number("factor", 1, 1e6, Math.Max(1, maxPositions / (double)parameters.OriginalMaxPositions)),
                    BetaFast = rope.Number("beta_fast", 1e-6, 1e9, 32),
                    BetaSlow = rope.Number("beta_slow", 1e-6, 1e9, 1),
                    Truncate = rope.Bool("truncate", true),
                    Mscale = Optional(rope, "mscale"),
                    MscaleAllDim = Optional(rope, "mscale_all_dim"),
                    AttentionFactor = Optional(rope, "attention_factor"),
                };
            default:
                throw new NotSupportedException($"{text.File}: rope_type '{Visible.Short(type)}' is not supported; supported are default, llama3 and yarn");
        }
    }

    public static JsonObject Write(RopeParameters rope)
    {
        JsonObject json = new() { ["rope_theta"] = rope.Theta };
        switch (rope.Scaling)
        {
            case RopeScaling.Llama3:
                json["rope_type"] = "llama3";
                json["factor"] = rope.Factor;
                json["low_freq_factor"] = rope.LowFrequencyFactor;
                json["high_freq_factor"] = rope.HighFrequencyFactor;
                json["original_max_position_embeddings"] = rope.OriginalMaxPositions;
                break;
            case RopeScaling.Yarn:
                json["rope_type"] = "yarn";
                json["factor"] = rope.Factor;
                json["original_max_position_embeddings"] = rope.OriginalMaxPositions;
                json["beta_fast"] = rope.BetaFast;
                json["beta_slow"] = rope.BetaSlow;
                if (!rope.Truncate) json["truncate"] = false;
                if (rope.Mscale is { } mscale) json["mscale"] = mscale;
                if (rope.MscaleAllDim is { } all) json["mscale_all_dim"] = all;
                if (rope.AttentionFactor is { } factor) json["attention_factor"] = factor;
                break;
            default:
                json["rope_type"] = rope.Divisors is null ? "default" : "frequency_divisors";
                if (rope.Divisors is { } divisors) json["frequency_divisors"] = new JsonArray([.. divisors.Select(divisor => (JsonNode)divisor)]);
                if (rope.QueryScaleBeta != 0) json["original_max_position_embeddings"] = rope.OriginalMaxPositions;
                break;
        }

        if (rope.QueryScaleBeta != 0) json["llama_4_scaling_beta"] = rope.QueryScaleBeta;
        return new JsonObject(
            json.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())));
    }

    private static float[] Divisors(ConfigReader rope)
    {
        if (!rope.Element.TryGetProperty("frequency_divisors", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            throw rope.Missing("frequency_divisors", "a list of numbers");
        return [.. list.EnumerateArray()
            .Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetSingle(out float divisor) && divisor > 0 && float.IsFinite(divisor)
            ? divisor
            : throw rope.Wrong("frequency_divisors", "numbers above 0"))];
    }

    private static double? Optional(ConfigReader rope, string key) => rope.Has(key) ? rope.Number(key, -1e6, 1e6, 0) : null;
}
