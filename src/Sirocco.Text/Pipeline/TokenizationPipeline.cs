using Sirocco.Text.Bpe;
using Sirocco.Text.Splitting;
using Sirocco.Text.Unicode;

namespace Sirocco.Text.Pipeline;

/// <summary>
/// From text to tokens: added tokens cut the text, the rest is normalised, cut again at normalized added tokens, split into pieces, and each piece merged.
/// Where all steps only cut (every published byte-level vocabulary), pieces go straight from the matcher to the vocabulary; nothing is stored between.
/// </summary>
internal sealed class TokenizationPipeline
{
    private readonly TokenizerParts parts;
    private readonly TextSplitter[]? splitters;
    private readonly bool needsOrigin;

    public TokenizationPipeline(TokenizerParts parts)
    {
        this.parts = parts;
        TextSplitter?[] steps = [.. parts.Steps.Select(step => step.AsSplitter)];
        if (steps.All(step => step is not null)) splitters = [.. steps.OfType<TextSplitter>().Where(step => step is not WholeText)];
        needsOrigin = parts.Steps.Any(step => step is MetaspacePreTokenizer { NeedsOrigin: true });
    }

    /// <summary>Ids alone.</summary>
    /// <param name="bytes">Well-formed UTF-8.</param>
    /// <param name="length">Bytes of it in use.</param>
    /// <param name="sink">Where ids go; without lengths.</param>
    /// <param name="limit">May stop once there are so many.</param>
    public void Encode(byte[] bytes, int length, TokenSink sink, int limit) =>
        new Run(this, sink, null, limit).Text(AlignedText.FromOriginal(bytes, length, needsOrigin));

    /// <summary>Ids with offsets.</summary>
    public EncodedSequence EncodeDetailed(byte[] bytes, int length, TokenSink sink)
    {
        EncodedSequence result = new();
        new Run(this, sink, result, int.MaxValue).Text(AlignedText.FromOriginal(bytes, length, aligned: true));
        return result;
    }

    /// <summary>One text on its way.</summary>
    private readonly struct Run(TokenizationPipeline owner, TokenSink sink, EncodedSequence? detailed, int limit)
    {
        public void Text(AlignedText text)
        {
            TokenizerParts parts = owner.parts;
            if (!parts.MatchesAdded || !parts.Added.HasWritten)
            {
                Section(text, 0, text.Length);
                return;
            }
            List<(int Start, int End, int Id)> cuts = [];
            parts.Added.Cut(text.Bytes, inNormalized: false, cuts);
            foreach ((int start, int end, int id) in cuts)
            {
                if (sink.Count >= limit) return;
                if (id >= 0) Added(text, start, end, id);
                else Section(text, start, end);
            }
        }

        private void Section(AlignedText text, int start, int end)
        {
            if (start == end) return;
            TokenizerParts parts = owner.parts;
            if (parts.Normalizer is { } normalizer)
            {
                text = normalizer.Normalize(start == 0 && end == text.Length ? text : text.Slice(start, end - start));
                (start, end) = (0, text.Length);
                if (end == 0) return;
            }
            if (!parts.MatchesAdded || !parts.Added.HasNormalized)
            {
                Pieces(text, start, end);
                return;
            }
            List<(int Start, int End, int Id)> cuts = [];
            parts.Added.Cut(text.Bytes[start..end], inNormalized: true, cuts);
            foreach ((int from, int to, int id) in cuts)
            {
                if (sink.Count >= limit) return;
                if (id >= 0) Added(text, start + from, start + to, id);
                else Pieces(text, start + from, start + to);
            }
        }

        private void Pieces(AlignedText text, int start, int end)
        {
            if (owner.splitters is { } splitters)
            {
                Cut(splitters, 0, text, start, end);
                return;
            }
            List<Slice> slices = [new Slice(text, start, end - start)];
            foreach (PreTokenizer step in owner.parts.Steps)
            {
                List<Slice> next = new(slices.Count);
                foreach (Slice slice in slices)
                {
                    if (slice.Length > 0) step.Split(slice, next);
                }
                slices = next;
            }
            foreach (Slice slice in slices) Piece(slice.Text, slice.Start, slice.Start + slice.Length);
        }

        private void Cut(TextSplitter[] splitters, int step, AlignedText text, int start, int end)
        {
            if (step == splitters.Length)
            {
                Piece(text, start, end);
                return;
            }
            ReadOnlySpan<byte> bytes = text.Bytes[start..end];
            TextSplitter splitter = splitters[step];
            bool last = step == splitters.Length - 1 && detailed is null;
            for (int at = 0; at < bytes.Length && sink.Count < limit;)
            {
                int next = splitter.Next(bytes, at);
                if (last) owner.parts.Encoder.Encode(bytes[at..next], sink);
                else Cut(splitters, step + 1, text, start + at, start + next);
                at = next;
            }
        }

        private void Piece(AlignedText text, int start, int end)
        {
            if (detailed is null)
            {
                owner.parts.Encoder.Encode(text.Bytes[start..end], sink);
                return;
            }
            sink.Clear();
            owner.parts.Encoder.Encode(text.Bytes[start..end], sink);
            int total = 0;
            foreach (int length in sink.Lengths) total += length;
            int[]? bytes = total == end - start || !owner.parts.Vocabulary.IsByteLevel ? null : SpelledBytes(text.Bytes[start..end]);
            int at = 0;
            for (int i = 0; i < sink.Count; i++)
            {
                int next = at + (bytes is null ? sink.Lengths[i] : SpelledLength(owner.parts.Vocabulary.Bytes(sink.Ids[i])));
                int first = bytes is null ? at : bytes[at], last = bytes is null ? next - 1 : bytes[next - 1];
                (int from, int to) = text.Original(Math.Min(start + first, end), Math.Min(last + 1, end - start) - Math.Min(first, end - start));
                detailed.Add(sink.Ids[i], new TokenOffset(from, to), 0, false, Spaces(sink.Ids[i]));
                at = next;
            }
        }

        /// <summary>
        /// Where a byte of the piece has no token, the reference counts the others' lengths from the start all the same, in bytes of their spelling in the
        /// byte alphabet: for each such byte, the byte of the piece that it spells.
        /// </summary>
        private static int[] SpelledBytes(ReadOnlySpan<byte> piece)
        {
            List<int> bytes = new(piece.Length * 2);
            for (int i = 0; i < piece.Length; i++)
            {
                for (int size = SpelledLength(piece.Slice(i, 1)); size > 0; size--) bytes.Add(i);
            }
            return [.. bytes];
        }

        private static int SpelledLength(ReadOnlySpan<byte> bytes)
        {
            int length = 0;
            foreach (byte value in bytes) length += ByteAlphabet.Character(value) < 0x80 ? 1 : 2;
            return length;
        }

        private void Added(AlignedText text, int start, int end, int id)
        {
            if (detailed is null)
            {
                sink.Add(id, end - start);
                return;
            }
            (int from, int to) = text.Original(start, end - start);
            detailed.Add(id, new TokenOffset(from, to), 0, false, Spaces(text.Bytes[start..end]));
        }

        /// <summary>White space at the ends of a token's spelling: in a byte-level vocabulary only the space itself is spelled as one.</summary>
        private (int Leading, int Trailing) Spaces(int id)
        {
            if (owner.parts.DecodesInRuns) return default; // tekken trims no offsets, and its tokens may be parts of characters
            Vocabulary vocabulary = owner.parts.Vocabulary;
            ReadOnlySpan<byte> bytes = vocabulary.Bytes(id);
            if (!vocabulary.IsByteLevel) return Spaces(bytes);
            int leading = bytes.IndexOfAnyExcept((byte)' ');
            return leading < 0 ? (bytes.Length, bytes.Length) : (leading, bytes.Length - 1 - bytes.LastIndexOfAnyExcept((byte)' '));
        }

        private static (int Leading, int Trailing) Spaces(ReadOnlySpan<byte> spelling)
        {
            int leading = 0, trailing = 0, at = 0, end = spelling.Length;
            while (at < spelling.Length && IsSpace(spelling, at, out int size))
            {
                at += size;
                leading++;
            }
            while (end > 0 && IsSpace(spelling, Utf8Text.Previous(spelling, end), out int size))
            {
                end -= size;
                trailing++;
            }
            return (leading, trailing);
        }

        private static bool IsSpace(ReadOnlySpan<byte> text, int index, out int size)
        {
            int codePoint = Utf8Text.Decode(text, index, out size);
            return codePoint == 'Ġ' || WhiteSpace.Is(codePoint);
        }
    }
}
