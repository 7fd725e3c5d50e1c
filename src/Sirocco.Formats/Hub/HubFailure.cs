using System.Net;

namespace Sirocco.Formats;

/// <summary>What the hub's refusals mean, in one line with the remedy.</summary>
internal static class HubFailure
{
    /// <summary>Refusals that a later attempt may not meet.</summary>
    internal static bool IsPassing(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)status >= 500;

    internal static Exception Explain(HubModelId id, HubOptions options, HttpResponseMessage response, string what)
    {
        string? code = response.Headers.TryGetValues("X-Error-Code", out IEnumerable<string>? values) ? values.First() : null;
        Uri page = new(options.Endpoint, id.Repository);
        string token = options.Token is null ? "set HF_TOKEN" : "check that HF_TOKEN is valid and may read it";
        return (response.StatusCode, code) switch
        {
            (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, "GatedRepo") =>
                new UnauthorizedAccessException($"{id}: is gated; accept its terms at {page} and {token}"),
            (HttpStatusCode.Unauthorized, _) =>
                new UnauthorizedAccessException($"{id}: is private or does not exist at {options.Endpoint}; check the id, and {token}"),
            (HttpStatusCode.Forbidden, _) =>
                new UnauthorizedAccessException($"{id}: access is refused by {options.Endpoint}; ask for access at {page}, and {token}"),
            (HttpStatusCode.NotFound, "RevisionNotFound") =>
                new FileNotFoundException($"{id}: has no revision '{id.Revision}'; see {page} for its branches and tags"),
            (HttpStatusCode.NotFound, "EntryNotFound") =>
                new FileNotFoundException($"{id}: has no {what}; see {page} for its files"),
            (HttpStatusCode.NotFound, _) =>
                new FileNotFoundException($"{id}: {what} was not found at {options.Endpoint}; check the id and the revision, and {token} if it is private"),
            _ when IsPassing(response.StatusCode) =>
                new IOException($"{options.Endpoint} answered {(int)response.StatusCode} ({response.StatusCode})"),
            _ => new InvalidDataException($"{id}: {options.Endpoint} answered {(int)response.StatusCode} to the request for {what}; check HF_ENDPOINT"),
        };
    }

    internal static IOException Unreachable(HubModelId id, HubOptions options, string what, Exception cause) =>
        new($"{id}: {what} cannot be fetched from {options.Endpoint} ({Visible.Short(cause.Message)}); "
            + "check the network and run it again: it goes on where it stopped", cause);
}
