using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed class ThreadTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void Every_item_is_executed_once_by_one_worker_at_a_time(int threads)
    {
        using ThreadTeam team = new(threads);
        for (int run = 0; run < 200; run++)
        {
            Tally tally = new() { Items = new int[run], Busy = new int[threads] };
            team.Run(ref tally, run);
            Assert.All(tally.Items, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void The_first_exception_reaches_the_caller_and_the_team_lives_on()
    {
        using ThreadTeam team = new(3);
        Failing failing = default;
        Assert.Throws<InvalidDataException>(() => team.Run(ref failing, 100));
        Tally tally = new() { Items = new int[50], Busy = new int[3] };
        team.Run(ref tally, 50);
        Assert.All(tally.Items, count => Assert.Equal(1, count));
    }

    [Fact]
    public void A_run_inside_an_item_executes_inline_under_the_same_worker()
    {
        using ThreadTeam team = new(3);
        Nested nested = new() { Team = team, Seen = new int[20] };
        team.Run(ref nested, 20);
        Assert.All(nested.Seen, count => Assert.Equal(5, count));
    }

    [Fact]
    public void Callers_on_several_threads_take_turns()
    {
        using ThreadTeam team = new(2);
        Parallel.For(0, 8, _ =>
        {
            for (int run = 0; run < 50; run++)
            {
                Tally tally = new() { Items = new int[30], Busy = new int[2] };
                team.Run(ref tally, 30);
                Assert.All(tally.Items, count => Assert.Equal(1, count));
            }
        });
    }

    [Fact]
    public void Workers_wake_after_having_slept()
    {
        using ThreadTeam team = new(3);
        for (int run = 0; run < 5; run++)
        {
            Thread.Sleep(5);
            Tally tally = new() { Items = new int[64], Busy = new int[3] };
            team.Run(ref tally, 64);
            Assert.All(tally.Items, count => Assert.Equal(1, count));
        }
    }

    private struct Tally : IWork
    {
        public int[] Items;
        public int[] Busy;

        public readonly void Execute(int item, int worker)
        {
            Assert.Equal(1, Interlocked.Increment(ref Busy[worker]));
            Interlocked.Increment(ref Items[item]);
            Thread.SpinWait(20);
            Interlocked.Decrement(ref Busy[worker]);
        }
    }

    private struct Failing : IWork
    {
        public readonly void Execute(int item, int worker)
        {
            if (item == 37)
                throw new InvalidDataException($"item {item}, worker {worker}");
        }
    }

    private struct Nested : IWork
    {
        public ThreadTeam Team;
        public int[] Seen;

        public readonly void Execute(int item, int worker)
        {
            Inner inner = new() { Seen = Seen, Outer = item, Worker = worker };
            Team.Run(ref inner, 5);
        }

        private struct Inner : IWork
        {
            public int[] Seen;
            public int Outer;
            public int Worker;

            public readonly void Execute(int item, int worker)
            {
                Assert.Equal(Worker, worker);
                Assert.InRange(item, 0, 4);
                Seen[Outer]++;
            }
        }
    }
}
