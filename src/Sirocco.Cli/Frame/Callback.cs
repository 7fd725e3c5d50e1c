namespace Sirocco.Cli.Frame;

/// <summary>Progress reported on the thread that makes it; <see cref="Progress{T}"/> would reorder reports over the thread pool.</summary>
internal sealed class Callback<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
