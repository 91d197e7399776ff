package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxWord bounds a word, in bytes. Longer ones are keys and encoded data that nobody types.
	maxWord = 64
	// maxInner bounds the words that are found within other words of one document.
	maxInner = 2000
)

// fold is a name in lower case without anything but letters and digits: "checkout-api", "CheckoutApi" and "checkout api" are one.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// words are the words of a text, in lower case, as people read them: "checkoutApi v2" is checkout, api, v2. joined are those that were
// taken apart, as one word each.
func words(text string) (found, joined []string) {
	eachToken(text, func(token string) {
		parts := takeApart(token)
		found = append(found, parts...)
		if len(parts) > 1 && len(token) <= maxWord {
			joined = append(joined, strings.ToLower(token))
		}
	})
	return found, joined
}

// eachToken calls take for each run of letters and digits.
func eachToken(text string, take func(token string)) {
	eachPlace(text, func(begin, end int) bool {
		take(text[begin:end])
		return true
	})
}

// eachPlace calls take for the place of each run of letters and digits, until that returns false.
func eachPlace(text string, take func(begin, end int) bool) {
	begin := -1
	for i, r := range text {
		isPart := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		if isPart && begin < 0 {
			begin = i
		}
		if !isPart && begin >= 0 {
			if !take(begin, i) {
				return
			}
			begin = -1
		}
	}
	if begin >= 0 {
		take(begin, len(text))
	}
}

// takeApart splits a run of letters and digits where its case changes, and returns the parts in lower case. One that is too long for a
// word has none.
func takeApart(token string) []string {
	if len(token) > maxWord {
		return nil
	}
	parts := split(token)
	for i, part := range parts {
		parts[i] = strings.ToLower(part)
	}
	return parts
}

// split splits a run of letters and digits where its case changes: checkoutApi, HTTPServer. Digits stay with what is before them.
func split(token string) (parts []string) {
	begin, previous := 0, rune(0)
	for i, r := range token {
		next, _ := utf8.DecodeRuneInString(token[i+utf8.RuneLen(r):])
		isBeginning := unicode.IsUpper(r) && (unicode.IsLower(previous) || unicode.IsDigit(previous) || unicode.IsUpper(previous) && unicode.IsLower(next))
		if i > begin && isBeginning {
			parts = append(parts, token[begin:i])
			begin = i
		}
		previous = r
	}
	return append(parts, token[begin:])
}

// innerWords are the words within words of a text, which PostgreSQL's parser does not find: those of identifiers and paths.
func innerWords(text string) []string {
	seen := map[string]bool{}
	var found []string
	add := func(word string) {
		if !seen[word] && len(found) < maxInner {
			seen[word] = true
			found = append(found, word)
		}
	}
	for field := range strings.FieldsSeq(text) {
		if isPlain(field) {
			continue
		}
		eachToken(field, func(token string) {
			for _, part := range takeApart(token) {
				add(part)
			}
			if len(token) <= maxWord {
				add(strings.ToLower(token))
			}
		})
	}
	return found
}

// isPlain reports whether a field is one word for PostgreSQL too: letters of one case, perhaps with a capital and a mark at its end.
func isPlain(field string) bool {
	field = strings.TrimRight(field, ".,:;!?)")
	field = strings.TrimLeft(field, "(")
	for i, r := range field {
		if !unicode.IsLetter(r) || i > 0 && unicode.IsUpper(r) {
			return false
		}
	}
	return true
}

// headingWords are the words under which a name or title is found: its words, those that are several as one, and all together.
func headingWords(names ...string) string {
	var all []string
	for _, name := range names {
		found, joined := words(name)
		all = append(all, found...)
		all = append(all, joined...)
		if whole := fold(name); len(found) > 1 && len(found) <= 6 && len(whole) <= maxWord {
			all = append(all, whole)
		}
	}
	return strings.Join(unique(all), " ")
}

// unique removes repetitions and keeps the order.
func unique[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(list, func(item T) bool {
		was := seen[item]
		seen[item] = true
		return was
	})
}
