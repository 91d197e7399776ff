// Package links turns the links between the pages of a site into URLs, and finds those that lead nowhere.
package links

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/quote"
)

// Resolver knows the files of a site. It is safe for concurrent use.
type Resolver struct {
	set         *files.Set
	directories bool
	levels      config.Validation
}

// New returns a resolver.
func New(set *files.Set, directories bool, levels config.Validation) *Resolver {
	return &Resolver{set: set, directories: directories, levels: levels}
}

// Found is what a page links to that can be judged only when all pages are rendered: an anchor.
type Found struct {
	To           *files.File
	Anchor, Link string
}

// Page resolves the links of one page.
type Page struct {
	resolver *Resolver
	file     *files.File
	// Problems have the link as it is written in Link; the line is to be found by the caller.
	Problems []Problem
	// Anchors are the links to anchors, in the order of their first use.
	Anchors []Found
}

// Problem is a problem with the link that it is about.
type Problem struct {
	Link, Severity, Message string
}

// Page starts with a page.
func (r *Resolver) Page(file *files.File) *Page { return &Page{resolver: r, file: file} }

func (p *Page) report(link string, level config.Level, message string) {
	if severity := level.Severity(); severity != "" {
		p.Problems = append(p.Problems, Problem{Link: link, Severity: severity, Message: message})
	}
}

func (p *Page) anchor(to *files.File, anchor, link string) {
	if p.resolver.levels.LinksAnchors == config.Ignore {
		return
	}
	for _, before := range p.Anchors {
		if before.To == to && before.Anchor == anchor {
			return
		}
	}
	p.Anchors = append(p.Anchors, Found{To: to, Anchor: anchor, Link: link})
}

// Resolve returns the URL for a link or image of the page.
func (p *Page) Resolve(link string) string {
	levels := p.resolver.levels
	url := quote.Split(link)
	if url.Scheme != "" || url.Host != "" {
		return link
	}
	absolute := strings.HasPrefix(link, "/") || strings.HasPrefix(link, `\`)
	if absolute && levels.LinksAbsolute != config.RelativeToDocs {
		p.report(link, levels.LinksAbsolute, "the link '"+link+"' is absolute; it is left as it is."+p.suggest(link, url))

		return link
	}
	if url.Path == "" {
		if url.Fragment != "" {
			p.anchor(p.file, url.Fragment, link)
		}

		return link
	}
	name := quote.Unescape(url.Path)
	target := join(p.file.Src, name)
	file := p.resolver.set.Get(target)
	if file == nil {
		p.missing(link, url, name, target, absolute)

		return link
	}
	if url.Fragment != "" {
		p.anchor(file, url.Fragment, link)
	}
	if !file.Inclusion.Published() && p.file.Inclusion.Published() {
		p.report(link, min(config.Info, levels.LinksNotFound), "the link '"+link+"' leads to '"+target+"', which is excluded from the site.")
	}

	return quote.Join(quote.Relative(file.URL, p.file.URL), url.Query, url.Fragment)
}

func (p *Page) missing(link string, url quote.URL, name, target string, absolute bool) {
	levels := p.resolver.levels
	if files.Extension(name) == "" && !absolute {
		p.report(link, levels.LinksUnrecognized, "the link '"+link+"' leads to no file; it is left as it is."+p.suggest(link, url))

		return
	}
	where := ""
	if target != strings.TrimLeft(link, "/") {
		where = " '" + target + "'"
	}
	p.report(link, levels.LinksNotFound, "the link '"+link+"' leads to a file"+where+" that does not exist in docs_dir."+p.suggest(link, url))
}

// join returns the path in docs_dir that a link of a page leads to.
func join(src, name string) string {
	if !strings.HasPrefix(name, "/") {
		name = path.Join(path.Dir(src), name)
	}

	return path.Clean(strings.TrimLeft(name, "/"))
}

// suggest names the file that was probably meant.
func (p *Page) suggest(link string, url quote.URL) string {
	name := quote.Unescape(url.Path)
	for _, guess := range p.guesses(name) {
		if p.resolver.set.Get(guess) == nil {
			continue
		}
		switch {
		case url.Fragment != "" && guess == p.file.Src:
			guess = ""
		case strings.HasPrefix(link, "/") && p.resolver.levels.LinksAbsolute == config.RelativeToDocs:
			guess = "/" + guess
		default:
			guess = quote.Relative(guess, p.file.Src)
		}

		return " Did you mean '" + quote.Join(guess, url.Query, url.Fragment) + "'?"
	}
	if strings.Contains(link, "@") && strings.Contains(link, ".") && !strings.Contains(link, "/") {
		return " Did you mean 'mailto:" + link + "'?"
	}

	return ""
}

// guesses lists the paths that a wrong link may mean, the likeliest first.
func (p *Page) guesses(name string) []string {
	target := join(p.file.Src, name)
	guesses := []string{}
	if strings.HasPrefix(name, "/") || p.resolver.set.Get(target) != nil {
		guesses = append(guesses, target)
	}
	if path.Clean(name) == "." {
		return append(guesses, p.file.Src)
	}
	prefixes := []string{target}
	if other := join(p.file.URL, name); other != target {
		prefixes = append(prefixes, other)
	}
	for _, prefix := range prefixes {
		var paths []string
		if p.resolver.directories {
			paths = append(paths, prefix)
		}
		if files.Extension(target) == "" {
			paths = append(paths, path.Join(prefix, "index.md"), path.Join(prefix, "README.md"))
		}
		if !strings.HasSuffix(target, ".") && !strings.HasSuffix(name, ".md") && (p.resolver.directories || !strings.HasSuffix(name, "/")) {
			paths = append(paths, strings.TrimSuffix(prefix, ".html")+".md")
		}
		for _, guess := range paths {
			if guess = path.Clean(guess); guess != target && !strings.HasPrefix(guess, "../") {
				guesses = append(guesses, guess)
			}
		}
	}

	return guesses
}

// CheckAnchors reports the anchors that do not exist. has says whether a page has an anchor, and is true for what is no page.
func (p *Page) CheckAnchors(has func(file *files.File, anchor string) bool) {
	for _, found := range p.Anchors {
		if has(found.To, found.Anchor) {
			continue
		}
		message := "the link '" + found.Link + "' leads to an anchor that this page does not have."
		if found.To != p.file {
			message = "the link '" + found.Link + "' leads to the anchor '#" + found.Anchor + "', which the page '" + found.To.Src + "' does not have."
		} else if strings.HasPrefix(found.Anchor, "fnref:") {
			message += " It seems to be of a footnote that nothing refers to."
		}
		p.report(found.Link, p.resolver.levels.LinksAnchors, message)
	}
}

// Locate gives each problem the line in which its link is written: links are found in the source in the order in which they were resolved.
// A link that is not written as it was resolved, because it has escapes, gets no line.
func (p *Page) Locate(source string, front int) []techdocs.Problem {
	problems := make([]techdocs.Problem, 0, len(p.Problems))
	next := map[string]int{}
	for _, problem := range p.Problems {
		line := 0
		if at := find(source, problem.Link, next[problem.Link]); at >= 0 {
			line = front + 1 + strings.Count(source[:at], "\n")
			next[problem.Link] = at + 1
		}
		problems = append(problems, techdocs.Problem{Severity: problem.Severity, File: p.file.Real, Line: line, Message: problem.Message})
	}
	slices.SortStableFunc(problems, func(a, b techdocs.Problem) int { return cmp.Compare(a.Line, b.Line) })

	return problems
}

// find returns where a link is written at or after a place: behind a parenthesis, a colon, a quote or an angle bracket.
func find(source, link string, from int) int {
	if link == "" || from > len(source) {
		return -1
	}
	for at := from; ; {
		found := strings.Index(source[at:], link)
		if found < 0 {
			return -1
		}
		at += found
		end := at + len(link)
		before := at > 0 && strings.IndexByte("(<: \"'", source[at-1]) >= 0
		after := end == len(source) || strings.IndexByte(")> \"'\r\n\t", source[end]) >= 0
		if before && after {
			return at
		}
		at = end
	}
}
