using System.Text.RegularExpressions;

namespace Sirocco.Models;

/// <summary>
/// A regular expression of whole module names, as Python's <c>re.fullmatch</c> takes it. It comes from a file: where its syntax allows, it runs in time linear
/// in the name, otherwise (look-around, back-references) for a second at most.
/// </summary>
internal sealed class ModulePattern
{
    private readonly string pattern;
    private readonly Regex regex;

    private ModulePattern(string pattern, Regex regex) => (this.pattern, this.regex) = (pattern, regex);

    /// <exception cref="ArgumentException">It is no regular expression.</exception>
    public static ModulePattern Of(string pattern)
    {
        string whole = $@"\A(?:{pattern.Replace("(?P<", "(?<", StringComparison.Ordinal)})\z";
        try
        {
            return new ModulePattern(pattern, new Regex(whole, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking));
        }
        catch (NotSupportedException)
        {
            return new ModulePattern(pattern, new Regex(whole, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)));
        }
        catch (RegexParseException e)
        {
            throw new ArgumentException($"'{pattern}' is no regular expression of module names: {e.Message}", e);
        }
    }

    public bool IsMatch(string module)
    {
        try
        {
            return regex.IsMatch(module);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new ArgumentException($"matching '{pattern}' with '{module}' takes too long; write the expression without nested repetition", e);
        }
    }
}
