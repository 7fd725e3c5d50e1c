using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Which checkpoint a run starts from and how its network is used: what the <c>model</c> sections of all recipes share.</summary>
public abstract record EncoderModelOptions
{
    private readonly string? folder;

    /// <summary>A model folder or a hub id.</summary>
    public required string Path { get; init; }

    /// <summary>Where <see cref="Path"/> was found on this machine; by default it is a folder itself.</summary>
    internal string Folder
    {
        get => folder ?? Path;
        init => folder = value;
    }

    /// <summary>How the tokens of a text become one vector; null: as the folder says, else the average.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>is_causal: whether tokens see only those before them; null: as the folder says, else as the task wants it.</summary>
    public bool? IsCausal { get; init; }

    /// <summary>torch_dtype: how weights are held and multiplied; null: as the checkpoint stores them.</summary>
    public ElementType? WeightType { get; init; }

    /// <summary>extract_submodel: path of the text tower inside a vision-language checkpoint, or null.</summary>
    public string? Submodel { get; init; }
}

/// <summary>A bi-encoder: one vector for a text, or one for each token.</summary>
public sealed record BiEncoderModelOptions : EncoderModelOptions
{
    /// <summary>
    /// Whether every token keeps its vector, and texts are scored by the sum over query tokens of the largest product with a passage token (pooling: colbert,
    /// or multi_vector). False with no <see cref="EncoderModelOptions.Pooling"/>: as config.json of the folder says.
    /// </summary>
    public bool MultiVector { get; init; }

    /// <summary>Which of its two names (<see cref="PoolingNames.MultiVector"/>) such a pooling has in the config.json of an export.</summary>
    public string MultiVectorName { get; init; } = PoolingNames.MultiVector[0];

    /// <summary>Whether vectors are made of unit length; null: as the folder says, else yes.</summary>
    public bool? Normalize { get; init; }

    /// <summary>do_distributed_inbatch_negative: whether the passages of all queries of a micro-batch, on all ranks, are candidates of each query.</summary>
    public bool InBatchNegatives { get; init; }

    /// <summary>detach_distributed_inbatch_negatives: whether passages of other ranks get no gradient.</summary>
    public bool DetachRemoteNegatives { get; init; } = true;
}

/// <summary>A cross-encoder: a score for a query and a passage read together.</summary>
public sealed record CrossEncoderModelOptions : EncoderModelOptions
{
    /// <summary>num_labels: rows of the score head; training needs 1. Null: as the folder says.</summary>
    public int? Labels { get; init; }

    /// <summary>model.temperature: the network's own division of its scores, kept in its configuration; null: as the folder says.</summary>
    public double? Temperature { get; init; }
}

/// <summary>The student of a distillation: a bi-encoder with a linear projection to the teacher's width.</summary>
public sealed record StudentModelOptions : EncoderModelOptions
{
    /// <summary>teacher_hidden_size: rows of the projection.</summary>
    public required int TeacherHiddenSize { get; init; }

    /// <summary>Whether pooled vectors are made of unit length.</summary>
    public bool Normalize { get; init; }
}

/// <summary>The teacher of a distillation, which does not train.</summary>
public sealed record TeacherModelOptions : EncoderModelOptions
{
    /// <summary>Whether pooled vectors are made of unit length.</summary>
    public bool Normalize { get; init; }
}
