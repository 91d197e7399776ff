package config

import "github.com/portico-dev/portico/techdocs"

// maxNav is how many entries a nav may have.
const maxNav = 50_000

// NavItem is an entry of nav: a section when Section is true, else a page or link.
type NavItem struct {
	// Title is the title that the author gave. Titled is false when there is none.
	Title   string
	Titled  bool
	Path    string
	Section bool
	// Children are those of a section.
	Children []NavItem
	At       Position
}

// nav reads the value of nav. It is empty for a site whose nav follows from its files.
func (v *validator) nav(value *Value) []NavItem {
	if value.IsNull() {
		return nil
	}
	if !value.IsList {
		v.errorf(value.At, "nav must be a list, not %s", value.kind())

		return nil
	}
	items, problems := Nav(value)
	v.problems = append(v.problems, problems...)

	return items
}

// Nav reads a list of entries.
func Nav(value *Value) ([]NavItem, []techdocs.Problem) {
	r := &navReader{}

	return r.list(value), r.problems
}

type navReader struct {
	count    int
	problems []techdocs.Problem
}

func (r *navReader) errorf(at Position, format string, args ...any) {
	r.problems = append(r.problems, at.Problem(techdocs.Error, format, args...))
}

func (r *navReader) list(value *Value) []NavItem {
	items := make([]NavItem, 0, len(value.List))
	for _, item := range value.List {
		r.count++
		if r.count == maxNav+1 {
			r.errorf(item.At, "nav has more than %d entries", maxNav)
		}
		if r.count > maxNav {
			return items
		}
		path, isText := item.Scalar.(string)
		switch {
		case isText && !item.IsMap && !item.IsList:
			items = append(items, NavItem{Path: path, At: item.At})
		case item.IsMap && len(item.Map) == 1:
			items = append(items, r.entry(item.Map[0])...)
		case item.IsMap:
			r.errorf(item.At, "an entry of nav must have one title, not %d: give each a line that starts with -", len(item.Map))
		default:
			r.errorf(item.At, "an entry of nav must be a path or a title with a path, not %s", item.kind())
		}
	}

	return items
}

func (r *navReader) entry(entry Entry) []NavItem {
	title, value := entry.Key, entry.Value
	path, isText := value.Scalar.(string)
	switch {
	case value.IsList:
		return []NavItem{{Title: title, Titled: true, Section: true, Children: r.list(value), At: entry.At}}
	case value.IsMap && len(value.Map) > 0:
		r.problems = append(r.problems, entry.At.Problem(techdocs.Warning, "the section %q must be a list, not a mapping: start its lines with -", title))
		section := NavItem{Title: title, Titled: true, Section: true, At: entry.At}
		for _, child := range value.Map {
			section.Children = append(section.Children, r.entry(child)...)
		}

		return []NavItem{section}
	case isText:
		return []NavItem{{Title: title, Titled: true, Path: path, At: entry.At}}
	}
	r.errorf(entry.At, "the entry %q of nav must have a path or a list, not %s", title, value.kind())

	return nil
}
