package highlight

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// pygments.txt has a line for each lexer of Pygments: its name, a tab, and its aliases.
//
//go:embed pygments.txt
var pygmentsTable string

// A lexer is a language that Pygments knows.
type lexer struct {
	name    string
	aliases []string
}

var pygmentsLexers = sync.OnceValue(func() map[string]lexer {
	table := map[string]lexer{}

	for line := range strings.Lines(pygmentsTable) {
		name, aliases, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")

		entry := lexer{name, strings.Fields(aliases)}
		for _, alias := range entry.aliases {
			if _, ok := table[alias]; !ok {
				table[alias] = entry
			}
		}
	}

	return table
})

// lexer finds a language, and the name of it that is shown: as it is written if Pygments knows it.
func (h *Highlighter) lexer(language string) (found lexer, name string) {
	known := language
	if extended, ok := h.extended[strings.ToLower(language)]; ok {
		known = extended
	}

	if entry, ok := pygmentsLexers()[strings.ToLower(known)]; ok {
		return entry, language
	}

	entry, ok := pygmentsLexers()[strings.ToLower(h.defaultLanguage)]
	if !ok {
		entry = pygmentsLexers()["text"]
	}

	return entry, entry.aliases[0]
}

// maxCode is the size of the largest code of which tokens are looked for.
const maxCode = 100 << 10

// lines are the lines of a source as HTML, each with its line feed. The source ends with a line feed.
func (l lexer) lines(source string, noClasses bool) []string {
	tokens := l.tokens(source)
	if tokens == nil || noClasses {
		return strings.SplitAfter(strings.TrimSuffix(escape(source), "\n")+"\n", "\n")[:strings.Count(source, "\n")]
	}

	w := lineWriter{lines: make([]string, 0, strings.Count(source, "\n"))}
	for _, token := range tokens {
		w.token(chroma.StandardTypes[classed(token.Type)], token.Value)
	}

	if w.line.Len() > 0 {
		w.end()
	}

	return w.lines
}

// classed is the nearest type above t that has a class.
func classed(t chroma.TokenType) chroma.TokenType {
	for _, candidate := range []chroma.TokenType{t, t.SubCategory(), t.Category()} {
		if _, ok := chroma.StandardTypes[candidate]; ok {
			return candidate
		}
	}

	return chroma.Text
}

// tokens are nil if there is nothing to distinguish, or if the lexer fails.
func (l lexer) tokens(source string) (tokens []chroma.Token) {
	chosen := l.chroma()
	if chosen == nil || len(source) > maxCode {
		return nil
	}

	defer func() {
		if recover() != nil { // a lexer for code that it was not made for
			tokens = nil
		}
	}()

	tokens, err := tokenise(chosen, source)
	if err != nil || !same(tokens, source) {
		return nil
	}

	return tokens
}

// same says that the tokens are the source.
func same(tokens []chroma.Token, source string) bool {
	for _, token := range tokens {
		rest, ok := strings.CutPrefix(source, token.Value)
		if !ok {
			return false
		}

		source = rest
	}

	return source == ""
}

// lookedUp has what chroma calls each lexer of Pygments. A name that it does not know costs it a look at the patterns of all file names.
var lookedUp sync.Map // of string to chroma.Lexer

// chroma is the lexer for the language in chroma, or nil.
func (l lexer) chroma() chroma.Lexer {
	if known, ok := lookedUp.Load(l.name); ok {
		found, _ := known.(chroma.Lexer)

		return found
	}
	found := l.lookUp()
	lookedUp.Store(l.name, found)

	return found
}

func (l lexer) lookUp() chroma.Lexer {
	if l.aliases[0] == "text" || l.aliases[0] == "output" {
		return nil
	}

	for _, alias := range l.aliases {
		if found := lexers.Get(alias); found != nil {
			return found
		}
	}

	return lexers.Get(l.name)
}

// lineWriter makes lines of tokens. A token of several lines gets an element in each of them.
type lineWriter struct {
	lines []string
	line  strings.Builder
	class string
	open  bool
}

func (w *lineWriter) token(class, value string) {
	for value != "" {
		part, rest, more := strings.Cut(value, "\n")
		if part != "" {
			w.write(class, part)
		}

		if more {
			w.end()
		}

		value = rest
	}
}

func (w *lineWriter) write(class, value string) {
	if w.open && w.class != class {
		w.close()
	}

	if !w.open && class != "" {
		w.line.WriteString(`<span class="` + class + `">`)
		w.open, w.class = true, class
	}

	w.line.WriteString(escape(value))
}

func (w *lineWriter) close() {
	if w.open {
		w.line.WriteString("</span>")
		w.open = false
	}
}

// end ends the line. The last line feed ends the last line, and begins none.
func (w *lineWriter) end() {
	w.close()

	w.line.WriteByte('\n')
	w.lines = append(w.lines, w.line.String())
	w.line.Reset()
}
