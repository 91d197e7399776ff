// Package searchindex makes search/search_index.json of the pages of a site: a document for each page, and one for each section under a
// heading, with the same text as MkDocs.
package searchindex

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"strings"
)

// Document is a page or a section of it.
type Document struct {
	Location string `json:"location"`
	Text     string `json:"text"`
	Title    string `json:"title"`
}

// Section is the text under a heading.
type Section struct {
	ID, Text string
}

// Content is what a page has besides its looks.
type Content struct {
	// Text is the whole text, and Sections that under each heading.
	Text     string
	Sections []Section
}

// Scan reads the HTML of a page in one pass. It accepts all texts.
func Scan(page string) Content {
	var s scanner
	s.all.Grow(len(page))
	s.scan(page)
	all := s.all.String()
	content := Content{Text: collapse(all)}
	for i, part := range s.sections {
		end := len(all)
		if i+1 < len(s.sections) {
			end = s.sections[i+1].heading
		}
		section := Section{ID: part.id}
		if part.start > 0 {
			section.Text = collapse(all[part.start:end])
		}
		content.Sections = append(content.Sections, section)
	}

	return content
}

// section is a heading and what follows it up to the next one, by their places in the text of the page. Start is 0 until something follows.
type section struct {
	id             string
	heading, start int
}

type scanner struct {
	all      strings.Builder
	sections []section
	heading  bool
}

func (s *scanner) scan(page string) {
	for page != "" {
		at := strings.IndexByte(page, '<')
		if at < 0 {
			s.text(page)

			return
		}
		// A "<" that begins no tag is text, as in Python's HTMLParser.
		if at+1 < len(page) && !startsTag(page[at+1]) || at+1 == len(page) {
			end := strings.IndexByte(page[at+1:], '<')
			if end < 0 {
				s.text(page)

				return
			}
			s.text(page[:at+1+end])
			page = page[at+1+end:]

			continue
		}
		if at > 0 {
			s.text(page[:at])
		}
		page = s.markup(page[at:])
	}
}

func startsTag(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '/' || c == '!' || c == '?'
}

// markup reads a tag or comment, and returns what follows it.
func (s *scanner) markup(page string) string {
	switch {
	case strings.HasPrefix(page, "<!--"):
		return after(page, "-->")
	case page[1] == '!' || page[1] == '?':
		return after(page, ">")
	case page[1] == '/':
		if isHeading(strings.TrimSuffix(firstWord(page[2:]), ">")) {
			s.heading = false
		}

		return after(page, ">")
	}
	name := strings.ToLower(firstWord(page[1:]))
	rest := s.attributes(name, page[1+len(name):])
	if name == "script" || name == "style" {
		end := endOf(rest, name)
		s.append(rest[:end])

		return rest[end:]
	}

	return rest
}

// endOf is where the end tag of an element begins, in letters of any case, or the end of the text.
func endOf(text, name string) int {
	for at := 0; ; at++ {
		next := strings.Index(text[at:], "</")
		if next < 0 {
			return len(text)
		}
		at += next
		if from := at + len("</"); from+len(name) <= len(text) && strings.EqualFold(text[from:from+len(name)], name) {
			return at
		}
	}
}

func after(page, mark string) string {
	_, rest, _ := strings.Cut(page, mark)

	return rest
}

func firstWord(text string) string {
	end := strings.IndexAny(text, " \t\n\r\f/>")
	if end < 0 {
		return text
	}

	return text[:end]
}

func isHeading(name string) bool {
	return len(name) == 2 && (name[0] == 'h' || name[0] == 'H') && '1' <= name[1] && name[1] <= '6'
}

// attributes reads the attributes of a tag, and returns what follows the tag.
func (s *scanner) attributes(name, rest string) string {
	if isHeading(name) {
		s.heading = true
		s.sections = append(s.sections, section{heading: s.all.Len()})
	}
	for {
		rest = strings.TrimLeft(rest, " \t\n\r\f/")
		if rest == "" {
			return ""
		}
		if rest[0] == '>' {
			return rest[1:]
		}
		end := strings.IndexAny(rest[1:], " \t\n\r\f=>/")
		if end < 0 {
			return ""
		}
		key := rest[:end+1]
		rest = strings.TrimLeft(rest[end+1:], " \t\n\r\f")
		if rest == "" || rest[0] != '=' {
			continue
		}
		var value string
		value, rest = attributeValue(strings.TrimLeft(rest[1:], " \t\n\r\f"))
		if key == "id" && isHeading(name) {
			s.sections[len(s.sections)-1].id = html.UnescapeString(value)
		}
	}
}

func attributeValue(rest string) (string, string) {
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		value, after, _ := strings.Cut(rest[1:], rest[:1])

		return value, after
	}
	end := strings.IndexAny(rest, " \t\n\r\f>")
	if end < 0 {
		end = len(rest)
	}

	return rest[:end], rest[end:]
}

func (s *scanner) text(text string) {
	if strings.IndexByte(text, '&') >= 0 {
		text = html.UnescapeString(text)
	}
	s.append(text)
}

// append adds text to the page and, outside of headings, to the section. MkDocs puts a space between two texts with a tag between them.
func (s *scanner) append(text string) {
	s.all.WriteByte('\n')
	if len(s.sections) > 0 && !s.heading {
		if last := &s.sections[len(s.sections)-1]; last.start == 0 {
			last.start = s.all.Len()
		}
	}
	s.all.WriteString(text)
}

// collapse makes one space of each run of white space, and none at the ends.
func collapse(text string) string {
	out := make([]byte, 0, len(text))
	space := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == ' ' || '\t' <= c && c <= '\r' {
			space = true

			continue
		}
		// U+00A0, a space that does not break.
		if c == 0xC2 && i+1 < len(text) && text[i+1] == 0xA0 {
			space = true
			i++

			continue
		}
		if space && len(out) > 0 {
			out = append(out, ' ')
		}
		space = false
		out = append(out, c)
	}

	return string(out)
}

// Write writes the index.
func Write(out io.Writer, documents []Document) error {
	var buffer bytes.Buffer
	buffer.WriteString(`{"config":{"indexing":"full","lang":["en"],"min_search_length":3,"prebuild_index":false,"separator":"[\\s\\-]+"},"docs":[`)
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	for i := range documents {
		if i > 0 {
			buffer.WriteByte(',')
		}
		if err := encoder.Encode(&documents[i]); err != nil {
			return err
		}
		buffer.Truncate(buffer.Len() - 1) // the line feed of the encoder
		if buffer.Len() > 1<<20 {
			if _, err := buffer.WriteTo(out); err != nil {
				return err
			}
		}
	}
	buffer.WriteString("]}\n")
	_, err := buffer.WriteTo(out)

	return err
}
