using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sirocco.Formats;

/// <summary>Values as JSON, in the conventions that <see cref="ColumnBatch.WriteRow"/> states.</summary>
internal static class ColumnJson
{
    internal static void Write(Utf8JsonWriter writer, Column column, int row)
    {
        if (column.IsNull(row))
        {
            writer.WriteNullValue();
            return;
        }
        ColumnType type = column.Field.Type;
        switch (type.Kind)
        {
            case ColumnKind.Boolean:
                writer.WriteBooleanValue(column.Boolean(row));
                break;
            case ColumnKind.UInt64:
                writer.WriteNumberValue(MemoryMarshal.Read<ulong>(column.Bytes(row)));
                break;
            case ColumnKind.Float16 or ColumnKind.Float32 or ColumnKind.Float64:
                double number = column.Number(row);
                if (double.IsFinite(number)) writer.WriteNumberValue(number);
                else writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case ColumnKind.Text:
                writer.WriteStringValue(column.Bytes(row));
                break;
            case ColumnKind.Binary or ColumnKind.FixedBinary:
                writer.WriteStartObject();
                writer.WriteBase64String("base64"u8, column.Bytes(row));
                writer.WriteEndObject();
                break;
            case ColumnKind.Decimal:
                writer.WriteStringValue(Decimal(new BigInteger(column.Bytes(row)), type.Scale));
                break;
            case ColumnKind.Date:
                WriteDate(writer, column.Integer(row));
                break;
            case ColumnKind.Time or ColumnKind.Timestamp:
                WriteTime(writer, column.Integer(row), type);
                break;
            case ColumnKind.List or ColumnKind.Map:
                ListItems items = column.Items(row);
                writer.WriteStartArray();
                for (int i = items.Start; i < items.Start + items.Count; i++)
                {
                    if (type.Kind == ColumnKind.Map) WritePair(writer, column.Children[0], i);
                    else Write(writer, column.Children[0], i);
                }
                writer.WriteEndArray();
                break;
            case ColumnKind.Struct:
                writer.WriteStartObject();
                foreach (Column field in column.Children)
                {
                    writer.WritePropertyName(field.Field.Name);
                    Write(writer, field, row);
                }
                writer.WriteEndObject();
                break;
            default:
                writer.WriteNumberValue(column.Integer(row));
                break;
        }
    }

    private static void WritePair(Utf8JsonWriter writer, Column entries, int row)
    {
        writer.WriteStartArray();
        foreach (Column part in entries.Children) Write(writer, part, row);
        writer.WriteEndArray();
    }

    private static string Decimal(BigInteger unscaled, int scale)
    {
        if (scale <= 0) return (unscaled * BigInteger.Pow(10, -scale)).ToString(CultureInfo.InvariantCulture);
        string digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        return $"{(unscaled.Sign < 0 ? "-" : "")}{digits[..^scale]}.{digits[^scale..]}";
    }

    private static void WriteDate(Utf8JsonWriter writer, long days)
    {
        long day = days + DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;
        if (day < 0 || day > DateOnly.MaxValue.DayNumber) writer.WriteNumberValue(days);   // beyond the years 1 to 9999
        else writer.WriteStringValue(DateOnly.FromDayNumber((int)day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
    }

    private static void WriteTime(Utf8JsonWriter writer, long value, ColumnType type)
    {
        long perSecond = type.Unit switch { TimeUnit.Second => 1, TimeUnit.Millisecond => 1_000, TimeUnit.Microsecond => 1_000_000, _ => 1_000_000_000 };
        (long seconds, long part) = Math.DivRem(value, perSecond);
        if (part < 0) (seconds, part) = (seconds - 1, part + perSecond);
        long nanoseconds = part * (1_000_000_000 / perSecond);
        const long earliest = -62_135_596_800, latest = 253_402_300_799;   // the years 1 to 9999
        if (type.Kind == ColumnKind.Time ? seconds is < 0 or >= 86_400 : seconds is < earliest or > latest)
        {
            writer.WriteNumberValue(value);
            return;
        }
        DateTime time = DateTime.UnixEpoch.AddSeconds(seconds);
        string zone = "";
        if (type is { Kind: ColumnKind.Timestamp, TimeZone: { } name })
        {
            TimeSpan offset = Offset(name, time);
            // A zone must not push the first or last day out of the calendar.
            if (seconds + offset.TotalSeconds is < earliest or > latest) offset = TimeSpan.Zero;
            time += offset;
            zone = string.Create(CultureInfo.InvariantCulture, $"{(offset < TimeSpan.Zero ? '-' : '+')}{offset:hh\\:mm}");
        }
        string fraction = nanoseconds == 0 ? "" : nanoseconds % 1000 == 0 ? string.Create(CultureInfo.InvariantCulture, $".{nanoseconds / 1000:D6}")
            : string.Create(CultureInfo.InvariantCulture, $".{nanoseconds:D9}");
        writer.WriteStringValue(
            time.ToString(type.Kind == ColumnKind.Time ? "HH:mm:ss" : "yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture) + fraction + zone);
    }

    /// <summary>The distance of a zone from UTC at a time; zero for a zone that this system does not know.</summary>
    private static TimeSpan Offset(string zone, DateTime utc)
    {
        if (zone is "UTC" or "Z") return TimeSpan.Zero;
        if (zone is ['+' or '-', ..] && TimeSpan.TryParseExact(zone.AsSpan(1), "hh\\:mm", CultureInfo.InvariantCulture, out TimeSpan distance))
            return zone[0] == '-' ? -distance : distance;
        return TimeZoneInfo.TryFindSystemTimeZoneById(zone, out TimeZoneInfo? known) ? known.GetUtcOffset(utc) : TimeSpan.Zero;
    }
}
