using System.Diagnostics;

namespace Sirocco.EndToEnd;

/// <summary>The launcher script, with a stand-in for dotnet that records how it was called instead of compiling.</summary>
public sealed class LauncherTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string repository;
    private readonly string log;

    public LauncherTests()
    {
        repository = folder.File("a clone");
        log = folder.File("calls");
        Directory.CreateDirectory(Path.Combine(repository, "src", "Sirocco.Cli"));
        Directory.CreateDirectory(Path.Combine(repository, "demo"));
        Directory.CreateDirectory(folder.File("bin"));
        foreach (string name in (string[])["Directory.Build.props", "Directory.Packages.props", "global.json"])
            File.WriteAllText(Path.Combine(repository, name), "");
        File.WriteAllText(Source, "");
        if (OperatingSystem.IsWindows()) return;
        File.Copy(Path.Combine(FindRepository(), "sirocco"), Path.Combine(repository, "sirocco"));
        Executable("dotnet", $"""
            #!/bin/sh
            if [ "$1" = publish ]; then
                echo "publish" >>'{log}'
                sleep "$BUILD_SECONDS"
                [ -z "$BUILD_FAILS" ] || [ "$BUILD_FAILS" = 1 -a "$(grep -c publish '{log}')" -gt 1 ] || exit 1
                while [ "$1" != -o ]; do shift; done
                mkdir -p "$2" && : >"$2/sirocco.dll"
            else
                shift
                echo "run $*" >>'{log}'
            fi
            """);
    }

    private string Source => Path.Combine(repository, "src", "Sirocco.Cli", "Program.cs");

    private string[] Calls => File.Exists(log) ? File.ReadAllLines(log) : [];

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public void The_first_call_builds_and_says_so_and_the_second_only_runs()
    {
        Outcome first = Launch("sirocco", ["one", "two words"]).ExpectSuccess();
        Assert.Contains("building sirocco", Assert.Single(first.ErrorLines), StringComparison.Ordinal);
        Assert.Equal("", Launch("sirocco", ["again"]).ExpectSuccess().Error);
        Assert.Equal(["publish", "run one two words", "run again"], Calls);
    }

    [SkippableFact]
    public void A_source_newer_than_the_build_is_built_again()
    {
        Launch("sirocco", []).ExpectSuccess();
        File.SetLastWriteTimeUtc(Source, DateTime.UtcNow.AddSeconds(5));
        Launch("sirocco", []).ExpectSuccess();
        Assert.Equal(2, Calls.Count(call => call == "publish"));
    }

    [SkippableFact]
    public void A_source_edited_during_the_build_is_not_taken_for_built()
    {
        Skip.If(OperatingSystem.IsWindows());
        using Process building = StartLauncher("sirocco", [], seconds: "1.5");
        Thread.Sleep(700);
        File.SetLastWriteTimeUtc(Source, DateTime.UtcNow);
        SiroccoProcess.Finish(building).ExpectSuccess();
        Launch("sirocco", []).ExpectSuccess();
        Assert.Equal(2, Calls.Count(call => call == "publish"));
    }

    [SkippableFact]
    public void Two_first_calls_at_once_build_once_and_both_run()
    {
        Skip.If(OperatingSystem.IsWindows());
        using Process one = StartLauncher("sirocco", ["one"], seconds: "1");
        using Process two = StartLauncher("sirocco", ["two"], seconds: "1");
        SiroccoProcess.Finish(one).ExpectSuccess();
        SiroccoProcess.Finish(two).ExpectSuccess();
        Assert.Equal(["publish", "run one", "run two"], Calls.Order());
    }

    [SkippableFact]
    public void A_lock_of_a_process_that_died_is_taken_over()
    {
        Skip.If(OperatingSystem.IsWindows());
        Directory.CreateDirectory(Path.Combine(repository, "artifacts", "cli"));
        File.CreateSymbolicLink(Path.Combine(repository, "artifacts", "cli", "lock"), "99999999");
        Launch("sirocco", ["on"]).ExpectSuccess();
        Assert.Contains("run on", Calls);
    }

    [SkippableFact]
    public void It_runs_through_a_symbolic_link_from_any_folder()
    {
        Skip.If(OperatingSystem.IsWindows());
        File.CreateSymbolicLink(folder.File("link one"), Path.Combine("a clone", "sirocco"));
        File.CreateSymbolicLink(folder.File("link two"), folder.File("link one"));
        Launch("../link two", ["linked"], Path.Combine(folder.Path, "bin")).ExpectSuccess();
        Assert.Contains("run linked", Calls);
    }

    [SkippableFact]
    public void Without_the_ahead_of_time_compiler_a_plain_build_serves()
    {
        Launch("sirocco", ["plain"], fails: "1").ExpectSuccess();
        Assert.Equal(["publish", "publish", "run plain"], Calls);
    }

    [SkippableFact]
    public void A_build_that_fails_is_an_error_and_the_next_call_tries_again()
    {
        Outcome failed = Launch("sirocco", [], fails: "always");
        Assert.Equal(1, failed.Status);
        Assert.StartsWith("error: sirocco does not build", failed.ErrorLines[^1], StringComparison.Ordinal);
        Launch("sirocco", ["now"]).ExpectSuccess();
        Assert.Contains("run now", Calls);
    }

    private static string FindRepository()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "Sirocco.slnx"))) at = at.Parent;
        return at?.FullName ?? throw new InvalidOperationException("the tests do not run inside the repository");
    }

    private Outcome Launch(string name, string[] arguments, string? from = null, string fails = "")
    {
        Skip.If(OperatingSystem.IsWindows(), "the POSIX launcher is not used on Windows");
        using Process process = StartLauncher(name, arguments, "0", from, fails);
        return SiroccoProcess.Finish(process);
    }

    private Process StartLauncher(string name, string[] arguments, string seconds, string? from = null, string fails = "")
    {
        ProcessStartInfo start = new("/bin/sh")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = from ?? repository,
        };
        start.ArgumentList.Add(name.StartsWith("..", StringComparison.Ordinal) ? name : "./" + name);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["PATH"] = folder.File("bin") + ":" + Environment.GetEnvironmentVariable("PATH");
        start.Environment["BUILD_SECONDS"] = seconds;
        start.Environment["BUILD_FAILS"] = fails;
        return Process.Start(start)!;
    }

    private void Executable(string name, string script)
    {
        string path = Path.Combine(folder.File("bin"), name);
        File.WriteAllText(path, script);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
    }
}
