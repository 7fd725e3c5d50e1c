namespace Sirocco.Formats;

/// <summary>What the values of a column are. Parquet's and Arrow's types both come down to these.</summary>
public enum ColumnKind
{
    /// <summary>No value but null.</summary>
    Null,
    /// <summary>One byte a value: 0 or 1.</summary>
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float16,
    Float32,
    Float64,
    /// <summary>A whole number (16 or 32 bytes, little-endian, two's complement) over 10^<see cref="ColumnType.Scale"/>.</summary>
    Decimal,
    /// <summary>Valid UTF-8.</summary>
    Text,
    Binary,
    /// <summary><see cref="ColumnType.Width"/> bytes a value.</summary>
    FixedBinary,
    /// <summary>Days since 1970-01-01, in 32 bits.</summary>
    Date,
    /// <summary><see cref="ColumnType.Unit"/>s since midnight, in 64 bits.</summary>
    Time,
    /// <summary>
    /// <see cref="ColumnType.Unit"/>s since 1970-01-01, in 64 bits; in UTC where <see cref="ColumnType.TimeZone"/> is set, else local time of an unknown place.
    /// </summary>
    Timestamp,
    /// <summary><see cref="ColumnType.Unit"/>s, in 64 bits.</summary>
    Duration,
    /// <summary>Any number of values of the one field.</summary>
    List,
    Struct,
    /// <summary>A list whose one field is a struct of key and value.</summary>
    Map,
}

/// <summary>The resolution of times.</summary>
public enum TimeUnit
{
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

/// <summary>The type of a column.</summary>
public sealed record ColumnType(ColumnKind Kind)
{
    /// <summary>Bytes of a <see cref="ColumnKind.FixedBinary"/> or <see cref="ColumnKind.Decimal"/> value.</summary>
    public int Width { get; init; }

    /// <summary>Digits of a decimal.</summary>
    public int Precision { get; init; }

    /// <summary>Digits of a decimal behind the point.</summary>
    public int Scale { get; init; }

    /// <summary>The resolution of a time, timestamp or duration.</summary>
    public TimeUnit Unit { get; init; }

    /// <summary>The zone that a timestamp is shown in; null when the timestamp is a local time.</summary>
    public string? TimeZone { get; init; }

    /// <summary>The fields of a struct; the one element of a list or map.</summary>
    public IReadOnlyList<ColumnField> Fields { get; init; } = [];

    /// <summary>Bytes of a value where all values have the same number; 0 for text, binary and nested types.</summary>
    internal int StorageWidth => Kind switch
    {
        ColumnKind.Boolean or ColumnKind.Int8 or ColumnKind.UInt8 => 1,
        ColumnKind.Int16 or ColumnKind.UInt16 or ColumnKind.Float16 => 2,
        ColumnKind.Int32 or ColumnKind.UInt32 or ColumnKind.Float32 or ColumnKind.Date => 4,
        ColumnKind.Int64 or ColumnKind.UInt64 or ColumnKind.Float64 or ColumnKind.Time or ColumnKind.Timestamp or ColumnKind.Duration => 8,
        ColumnKind.Decimal or ColumnKind.FixedBinary => Width,
        _ => 0,
    };

    /// <summary>As people write it: <c>list&lt;struct&lt;id: text, score: float64&gt;&gt;</c>.</summary>
    public override string ToString() => Kind switch
    {
        ColumnKind.List => $"list<{Fields[0].Type}>",
        ColumnKind.Struct => $"struct<{string.Join(", ", Fields)}>",
        ColumnKind.Map => $"map<{string.Join(", ", Fields[0].Type.Fields.Select(field => field.Type))}>",
        ColumnKind.Decimal => $"decimal({Precision}, {Scale})",
        ColumnKind.FixedBinary => $"binary[{Width}]",
        ColumnKind.Time or ColumnKind.Duration => $"{Kind.ToString().ToLowerInvariant()}[{UnitName}]",
        ColumnKind.Timestamp => TimeZone is null ? $"timestamp[{UnitName}]" : $"timestamp[{UnitName}, {TimeZone}]",
        _ => Kind.ToString().ToLowerInvariant(),
    };

    private string UnitName => Unit switch { TimeUnit.Second => "s", TimeUnit.Millisecond => "ms", TimeUnit.Microsecond => "us", _ => "ns" };
}

/// <summary>A named column of a table, or a named part of a nested one.</summary>
public sealed record ColumnField(string Name, ColumnType Type, bool IsNullable = true)
{
    /// <summary>Name and type.</summary>
    public override string ToString() => $"{Name}: {Type}";
}
