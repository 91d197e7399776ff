// Package files lists the files of a site in the order of MkDocs: which of them are pages, which are left out, and where each goes.
package files

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs/site/quote"
)

// Inclusion says what becomes of a file.
type Inclusion int

// The inclusions.
const (
	// Included files are published, and pages belong into the nav.
	Included Inclusion = iota
	// NotInNav pages are published and may be missing in the nav.
	NotInNav
	// Draft pages are not published.
	Draft
	// Excluded files are not published.
	Excluded
)

// Published says whether the file is part of the site.
func (i Inclusion) Published() bool { return i <= NotInNav }

// File is a file in the folder of documents.
type File struct {
	// Src is its path in docs_dir, and Real that in the source.
	Src, Real string
	// Dest is its path in the site, and URL that of its page or file, with escapes; the URL of the home page is "./".
	Dest, URL string
	// Name is its name without extension; that of README.md is "index".
	Name string
	// Page says that it is Markdown.
	Page      bool
	Size      int64
	Inclusion Inclusion
}

// New describes a file. With directories, a page has a folder of its own in the site.
func New(src, realPath string, size int64, directories bool) *File {
	f := &File{Src: src, Real: realPath, Size: size, Dest: src, Page: IsMarkdown(src)}
	base := path.Base(src)
	f.Name = strings.TrimSuffix(base, Extension(base))
	if f.Name == "README" {
		f.Name = "index"
	}
	if f.Page {
		parent := path.Dir(src)
		if !directories || f.Name == "index" {
			f.Dest = path.Join(parent, f.Name+".html")
		} else {
			f.Dest = path.Join(parent, f.Name, "index.html")
		}
	}
	url := f.Dest
	if directories && path.Base(url) == "index.html" {
		url = path.Dir(url) + "/"
	}
	f.URL = quote.Path(url)

	return f
}

// PageURL is the URL of the page in the site; that of the home page is empty.
func (f *File) PageURL() string {
	if f.URL == "./" {
		return ""
	}

	return f.URL
}

// IsMarkdown says whether MkDocs takes a file of this name for a page.
func IsMarkdown(name string) bool {
	switch path.Ext(name) {
	case ".md", ".markdown", ".mdown", ".mkdn", ".mkd":
		return true
	}

	return false
}

// Extension returns the extension of a path with its dot. A name that begins with a dot has none.
func Extension(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	at := strings.LastIndexByte(base, '.')
	if at <= 0 || strings.Trim(base[:at], ".") == "" {
		return ""
	}

	return base[at:]
}

// Set is a list of files with a lookup by path.
type Set struct {
	All   []*File
	bySrc map[string]*File
}

// Get returns the file at a path in docs_dir, nil when there is none. Dots and double slashes in the path do not count.
func (s *Set) Get(src string) *File {
	if file, is := s.bySrc[src]; is {
		return file
	}

	return s.bySrc[plain(src)]
}

// plain drops empty parts and dots, as Python's PurePath does.
func plain(src string) string {
	var parts []string
	for part := range strings.SplitSeq(src, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	joined := strings.Join(parts, "/")
	if strings.HasPrefix(src, "/") {
		return "/" + joined
	}

	return joined
}

// Pages returns the published pages in order.
func (s *Set) Pages() []*File {
	var pages []*File
	for _, file := range s.All {
		if file.Page && file.Inclusion.Published() {
			pages = append(pages, file)
		}
	}

	return pages
}

// Rules are the patterns of mkdocs.yml.
type Rules struct {
	Exclude, Drafts, NotInNav string
}

// alwaysExcluded are the patterns in front of those of mkdocs.yml.
const alwaysExcluded = ".*\n/templates/\n"

// Collect sorts the files, decides which are published, and drops the one of two files that would have the same place. The conflicts are
// pairs of what was dropped and what was kept.
func Collect(all []*File, rules Rules) (*Set, [][2]*File) {
	slices.SortFunc(all, order)
	exclude := ParsePatterns(alwaysExcluded + rules.Exclude)
	drafts, notInNav := ParsePatterns(rules.Drafts), ParsePatterns(rules.NotInNav)
	for _, file := range all {
		switch {
		case exclude.Match(file.Src):
			file.Inclusion = Excluded
		case drafts.Match(file.Src):
			file.Inclusion = Draft
		case notInNav.Match(file.Src):
			file.Inclusion = NotInNav
		}
	}
	var conflicts [][2]*File
	dropped := map[*File]bool{}
	first := make(map[string]*File, len(all))
	for _, file := range all {
		before := first[file.Dest]
		switch {
		case before == nil || path.Dir(before.Src) != path.Dir(file.Src):
			first[file.Dest] = file
		case !file.Inclusion.Published():
			dropped[file] = true
		default:
			if before.Inclusion.Published() {
				conflicts = append(conflicts, [2]*File{before, file})
			}
			dropped[before] = true
		}
	}
	set := &Set{bySrc: make(map[string]*File, len(all))}
	for _, file := range all {
		if !dropped[file] {
			set.All = append(set.All, file)
			set.bySrc[file.Src] = file
		}
	}

	return set, conflicts
}

// order is that in which MkDocs walks: the files of a folder, index first, then its folders by name.
func order(a, b *File) int {
	left, right := strings.Split(a.Src, "/"), strings.Split(b.Src, "/")
	for i := range min(len(left), len(right)) {
		if left[i] == right[i] {
			continue
		}
		leftIsFile, rightIsFile := i == len(left)-1, i == len(right)-1
		switch {
		case leftIsFile && rightIsFile:
			return cmp.Or(cmp.Compare(rank(left[i]), rank(right[i])), cmp.Compare(left[i], right[i]))
		case leftIsFile:
			return -1
		case rightIsFile:
			return 1
		}

		return cmp.Compare(left[i], right[i])
	}

	return cmp.Compare(len(left), len(right))
}

func rank(name string) int {
	if stem := strings.TrimSuffix(name, Extension(name)); stem == "index" || stem == "README" {
		return 0
	}

	return 1
}
