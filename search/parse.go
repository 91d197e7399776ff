package search

import (
	"strings"
	"unicode"

	"github.com/portico-dev/portico/fault"
)

const (
	// MaxQuery bounds a query, in bytes.
	MaxQuery = 1000
	// maxWords bounds the words of a query. Further ones would hardly find less.
	maxWords = 16
)

// Query is what a person typed, taken apart.
type Query struct {
	// Words must all be found, in lower case. The last may be the beginning of one.
	Words []Word
	// Phrases are found as they are written.
	Phrases []string
	// Fields are conditions such as kind:component. The values of one field are alternatives.
	Fields map[string][]string
	// isWithin says that Words have others that contain them.
	isWithin bool
	// folded is the text without fields, as one word.
	folded string
}

// Word is one word as typed, and the words in it: CheckoutApi is checkoutapi, and checkout and api.
type Word struct {
	Joined string
	Parts  []string
	// Also are words that do as well.
	Also []string
}

// fields are those that a query may have, with their other names.
var fields = map[string]string{
	"kind": "kind", "owner": "owner", "lang": "lang", "language": "lang", "tag": "tag", "type": "type", "lifecycle": "lifecycle", "system": "system",
	"domain": "domain", "state": "state", "status": "state", "namespace": "namespace", "ns": "namespace", "name": "name",
}

// Parse takes apart what a person typed: words, "phrases in quotes" and fields such as kind:api. Nothing that is typed is wrong, except too
// much of it.
func Parse(text string) (Query, error) {
	if len(text) > MaxQuery {
		return Query{}, fault.New(fault.Input, "The query has %d bytes, and %d at most are searched for: shorten it", len(text), MaxQuery)
	}
	q := Query{Fields: map[string][]string{}}
	var rest []string
	for _, token := range tokens(clean(text)) {
		field, value, isField := strings.Cut(token.text, ":")
		name, known := fields[strings.ToLower(field)]
		switch {
		case token.quoted:
			q.Phrases = append(q.Phrases, phrases(token.text)...)
			rest = append(rest, token.text)
		case isField && known && value != "":
			q.Fields[name] = append(q.Fields[name], strings.ToLower(value))
		default:
			q.Words = append(q.Words, typedWords(token.text)...)
			rest = append(rest, token.text)
		}
	}
	q.Words, q.Phrases = q.Words[:min(len(q.Words), maxWords)], q.Phrases[:min(len(q.Phrases), maxWords)]
	q.folded = fold(strings.Join(rest, " "))
	return q, nil
}

// IsEmpty reports whether a query asks for nothing: it has neither words nor fields.
func (q Query) IsEmpty() bool { return len(q.Words) == 0 && len(q.Phrases) == 0 && len(q.Fields) == 0 }

// hasText reports whether a query has more than fields.
func (q Query) hasText() bool { return len(q.Words) > 0 || len(q.Phrases) > 0 }

// reason says why a query found nothing, when that is the query's fault; else it is "".
func (q Query) reason() string {
	if !q.hasText() && len(q.Fields["state"]) > 0 {
		return "Only runs have a state: type a word of their titles too"
	}
	return ""
}

// phrases are the words in quotes as one phrase, if there are any.
func phrases(text string) []string {
	found, _ := words(text)
	if len(found) == 0 {
		return nil
	}
	return []string{strings.Join(found[:min(len(found), maxWords)], " ")}
}

func typedWords(text string) (all []Word) {
	eachToken(text, func(token string) {
		if parts := takeApart(token); len(parts) > 0 {
			all = append(all, Word{Joined: strings.ToLower(token), Parts: parts[:min(len(parts), maxWords)]})
		}
	})
	return all
}

// token is a part of a query between spaces. The value of a field may be in quotes.
type token struct {
	text   string
	quoted bool
}

// tokens splits at spaces outside quotes. A quote that is not closed reaches to the end.
func tokens(text string) (found []token) {
	var current strings.Builder
	inQuotes, wasQuoted := false, false
	end := func(quoted bool) {
		if current.Len() > 0 {
			found = append(found, token{current.String(), quoted})
		}
		current.Reset()
		wasQuoted = false
	}
	for _, r := range text {
		switch {
		case r == '"' && inQuotes:
			inQuotes = false
			if wasQuoted {
				end(true)
			}
		case r == '"':
			inQuotes = true
			if !strings.HasSuffix(current.String(), ":") {
				end(false)
				wasQuoted = true
			}
		case unicode.IsSpace(r) && !inQuotes:
			end(false)
		default:
			current.WriteRune(r)
		}
	}
	end(wasQuoted)
	return found
}
