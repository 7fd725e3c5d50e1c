using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// The objective of a distillation recipe: Σ weight · term of how far a student is from its teacher, and of how well it ranks (see
/// <see cref="DistillationLosses"/>).
/// </summary>
internal sealed class DistillationObjective : TrainingObjective<DistillationBatch>
{
    private static readonly HashSet<int> NoLayers = [];

    private readonly ComputeContext context;
    private readonly BiEncoder student;
    private readonly StudentProjection projection;
    private readonly DistillationTeacher? teacher;
    private readonly DistillationLosses losses;
    private readonly Precision precision;
    private readonly PositionCount positions;
    private readonly HashSet<int> teacherLayers;

    /// <param name="context">The device.</param>
    /// <param name="student">The network that trains.</param>
    /// <param name="projection">Takes its vectors to the teacher's width; trains too.</param>
    /// <param name="teacher">The network that it follows; null where batches hold the teacher's vectors.</param>
    /// <param name="losses">Terms and weights.</param>
    /// <param name="parameters">The weights of the student that can train.</param>
    /// <param name="precision">Of the student's matrix products.</param>
    /// <param name="positions">What positions of the collator's batches count.</param>
    /// <exception cref="ArgumentException">Terms need what teacher or student lack.</exception>
    public DistillationObjective(
        ComputeContext context,
        BiEncoder student,
        StudentProjection projection,
        DistillationTeacher? teacher,
        DistillationLosses losses,
        IEnumerable<Parameter> parameters,
        Precision precision,
        PositionCount positions)
    {
        (this.context, this.student, this.projection, this.teacher, this.losses, this.precision, this.positions) =
            (context, student, projection, teacher, losses, precision, positions);
        IReadOnlyList<(int Student, int Teacher)> pairs = losses.IntermediateWeight > 0 ? losses.Intermediate?.LayerPairs ?? [] : [];
        if (losses.IntermediateWeight > 0 && (teacher is null || pairs.Count == 0))
            throw new ArgumentException("intermediate_loss_weight is above 0: layer_pairs and a teacher_model are needed");
        if (teacher is not null) RequireLayers(losses, student.Config.Layers, teacher.Model.Config.Layers);
        teacherLayers = [.. pairs.Select(pair => pair.Teacher)];
        if (teacher is not null) RequireWidth(losses, projection.Weight.Rows, teacher.Model.Features, teacher.Model.Path);
        Parameters = [.. parameters, .. projection.Parameters];
    }

    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override StudentProjection Projection => projection;

    /// <summary>How the projection is trained.</summary>
    public ParameterGroup ProjectionGroup { get; init; } = new(1, 0);

    /// <inheritdoc/>
    public override ParameterGroup GroupOf(Parameter parameter) => projection.Parameters.Contains(parameter) ? ProjectionGroup : base.GroupOf(parameter);

    /// <inheritdoc/>
    public override MicroBatchReport AddGradients(DistillationBatch batch, float share, DropoutDraw draw, CancellationToken cancellation = default) =>
        Together([batch], share, draw, cancellation);

    /// <inheritdoc/>
    public override MicroBatchReport AddGradients(
        IReadOnlyList<DistillationBatch> ranks, float share, DropoutDraw draw, CancellationToken cancellation = default) =>
        ranks.Count > 1 && losses.RanksMeet ? Together(ranks, share, draw, cancellation) : base.AddGradients(ranks, share, draw, cancellation);

    /// <summary>
    /// The loss over the micro-batches of all ranks at once. Terms over candidates of all ranks are computed once, in the original by every rank alike: its
    /// gather adds up what all of them send back, and the mean over ranks divides that by their number again. Other terms are the mean over ranks.
    /// </summary>
    private MicroBatchReport Together(IReadOnlyList<DistillationBatch> ranks, float share, DropoutDraw draw, CancellationToken cancellation)
    {
        using Tape tape = new();
        using Scope f = context.BeginScope(precision, tape, cancellation);
        Stack<Scope> scopes = [];
        try
        {
            // 1. What teacher and student say.
            List<Tensor> layerTerms = [];
            RankVectors[] vectors = new RankVectors[ranks.Count];
            for (int rank = 0; rank < ranks.Count; rank++)
            {
                DropoutDraw own = ranks.Count == 1 ? draw : draw.Part(rank, ranks.Count);
                Scope Side(int side)
                {
                    Scope scope = context.BeginScope(precision, tape, own.Part(side, 3), cancellation);
                    scopes.Push(scope);
                    return scope;
                }

                vectors[rank] = Vectors(ranks[rank], Side, ranks.Count, layerTerms, cancellation);
            }

            // 2. How far they are apart.
            Term[] terms = Terms(vectors);
            float total = (float)terms.Sum(term => Math.Max(term.Weight, 0) * term.Value);
            MicroBatchReport report = new(total, [.. terms.Select(term => new Measure(term.Name, term.Value, 1))]);
            if (!float.IsFinite(total)) return report;

            // 3. Back through the student. Layers have derivatives of their own.
            float withoutLayers = (float)(total - (losses.IntermediateWeight * vectors.Sum(rank => rank.LayerDistance)));
            Tensor loss = layerTerms.Aggregate(
                f.KnownGradient(withoutLayers, [.. vectors.SelectMany(rank => rank.Gradients())]), (sum, term) => f.Add(sum, term));
            tape.Backward(loss, f.Upload([share], 1, 1), cancellation);
            return report;
        }
        finally
        {
            while (scopes.TryPop(out Scope? scope)) scope.Dispose();
        }
    }

    /// <summary>What both networks make of one rank's micro-batch.</summary>
    /// <param name="batch">The texts.</param>
    /// <param name="side">Begins the scope of queries, of positives, of negatives.</param>
    /// <param name="ranks">Their number, whose mean the terms are.</param>
    /// <param name="layerTerms">Gets the terms over layers.</param>
    /// <param name="cancellation">Stops between layers.</param>
    private RankVectors Vectors(DistillationBatch batch, Func<int, Scope> side, int ranks, List<Tensor> layerTerms, CancellationToken cancellation)
    {
        bool negatives = losses.Contrasts.Any(term => term.Weight > 0) && batch.IsNegative.Contains(true);
        TeacherAnswer answer = Teacher(batch, negatives && losses.InfoNceDistillationWeight > 0, cancellation);
        double distance = 0;
        // [B, features], [B, teacher's features]
        (Tensor q, Tensor projectedQ) = Student(side(0), batch.Queries, answer.QueryLayers, ranks, layerTerms, ref distance);
        (Tensor d, Tensor projectedD) = Student(side(1), batch.Positives, answer.PositiveLayers, ranks, layerTerms, ref distance);
        Tensor? n = negatives ? student.Encode(side(2), batch.Negatives.TokenArray, batch.Negatives.Segments(positions)) : null; // [B·K, features]
        return new RankVectors((q, d, n), (projectedQ, projectedD), answer.Vectors(batch.Count), batch.IsNegative, distance);
    }

    /// <summary>
    /// Scores for validation: the product of a query's pooled vector with those of its positive and its negatives. (The original's validation ends with an
    /// AttributeError.)
    /// </summary>
    /// <inheritdoc/>
    public override CandidateScores Score(DistillationBatch batch, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using Scope f = context.BeginScope(precision, null, cancellation);
        Tensor Encode(TokenizedBatch texts) => student.Encode(f, texts.TokenArray, texts.Segments(positions));
        Tensor queries = Encode(batch.Queries), candidates = Encode(batch.Positives);       // [B, features] both
        int k = batch.NegativesPerQuery;
        if (k > 0)
        {
            int[] order = [.. Enumerable.Range(0, batch.Count).SelectMany(query => Enumerable.Range(batch.Count + (query * k), k).Prepend(query))];
            candidates = f.GatherRows(f.Concatenate(candidates, Encode(batch.Negatives)), order); // [B·(1 + K), features]
        }

        Tensor scores = f.GroupScores(queries, candidates, (float)(1 / ScoreTemperature));  // [B, 1 + K]
        return new CandidateScores(scores.Columns, scores.ToArray());
    }

    /// <summary>What validation divides scores by.</summary>
    public double ScoreTemperature { get; init; } = 1;

    /// <summary>The teacher's vectors and layers for a batch, from its own passes or from the cache that the batch brings.</summary>
    private TeacherAnswer Teacher(DistillationBatch batch, bool negatives, CancellationToken cancellation)
    {
        if (teacher is null)
        {
            TeacherEmbeddings cached = batch.Teacher ?? throw new InvalidOperationException("there is neither a teacher_model nor a teacher_embeddings_cache");
            RequireWidth(losses, projection.Weight.Rows, cached.Dimensions, "teacher_embeddings_cache");
            return new TeacherAnswer(cached.Queries, [], cached.Positives, [], negatives ? cached.Negatives : null);
        }

        (float[] queries, Dictionary<int, float[]> queryLayers) = teacher.Read(context, batch.Queries, positions, teacherLayers, cancellation);
        (float[] positives, Dictionary<int, float[]> positiveLayers) = teacher.Read(context, batch.Positives, positions, teacherLayers, cancellation);
        return new TeacherAnswer(
            queries,
            queryLayers,
            positives,
            positiveLayers,
            negatives ? teacher.Read(context, batch.Negatives, positions, NoLayers, cancellation).Pooled : null);
    }

    /// <summary>Every term by the name that logs have; the student's vectors get the derivatives of those with a weight, times their weights.</summary>
    /// <param name="ranks">Their vectors.</param>
    private Term[] Terms(RankVectors[] ranks)
    {
        return
        [
            Weighted(
                "loss_distill",
                losses.CosineWeight,
                weight => OfSides(rank => rank.Projected, (s, t) => EmbeddingDistance.Cosine(s, t, losses.Cosine, weight / ranks.Length))),
            Weighted(
                "loss_mse",
                losses.EmbeddingErrorWeight,
                weight => OfSides(rank => rank.Projected, (s, t) => EmbeddingDistance.Squared(s, t, losses.EmbeddingError, weight / ranks.Length))),
            Weighted(
                "loss_score",
                losses.ScoreWeight,
                weight => OfSides(rank => rank.Own, (s, t) => CandidateLosses.Score(s, t, losses.Score, weight / ranks.Length))),
            Weighted("loss_intermediate", losses.IntermediateWeight, _ => ranks.Sum(rank => rank.LayerDistance)),
            Weighted("loss_nce", losses.InfoNceWeight, weight => OfCandidates(
                losses.InfoNce, weight, (own, _, isNegative, part) => CandidateLosses.InfoNce(own, isNegative, losses.InfoNce, part))),
            Weighted("loss_nce_distill", losses.InfoNceDistillationWeight, weight => OfCandidates(
                losses.InfoNceDistillation,
                weight,
                (own, theirs, isNegative, part) => CandidateLosses.InfoNceDistillation(own, theirs, isNegative, losses.InfoNceDistillation, part))),
        ];

        static Term Weighted(string name, double weight, Func<double, double> value) => new(name, weight, weight > 0 ? value(weight) : 0);

        double OfSides(Func<RankVectors, PooledVectors> ours, Func<GradedRows, GradedRows, double> distance) => ranks.Average(rank =>
            distance(ours(rank).Queries, rank.Theirs.Queries) + distance(ours(rank).Positives, rank.Theirs.Positives));

        double OfCandidates(InfoNceLossOptions options, double weight, Func<PooledVectors, PooledVectors, IReadOnlyList<bool>, double, double> value)
        {
            if (!options.RanksMeet) return ranks.Average(rank => value(rank.Own, rank.Theirs, rank.IsNegative, weight / ranks.Length));
            PooledVectors[] parts = [.. ranks.Select(rank => rank.Own)];
            PooledVectors own = PooledVectors.OfRanks(parts), theirs = PooledVectors.OfRanks([.. ranks.Select(rank => rank.Theirs)]);
            double term = value(own, theirs, PooledVectors.NegativesOfRanks(parts, [.. ranks.Select(rank => rank.IsNegative)]), weight);
            own.PassBack();
            return term;
        }
    }

    private (Tensor Pooled, Tensor Projected) Student(
        Scope f, TokenizedBatch texts, Dictionary<int, float[]> targets, int ranks, List<Tensor> terms, ref double distance)
    {
        Segments segments = texts.Segments(positions);
        double sum = 0;
        Tensor hidden = student.Decoder.Forward(f, texts.TokenArray, segments, student.Mask, afterLayer: targets.Count == 0 ? null : (layer, state) =>
        {
            IntermediateLossOptions options = losses.Intermediate!;
            double share = (options.Reduction == LossReduction.Sum ? 1 : 1.0 / options.LayerPairs.Count) / ranks;
            Tensor? projected = null;
            for (int i = 0; i < options.LayerPairs.Count; i++)
            {
                if (options.LayerPairs[i].Student != layer) continue;
                projected ??= projection.Apply(f, state);                                   // [tokens, teacher's features]
                double weight = share * (options.LayerWeights.Count > 0 ? options.LayerWeights[i] : 1);
                var (value, gradient) = LayerDistance.Compute(
                    projected.ToArray(), targets[options.LayerPairs[i].Teacher], projected.Columns, options, weight * losses.IntermediateWeight);
                sum += weight * value;
                terms.Add(f.KnownGradient((float)(weight * losses.IntermediateWeight * value), (projected, gradient)));
            }
        });
        distance += sum;
        Tensor pooled = student.Pool(f, hidden, segments);                                  // [texts, features]
        return (pooled, projection.Apply(f, pooled));
    }

    /// <summary>The intermediate term needs the layers that it compares.</summary>
    internal static void RequireLayers(DistillationLosses losses, int studentLayers, int teacherLayers)
    {
        if (losses.IntermediateWeight <= 0) return;
        foreach ((int own, int theirs) in losses.Intermediate?.LayerPairs ?? [])
        {
            if (own >= studentLayers || theirs >= teacherLayers)
            {
                throw new ArgumentException(
                    $"layer_pairs: [{own}, {theirs}] is outside the {studentLayers} layers of the student and the {teacherLayers} of the teacher");
            }
        }
    }

    /// <summary>Terms that subtract the teacher's vectors from projected ones need both of one width.</summary>
    internal static void RequireWidth(DistillationLosses losses, int projected, int features, string where)
    {
        if (losses is { CosineWeight: <= 0, EmbeddingErrorWeight: <= 0, IntermediateWeight: <= 0 } || features == projected) return;
        throw new ArgumentException($"model.teacher_hidden_size is {projected}, but {where} gives vectors of {features} features");
    }

    /// <summary>A term of the loss, unweighted, and its weight; 0 where it has none.</summary>
    private readonly record struct Term(string Name, double Weight, double Value);

    /// <summary>What both networks make of one rank's micro-batch; the student's vectors gather derivatives.</summary>
    private sealed class RankVectors(
        (Tensor Queries, Tensor Positives, Tensor? Negatives) own,
        (Tensor Queries, Tensor Positives) projected,
        PooledVectors theirs,
        IReadOnlyList<bool> isNegative,
        double layerDistance)
    {
        /// <summary>The student's vectors.</summary>
        public PooledVectors Own { get; } = new(Rows(own.Queries), Rows(own.Positives), own.Negatives is { } n ? Rows(n) : null);

        /// <summary>The same at the teacher's width; negatives have none.</summary>
        public PooledVectors Projected { get; } = new(Rows(projected.Queries), Rows(projected.Positives), null);

        /// <summary>The teacher's vectors.</summary>
        public PooledVectors Theirs => theirs;

        /// <summary>See <see cref="DistillationBatch.IsNegative"/>.</summary>
        public IReadOnlyList<bool> IsNegative => isNegative;

        /// <summary>The term over layers, divided by the number of ranks.</summary>
        public double LayerDistance => layerDistance;

        /// <summary>The student's tensors with their derivatives.</summary>
        public IEnumerable<(Tensor, float[])> Gradients()
        {
            yield return (own.Queries, Own.Queries.SingleGradient());
            yield return (own.Positives, Own.Positives.SingleGradient());
            yield return (projected.Queries, Projected.Queries.SingleGradient());
            yield return (projected.Positives, Projected.Positives.SingleGradient());
            if (own.Negatives is { } n) yield return (n, Own.Negatives!.SingleGradient());
        }

        private static GradedRows Rows(Tensor x) => new(x.ToArray(), x.Columns);
    }

    /// <summary>What the teacher makes of a batch: pooled vectors, row after row, and the outputs of the layers that the student's are compared with.</summary>
    private sealed record TeacherAnswer(
        float[] Queries, Dictionary<int, float[]> QueryLayers, float[] Positives, Dictionary<int, float[]> PositiveLayers, float[]? Negatives)
    {
        public PooledVectors Vectors(int queries)
        {
            int features = Queries.Length / queries;
            return new PooledVectors(
                new GradedRows(Queries, features), new GradedRows(Positives, features), Negatives is null ? null : new GradedRows(Negatives, features));
        }
    }
}
