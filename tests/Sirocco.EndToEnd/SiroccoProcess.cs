using System.Diagnostics;
using System.Text;

namespace Sirocco.EndToEnd;

/// <summary>What a run of the program left behind.</summary>
public sealed record Outcome(int Status, string Output, string Error)
{
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public string[] OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>One line on stderr that begins with "error:", nothing on stdout, status 1.</summary>
    public string ExpectFailure() => ExpectError(1);

    /// <summary>The same with status 2: the command line itself is wrong.</summary>
    public string ExpectWrongUsage() => ExpectError(2);

    private string ExpectError(int status)
    {
        Assert.True(
            Status == status && ErrorLines is [var line] && line.StartsWith("error: ", StringComparison.Ordinal), $"status {Status}\n{Output}\n{Error}");
        Assert.Equal("", Output);
        return ErrorLines[0];
    }

    public Outcome ExpectSuccess()
    {
        Assert.True(Status == 0, $"status {Status}\n{Error}");
        return this;
    }
}

/// <summary>The built command line as a process of its own, as a user runs it.</summary>
public static class SiroccoProcess
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "sirocco.dll");

    public static Outcome Run(params string[] arguments) => RunWith(null, arguments);

    public static Outcome RunWith(string? input, params string[] arguments)
    {
        using Process process = Start(arguments);
        return Finish(process, input);
    }

    public static Process Start(IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        // SIROCCO names a launcher to test instead of the program that this build made.
        string? launcher = Environment.GetEnvironmentVariable("SIROCCO");
        ProcessStartInfo start = new(launcher ?? "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = folder ?? "",
        };
        if (launcher is null) start.ArgumentList.Add(Program);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static Outcome Finish(Process process, string? input = null)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        CloseInput(process, input);
        return End(process, output, error);
    }

    /// <summary>As <see cref="Finish"/>, of a program that must end although its input stays open.</summary>
    public static Outcome FinishWaiting(Process process) => End(process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());

    private static void CloseInput(Process process, string? input)
    {
        try
        {
            if (input is not null) process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            Assert.True(process.WaitForExit(60_000), "the program closed its input but did not end");
        }
    }

    private static Outcome End(Process process, Task<string> output, Task<string> error)
    {
        if (!process.WaitForExit(120_000))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail("the program did not end within two minutes");
        }

        return new Outcome(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>
    /// Sends a signal by name; the test is skipped where there are none, or where they are ignored, as in whatever a shell without job control starts in the
    /// background.
    /// </summary>
    public static void Signal(Process process, string name)
    {
        string id = process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        bool ignored = OperatingSystem.IsWindows();
        if (name == "INT" && OperatingSystem.IsLinux())
        {
            const ulong Interrupt = 1UL << (2 - 1);
            string mask = File.ReadLines($"/proc/{id}/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..].Trim();
            ignored = (Convert.ToUInt64(mask, 16) & Interrupt) != 0;
        }

        if (ignored) process.Kill();
        Skip.If(ignored, "programs started here ignore signals");
        using Process kill = Process.Start("kill", [$"-{name}", id]);
        kill.WaitForExit();
    }
}
