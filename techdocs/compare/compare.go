// Package compare holds a site that Portico built against the same site as MkDocs with mkdocs-techdocs-core built it: files, and of each page
// the content, contents list, title, neighbours and entries of the search index. What differs on purpose is named here. It is for tests and
// measurements.
package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs/internal/docscompare"
)

// Difference is one between two sites.
type Difference struct {
	// Page is the path of the file, and Part what of it differs: content, text (which is worse), contents, title, neighbours, search, file.
	Page, Part string
	// Detail shows the first place.
	Detail string
	// Reason says why it is on purpose. Empty: it is not.
	Reason string
}

// Result of a comparison.
type Result struct {
	// Pages are the files that both have, and Equal those without any difference. The others are Explained if all their differences are on
	// purpose.
	Pages, Equal, Explained int
	Differences             []Difference
}

// Unexplained is how many pages differ without a reason, or are missing.
func (r Result) Unexplained() int { return r.Pages - r.Equal - r.Explained }

// Sites compares the folder that Portico wrote with that of MkDocs.
func Sites(wanted, given string) (Result, error) {
	want, err := read(wanted)
	if err != nil {
		return Result{}, fmt.Errorf("read the site of MkDocs: %w", err)
	}
	got, err := read(given)
	if err != nil {
		return Result{}, fmt.Errorf("read the site of Portico: %w", err)
	}
	var result Result
	for _, path := range want.paths {
		page, other := want.pages[path], got.pages[path]
		if page == nil {
			if !slices.Contains(got.paths, path) {
				result.Differences = append(result.Differences, Difference{Page: path, Part: "file", Detail: "it is missing"})
			}
			continue
		}
		result.Pages++
		var differences []Difference
		if other == nil {
			differences = []Difference{{Page: path, Part: "file", Detail: "the page is missing"}}
		} else {
			differences = pages(path, page, other)
		}
		result.Differences = append(result.Differences, differences...)
		switch {
		case len(differences) == 0:
			result.Equal++
		case !slices.ContainsFunc(differences, func(d Difference) bool { return d.Reason == "" }):
			result.Explained++
		}
	}
	for _, path := range got.paths {
		if !slices.Contains(want.paths, path) {
			result.Differences = append(result.Differences, Difference{Page: path, Part: "file", Detail: "MkDocs has no such file"})
		}
	}
	return result, nil
}

// page is what of a file is compared.
type page struct {
	article, title string
	contents       []string
	// neighbours are the links to the previous and the next page.
	neighbours []string
	// sections are the entries of the search index.
	sections []string
}

type site struct {
	paths []string
	pages map[string]*page
}

// ofTheTheme are files that each engine has its own of.
var ofTheTheme = regexp.MustCompile(`^assets/(stylesheets|javascripts|images|fonts)/|^search/|^sitemap\.xml(\.gz)?$|^404\.html$|^techdocs_metadata\.json$`)

func read(folder string) (*site, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	s := &site{pages: map[string]*page{}}
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || ofTheTheme.MatchString(path) {
			return err
		}
		s.paths = append(s.paths, path)
		if filepath.Ext(path) != ".html" {
			return nil
		}
		content, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		if p := parse(string(content)); p != nil {
			s.pages[path] = p
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, s.readIndex(root)
}

// readIndex adds the entries of the search index to the pages.
func (s *site) readIndex(root *os.Root) error {
	content, err := root.ReadFile("search/search_index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var index struct {
		Docs []struct {
			Location string `json:"location"`
			Title    string `json:"title"`
		} `json:"docs"`
	}
	if err := json.Unmarshal(content, &index); err != nil {
		return fmt.Errorf("read search_index.json: %w", err)
	}
	for _, entry := range index.Docs {
		path, _, _ := strings.Cut(entry.Location, "#")
		if path == "" || strings.HasSuffix(path, "/") {
			path += "index.html"
		}
		if p := s.pages[path]; p != nil {
			p.sections = append(p.sections, entry.Location+" "+spaces.ReplaceAllString(html.UnescapeString(entry.Title), " "))
		}
	}
	return nil
}

var (
	articleStart = regexp.MustCompile(`<article class="md-content__inner md-typeset">`)
	articleTag   = regexp.MustCompile(`</?article\b`)
	editButton   = regexp.MustCompile(`(?s)<a href="[^"]*" title="(?:Edit|View source of) this page" class="md-content__button md-icon"[^>]*>.*?</a>`)
	feedback     = regexp.MustCompile(`(?s)<form class="md-feedback".*?</form>`)
	inlineCode   = regexp.MustCompile(`(?s)<code class="(?:language-\S+ )?highlight">.*?</code>`)
	tokens       = regexp.MustCompile(`</?span[^>]*>`)
	titleTag     = regexp.MustCompile(`(?s)<title>(.*?)</title>`)
	contents     = regexp.MustCompile(`(?s)<nav class="md-nav md-nav--secondary".*?</ul>\s*</nav>`)
	contentsLink = regexp.MustCompile(`(?s)<a href="(#[^"]*)" class="md-nav__link">(.*?)</a>`)
	neighbour    = regexp.MustCompile(`<a href="([^"]*)" class="md-footer__link md-footer__link--(prev|next)" aria-label="([^"]*)"`)
	tags         = regexp.MustCompile(`<[^>]*>`)
	spaces       = regexp.MustCompile(`\s+`)
)

// parse returns nil for a file that is no page of the theme, such as one that an author wrote in HTML.
func parse(content string) *page {
	start := articleStart.FindStringIndex(content)
	if start == nil {
		return nil
	}
	p := &page{}
	depth, body := 1, content[start[1]:]
	for _, tag := range articleTag.FindAllStringIndex(body, -1) {
		if body[tag[0]+1] == '/' {
			depth--
		} else {
			depth++
		}
		if depth == 0 {
			p.article = strings.TrimSpace(withoutTheme(body[:tag[0]]))
			break
		}
	}
	if found := titleTag.FindStringSubmatch(content); found != nil {
		p.title = plain(found[1])
	}
	list := contents.FindString(content)
	for _, link := range contentsLink.FindAllStringSubmatch(list, -1) {
		if entry := html.UnescapeString(link[1]) + " " + plain(link[2]); !slices.Contains(p.contents, entry) {
			p.contents = append(p.contents, entry)
		}
	}
	for _, link := range neighbour.FindAllStringSubmatch(content, -1) {
		p.neighbours = append(p.neighbours, link[2]+" "+html.UnescapeString(link[1])+" "+plain(link[3]))
	}
	return p
}

// withoutTheme removes what is no content: buttons and forms of the theme, and the colors of code within a line.
func withoutTheme(article string) string {
	article = feedback.ReplaceAllString(editButton.ReplaceAllString(article, ""), "")
	// Of the theme's feature navigation.instant.preview, and of its own search, which removes the mark.
	for _, mark := range []string{` data-preview=""`, ` data-search-exclude=""`, ` data-search-exclude="data-search-exclude"`} {
		article = strings.ReplaceAll(article, mark, "")
	}
	return inlineCode.ReplaceAllStringFunc(article, func(code string) string { return tokens.ReplaceAllString(code, "") })
}

func plain(markup string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(markup, "")), " "))
}

// pages compares two pages.
func pages(path string, want, got *page) []Difference {
	var differences []Difference
	add := func(part, detail string) {
		differences = append(differences, Difference{Page: path, Part: part, Detail: detail, Reason: onPurpose(want, part)})
	}
	switch degree, detail := docscompare.HTML(want.article, got.article); degree {
	case docscompare.TextOnly:
		add("content", detail)
	case docscompare.Different:
		add("text", detail)
	case docscompare.Equal:
	}
	if want.title != got.title {
		add("title", fmt.Sprintf("want %q, got %q", want.title, got.title))
	}
	for _, list := range []struct {
		part      string
		want, got []string
	}{{"contents", want.contents, got.contents}, {"neighbours", want.neighbours, got.neighbours}, {"search", want.sections, got.sections}} {
		if detail := firstDifference(list.want, list.got); detail != "" {
			add(list.part, detail)
		}
	}
	return differences
}

func firstDifference(want, got []string) string {
	for i := range max(len(want), len(got)) {
		a, b := "nothing", "nothing"
		if i < len(want) {
			a = fmt.Sprintf("%q", want[i])
		}
		if i < len(got) {
			b = fmt.Sprintf("%q", got[i])
		}
		if a != b {
			return fmt.Sprintf("entry %d: want %s, got %s", i+1, a, b)
		}
	}
	return ""
}
