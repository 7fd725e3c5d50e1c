namespace Sirocco.Formats;

/// <summary>
/// What a physical type means with its annotation, new (LogicalType) or old (ConvertedType); see LogicalTypes.md of the format. An annotation that does not fit
/// its type is ignored.
/// </summary>
internal static class ParquetTypes
{
    internal static ColumnType Of(SchemaElement element, PhysicalType physical)
    {
        if (element.LogicalType == LogicalTypes.Unknown) return new ColumnType(ColumnKind.Null);
        return physical switch
        {
            PhysicalType.Boolean => new ColumnType(ColumnKind.Boolean),
            PhysicalType.Float => new ColumnType(ColumnKind.Float32),
            PhysicalType.Double => new ColumnType(ColumnKind.Float64),
            PhysicalType.Int96 => new ColumnType(ColumnKind.Timestamp) { Unit = TimeUnit.Nanosecond },
            PhysicalType.Int32 => OfInt32(element),
            PhysicalType.Int64 => OfInt64(element),
            PhysicalType.ByteArray => IsDecimal(element) ? Decimal(element, 32) : new ColumnType(IsText(element) ? ColumnKind.Text : ColumnKind.Binary),
            _ when IsDecimal(element) && element.TypeLength <= 32 => Decimal(element, element.TypeLength <= 16 ? 16 : 32),
            _ when element.LogicalType == LogicalTypes.Float16 && element.TypeLength == 2 => new ColumnType(ColumnKind.Float16),
            _ => new ColumnType(ColumnKind.FixedBinary) { Width = element.TypeLength },
        };
    }

    private static bool IsText(SchemaElement element) =>
        element.LogicalType is LogicalTypes.String or LogicalTypes.Enum or LogicalTypes.Json
            || (element.LogicalType == 0 && element.ConvertedType is 0 or 4 or 19);

    private static bool IsDecimal(SchemaElement element) =>
        element.LogicalType == LogicalTypes.Decimal || (element.LogicalType == 0 && element.ConvertedType == 5);

    private static ColumnType Decimal(SchemaElement element, int width)
    {
        if (element.Precision is < 1 or > 76 || element.Scale < 0 || element.Scale > element.Precision)
        {
            throw new InvalidDataException(
                $"schema element '{Visible.Short(element.Name!)}' is a decimal of {element.Precision} digits, {element.Scale} of them behind the point");
        }
        return new ColumnType(ColumnKind.Decimal) { Width = width, Precision = element.Precision, Scale = element.Scale };
    }

    private static ColumnType OfInt32(SchemaElement element)
    {
        if (IsDecimal(element)) return Decimal(element, 16);
        return (element.LogicalType, element.ConvertedType) switch
        {
            (LogicalTypes.Date, _) or (0, 6) => new ColumnType(ColumnKind.Date),
            (LogicalTypes.Time, _) => new ColumnType(ColumnKind.Time) { Unit = element.Unit },
            (0, 7) => new ColumnType(ColumnKind.Time) { Unit = TimeUnit.Millisecond },
            (LogicalTypes.Integer, _) => new ColumnType((element.BitWidth, element.IsSigned) switch
            {
                (8, true) => ColumnKind.Int8,
                (16, true) => ColumnKind.Int16,
                (8, false) => ColumnKind.UInt8,
                (16, false) => ColumnKind.UInt16,
                (32, false) => ColumnKind.UInt32,
                _ => ColumnKind.Int32,
            }),
            (0, 11) => new ColumnType(ColumnKind.UInt8),
            (0, 12) => new ColumnType(ColumnKind.UInt16),
            (0, 13) => new ColumnType(ColumnKind.UInt32),
            (0, 15) => new ColumnType(ColumnKind.Int8),
            (0, 16) => new ColumnType(ColumnKind.Int16),
            _ => new ColumnType(ColumnKind.Int32),
        };
    }

    private static ColumnType OfInt64(SchemaElement element)
    {
        if (IsDecimal(element)) return Decimal(element, 16);
        return (element.LogicalType, element.ConvertedType) switch
        {
            (LogicalTypes.Time, _) => new ColumnType(ColumnKind.Time) { Unit = element.Unit },
            (0, 8) => new ColumnType(ColumnKind.Time) { Unit = TimeUnit.Microsecond },
            (LogicalTypes.Timestamp, _) => new ColumnType(ColumnKind.Timestamp) { Unit = element.Unit, TimeZone = element.IsAdjustedToUtc ? "UTC" : null },
            (0, 9) => new ColumnType(ColumnKind.Timestamp) { Unit = TimeUnit.Millisecond, TimeZone = "UTC" },
            (0, 10) => new ColumnType(ColumnKind.Timestamp) { Unit = TimeUnit.Microsecond, TimeZone = "UTC" },
            (LogicalTypes.Integer, _) => new ColumnType(element.IsSigned ? ColumnKind.Int64 : ColumnKind.UInt64),
            (0, 14) => new ColumnType(ColumnKind.UInt64),
            _ => new ColumnType(ColumnKind.Int64),
        };
    }
}
