package markdown_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/techdocs/internal/docscompare"
	"github.com/portico-dev/portico/techdocs/markdown"
)

// deliberate are the recorded cases that differ on purpose, with the reason. docs/techdocs-language.md has them, too.
//
//nolint:gochecknoglobals // A constant table.
var deliberate = map[string]string{
	"graphviz-fence-forms":       "without the program dot, the diagram is shown as source; MkDocs replaces the whole page by an error",
	"inlinehilite-edge":          "a highlighter of Go divides code within a line into tokens of other kinds; its text is the same",
	"inlinehilite-in-table-link": "a highlighter of Go divides code within a line into tokens of other kinds; its text is the same",
}

// recordedCases are the pages that were recorded for Portico's beginning, and those in which it differed from MkDocs later. more-cases.json
// has these in the same form.
func recordedCases(t testing.TB) []docscompare.Case {
	t.Helper()

	var cases []docscompare.Case

	for _, name := range []string{"techdocs-cases.json", "more-cases.json"} {
		recording, err := docscompare.Load("testdata/" + name)
		require.NoError(t, err)
		require.NotEmpty(t, recording.Cases)

		cases = append(cases, recording.Cases...)
	}

	return cases
}

// TestRecordedPages holds what Portico makes of a page against what MkDocs with mkdocs-techdocs-core made of it.
func TestRecordedPages(t *testing.T) {
	t.Parallel()

	cases := recordedCases(t)

	var (
		lock    sync.Mutex
		results = map[string]docscompare.Degree{}
	)

	t.Cleanup(func() { t.Log("\n" + table(cases, results)) })

	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()

			degree, difference := compare(t, c)

			lock.Lock()
			results[c.ID] = degree
			lock.Unlock()

			if reason, ok := deliberate[c.ID]; ok {
				require.NotEqual(t, docscompare.Equal, degree, "the case is equal, so remove it from the table of differences: %s", reason)

				return
			}

			require.Equal(t, docscompare.Equal, degree, difference)
		})
	}
}

// compare converts the page of a case, and compares it.
func compare(t *testing.T, c docscompare.Case) (degree docscompare.Degree, difference string) {
	t.Helper()

	result, err := convert(t, c)

	switch {
	case c.Error && err != nil:
		return docscompare.Equal, ""
	case c.Error:
		return docscompare.Different, "expected a refused build"
	case err != nil:
		return docscompare.Different, "expected a page, not: " + err.Error()
	}

	page := result.HTML
	if c.ThemeH1 {
		page = "<h1>" + c.Title + "</h1>\n" + page
	}

	if degree, difference = docscompare.HTML(inflate(c.HTML), inflate(page)); degree != docscompare.Equal {
		return degree, difference
	}

	if toc := flatten(result.TOC); !c.SameTOC(toc) {
		return docscompare.TextOnly, fmt.Sprintf("toc: want %v got %v", c.TOC, toc)
	}

	if result.Title != "" && result.Meta["title"] == nil && !c.SameTitle(result.Title) {
		return docscompare.TextOnly, fmt.Sprintf("title: want %q got %q", c.Title, result.Title)
	}

	return docscompare.Equal, ""
}

func flatten(headings []*markdown.Heading) [][3]any {
	var flat [][3]any

	for _, heading := range headings {
		flat = append(flat, [3]any{heading.Level, heading.ID, heading.Name})
		flat = append(flat, flatten(heading.Children)...)
	}

	return flat
}

// siteConfig is what mkdocs.yml says about pages.
type siteConfig struct {
	Extensions       yaml.Node   `yaml:"markdown_extensions"`
	Plugins          []yaml.Node `yaml:"plugins"`
	UseDirectoryURLs *bool       `yaml:"use_directory_urls"`
}

func convert(t *testing.T, c docscompare.Case) (markdown.Result, error) {
	t.Helper()

	var site siteConfig
	require.NoError(t, yaml.Unmarshal([]byte(c.MkDocs), &site))

	config := markdown.Config{TechDocsCore: true, Extensions: extensions(t, &site.Extensions)}

	for _, plugin := range site.Plugins {
		var options map[string]struct {
			UseBlocks bool `yaml:"use_pymdownx_blocks"`
		}
		if plugin.Decode(&options) == nil && options["techdocs-core"].UseBlocks {
			config.UseBlocks = true
		}
	}

	converter, err := markdown.New(config)
	if err != nil {
		return markdown.Result{}, fmt.Errorf("compile: %w", err)
	}

	directories := site.UseDirectoryURLs == nil || *site.UseDirectoryURLs

	return converter.Convert(t.Context(), markdown.Page{
		Source:  []byte(c.Files["docs/"+c.Page]),
		Path:    c.Page,
		Link:    func(_ markdown.LinkKind, url string) string { return link(c, url, directories) },
		Snippet: func(name string) ([]byte, error) { return snippet(c, name) },
		Fetch:   draw,
	})
}

func extensions(t *testing.T, node *yaml.Node) []markdown.Extension {
	t.Helper()

	if node.Kind != yaml.SequenceNode {
		return nil
	}

	list := make([]markdown.Extension, 0, len(node.Content))

	for _, item := range node.Content {
		value, err := markdown.DecodeOptions(item)
		require.NoError(t, err)

		switch value := value.(type) {
		case string:
			list = append(list, markdown.Extension{Name: value})
		case map[string]any:
			for name, options := range value {
				mapping, _ := options.(map[string]any)
				list = append(list, markdown.Extension{Name: name, Options: mapping})
			}
		}
	}

	return list
}

func snippet(c docscompare.Case, name string) ([]byte, error) {
	if content, ok := c.Files[path.Clean(name)]; ok {
		return []byte(content), nil
	}

	return nil, fmt.Errorf("there is no %s", name)
}

// link resolves a link to another page as MkDocs does. Package site has the real rules; these suffice for the recorded pages.
func link(c docscompare.Case, url string, directories bool) string {
	address, fragment, hasFragment := strings.Cut(url, "#")

	address, query, hasQuery := strings.Cut(address, "?")
	if address == "" || strings.Contains(address, ":") || strings.HasPrefix(address, "/") {
		return url
	}

	plain, _, _ := strings.Cut(strings.NewReplacer("%20", " ", "%C3%A4", "ä", "%C3%BC", "ü").Replace(address), "\x00")

	target := path.Join(path.Dir(c.Page), plain)
	if _, ok := c.Files["docs/"+target]; !ok || strings.HasSuffix(address, "/") {
		return url
	}

	to := destination(target, directories)

	out := relative(destination(c.Page, directories), to)
	if hasQuery {
		out += "?" + query
	}

	if hasFragment {
		out += "#" + fragment
	}

	return out
}

// destination is the address of a file in the site.
func destination(file string, directories bool) string {
	name, ok := strings.CutSuffix(file, ".md")
	if !ok {
		return file
	}

	if base := path.Base(name); base == "index" || base == "README" {
		if directories {
			return strings.TrimPrefix(path.Dir(name)+"/", "./")
		}

		return path.Join(path.Dir(name), "index.html")
	}

	if directories {
		return name + "/"
	}

	return name + ".html"
}

func relative(from, to string) string {
	base := strings.Split(from, "/")
	base = base[:len(base)-1]
	target := strings.Split(to, "/")

	for len(base) > 0 && len(target) > 1 && base[0] == target[0] {
		base, target = base[1:], target[1:]
	}

	out := strings.Repeat("../", len(base)) + strings.Join(target, "/")

	switch {
	case out == "":
		return "./"
	case strings.HasSuffix(out, "../"), out != "" && !strings.HasSuffix(out, "/"):
		return out
	}

	return out
}

// draw answers as the server of the recordings did.
func draw(_ context.Context, method, url string, body []byte) ([]byte, error) {
	_, address, _ := strings.Cut(url, "127.0.0.1:18999")

	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="10px" height="10px" style="width:10px;height:10px;"><desc>` +
		method + " " + address + " " + string(body) + "</desc></svg>"), nil
}

// inflate replaces pictures in addresses by their first part: the rest is the compressed diagram, which depends on the compressor.
func inflate(page string) string {
	const marker = "base64,"

	var out strings.Builder

	for {
		before, after, ok := strings.Cut(page, marker)
		if !ok {
			break
		}

		out.WriteString(before + marker)

		end := strings.IndexByte(after, '"')
		if end < 0 {
			break
		}

		picture, err := base64.StdEncoding.DecodeString(after[:end])
		if i := strings.LastIndex(string(picture), "/plantuml/"); err == nil && i >= 0 {
			out.WriteString(base64.StdEncoding.EncodeToString(picture[:i]))
		} else {
			out.WriteString(after[:end])
		}

		page = after[end:]
	}

	return out.String() + page
}

// table counts the cases of each feature.
func table(cases []docscompare.Case, results map[string]docscompare.Degree) string {
	counts := map[string]map[docscompare.Degree]int{}

	for _, c := range cases {
		for _, feature := range append(slices.Clone(c.Features), "~ all") {
			if counts[feature] == nil {
				counts[feature] = map[docscompare.Degree]int{}
			}

			counts[feature][results[c.ID]]++
		}
	}

	var out strings.Builder

	fmt.Fprintf(&out, "%-18s %6s %6s %6s\n", "feature", "equal", "text", "diff")

	for _, feature := range slices.Sorted(maps.Keys(counts)) {
		n := counts[feature]
		fmt.Fprintf(&out, "%-18s %6d %6d %6d\n", feature, n[docscompare.Equal], n[docscompare.TextOnly], n[docscompare.Different])
	}

	return out.String()
}
