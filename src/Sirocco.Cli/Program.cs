using Sirocco.Cli.Frame;

return CommandLine.Run(args);
