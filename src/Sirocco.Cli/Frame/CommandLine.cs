using System.CommandLine;
using System.CommandLine.Help;
using Sirocco.Cli.Verbs;


namespace Sirocco.Cli.Frame;

/// <summary>From the words on the command line to an exit status: finds the verb, runs it, turns every failure into one line.</summary>
internal static class CommandLine
{
    public static int Run(string[] arguments)
    {
        Terminal terminal = new();
        bool debug = arguments.Contains(CommonOptions.DebugName);
        using Interruption interruption = new(terminal);
        try
        {
            int status = Invoke(arguments, terminal, interruption);
            terminal.Output.Flush();
            return status;
        }
        catch (BrokenPipeException)
        {
            return ExitStatus.Success; // the reader (`| head`) has seen enough
        }
        catch (Exception failure)
        {
            return Failure.Report(failure, terminal, debug, interruption.Token.IsCancellationRequested);
        }
    }

    private static int Invoke(string[] arguments, Terminal terminal, Interruption interruption)
    {
        RootCommand root = CreateRoot(terminal, interruption);
        string[] words = Spelling.Normalise(arguments, root);
        // Texts may begin with '@' (no response files) and short options stand alone.
        ParseResult parsed = root.Parse(words, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parsed.Action is not HelpOutput && parsed.Errors.Count > 0) throw Spelling.Explain(parsed);
        return parsed.Invoke(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = terminal.OutputWriter,
            Error = terminal.ErrorWriter,
        });
    }

    /// <summary>The whole command tree; verbs are cheap until one of them runs.</summary>
    internal static RootCommand CreateRoot(Terminal terminal, Interruption? interruption)
    {
        RootCommand root = new("Embeds, reranks, indexes and searches text, and trains retrieval encoders, with the Ministral 3 and Llama 3 families.");
        foreach (Command command in All())
        {
            Prepare(command, terminal, interruption);
            root.Add(command);
        }

        HelpOption help = root.Options.OfType<HelpOption>().First();
        help.Description = "Show this help and end";
        help.Action = new HelpOutput();
        VersionOption version = root.Options.OfType<VersionOption>().First();
        version.Description = "Show the version and end";
        ShowHelp(root, terminal);
        return root;
    }

    private static void Prepare(Command command, Terminal terminal, Interruption? interruption)
    {
        if (command is not Verb verb)
        {
            foreach (Command inner in command.Subcommands) Prepare(inner, terminal, interruption);
            ShowHelp(command, terminal);
            return;
        }

        CommonOptions.AcceptEverywhere(verb);
        verb.SetAction(parsed =>
        {
            Invocation invocation = new(parsed, terminal, interruption);
            ComputeChoice.RequireDevice(invocation);
            return verb.Run(invocation);
        });
        CommonOptions.RefuseEmptyPaths(verb);
    }

    /// <summary>A word that only leads to verbs shows them.</summary>
    private static void ShowHelp(Command command, Terminal terminal) => command.SetAction(parsed =>
    {
        HelpOutput.Write(parsed.CommandResult.Command, terminal.OutputWriter);
        return ExitStatus.Success;
    });

    private static Command[] All() =>
    [
        new InfoVerb(),
        new ForwardVerb(),
        new ContrastiveVerb(),
        new EmbedVerb(),
        new RerankVerb(),
        new IndexVerb(),
        new SearchVerb(),
        new EvalVerb(),
        new VerbGroup("adapter", "Works on the folders of LoRA and DoRA adapters.", new AdapterMergeVerb()),
        new TokenizeVerb(),
        new TrainVerb(),
        new MineVerb(),
        new PlotVerb(),
        new BenchVerb(),
        new DemoVerb(),
    ];
}
