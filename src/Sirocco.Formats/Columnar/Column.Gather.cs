namespace Sirocco.Formats;

public sealed partial class Column
{
    /// <summary>The values at <paramref name="rows"/>, null where that is -1, under another name.</summary>
    /// <exception cref="InvalidDataException">A row does not exist.</exception>
    internal Column Take(ReadOnlySpan<int> rows, ColumnField field)
    {
        int length = rows.Length;
        byte[]? kept = null;
        for (int i = 0; i < length; i++)
        {
            if (rows[i] >= Length) throw new InvalidDataException($"index {rows[i]} exceeds the dictionary of {Length} values");
            if (rows[i] >= 0 && !IsNull(rows[i])) continue;
            if (kept is null) (kept = new byte[length]).AsSpan().Fill(1);
            kept[i] = 0;
        }
        switch (Field.Type.Kind)
        {
            case ColumnKind.Text or ColumnKind.Binary:
                var taken = new ByteView[length];
                for (int i = 0; i < length; i++)
                    if (rows[i] >= 0) taken[i] = views[rows[i]];
                return new Column(field, length, kept, taken, buffers);
            case ColumnKind.List or ColumnKind.Map:
                var lists = new ListItems[length];
                for (int i = 0; i < length; i++)
                    if (rows[i] >= 0) lists[i] = items[rows[i]];
                return new Column(field, kept, lists, length, Children[0]);
            case ColumnKind.Struct:
                var children = new Column[Children.Count];
                for (int i = 0; i < children.Length; i++) children[i] = Children[i].Take(rows, Children[i].Field);
                return new Column(field, length, kept, children);
            case ColumnKind.Null:
                return new Column(field, length, null, []);
            default:
                int width = Field.Type.StorageWidth;
                byte[] numbers = new byte[checked(length * width)];
                ReadOnlySpan<byte> from = values.Span;
                for (int i = 0; i < length; i++)
                    if (rows[i] >= 0) from.Slice(rows[i] * width, width).CopyTo(numbers.AsSpan(i * width));
                return new Column(field, length, kept, numbers);
        }
    }

    /// <summary>The values of two columns of one type, one after the other.</summary>
    internal static Column Concatenate(Column first, Column second)
    {
        int length = checked(first.Length + second.Length);
        byte[]? valid = null;
        if (first.valid is not null || second.valid is not null)
        {
            (valid = new byte[length]).AsSpan().Fill(1);
            first.valid?.AsSpan(0, first.Length).CopyTo(valid);
            second.valid?.AsSpan(0, second.Length).CopyTo(valid.AsSpan(first.Length));
        }
        switch (first.Field.Type.Kind)
        {
            case ColumnKind.Text or ColumnKind.Binary:
                int before = first.buffers.Length;
                return new Column(
                    first.Field,
                    length,
                    valid,
                    [.. first.views.AsSpan(0, first.Length), .. second.views.Take(second.Length).Select(view => view with { Buffer = view.Buffer + before })],
                    [.. first.buffers, .. second.buffers]);
            case ColumnKind.List or ColumnKind.Map:
                int start = first.Children[0].Length;
                return new Column(
                    first.Field,
                    valid,
                    [.. first.items, .. second.items.Select(list => list with { Start = list.Start + start })],
                    length,
                    Concatenate(first.Children[0], second.Children[0]));
            case ColumnKind.Struct:
                return new Column(first.Field, length, valid, [.. first.Children.Zip(second.Children, Concatenate)]);
            default:
                return new Column(first.Field, length, valid, (byte[])[.. first.values.Span, .. second.values.Span]);
        }
    }
}
