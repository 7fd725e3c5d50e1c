namespace Sirocco.Training;

/// <summary>How the values of a loss become one.</summary>
public enum LossReduction
{
    /// <summary>Their mean.</summary>
    Mean,

    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>Their sum divided by the number of rows.</summary>
    BatchMean,
}

/// <summary>A distance of layer states.</summary>
public enum StateDistance
{
    /// <summary>Squared difference.</summary>
    SquaredError,

    /// <summary>Squared below 1, linear above.</summary>
    SmoothL1,

    /// <summary>1 − cosine.</summary>
    Cosine,
}

/// <summary>Which side of a pair looks for the other.</summary>
public enum ContrastDirection
{
    /// <summary>A query among passages.</summary>
    QueryToDocument,

    /// <summary>A passage among queries.</summary>
    DocumentToQuery,

    /// <summary>The mean of both.</summary>
    Symmetric,
}

/// <summary>A divergence of the student's candidate distribution from the teacher's.</summary>
public enum CandidateDivergence
{
    /// <summary>KL(teacher ‖ student).</summary>
    KullbackLeibler,

    /// <summary>Cross-entropy with the teacher's probabilities.</summary>
    CrossEntropy,

    /// <summary>Σ (p_s − p_t)² / rows.</summary>
    SquaredError,
}

/// <summary>Angles between projected and teacher's vectors: per sample (1 − cos(q, t_q)) + (1 − cos(d, t_d)) (distill_loss).</summary>
public sealed record CosineLossOptions
{
    /// <summary>Mean or sum over samples.</summary>
    public LossReduction Reduction { get; init; }
}

/// <summary>Squared error of projected vectors, queries plus passages (mse_loss).</summary>
public sealed record EmbeddingErrorLossOptions
{
    /// <summary>Whether both are made of unit length first.</summary>
    public bool Normalize { get; init; }

    /// <summary>Over elements, or over rows.</summary>
    public LossReduction Reduction { get; init; }
}

/// <summary>Σ (Z_s − Z_t)² / B of the row-wise softmax of cosines within a batch, for queries and for passages (score_loss).</summary>
public sealed record ScoreLossOptions
{
    /// <summary>Temperature of the softmax.</summary>
    public double Temperature { get; init; } = 0.02;
}

/// <summary>Distance of projected student layers from teacher layers, over real tokens (intermediate_loss).</summary>
public sealed record IntermediateLossOptions
{
    /// <summary>Pairs of student and teacher layers, from 0.</summary>
    public required IReadOnlyList<(int Student, int Teacher)> LayerPairs { get; init; }

    /// <summary>What the distance is (loss_type).</summary>
    public StateDistance Distance { get; init; }

    /// <summary>Whether states are made of unit length first.</summary>
    public bool Normalize { get; init; }

    /// <summary>A weight for each pair (layer_weights); empty gives all the same.</summary>
    public IReadOnlyList<double> LayerWeights { get; init; } = [];

    /// <summary>Over features.</summary>
    public LossReduction Reduction { get; init; }
}

/// <summary>Contrastive loss of pooled student vectors, hard negatives as further columns (infonce_loss).</summary>
public record InfoNceLossOptions
{
    /// <summary>Scores are divided by this.</summary>
    public double Temperature { get; init; } = 0.05;

    /// <summary>Whether the temperature trains too (learnable_temperature).</summary>
    public bool LearnsTemperature { get; init; }

    /// <summary>Which side looks for the other (direction).</summary>
    public ContrastDirection Direction { get; init; }

    /// <summary>Whether passages of other queries are candidates (use_in_batch_negatives).</summary>
    public bool InBatchNegatives { get; init; } = true;

    /// <summary>Whether vectors are made of unit length first.</summary>
    public bool Normalize { get; init; } = true;

    /// <summary>Whether passages of other ranks are candidates (cross_device_negatives).</summary>
    public bool CrossDeviceNegatives { get; init; } = true;

    /// <summary>Whether candidates are those of all ranks; without those of other queries there are none of other ranks either.</summary>
    internal bool RanksMeet => CrossDeviceNegatives && InBatchNegatives;
}

/// <summary>The student's distribution over candidates follows the teacher's (infonce_distill_loss).</summary>
public sealed record InfoNceDistillationLossOptions : InfoNceLossOptions
{
    /// <summary>How the two are compared (divergence).</summary>
    public CandidateDivergence Divergence { get; init; }
}

/// <summary>The terms of a distillation: total loss = Σ weight · term, over terms with a weight above 0.</summary>
public sealed record DistillationLosses
{
    /// <summary>Weight of <see cref="Cosine"/> (distill_loss_weight).</summary>
    public double CosineWeight { get; init; } = 1;

    /// <summary>Weight of <see cref="EmbeddingError"/> (mse_loss_weight).</summary>
    public double EmbeddingErrorWeight { get; init; }

    /// <summary>Weight of <see cref="Score"/> (score_loss_weight).</summary>
    public double ScoreWeight { get; init; }

    /// <summary>Weight of <see cref="Intermediate"/> (intermediate_loss_weight).</summary>
    public double IntermediateWeight { get; init; }

    /// <summary>Weight of <see cref="InfoNce"/> (nce_loss_weight).</summary>
    public double InfoNceWeight { get; init; }

    /// <summary>Weight of <see cref="InfoNceDistillation"/> (nce_distill_loss_weight).</summary>
    public double InfoNceDistillationWeight { get; init; }

    /// <summary>Angles between projected and teacher's vectors.</summary>
    public CosineLossOptions Cosine { get; init; } = new();

    /// <summary>Squared error of projected vectors.</summary>
    public EmbeddingErrorLossOptions EmbeddingError { get; init; } = new();

    /// <summary>Similarities within a batch.</summary>
    public ScoreLossOptions Score { get; init; } = new();

    /// <summary>Layer states; null where there are no layer pairs.</summary>
    public IntermediateLossOptions? Intermediate { get; init; }

    /// <summary>Each query's own document among its candidates.</summary>
    public InfoNceLossOptions InfoNce { get; init; } = new();

    /// <summary>The teacher's distribution over the candidates.</summary>
    public InfoNceDistillationLossOptions InfoNceDistillation { get; init; } = new();

    /// <exception cref="ArgumentException">The terms contradict each other; the message begins with the key.</exception>
    internal void Validate()
    {
        if (CosineWeight <= 0 && EmbeddingErrorWeight <= 0 && ScoreWeight <= 0 && IntermediateWeight <= 0
            && InfoNceWeight <= 0 && InfoNceDistillationWeight <= 0)
        {
            throw new ArgumentException("distill_loss_weight is not above 0, nor is the weight of another loss; give a weight to at least one");
        }
        foreach ((string section, double temperature) in Contrasts.Select(term => (term.Section, term.Loss.Temperature))
            .Prepend(("score_loss", Score.Temperature)))
        {
            if (!(temperature > 0)) throw new ArgumentException($"{section}.temperature is {temperature}; give a number above 0");
        }

        if (IntermediateWeight > 0 && Intermediate is not { LayerPairs.Count: > 0 })
        {
            throw new ArgumentException(
                "layer_pairs is missing; intermediate_loss_weight is above 0: give pairs of student and teacher layers, such as [[0, 0], [1, 2]]");
        }
        if (Intermediate is { LayerWeights.Count: > 0 } layers && layers.LayerWeights.Count != layers.LayerPairs.Count)
        {
            throw new ArgumentException(
                $"intermediate_loss.layer_weights has {layers.LayerWeights.Count} numbers; give {layers.LayerPairs.Count}, one for each of layer_pairs");
        }
    }

    /// <summary>Whether a term with a weight has candidates of all ranks.</summary>
    internal bool RanksMeet => Contrasts.Any(term => term.Weight > 0 && term.Loss.RanksMeet);

    /// <summary>The terms over candidates of a query, by their sections, with their weights.</summary>
    internal IEnumerable<(string Section, InfoNceLossOptions Loss, double Weight)> Contrasts =>
        [("infonce_loss", InfoNce, InfoNceWeight), ("infonce_distill_loss", InfoNceDistillation, InfoNceDistillationWeight)];
}
