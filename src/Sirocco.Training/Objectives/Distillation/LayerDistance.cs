namespace Sirocco.Training;

/// <summary>How far a student's projected layer states are from a teacher's: one pair of layers of <c>intermediate_loss</c>.</summary>
internal static class LayerDistance
{
    private const int RowsAtOnce = 64;

    /// <summary>Mean over tokens and features of (s − t)² or of its smooth form (½ d² where |d| &lt; 1, else |d| − ½); of 1 − cos(s, t) over tokens.</summary>
    /// <param name="student">[tokens, features]</param>
    /// <param name="teacher">[tokens, features]</param>
    /// <param name="width">Features.</param>
    /// <param name="options">Which distance, and whether states are made of unit length first.</param>
    /// <param name="weight">Of the pair in the loss.</param>
    /// <returns>The distance, unweighted, and <paramref name="weight"/> times its derivatives by the student's states.</returns>
    public static (double Value, float[] Gradient) Compute(
        ReadOnlySpan<float> student, ReadOnlySpan<float> teacher, int width, IntermediateLossOptions options, double weight)
    {
        float[] gradient = new float[student.Length];
        bool cosine = options.Distance == StateDistance.Cosine;
        double factor = 1.0 / Math.Max(1, cosine ? student.Length / width : student.Length), sum = 0;
        for (int at = 0; at < student.Length; at += RowsAtOnce * width)
        {
            int count = Math.Min(RowsAtOnce * width, student.Length - at);
            GradedRows s = new(student.Slice(at, count), width), t = new(teacher.Slice(at, count), width);
            (GradedRows from, GradedRows to) = cosine || options.Normalize ? (s.ToUnitLength(), t.ToUnitLength()) : (s, t);
            for (int i = 0; i < count; i++)
            {
                (double value, double derivative) = Element(from.Values[i], to.Values[i], options.Distance);
                sum += value;
                from.Gradient[i] = weight * factor * derivative;
            }

            if (cosine) sum += from.Rows;
            from.PassBack();
            s.SingleGradient().CopyTo(gradient, at);
        }

        return (factor * sum, gradient);
    }

    private static (double Value, double Derivative) Element(double s, double t, StateDistance distance)
    {
        double difference = s - t;
        return distance switch
        {
            StateDistance.SquaredError => (difference * difference, 2 * difference),
            StateDistance.SmoothL1 when Math.Abs(difference) < 1 => (difference * difference / 2, difference),
            StateDistance.SmoothL1 => (Math.Abs(difference) - 0.5, Math.Sign(difference)),
            _ => (-s * t, -t),
        };
    }
}
