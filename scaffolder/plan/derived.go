package plan

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// minMiddle is the minimum length in bytes of a text that is masked only because it differs between the two
// renderings. A shorter text would occur in ordinary words.
const minMiddle = 4

// differing returns the texts in a value that were made out of secrets: the texts that differ between value
// and shown, its rendering with masked sources.
func differing(value, shown nunjucks.Value) []string {
	var texts []string
	switch value := value.(type) {
	case string:
		return derivedParts(value, shown)
	case float64:
		if text, err := nunjucks.EncodeJSON(value); err == nil && value != shown && len(text) >= minMiddle {
			texts = append(texts, string(text))
		}
	case *nunjucks.Array:
		for i, item := range value.Items {
			texts = append(texts, differing(item, nunjucks.Member(shown, strconv.Itoa(i)))...)
		}
	case *nunjucks.Object:
		for key, item := range value.All() {
			other := nunjucks.Member(shown, key)
			if other == nunjucks.Undefined && len(key) >= minMiddle {
				texts = append(texts, key)
			}
			texts = append(texts, differing(item, other)...)
		}
	}
	return texts
}

// outputs are the texts of the outputs in rendered strings, in order.
type outputs []string

// collectOutputs makes renderings under the context append their outputs to written.
func collectOutputs(ctx context.Context, written *outputs) context.Context {
	return nunjucks.WithOutputObserver(ctx, func(text string) { *written = append(*written, text) })
}

// differing returns the outputs that were made out of secrets. If the number of outputs depends on secrets,
// these are the outputs that the masked rendering does not have.
func (o outputs) differing(shown outputs) []string {
	var texts []string
	for i, text := range o {
		switch {
		case len(o) == len(shown):
			texts = append(texts, derivedParts(text, shown[i])...)
		case !slices.Contains(shown, text):
			texts = append(texts, text)
		}
	}
	return texts
}

// unique removes duplicates and keeps the order.
func unique(texts []string) []string {
	known := map[string]bool{}
	return slices.DeleteFunc(texts, func(text string) bool {
		before := known[text]
		known[text] = true
		return before
	})
}

// derivedParts returns the parts of a text that were made out of secrets: the parts for which shown has
// masks. If these are ambiguous, it also returns the whole text.
func derivedParts(text string, shown nunjucks.Value) []string {
	other, isText := shown.(string)
	if !isText {
		return []string{text}
	}
	if text == other {
		return nil
	}
	literals := literalsOf(other)
	last := len(literals) - 1
	inner, framed := cutFrame(text, literals[0], literals[last])
	if last == 0 || !framed {
		return append(middle(text, other), text)
	}
	early, aligned := split(inner, literals[1:last])
	if !aligned {
		return append(middle(text, other), text)
	}
	// The same from the end: the parts are unambiguous only if both results are equal.
	late := splitBackward(inner, literals[1:last])
	if slices.Equal(early, late) {
		return early
	}
	return append(slices.Concat(early, late), text)
}

// cutFrame removes a prefix and a suffix. framed is true if the text has both.
func cutFrame(text, beginning, end string) (inner string, framed bool) {
	inner, begins := strings.CutPrefix(text, beginning)
	inner, ends := strings.CutSuffix(inner, end)
	return inner, begins && ends
}

// split returns the parts before, between and after the literals, with each literal at its first occurrence.
func split(text string, literals []string) (parts []string, complete bool) {
	for _, literal := range literals {
		before, after, found := strings.Cut(text, literal)
		if !found {
			return nil, false
		}
		parts, text = append(parts, before), after
	}
	return append(parts, text), true
}

// splitBackward is split with each literal at its last occurrence.
func splitBackward(text string, literals []string) []string {
	parts := []string{}
	for _, literal := range slices.Backward(literals) {
		at := strings.LastIndex(text, literal)
		parts, text = append(parts, text[at+len(literal):]), text[:at]
	}
	parts = append(parts, text)
	slices.Reverse(parts)
	return parts
}

// middle returns a text without the prefix and suffix that it has in common with another.
func middle(text, other string) []string {
	start := 0
	for start < min(len(text), len(other)) && text[start] == other[start] {
		start++
	}
	text, other = text[start:], other[start:]
	for len(text) > 0 && len(other) > 0 && text[len(text)-1] == other[len(other)-1] {
		text, other = text[:len(text)-1], other[:len(other)-1]
	}
	if len(text) < minMiddle {
		return nil
	}
	return []string{text}
}

// literalsOf returns the parts of a masked text around its masks.
func literalsOf(shown string) []string {
	parts := strings.Split(shown, mask)
	literals := parts[:1]
	for i, part := range parts[1:] {
		// Adjacent masks count as one: the end of the first is unknown.
		if part == "" && i < len(parts)-2 {
			continue
		}
		literals = append(literals, part)
	}
	return literals
}
