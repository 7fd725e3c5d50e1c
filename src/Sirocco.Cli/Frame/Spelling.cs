using System.Buffers;
using System.CommandLine;
using Sirocco.Formats;

namespace Sirocco.Cli.Frame;

/// <summary>How words of the command line may be written, and what was probably meant by those that do not exist.</summary>
internal static class Spelling
{
    private static readonly SearchValues<char> KeyCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    /// <summary>
    /// Brings long options to the spelling with hyphens (<c>--max_length</c> is <c>--max-length</c>) and refuses options that
    /// the verb does not have: left alone, the parser would take them for texts.
    /// </summary>
    public static string[] Normalise(string[] words, Command root)
    {
        List<string> result = [.. words];
        Command command = root;
        bool nextIsValue = false;
        for (int i = 0; i < result.Count; i++)
        {
            string word = result[i];
            if (nextIsValue)
            {
                nextIsValue = false;
                continue;
            }

            if (word == "--") break;
            if (word.Length < 2 || word[0] != '-' || char.IsAsciiDigit(word[1]) || word[1] == '.')
            {
                if (command == root || command.Subcommands.Count > 0)
                {
                    command = command.Subcommands.FirstOrDefault(sub => sub.Name == word) ?? throw UnknownVerb(word, command, root);
                }
                else if (command is ITakesOverrides assigned && IsAssignment(word))
                {
                    result[i] = $"{assigned.Overrides.Name}={word}";
                }

                continue;
            }

            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? word : word[..equals];
            Option? found = Find(command, root, name) ?? Find(command, root, name.Replace('_', '-'));
            if (found is null && command is ITakesOverrides overridable && IsKey(name, command, root))
            {
                // The key's own hyphens and underscores stay; the next word is its value unless it begins with two hyphens.
                bool valueFollows = equals < 0 && i + 1 < result.Count && !result[i + 1].StartsWith("--", StringComparison.Ordinal);
                string value = equals >= 0 ? "" : valueFollows ? "=" + result[i + 1] : "=True";
                if (valueFollows) result.RemoveAt(i + 1);
                result[i] = $"{overridable.Overrides.Name}={word}{value}";
                continue;
            }

            Option option = found ?? throw UnknownOption(name, command, root);
            string canonical = option.Name == name || option.Aliases.Contains(name) ? name : name.Replace('_', '-');
            result[i] = equals < 0 ? canonical : canonical + word[equals..];
            nextIsValue = equals < 0 && option.ValueType != typeof(bool) && option.Arity.MaximumNumberOfValues > 0;
        }

        return [.. result];
    }

    /// <summary>
    /// Whether an unknown option is a key of a recipe: what has two hyphens, unless it has no dot and is nearly an option of the verb. None of a recipe's own
    /// keys is that near to one.
    /// </summary>
    private static bool IsKey(string name, Command command, Command root) => name.StartsWith("--", StringComparison.Ordinal)
        && (name.Contains('.', StringComparison.Ordinal) || NearestOption(name, command, root) is null);

    /// <summary>Whether a word is <c>section.key=value</c>.</summary>
    private static bool IsAssignment(string word)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && word.AsSpan(0, equals).IndexOfAnyExcept(KeyCharacters) < 0;
    }

    /// <summary>A parse error in our words: which option or argument, and where to look.</summary>
    public static UsageException Explain(ParseResult parsed)
    {
        string message = parsed.Errors[0].Message.Trim().TrimEnd('.');
        Command command = parsed.CommandResult.Command;
        if (command.Options.FirstOrDefault(option => option.Required && parsed.GetResult(option) is null or { Implicit: true }) is { } required)
            message = $"{required.Name} is missing";
        foreach (Argument argument in command.Arguments)
        {
            if (parsed.GetResult(argument) is null or { Tokens.Count: 0 } && argument.Arity.MinimumNumberOfValues > 0)
            {
                message = $"{argument.Name} is missing";
                break;
            }
        }

        return new UsageException($"{message}; see {HelpOutput.FullName(command)} --help");
    }

    private static Option? Find(Command command, Command root, string name) =>
        Options(command, root).FirstOrDefault(option => option.Name == name || option.Aliases.Contains(name));

    private static IEnumerable<Option> Options(Command command, Command root) =>
        command == root ? root.Options : command.Options.Concat(root.Options.Where(option => option.Recursive));

    private static string? NearestOption(string name, Command command, Command root) =>
        NearestWord.Find(name.Replace('_', '-'), Options(command, root).Select(option => option.Name));

    private static UsageException UnknownOption(string name, Command command, Command root)
    {
        string? nearest = NearestOption(name, command, root);
        string remedy = nearest is null ? $"see {HelpOutput.FullName(command)} --help" : $"did you mean {nearest}?";
        return new UsageException($"{HelpOutput.FullName(command)} has no option {name}; {remedy}");
    }

    private static UsageException UnknownVerb(string word, Command command, Command root)
    {
        string? nearest = NearestWord.Find(word, command.Subcommands.Select(sub => sub.Name));
        string remedy = nearest is null ? $"the verbs are {string.Join(", ", command.Subcommands.Select(sub => sub.Name))}" : $"did you mean {nearest}?";
        return new UsageException($"{(command == root ? "there is" : HelpOutput.FullName(command) + " has")} no verb '{word}'; {remedy}");
    }
}
