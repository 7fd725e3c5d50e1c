// Each model brings a team of threads that take the whole machine; two tests at a time would only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
