using System.Text.RegularExpressions;

namespace Sirocco.Formats;

/// <summary>Where models from the hub are kept and fetched from; read once from the environment variables that huggingface_hub uses.</summary>
public sealed partial record HubOptions
{
    /// <summary>
    /// The folder with <c>models--org--name</c> folders: <c>HF_HUB_CACHE</c>, else <c>HF_HOME/hub</c>, else <c>~/.cache/huggingface/hub</c>; a leading <c>~</c>
    /// and <c>$NAME</c> or <c>${NAME}</c> in these stand for what they do in a shell, as huggingface_hub has it.
    /// </summary>
    public required string CacheFolder { get; init; }

    /// <summary>The hub: <c>HF_ENDPOINT</c>, else https://huggingface.co.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>Sent to the endpoint's host and no other: <c>HF_TOKEN</c>, else the file <c>HF_HOME/token</c> that a login leaves.</summary>
    public string? Token { get; init; }

    /// <summary>Whether only the cache may be used: <c>HF_HUB_OFFLINE</c>.</summary>
    public bool Offline { get; init; }

    /// <summary>Attempts in a row that bring no byte before a download is given up.</summary>
    public int MaximumAttempts { get; init; } = 5;

    /// <summary>Wait before the second attempt; doubled before each further one.</summary>
    public TimeSpan FirstRetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A connection that brings nothing for this long counts as dropped.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The options that the environment asks for.</summary>
    /// <exception cref="InvalidDataException">HF_ENDPOINT is not an http(s) address.</exception>
    public static HubOptions FromEnvironment() => From(Environment.GetEnvironmentVariable);

    internal static HubOptions From(Func<string, string?> variable)
    {
        string user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string home = Expanded(Set("HF_HOME") ?? Path.Combine(Set("XDG_CACHE_HOME") ?? Path.Combine(user, ".cache"), "huggingface"));
        string endpoint = Set("HF_ENDPOINT") ?? "https://huggingface.co";
        if (!Uri.TryCreate(endpoint.TrimEnd('/'), UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
        {
            throw new InvalidDataException(
                $"HF_ENDPOINT: '{Visible.Short(endpoint)}' is not an http or https address; unset it or give one like https://huggingface.co");
        }
        return new HubOptions
        {
            CacheFolder = (Set("HF_HUB_CACHE") ?? Set("HUGGINGFACE_HUB_CACHE")) is { } named ? Expanded(named) : Path.Combine(home, "hub"),
            Endpoint = address,
            Token = Set("HF_TOKEN") ?? TokenFile(Path.Combine(home, "token")),
            Offline = Set("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };

        string? Set(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;

        // Names that are not set stay as they stand, as does another user's home.
        string Expanded(string path) =>
            Name().Replace(
                path is ['~'] or ['~', '/', ..] or ['~', '\\', ..] ? user + path[1..] : path, match => variable(match.Groups["name"].Value) ?? match.Value);
    }

    [GeneratedRegex(@"\$(?:(?<name>[A-Za-z0-9_]+)|\{(?<name>[^}]*)\})", RegexOptions.CultureInvariant)]
    private static partial Regex Name();

    private static string? TokenFile(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;   // public models need no token; a private one will ask for HF_TOKEN
        }
    }
}
