package run

import (
	"cmp"
	"slices"
	"strings"
)

// keyLength is how many bytes a needle begins with are looked up. Shorter needles are looked for one by one.
const keyLength = 4

// needles are texts to be found in others, all at once, and whether they are written in capitals or not: the
// cost is that of reading the text once, however many there are. The zero value finds nothing.
type needles struct {
	short []string
	// long are the needles of at least keyLength, folded, by what they begin with.
	long map[[keyLength]byte][]string
}

// span is where something was found.
type span struct{ start, end int }

// add looks for a needle, however it may be broken over lines.
func (n *needles) add(needle string) {
	n.addOne(needle)
	if joined, _ := join(needle); len(joined) < len(needle) && len(joined) >= keyLength {
		n.addOne(joined)
	}
}

func (n *needles) addOne(needle string) {
	if len(needle) < keyLength {
		if !slices.Contains(n.short, needle) {
			n.short = append(n.short, needle)
		}
		return
	}
	folded := fold(needle)
	key := keyOf(folded)
	if n.long == nil {
		n.long = map[[keyLength]byte][]string{}
	}
	if !slices.Contains(n.long[key], folded) {
		n.long[key] = append(n.long[key], folded)
	}
}

// find answers where needles are, in order. Where they overlap, what they cover together is one span.
func (n *needles) find(text string) []span {
	spans := n.findShort(text)
	if len(n.long) > 0 {
		folded := fold(text)
		spans = n.findLong(spans, folded, nil)
		if strings.ContainsAny(text, "\r\n") {
			joined, at := join(folded)
			spans = n.findLong(spans, joined, at)
		}
	}
	return merge(spans)
}

func (n *needles) findShort(text string) []span {
	var spans []span
	for _, needle := range n.short {
		for from := 0; ; {
			at := strings.Index(text[from:], needle)
			if at < 0 {
				break
			}
			spans = append(spans, span{from + at, from + at + len(needle)})
			from += at + 1
		}
	}
	return spans
}

// findLong adds where needles are in a folded text. at says where its bytes stand in the text that was asked
// about; nil when it is as long.
func (n *needles) findLong(spans []span, folded string, at []int) []span {
	for i := 0; i+keyLength <= len(folded); i++ {
		longest := 0
		for _, needle := range n.long[keyOf(folded[i:])] {
			if len(needle) > longest && strings.HasPrefix(folded[i:], needle) {
				longest = len(needle)
			}
		}
		switch {
		case longest == 0:
		case at == nil:
			spans = append(spans, span{i, i + longest})
		default:
			spans = append(spans, span{at[i], at[i+longest-1] + 1})
		}
	}
	return spans
}

func keyOf(folded string) [keyLength]byte { return [keyLength]byte([]byte(folded[:keyLength])) }

// fold is a text without capitals of ASCII: as long as it was, so that places in it stay the same.
func fold(text string) string {
	folded := []byte(text)
	for i, b := range folded {
		if 'A' <= b && b <= 'Z' {
			folded[i] = b + ('a' - 'A')
		}
	}
	return string(folded)
}

// join is a text without the ends of its lines, and where its bytes were: a secret may be broken over lines.
func join(text string) (joined string, at []int) {
	bytes := make([]byte, 0, len(text))
	for i := range len(text) {
		if text[i] != '\n' && text[i] != '\r' {
			bytes, at = append(bytes, text[i]), append(at, i)
		}
	}
	return string(bytes), at
}

// merge sorts spans and joins those that overlap.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	merged := spans[:0]
	for _, next := range spans {
		if last := len(merged) - 1; last >= 0 && next.start < merged[last].end {
			merged[last].end = max(merged[last].end, next.end)
			continue
		}
		merged = append(merged, next)
	}
	return merged
}
