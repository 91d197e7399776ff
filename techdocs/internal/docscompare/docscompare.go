// Package docscompare holds HTML that Portico made of Markdown against what MkDocs with mkdocs-techdocs-core made of it. Both are
// normalised first: white space outside code, the order of attributes, the markup of a highlighter and the like do not count.
package docscompare

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Recording has what MkDocs printed.
type Recording struct {
	Cases     []Case     `json:"cases"`
	SiteCases []SiteCase `json:"site_cases"`
}

// A Case is one page in a small site.
type Case struct {
	ID       string            `json:"id"`
	Features []string          `json:"features"`
	MkDocs   string            `json:"mkdocs"`
	Files    map[string]string `json:"files"`
	Page     string            `json:"page"`
	URL      string            `json:"url"`
	HTML     string            `json:"html"`
	// ThemeH1 says that the theme, not the page, made the h1 in front.
	ThemeH1  bool              `json:"theme_h1"`
	TOC      [][3]any          `json:"toc"`
	Title    string            `json:"title"`
	Meta     map[string]string `json:"meta"`
	Warnings []string          `json:"warnings"`
	// Error says that the build failed.
	Error bool `json:"error"`
	// Env names what the case needs of the machine.
	Env any `json:"env"`
}

// A SiteCase is a whole site. What was recorded of it is left as JSON.
type SiteCase struct {
	ID    string            `json:"id"`
	Files map[string]string `json:"files"`
	Exit  int               `json:"exit"`
	Log   []string          `json:"log"`
}

// Load reads a recording.
func Load(path string) (Recording, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Recording{}, fmt.Errorf("read recording: %w", err)
	}

	var recording Recording
	if err := json.Unmarshal(content, &recording); err != nil {
		return Recording{}, fmt.Errorf("parse recording %s: %w", path, err)
	}

	return recording, nil
}

// Degree is how much of two pages agrees.
type Degree string

// Degrees.
const (
	Equal     Degree = "equal"
	TextOnly  Degree = "text"
	Different Degree = "diff"
)

// HTML compares two pages, and describes their first difference.
func HTML(want, got string) (degree Degree, difference string) {
	wanted, given := normalize(parse(want), false), normalize(parse(got), false)
	wantedLines, givenLines := lines(wanted, 0), lines(given, 0)

	for i := range max(len(wantedLines), len(givenLines)) {
		a, b := "(end)", "(end)"
		if i < len(wantedLines) {
			a = wantedLines[i]
		}

		if i < len(givenLines) {
			b = givenLines[i]
		}

		if a == b {
			continue
		}

		difference = fmt.Sprintf("line %d\n      want %s\n      got  %s", i+1, clip(strings.TrimSpace(a)), clip(strings.TrimSpace(b)))
		if flat(wanted) == flat(given) {
			return TextOnly, difference
		}

		return Different, difference
	}

	return Equal, ""
}

// SameTOC compares a flattened table of contents with that of the case.
func (c Case) SameTOC(got [][3]any) bool {
	if len(c.TOC) != len(got) {
		return false
	}

	same := func(unescape func(string) string) bool {
		return slices.EqualFunc(c.TOC, got, func(want, got [3]any) bool {
			return fmt.Sprint(want[0]) == fmt.Sprint(got[0]) && want[1] == got[1] && unescape(fmt.Sprint(want[2])) == got[2]
		})
	}

	return same(html.UnescapeString) || same(func(text string) string { return text })
}

// SameTitle says whether a title is that of the case.
func (c Case) SameTitle(title string) bool {
	return title == c.Title || title == html.UnescapeString(c.Title)
}

func clip(text string) string {
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200])
	}

	return text
}

// Lines is the normalised form of a page, for people who look for a difference.
func Lines(page string) []string { return lines(normalize(parse(page), false), 0) }

func lines(n *node, depth int) []string {
	var out []string

	pad := strings.Repeat(" ", depth)

	for _, kid := range n.kids {
		if kid.isText() {
			out = append(out, pad+strconv.Quote(kid.text))

			continue
		}

		keys := make([]string, 0, len(kid.attrs))
		for key := range kid.attrs {
			keys = append(keys, key)
		}

		slices.Sort(keys)

		words := []string{pad + "<" + kid.tag}
		for _, key := range keys {
			words = append(words, key+"="+strconv.Quote(kid.attrs[key]))
		}

		out = append(out, strings.Join(words, " ")+">")
		out = append(out, lines(kid, depth+1)...)
	}

	return out
}

// flat is the running text.
func flat(n *node) string {
	var text strings.Builder

	var walk func(*node)

	walk = func(n *node) {
		for _, kid := range n.kids {
			if kid.isText() {
				text.WriteString(kid.text)

				continue
			}

			if isBlock(kid) {
				text.WriteByte(' ')
			}

			walk(kid)

			if isBlock(kid) || isBreak(kid) {
				text.WriteByte(' ')
			}
		}
	}

	walk(n)

	return strings.TrimSpace(strings.ReplaceAll(strings.Join(strings.Fields(text.String()), " "), "¶", ""))
}
