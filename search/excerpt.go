package search

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// excerptLength and excerptBefore are the length of the piece of a text that is shown, and how much of it is before what matches,
	// in bytes.
	excerptLength = 240
	excerptBefore = 60
)

// terms are the beginnings of words that a query matches, in lower case. A long word matches its inflections too.
func (q Query) terms() []string {
	var all []string
	add := func(word string) {
		if len(word) > 6 {
			word = strings.TrimSuffix(strings.TrimSuffix(word, "ing"), "s")
		}
		all = append(all, word)
	}
	for _, word := range q.Words {
		for _, part := range word.Parts {
			add(part)
		}
		if len(word.Parts) > 1 {
			add(word.Joined)
		}
	}
	for _, phrase := range q.Phrases {
		for part := range strings.FieldsSeq(phrase) {
			add(part)
		}
	}
	return unique(all)
}

// matches calls visit for each word of a text that begins with a term, until that returns false.
func matches(text string, terms []string, visit func(begin, end int) bool) {
	eachPlace(text, func(begin, end int) bool {
		if end-begin > 4*maxWord {
			return true
		}
		for _, part := range split(text[begin:end]) {
			if begins(strings.ToLower(part), terms) && !visit(begin, begin+len(part)) {
				return false
			}
			begin += len(part)
		}
		return true
	})
}

// begins reports whether a word begins with a term. A term of one letter is a whole word.
func begins(word string, terms []string) bool {
	return slices.ContainsFunc(terms, func(term string) bool { return word == term || len(term) > 1 && strings.HasPrefix(word, term) })
}

// excerpt is the piece of a text around the first match, its beginning when nothing matches.
func excerpt(text string, terms []string) string {
	if len(text) <= excerptLength {
		return strings.TrimSpace(text)
	}
	first := 0
	matches(text, terms, func(begin, _ int) bool {
		first = begin
		return false
	})
	begin := max(0, first-excerptBefore)
	if begin+excerptLength > len(text) {
		begin = max(0, len(text)-excerptLength)
	}
	end := min(len(text), begin+excerptLength)
	for begin > 0 && begin < first && text[begin] != ' ' {
		begin++
	}
	for end < len(text) && end > begin && !utf8.RuneStart(text[end]) {
		end--
	}
	for begin < end && !utf8.RuneStart(text[begin]) {
		begin++
	}
	piece := strings.TrimSpace(text[begin:end])
	if begin > 0 {
		piece = "… " + piece
	}
	if end < len(text) {
		piece += " …"
	}
	return piece
}

// marked is a text with tags around what matches.
func marked(text string, terms []string, before, after string) string {
	var out strings.Builder
	written := 0
	matches(text, terms, func(begin, end int) bool {
		out.WriteString(text[written:begin] + before + text[begin:end] + after)
		written = end
		return true
	})
	return out.String() + text[written:]
}

// matching is how well a name and a text match all terms; 0 is not at all.
func matching(terms []string, name, text string) float64 {
	score := 0.0
	for _, term := range terms {
		one := 0.0
		if strings.Contains(fold(name), term) {
			one = 1
		}
		matches(name, []string{term}, func(int, int) bool { one = 3; return false })
		if one == 0 {
			matches(text, []string{term}, func(int, int) bool { one = 0.5; return false })
		}
		if one == 0 {
			return 0
		}
		score += one
	}
	return score / float64(len(terms)) / (1 + float64(len(name))/1000)
}
