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

/// <summary>distill_loss: per sample (1 − cos(q, t_q)) + (1 − cos(d, t_d)) of projected vectors.</summary>
public sealed record CosineLossOptions
{
    /// <summary>Mean or sum over samples.</summary>
    public LossReduction Reduction { get; init; }
}

/// <summary>mse_loss: squared error of projected vectors, queries plus passages.</summary>
public sealed record EmbeddingErrorLossOptions
{
    /// <summary>Whether both are made of unit length first.</summary>
    public bool Normalize { get; init; }

    /// <summary>Over elements, or over rows.</summary>
    public LossReduction Reduction { get; init; }
}

/// <summary>score_loss: Σ (Z_s − Z_t)² / B of the row-wise softmax of cosines within a batch, for queries and for passages.</summary>
public sealed record ScoreLossOptions
{
    /// <summary>Temperature of the softmax.</summary>
    public double Temperature { get; init; } = 0.02;
}

/// <summary>intermediate_loss: distance of projected student layers from teacher layers, over real tokens.</summary>
public sealed record IntermediateLossOptions
{
    /// <summary>Pairs of student and teacher layers, from 0.</summary>
    public required IReadOnlyList<(int Student, int Teacher)> LayerPairs { get; init; }

    /// <summary>loss_type</summary>
    public StateDistance Distance { get; init; }

    /// <summary>Whether states are made of unit length first.</summary>
    public bool Normalize { get; init; }

    /// <summary>layer_weights: a weight for each pair; empty gives all the same.</summary>
    public IReadOnlyList<double> LayerWeights { get; init; } = [];

    /// <summary>Over features.</summary>
    public LossReduction Reduction { get; init; }
}

/// <summary>infonce_loss: contrastive loss of pooled student vectors, hard negatives as further columns.</summary>
public record InfoNceLossOptions
{
    /// <summary>Scores are divided by this.</summary>
    public double Temperature { get; init; } = 0.05;

    /// <summary>learnable_temperature: whether the temperature trains too.</summary>
    public bool LearnsTemperature { get; init; }

    /// <summary>direction</summary>
    public ContrastDirection Direction { get; init; }

    /// <summary>use_in_batch_negatives: whether passages of other queries are candidates.</summary>
    public bool InBatchNegatives { get; init; } = true;

    /// <summary>Whether vectors are made of unit length first.</summary>
    public bool Normalize { get; init; } = true;

    /// <summary>cross_device_negatives: whether passages of other ranks are candidates.</summary>
    public bool CrossDeviceNegatives { get; init; } = true;
}

/// <summary>infonce_distill_loss: the student's distribution over candidates follows the teacher's.</summary>
public sealed record InfoNceDistillationLossOptions : InfoNceLossOptions
{
    /// <summary>divergence</summary>
    public CandidateDivergence Divergence { get; init; }
}

/// <summary>The terms of a distillation: total loss = Σ weight · term, over terms with a weight above 0.</summary>
public sealed record DistillationLosses
{
    /// <summary>distill_loss_weight</summary>
    public double CosineWeight { get; init; } = 1;

    /// <summary>mse_loss_weight</summary>
    public double EmbeddingErrorWeight { get; init; }

    /// <summary>score_loss_weight</summary>
    public double ScoreWeight { get; init; }

    /// <summary>intermediate_loss_weight</summary>
    public double IntermediateWeight { get; init; }

    /// <summary>nce_loss_weight</summary>
    public double InfoNceWeight { get; init; }

    /// <summary>nce_distill_loss_weight</summary>
    public double InfoNceDistillationWeight { get; init; }

    /// <summary>distill_loss</summary>
    public CosineLossOptions Cosine { get; init; } = new();

    /// <summary>mse_loss</summary>
    public EmbeddingErrorLossOptions EmbeddingError { get; init; } = new();

    /// <summary>score_loss</summary>
    public ScoreLossOptions Score { get; init; } = new();

    /// <summary>intermediate_loss; null where there are no layer pairs.</summary>
    public IntermediateLossOptions? Intermediate { get; init; }

    /// <summary>infonce_loss</summary>
    public InfoNceLossOptions InfoNce { get; init; } = new();

    /// <summary>infonce_distill_loss</summary>
    public InfoNceDistillationLossOptions InfoNceDistillation { get; init; } = new();

    /// <exception cref="ArgumentException">The terms contradict each other; the message begins with the key.</exception>
    internal void Validate()
    {
        if (this is { CosineWeight: <= 0, EmbeddingErrorWeight: <= 0, ScoreWeight: <= 0, IntermediateWeight: <= 0, InfoNceWeight: <= 0, InfoNceDistillationWeight: <= 0 })
            throw new ArgumentException("distill_loss_weight is not above 0, nor is the weight of another loss; give a weight to at least one");
        if (IntermediateWeight > 0 && Intermediate is not { LayerPairs.Count: > 0 })
            throw new ArgumentException("layer_pairs is missing; intermediate_loss_weight is above 0: give pairs of student and teacher layers, such as [[0, 0], [1, 2]]");
        if (Intermediate is { LayerWeights.Count: > 0 } layers && layers.LayerWeights.Count != layers.LayerPairs.Count)
            throw new ArgumentException($"intermediate_loss.layer_weights has {layers.LayerWeights.Count} numbers; give {layers.LayerPairs.Count}, one for each of layer_pairs");
    }

    /// <summary>The terms over candidates of a query, by their sections, with their weights.</summary>
    internal IEnumerable<(string Section, InfoNceLossOptions Loss, double Weight)> Contrasts =>
        [("infonce_loss", InfoNce, InfoNceWeight), ("infonce_distill_loss", InfoNceDistillation, InfoNceDistillationWeight)];
}
