using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Text;

namespace Sirocco.Cli.Frame;

/// <summary>The help of a verb: what it does, examples that work as printed, then arguments and options.</summary>
internal sealed class HelpOutput : SynchronousCommandLineAction
{
    private const int Indent = 2;

    public override int Invoke(ParseResult parseResult)
    {
        Write(parseResult.CommandResult.Command, parseResult.InvocationConfiguration.Output);
        return ExitStatus.Success;
    }

    public static void Write(Command command, TextWriter output)
    {
        int width = Math.Clamp(Terminal.Width, 60, 110);
        StringBuilder text = new();
        foreach (string line in Wrap(command.Description ?? "", width)) text.Append(line).Append('\n');
        text.Append("\nUsage:\n  ").Append(Usage(command)).Append('\n');
        if (command is Verb { Examples.Count: > 0 } verb)
        {
            text.Append("\nExamples:\n");
            foreach (Example example in verb.Examples) text.Append("  # ").Append(example.Purpose).Append("\n  ").Append(example.Line).Append("\n\n");
            text.Length--;
        }

        Section(text, "Verbs", command.Subcommands.Where(sub => !sub.Hidden).Select(sub => (sub.Name, sub.Description ?? "")), width);
        Section(text, "Arguments", command.Arguments.Select(argument => (argument.Name, argument.Description ?? "")), width);
        Section(text, "Options", AllOptions(command).Select(option => (Label(option), Description(option))), width);
        if (command is Verb { WithoutEffect.Count: > 0 } accepting)
        {
            text.Append('\n');
            foreach (string line in Wrap(
                $"Accepted too, though nothing here depends on it: {string.Join(", ", accepting.WithoutEffect.Select(option => option.Name))}", width))
            {
                text.Append(line).Append('\n');
            }
        }

        if (command.Subcommands.Count > 0) text.Append($"\nEach verb has its own help with examples: {FullName(command)} VERB --help\n");
        output.Write(text);
    }

    /// <summary>The words that lead to this command, such as <c>sirocco bench gemm</c>.</summary>
    public static string FullName(Command command)
    {
        Command? parent = command.Parents.OfType<Command>().FirstOrDefault();
        return parent is null ? "sirocco" : FullName(parent) + " " + command.Name;
    }

    private static string Usage(Command command)
    {
        StringBuilder line = new(FullName(command));
        if (command.Subcommands.Count > 0) line.Append(" VERB");
        foreach (Argument argument in command.Arguments)
        {
            string name = argument.Arity.MaximumNumberOfValues > 1 ? argument.Name + "…" : argument.Name;
            line.Append(' ').Append(argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name);
        }

        foreach (Option option in command.Options.Where(option => option.Required)) line.Append(' ').Append(Label(option));
        return line.Append(" [options]").ToString();
    }

    private static IEnumerable<Option> AllOptions(Command command)
    {
        bool common(Option option) => option == CommonOptions.Quiet || option == CommonOptions.Json || option == CommonOptions.Debug;
        IEnumerable<Option> inherited = command.Parents.OfType<Command>().SelectMany(parent => parent.Options.Where(option => option.Recursive));
        bool silent(Option option) => option.Hidden || (command is Verb verb && verb.WithoutEffect.Contains(option));
        return command.Options.Where(option => !silent(option) && !common(option)).Concat(command.Options.Where(common)).Concat(inherited);
    }

    private static string Label(Option option)
    {
        string names = string.Join(", ", option.Aliases.Where(alias => alias.Length == 2 && alias[0] == '-' && alias[1] != '?').Append(option.Name));
        bool isSwitch = option.ValueType == typeof(bool) || option is HelpOption or VersionOption;
        return isSwitch ? names : $"{names} {option.HelpName ?? "VALUE"}";
    }

    private static string Description(Option option)
    {
        string text = option.Description ?? "";
        return option.HasDefaultValue && option.ValueType != typeof(bool) && option.GetDefaultValue() is { } value ? $"{text} [{value}]" : text;
    }

    private static void Section(StringBuilder text, string title, IEnumerable<(string Label, string Description)> rows, int width)
    {
        (string Label, string Description)[] all = [.. rows];
        if (all.Length == 0) return;
        int column = Math.Min(30, all.Max(row => row.Label.Length)) + Indent + 2;
        text.Append('\n').Append(title).Append(":\n");
        foreach ((string label, string description) in all)
        {
            text.Append(' ', Indent).Append(label);
            int at = Indent + label.Length;
            if (at > column - 2)
            {
                text.Append('\n');
                at = 0;
            }

            foreach (string line in Wrap(description, width - column))
            {
                text.Append(' ', column - at).Append(line).Append('\n');
                at = 0;
            }

            if (description.Length == 0) text.Append('\n');
        }
    }

    private static IEnumerable<string> Wrap(string text, int width)
    {
        StringBuilder line = new();
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear();
            }

            if (line.Length > 0) line.Append(' ');
            line.Append(word);
        }

        if (line.Length > 0) yield return line.ToString();
    }
}
