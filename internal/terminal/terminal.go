// Package terminal makes other people's text harmless to a terminal: titles, names, links and logs come from
// whoever wrote a template, and a terminal obeys what it is sent. Control characters are shown, never sent,
// and so are those that turn the direction of writing.
package terminal

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NewWriter makes a writer of what a person is to read: all that is written to it reaches w with its control
// characters shown, but for line ends and tabs. In JSON the characters mean what they meant before.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Writer shows control characters. Make one with NewWriter.
type Writer struct{ to io.Writer }

// Write shows what is in p. It counts the bytes of p, not those that were written for them.
func (w *Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, Visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Unwrap is the writer below, for what has to be written to the byte.
func (w *Writer) Unwrap() io.Writer { return w.to }

// Visible is a text with its control characters as \u001b, but for line ends and tabs, and with \x9b for a
// byte that is not UTF-8.
func Visible(text string) string {
	return show(text, func(r rune) bool { return r != '\n' && r != '\t' && isControl(r) })
}

// Line is a text in one line: Visible, with the line ends and tabs shown too.
func Line(text string) string {
	return show(strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\t", `\t`).Replace(text), isControl)
}

// isControl says whether a terminal would do something at a character in place of showing it, or show what
// follows it in another order.
func isControl(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
		return true
	default:
		return false
	}
}

func show(text string, hidden func(rune) bool) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var shown strings.Builder
	for at, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError)):
			fmt.Fprintf(&shown, `\x%02x`, text[at])
		case hidden(r):
			fmt.Fprintf(&shown, `\u%04x`, r)
		default:
			shown.WriteRune(r)
		}
	}
	return shown.String()
}
