using Sirocco.Cli.Frame;
using Sirocco.Cli.Verbs.Train;
using Sirocco.Compute;
using Sirocco.Training;

namespace Sirocco.EndToEnd;

public sealed class TrainingDisplayTests
{
    [Theory]
    [InlineData(true, "warning: the disk is nearly full\n")]
    [InlineData(false, "the disk is nearly full\n")]
    public void What_is_said_after_the_start_takes_the_place_of_the_bar(bool isWarning, string line)
    {
        using StringWriter error = new() { NewLine = "\n" };
        using TrainingDisplay display = Display(error);
        display.Started(new TrainingPlan(10, 10, 8, 4, 0, Precision.F32, "run"));
        display.Stepped(new TrainingRecord { Step = 0, Epoch = 0, Loss = 1, LossWindow = 1, GradientNorm = 1, LearningRate = 0.1, Tokens = 5, Seconds = 1 });
        string bar = error.ToString().Split('\r')[^1];
        Assert.StartsWith("training [", bar, StringComparison.Ordinal);
        Say(display, isWarning);
        Assert.EndsWith($"\r{bar}\r{new string(' ', bar.Length)}\r{line}", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "warning: the disk is nearly full\n")]
    [InlineData(false, "the disk is nearly full\n")]
    public void What_is_said_before_the_start_is_a_line_of_its_own(bool isWarning, string line)
    {
        using StringWriter error = new() { NewLine = "\n" };
        using TrainingDisplay display = Display(error);
        Say(display, isWarning);
        Assert.Equal(line, error.ToString());
    }

    private static void Say(TrainingDisplay display, bool isWarning)
    {
        const string Message = "the disk is nearly full";
        if (isWarning) display.Warned(Message);
        else display.Noted(Message);
    }

    private static TrainingDisplay Display(TextWriter error)
    {
        Terminal terminal = new() { ErrorWriter = error, Interactive = true };
        return new TrainingDisplay(new Invocation(CommandLine.CreateRoot(terminal, null).Parse(["train", "recipe.yaml"]), terminal, null));
    }
}
