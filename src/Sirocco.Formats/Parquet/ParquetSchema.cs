namespace Sirocco.Formats;

/// <summary>
/// A node of a Parquet schema with its levels (Melnik et al. 2010, "Dremel"): the repetition level counts the lists around a value, the definition level how
/// many of the optional and repeated nodes on the way to it are there.
/// </summary>
/// <param name="Field">Name and type as the table shows them.</param>
/// <param name="DefinitionLevel">At or above it the node is not null.</param>
/// <param name="ItemLevel">Of a list: at or above it the list has an item.</param>
/// <param name="OuterLevel">At or above it the innermost list around the node has an item, so that the node has a value or a null.</param>
/// <param name="RepetitionLevel">Lists around the node, the node itself not counted.</param>
/// <param name="Children">Fields of a struct; the item of a list or map.</param>
/// <param name="Leaf">The place among the leaves; -1 for inner nodes.</param>
internal sealed record SchemaNode(
    ColumnField Field, int DefinitionLevel, int ItemLevel, int OuterLevel, int RepetitionLevel, IReadOnlyList<SchemaNode> Children, int Leaf);

/// <summary>A column as it is stored: what its pages hold.</summary>
internal sealed record SchemaLeaf(string Path, PhysicalType Type, int TypeLength, ColumnType LogicalType, int DefinitionLevel, int RepetitionLevel)
{
    /// <summary>Bytes of a value; 0 where they differ.</summary>
    internal int Width => Type switch
    {
        PhysicalType.Boolean => 1,
        PhysicalType.Int32 or PhysicalType.Float => 4,
        PhysicalType.Int64 or PhysicalType.Double => 8,
        PhysicalType.Int96 => 12,
        PhysicalType.FixedLenByteArray => TypeLength,
        _ => 0,
    };
}

/// <summary>Makes the tree out of the flat list that the footer holds, and says what the columns mean.</summary>
internal sealed class ParquetSchema
{
    private const int DeepestNesting = 64;

    // parquet.thrift, ConvertedType.
    private const int ConvertedMap = 1, ConvertedMapKeyValue = 2, ConvertedList = 3;

    private readonly IReadOnlyList<SchemaElement> elements;
    private readonly List<SchemaLeaf> leaves = [];
    private int next = 1;

    internal ParquetSchema(IReadOnlyList<SchemaElement> elements)
    {
        this.elements = elements;
        if (elements.Count == 0) throw new InvalidDataException("the schema is empty");
        var roots = new List<SchemaNode>();
        for (int i = 0; i < elements[0].ChildCount; i++) roots.Add(Read([], new Levels(0, 0, 0), 0));
        if (next != elements.Count) throw new InvalidDataException($"the schema has {elements.Count} elements but its tree {next}");
        Roots = roots;
    }

    internal IReadOnlyList<SchemaNode> Roots { get; }

    internal IReadOnlyList<SchemaLeaf> Leaves => leaves;

    private readonly record struct Levels(int Definition, int Repetition, int Outer);

    private SchemaElement Take(int depth)
    {
        if (next >= elements.Count) throw new InvalidDataException("the schema's tree is larger than its list of elements");
        if (depth > DeepestNesting) throw new InvalidDataException($"the schema is nested deeper than {DeepestNesting} levels");
        SchemaElement element = elements[next++];
        if (element.Repetition is null or < 0 or > 2)
            throw new InvalidDataException($"schema element '{Visible.Short(element.Name!)}' has no known repetition");
        if (element.ChildCount < 0) throw new InvalidDataException($"schema element '{Visible.Short(element.Name!)}' has a negative number of children");
        return element;
    }

    private SchemaNode Read(IReadOnlyList<string> outerPath, Levels outer, int depth)
    {
        SchemaElement element = Take(depth);
        // A repeated node outside of a LIST group is a list of its own (LogicalTypes.md, backward compatibility).
        if (element.Repetition == (int)Repetition.Repeated)
        {
            var inside = new Levels(outer.Definition + 1, outer.Repetition + 1, outer.Definition + 1);
            SchemaNode item = Finish(element, [.. outerPath, element.Name!], inside, isNullable: false, depth);
            return ListOf(element.Name!, item, outer.Definition, inside.Definition, outer, isNullable: false);
        }
        bool optional = element.Repetition == (int)Repetition.Optional;
        Levels levels = optional ? outer with { Definition = outer.Definition + 1 } : outer;
        List<string> path = [.. outerPath, element.Name!];
        bool isMap = element.LogicalType == LogicalTypes.Map || (element.LogicalType == 0 && element.ConvertedType is ConvertedMap or ConvertedMapKeyValue);
        bool isList = element.LogicalType == LogicalTypes.List || (element.LogicalType == 0 && element.ConvertedType == ConvertedList);
        if (element.Type is null && element.ChildCount == 1 && (isList || isMap) && next < elements.Count
            && elements[next].Repetition == (int)Repetition.Repeated)
        {
            return isMap ? ReadMap(element, path, levels, optional, depth) : ReadList(element, path, levels, optional, depth);
        }
        return Finish(element, path, levels, optional, depth);
    }

    private SchemaNode ReadList(SchemaElement list, List<string> path, Levels levels, bool optional, int depth)
    {
        SchemaElement repeated = Take(depth + 1);
        var inside = new Levels(levels.Definition + 1, levels.Repetition + 1, levels.Definition + 1);
        // Three levels as the format says now; two as old writers had it, told apart by the rules in LogicalTypes.md.
        bool isItem = repeated.Type is not null || repeated.ChildCount != 1 || repeated.Name is "array" || repeated.Name == list.Name + "_tuple";
        path.Add(repeated.Name!);
        SchemaNode item = isItem ? Finish(repeated, path, inside, isNullable: false, depth + 1) : Read(path, inside, depth + 2);
        return ListOf(list.Name!, item, levels.Definition, inside.Definition, levels, optional);
    }

    private SchemaNode ReadMap(SchemaElement map, List<string> path, Levels levels, bool optional, int depth)
    {
        SchemaElement repeated = Take(depth + 1);
        var inside = new Levels(levels.Definition + 1, levels.Repetition + 1, levels.Definition + 1);
        path.Add(repeated.Name!);
        SchemaNode entries = Finish(repeated, path, inside, isNullable: false, depth + 1);
        SchemaNode node = ListOf(map.Name!, entries, levels.Definition, inside.Definition, levels, optional);
        return entries.Children.Count == 2 ? node with { Field = node.Field with { Type = node.Field.Type with { Kind = ColumnKind.Map } } } : node;
    }

    private static SchemaNode ListOf(string name, SchemaNode item, int definition, int itemLevel, Levels outer, bool isNullable) =>
        new(
            new ColumnField(name, new ColumnType(ColumnKind.List) { Fields = [item.Field] }, isNullable),
            definition,
            itemLevel,
            outer.Outer,
            outer.Repetition,
            [item],
            -1);

    /// <summary>A struct or a leaf whose repetition was dealt with.</summary>
    private SchemaNode Finish(SchemaElement element, IReadOnlyList<string> path, Levels levels, bool isNullable, int depth)
    {
        string name = element.Name!;
        if (element.Type is null)
        {
            var children = new List<SchemaNode>();
            for (int i = 0; i < element.ChildCount; i++) children.Add(Read(path, levels, depth + 1));
            var type = new ColumnType(ColumnKind.Struct) { Fields = [.. children.Select(child => child.Field)] };
            if (children.Count == 0) throw new InvalidDataException($"schema element '{Visible.Short(name)}' is a group without fields");
            return new SchemaNode(new ColumnField(name, type, isNullable), levels.Definition, 0, levels.Outer, levels.Repetition, children, -1);
        }
        if (element.ChildCount > 0) throw new InvalidDataException($"schema element '{Visible.Short(name)}' has a type and fields");
        if (element.Type is < 0 or > (int)PhysicalType.FixedLenByteArray)
            throw new InvalidDataException($"schema element '{Visible.Short(name)}' is of the unknown physical type {element.Type}");
        var physical = (PhysicalType)element.Type;
        if (physical == PhysicalType.FixedLenByteArray && element.TypeLength is < 1 or > 1 << 24)
            throw new InvalidDataException($"schema element '{Visible.Short(name)}' has values of {element.TypeLength} bytes");
        ColumnType logical = ParquetTypes.Of(element, physical);
        leaves.Add(new SchemaLeaf(string.Join('.', path), physical, element.TypeLength, logical, levels.Definition, levels.Repetition));
        return new SchemaNode(new ColumnField(name, logical, isNullable), levels.Definition, 0, levels.Outer, levels.Repetition, [], leaves.Count - 1);
    }
}
