namespace Sirocco.Compute;

/// <summary>Checks of shapes at the door of an operation.</summary>
internal static class Expect
{
    public static void Vector(Parameter parameter, int features)
    {
        if (parameter.Rows != 1 || parameter.Columns != features)
            throw new ArgumentException($"{parameter.Name} is [{string.Join(", ", parameter.Shape)}], needed [{features}]");
    }

    public static void Inputs(Parameter weight, Tensor x)
    {
        if (weight.Columns != x.Columns) throw new ArgumentException($"{weight.Name} takes {weight.Columns} features, the input has {x.Columns}");
    }

    public static void Columns(Tensor x, int columns, string what)
    {
        if (x.Columns != columns) throw new ArgumentException($"{what} has {x.Columns} columns, needed {columns}");
    }

    public static void SameShape(Tensor a, Tensor b)
    {
        if (a.Rows != b.Rows || a.Columns != b.Columns)
            throw new ArgumentException($"a matrix of {b.Rows} x {b.Columns} does not go with one of {a.Rows} x {a.Columns}");
    }

    /// <summary>Every row number lies in <paramref name="x"/>.</summary>
    public static void Rows(ReadOnlySpan<int> rows, Tensor x)
    {
        foreach (int row in rows)
        {
            if ((uint)row >= (uint)x.Rows) throw new ArgumentOutOfRangeException(nameof(rows), row, $"the matrix has {x.Rows} rows");
        }
    }

    /// <summary>Starts of consecutive ranges that cover all rows: from 0, ascending, to <paramref name="rows"/>.</summary>
    public static void Starts(ReadOnlySpan<int> starts, int rows, string what)
    {
        bool holds = starts[0] == 0 && starts[^1] == rows;
        for (int i = 1; i < starts.Length; i++) holds &= starts[i - 1] <= starts[i];
        if (!holds) throw new ArgumentException($"the starts of {what} do not go from 0, ascending, to {rows} rows", nameof(starts));
    }

    public static void Length(int actual, int expected, string what)
    {
        if (actual != expected) throw new ArgumentException($"{actual} {what}, needed {expected}");
    }
}
