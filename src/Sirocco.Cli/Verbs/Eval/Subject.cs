using Sirocco.Formats;

namespace Sirocco.Cli.Verbs.Eval;

/// <summary>What an argument of <c>eval</c> means.</summary>
internal enum SubjectKind
{
    Model,
    Index,
    Run,
}

/// <summary>An argument of <c>eval</c>, taken by what lies under its name.</summary>
internal sealed record Subject(string Name, SubjectKind Kind)
{
    private static readonly string[] RunExtensions = [".trec", ".run", ".txt", ".tsv", ".res"];

    public static Subject Of(string argument)
    {
        if (Directory.Exists(argument)) return new Subject(argument, File.Exists(Path.Combine(argument, "index.json")) ? SubjectKind.Index : SubjectKind.Model);
        bool isRun = File.Exists(argument) ? ContentSniffer.Identify(argument) != ContentKind.Gguf : RunExtensions.Contains(GzipContent.Extension(argument));
        return new Subject(argument, isRun ? SubjectKind.Run : SubjectKind.Model);
    }
}
