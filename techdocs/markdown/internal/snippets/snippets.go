// Package snippets puts files into the source of a page, as pymdownx.snippets does: --8<-- "file", with lines or a section of it.
package snippets

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Expander has the options. It does not change, and is safe for concurrent use.
type Expander struct {
	bases, appended []string
	check, dedent   bool
	download        bool
}

var optionNames = []string{
	"base_path", "restrict_base_path", "encoding", "check_paths", "auto_append", "url_download", "url_max_size", "url_timeout",
	"url_request_headers", "dedent_subsections", "max_retries", "backoff_factor",
}

// New reads the options of pymdownx.snippets.
func New(options map[string]any) (*Expander, error) {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(optionNames, name) {
			return nil, fmt.Errorf("pymdownx.snippets: there is no option %q; there are: %s", name, strings.Join(optionNames, ", "))
		}
	}

	e := &Expander{bases: texts(options["base_path"]), appended: texts(options["auto_append"])}
	if len(e.bases) == 0 {
		e.bases = []string{"."}
	}

	e.check, _ = options["check_paths"].(bool)
	e.dedent, _ = options["dedent_subsections"].(bool)
	e.download, _ = options["url_download"].(bool)

	return e, nil
}

func texts(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		list := make([]string, 0, len(value))
		for _, entry := range value {
			list = append(list, fmt.Sprint(entry))
		}

		return list
	}

	return nil
}

// Problem is something that the author should know.
type Problem struct {
	// Line is that of the page, from 1. 0: it is about auto_append.
	Line int
	// Message says what is wrong.
	Message string
}

const (
	maxSize  = 16 << 20 // of a page with its snippets
	maxFiles = 5000     // snippets of a page, those in snippets included
	maxDepth = 50       // snippets within each other
)

// errTooLarge says that the snippets of a page exceed a limit.
var errTooLarge = errors.New("the snippets of this page are too many or too large")

// Expand puts snippets into the source of a page. The function read returns a file by its path relative to the folder of mkdocs.yml, and
// an error if there is none. Files outside that folder are none.
func (e *Expander) Expand(source string, read func(name string) ([]byte, error)) (string, []Problem, error) {
	if len(e.appended) == 0 && !strings.Contains(source, "8<") {
		return source, nil, nil
	}

	lines := strings.Split(source, "\n")
	x := &expansion{Expander: e, read: read, last: len(lines)}

	if len(e.appended) > 0 {
		lines = append(lines, strings.Split("\n\n-8<-\n"+strings.Join(e.appended, "\n\n")+"\n-8<-\n", "\n")...)
	}

	lines, err := x.expand(lines, "", false)
	if err != nil {
		return "", x.problems, err
	}

	return strings.Join(lines, "\n"), x.problems, nil
}

// An expansion is that of one page.
type expansion struct {
	*Expander
	read     func(name string) ([]byte, error)
	problems []Problem
	stack    []string // of files that are being expanded
	line     int      // of the page
	last     int      // line of the page
	files    int
	size     int
}

var (
	marker  = regexp.MustCompile(`^([ \t]*)(;*)(?:(-+8<-+[ \t]+)("(?:\\"|[^"\n\r])+?"|'(?:\\'|[^'\n\r])+?')|-+8<-+)\r?$`)
	section = regexp.MustCompile(`(?i)^(.*?)(;*)(-+8<-+[ \t]+)(\[[ \t]*(start|end)[ \t]*:[ \t]*([a-z][-_0-9a-z]*)[ \t]*\])(.*?)$`)
	file    = regexp.MustCompile(`(?i)^(.*?)(?:((?::-?[0-9]*){1,2}(?:,(?:(?:-?[0-9]+|-)(?::-?[0-9]*)?|:-?[0-9]*))*)|(:[a-z][-_0-9a-z]*))?$`)
)

// find is the groups of an expression in a line that may have a marker.
func find(expression *regexp.Regexp, line string) []string {
	if !strings.Contains(line, "8<") {
		return nil
	}

	return expression.FindStringSubmatch(line)
}

// expand puts snippets into lines, which are those of a file, or of the page.
func (x *expansion) expand(lines []string, name string, isSection bool) ([]string, error) {
	if name != "" {
		x.stack = append(x.stack, name)
		defer func() { x.stack = x.stack[:len(x.stack)-1] }()
	}

	var (
		out   []string
		block bool
	)

	for number, line := range lines {
		if name == "" {
			x.line = number + 1
		}

		found := find(marker, line)

		switch {
		case found != nil && found[2] != "":
			out = append(out, strings.Replace(line, ";", "", 1))
		case found != nil && found[3] == "":
			block = !block
		case found != nil && block:
			// The short form does not count within the long one.
		case found != nil:
			added, err := x.include(found[1], strings.TrimSpace(found[4][1:len(found[4])-1]))
			if err != nil {
				return nil, err
			}

			out = append(out, added...)
		case block:
			line = strings.TrimSuffix(line, "\r")
			rest := strings.TrimLeft(line, " \t")

			added, err := x.blockLine(line[:len(line)-len(rest)], strings.TrimSpace(rest))
			if err != nil {
				return nil, err
			}

			out = append(out, added...)
		default:
			if line, ok := x.plain(line, isSection); ok {
				out = append(out, line)
			}
		}
	}

	return out, nil
}

// blockLine is a line between two markers: the path of a snippet, or nothing.
func (x *expansion) blockLine(space, name string) ([]string, error) {
	if name == "" {
		return []string{""}, nil
	}

	return x.include(space, name)
}

// plain is a line without a snippet. Marks of sections are not shown, unless the line is in a section itself.
func (x *expansion) plain(line string, isSection bool) (string, bool) {
	if isSection {
		return line, true
	}

	found := find(section, line)
	if found == nil {
		return line, true
	}

	if found[2] == "" {
		return "", false
	}

	return unescaped(found), true
}

// unescaped is a mark of a section that is to be shown.
func unescaped(found []string) string {
	return found[1] + strings.Replace(found[2], ";", "", 1) + found[3] + found[4] + found[7]
}

// include returns the lines of a snippet, each behind space.
func (x *expansion) include(space, name string) ([]string, error) {
	if strings.HasPrefix(name, ";") {
		return nil, nil
	}

	parts := file.FindStringSubmatch(name)

	name = strings.TrimSpace(parts[1])
	if name == "" {
		return nil, x.problem(fmt.Sprintf("the snippet %q has no file", name))
	}

	if lower := strings.ToLower(name); x.download && (strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://")) {
		return nil, x.problem(fmt.Sprintf("the snippet %s is not downloaded: a build reads its own files only; put a copy into the repository", name))
	}

	source, found := x.file(name)
	if found == "" {
		return nil, x.problem(fmt.Sprintf("there is no file %s for a snippet; its path is relative to %s", name, strings.Join(x.bases, " or ")))
	}

	if slices.Contains(x.stack, found) {
		x.warn(fmt.Sprintf("the snippet %s contains itself; the inner one is left out", name))

		return nil, nil
	}

	x.files++
	x.size += len(source)

	if x.files > maxFiles || x.size > maxSize || len(x.stack) >= maxDepth {
		return nil, fmt.Errorf("%w: at most %d of them, %d within each other, with %d MB", errTooLarge, maxFiles, maxDepth, maxSize>>20)
	}

	chosen, err := x.choose(lines(source), parts[2], strings.TrimPrefix(parts[3], ":"))
	if err != nil {
		return nil, err
	}

	lines, err := x.expand(chosen, found, parts[3] != "")
	if err != nil {
		return nil, err
	}

	space = expandTabs(space)
	for i := range lines {
		lines[i] = space + lines[i]
		x.size += len(space)
	}

	return lines, nil
}

// problem is an error if the paths are to be checked.
func (x *expansion) problem(message string) error {
	if x.check {
		return fmt.Errorf("snippet in line %d: %s", x.where(), message)
	}

	x.warn(message)

	return nil
}

func (x *expansion) warn(message string) {
	x.problems = append(x.problems, Problem{Line: x.where(), Message: message})
}

func (x *expansion) where() int {
	if x.line > x.last {
		return 0
	}

	return x.line
}

// file reads a file below one of the bases, and says which it is. That is "" if there is none.
func (x *expansion) file(name string) (source, found string) {
	for _, base := range x.bases {
		base = path.Clean(base)

		if full := path.Join(base, name); path.IsAbs(name) || base != "." && full != base && !strings.HasPrefix(full, base+"/") {
			continue
		}

		for _, candidate := range []string{path.Join(base, name), path.Join(path.Dir(base), name)} {
			if candidate != path.Join(base, name) && candidate != base || strings.HasPrefix(candidate, "../") {
				continue
			}

			if content, err := x.read(candidate); err == nil {
				return string(content), candidate
			}
		}
	}

	return "", ""
}

// lines are the lines of a file. If it ends with a line feed, the last one is empty.
func lines(source string) []string {
	if source == "" {
		return nil
	}

	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")

	return strings.Split(source, "\n")
}

// expandTabs replaces tabs by spaces up to the next multiple of four.
func expandTabs(space string) string {
	if !strings.Contains(space, "\t") {
		return space
	}

	var out strings.Builder

	for _, char := range space {
		out.WriteByte(' ')

		for char == '\t' && out.Len()%4 != 0 {
			out.WriteByte(' ')
		}
	}

	return out.String()
}
