using System.CommandLine;

namespace Sirocco.Cli.Frame;

/// <summary>How words of the command line may be written, and what was probably meant by those that do not exist.</summary>
internal static class Spelling
{
    /// <summary>
    /// Brings long options to the spelling with hyphens (<c>--max_length</c> is <c>--max-length</c>) and refuses options that
    /// the verb does not have: left alone, the parser would take them for texts.
    /// </summary>
    public static string[] Normalise(string[] words, Command root)
    {
        string[] result = [.. words];
        Command command = root;
        bool nextIsValue = false;
        for (int i = 0; i < result.Length; i++)
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

                continue;
            }

            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? word : word[..equals];
            Option option = Find(command, root, name) ?? Find(command, root, name.Replace('_', '-')) ?? throw UnknownOption(name, command, root);
            string canonical = option.Name == name || option.Aliases.Contains(name) ? name : name.Replace('_', '-');
            result[i] = equals < 0 ? canonical : canonical + word[equals..];
            nextIsValue = equals < 0 && option.ValueType != typeof(bool) && option.Arity.MaximumNumberOfValues > 0;
        }

        return result;
    }

    /// <summary>A parse error in our words: which option or argument, and where to look.</summary>
    public static UsageException Explain(ParseResult parsed)
    {
        string message = parsed.Errors[0].Message.Trim().TrimEnd('.');
        Command command = parsed.CommandResult.Command;
        if (command.Options.FirstOrDefault(option => option.Required && parsed.GetResult(option) is null or { Implicit: true }) is { } required) message = $"{required.Name} is missing";
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

    /// <summary>The candidate with the fewest edits to <paramref name="word"/>, or null where none is near.</summary>
    public static string? Nearest(string word, IEnumerable<string> candidates)
    {
        (string? best, int distance) = (null, int.MaxValue);
        foreach (string candidate in candidates)
        {
            // A candidate that continues what was typed is nearer than one with as many edits.
            int edits = candidate.StartsWith(word, StringComparison.Ordinal) ? 1 : EditDistance(word, candidate);
            if (edits < distance) (best, distance) = (candidate, edits);
        }

        return distance <= Math.Max(2, word.Length / 3) ? best : null;
    }

    /// <summary>Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.</summary>
    internal static int EditDistance(string a, string b)
    {
        int[,] table = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) table[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) table[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = a[i - 1] == b[j - 1] ? 0 : 1;
                int edits = Math.Min(Math.Min(table[i - 1, j] + 1, table[i, j - 1] + 1), table[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) edits = Math.Min(edits, table[i - 2, j - 2] + 1);
                table[i, j] = edits;
            }
        }

        return table[a.Length, b.Length];
    }

    private static Option? Find(Command command, Command root, string name) =>
        Options(command, root).FirstOrDefault(option => option.Name == name || option.Aliases.Contains(name));

    private static IEnumerable<Option> Options(Command command, Command root) =>
        command == root ? root.Options : command.Options.Concat(root.Options.Where(option => option.Recursive));

    private static UsageException UnknownOption(string name, Command command, Command root)
    {
        string? nearest = Nearest(name.Replace('_', '-'), Options(command, root).Select(option => option.Name));
        string remedy = nearest is null ? $"see {HelpOutput.FullName(command)} --help" : $"did you mean {nearest}?";
        return new UsageException($"{HelpOutput.FullName(command)} has no option {name}; {remedy}");
    }

    private static UsageException UnknownVerb(string word, Command command, Command root)
    {
        string? nearest = Nearest(word, command.Subcommands.Select(sub => sub.Name));
        string remedy = nearest is null ? $"the verbs are {string.Join(", ", command.Subcommands.Select(sub => sub.Name))}" : $"did you mean {nearest}?";
        return new UsageException($"{(command == root ? "there is" : HelpOutput.FullName(command) + " has")} no verb '{word}'; {remedy}");
    }
}
