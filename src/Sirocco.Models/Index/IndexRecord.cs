namespace Sirocco.Models;

/// <summary>A record of a corpus.</summary>
/// <param name="Id">Its id, given back by searches.</param>
/// <param name="Text">What is embedded and given back.</param>
public sealed record IndexRecord(string Id, string Text);

/// <summary>What a build made.</summary>
/// <param name="Records">Records in the index.</param>
/// <param name="RepeatedIds">Those whose id an earlier record has.</param>
/// <param name="FirstRepeatedId">The first id that came a second time, or null.</param>
public sealed record IndexBuild(int Records, int RepeatedIds, string? FirstRepeatedId);
