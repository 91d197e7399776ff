package plan

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// minMiddle is the shortest text that is taken for secret because of where it stands alone, in bytes: a
// shorter one would be found in innocent words.
const minMiddle = 4

// differing are the texts in a value that are made out of secrets: what is not the same in the value as
// people see it.
func differing(value, shown nunjucks.Value) []string {
	var texts []string
	switch value := value.(type) {
	case string:
		return made(value, shown)
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

// outputs are what the outputs within texts came to, in order.
type outputs []string

// watching has the renderings under a context add to outputs.
func watching(ctx context.Context, written *outputs) context.Context {
	return nunjucks.WithOutputObserver(ctx, func(text string) { *written = append(*written, text) })
}

// differing are the texts in outputs that are made out of secrets. Where secrets decided on how many outputs
// there are, those are that people do not see.
func (o outputs) differing(shown outputs) []string {
	var texts []string
	for i, text := range o {
		switch {
		case len(o) == len(shown):
			texts = append(texts, made(text, shown[i])...)
		case !slices.Contains(shown, text):
			texts = append(texts, text)
		}
	}
	return texts
}

// once are the texts without those that were there before.
func once(texts []string) []string {
	known := map[string]bool{}
	return slices.DeleteFunc(texts, func(text string) bool {
		before := known[text]
		known[text] = true
		return before
	})
}

// made are the parts of a text that were made out of secrets. Where the shown text has its masks, the text
// has what they stand for; where that cannot be told for certain, all of the text is taken as well.
func made(text string, shown nunjucks.Value) []string {
	other, isText := shown.(string)
	if !isText {
		return []string{text}
	}
	if text == other {
		return nil
	}
	literals := literalsOf(other)
	last := len(literals) - 1
	inner, framed := unframe(text, literals[0], literals[last])
	if last == 0 || !framed {
		return append(middle(text, other), text)
	}
	early, aligned := split(inner, literals[1:last])
	if !aligned {
		return append(middle(text, other), text)
	}
	// The same from behind: only where both agree is there one way to read it.
	late := splitBackward(inner, literals[1:last])
	if slices.Equal(early, late) {
		return early
	}
	return append(slices.Concat(early, late), text)
}

// unframe is a text without how it begins and ends.
func unframe(text, beginning, end string) (inner string, framed bool) {
	inner, begins := strings.CutPrefix(text, beginning)
	inner, ends := strings.CutSuffix(inner, end)
	return inner, begins && ends
}

// split is what stands before, between and after the literals, each taken where it comes first.
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

// splitBackward is the same with each literal taken where it comes last.
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

// middle is what is left of a text without what it has in common with another at both ends.
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

// literalsOf are the parts of a text as people see it around its masks.
func literalsOf(shown string) []string {
	parts := strings.Split(shown, mask)
	literals := parts[:1]
	for i, part := range parts[1:] {
		// Masks that follow each other are one: there is no telling where the first ends.
		if part == "" && i < len(parts)-2 {
			continue
		}
		literals = append(literals, part)
	}
	return literals
}
