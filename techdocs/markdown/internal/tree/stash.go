package tree

import (
	"strconv"
	"strings"
)

// Marks that texts carry from one step to the next. No page can contain them: the two characters are removed from the source first.
const (
	STX = "\x02"
	ETX = "\x03"
	// Amp stands for an ampersand that must not be escaped.
	Amp = STX + "amp" + ETX
	// StashPrefix begins the mark of HTML in the stash, which is followed by its number and ETX.
	StashPrefix = STX + "wzxhzdk:"
)

// A Stash keeps finished HTML out of the text until the end. The text has a mark in its place.
type Stash struct{ entries []Stashed }

// Stashed is an entry: HTML, or an element whose text is read as Markdown.
type Stashed struct {
	HTML    string
	Element *Element
}

// Store keeps HTML, and returns the mark for it.
func (s *Stash) Store(html string) string { return s.add(Stashed{HTML: html}) }

// StoreElement keeps an element, and returns the mark for it.
func (s *Stash) StoreElement(element *Element) string { return s.add(Stashed{Element: element}) }

func (s *Stash) add(entry Stashed) string {
	s.entries = append(s.entries, entry)

	return StashPrefix + strconv.Itoa(len(s.entries)-1) + ETX
}

// Len is the number of entries.
func (s *Stash) Len() int { return len(s.entries) }

// At is the entry with a number, which must be less than Len.
func (s *Stash) At(number int) Stashed { return s.entries[number] }

// Put replaces an entry.
func (s *Stash) Put(number int, entry Stashed) { s.entries[number] = entry }

// StashMark finds the mark that text begins with: its number, and its length in text. The length is 0 if there is none.
func StashMark(text string) (number, length int) {
	rest, ok := strings.CutPrefix(text, StashPrefix)
	if !ok {
		return 0, 0
	}

	digits := 0
	for digits < len(rest) && isDecimal(rest[digits]) {
		digits++
	}

	if digits == 0 || digits > 9 || !strings.HasPrefix(rest[digits:], ETX) {
		return 0, 0
	}

	number, err := strconv.Atoi(rest[:digits])
	if err != nil {
		return 0, 0
	}

	return number, len(StashPrefix) + digits + len(ETX)
}
