package site_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	nethtml "golang.org/x/net/html"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/internal/docscompare"
	"github.com/portico-dev/portico/techdocs/site"
)

// siteCase is a site as the real MkDocs built it.
type siteCase struct {
	ID           string            `json:"id"`
	Files        map[string]string `json:"files"`
	Exit         int               `json:"exit"`
	Log          []string          `json:"log"`
	Outputs      []string          `json:"outputs"`
	Nav          []navEntry        `json:"nav"`
	Pages        []pageCase        `json:"pages"`
	SearchConfig map[string]any    `json:"search_config"`
	SearchDocs   []searchDoc       `json:"search_docs"`
	Metadata     map[string]string `json:"techdocs_metadata"`
	Sitemap      []string          `json:"sitemap"`
	OtherHTML    map[string]string `json:"other_html"`
}

type navEntry struct {
	Title    *string    `json:"title"`
	URL      *string    `json:"url"`
	Src      string     `json:"src"`
	Section  *string    `json:"section"`
	Link     *string    `json:"link"`
	Children []navEntry `json:"children"`
}

type pageCase struct {
	Src       string               `json:"src"`
	URL       string               `json:"url"`
	Dest      string               `json:"dest"`
	Title     string               `json:"title"`
	InNav     bool                 `json:"in_nav"`
	HTMLTitle string               `json:"html_title"`
	Canonical string               `json:"canonical_url"`
	EditLink  map[string]string    `json:"edit_link"`
	Footer    map[string][2]string `json:"footer"`
	RepoLink  string               `json:"repo_link"`
	HTML      string               `json:"html"`
}

type searchDoc struct {
	Location string `json:"location"`
	Text     string `json:"text"`
	Title    string `json:"title"`
}

// deliberate are the cases in which Portico differs from MkDocs on purpose, and why. docs/techdocs.md lists them for authors.
var deliberate = map[string]string{
	"python-tag":              "Backstage refuses tags that load Python code, and so does Portico",
	"no-plugins-key":          "Backstage turns techdocs-core on when it is not listed, and so does Portico",
	"config-mkdocs-yaml-name": "Backstage reads mkdocs.yaml, and so does Portico; MkDocs was told to read mkdocs.yml",
	"hooks":                   "hooks run code of the repository; Backstage drops them, and Portico does so with a warning",
}

// scripts are files of the search in the browser, which readers of TechDocs never run.
var scripts = regexp.MustCompile(`^search/(lunr\S*|main|worker|tinyseg)\.js$`)

func cases(t *testing.T) []siteCase {
	t.Helper()
	content, err := os.ReadFile("testdata/site-cases.json")
	require.NoError(t, err)
	var recorded struct {
		SiteCases []siteCase `json:"site_cases"`
	}
	require.NoError(t, json.Unmarshal(content, &recorded))
	require.Len(t, recorded.SiteCases, 58)

	return recorded.SiteCases
}

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		require.NoError(t, os.WriteFile(full, []byte(content), 0o600))
	}

	return dir
}

var clock = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// generate builds the files and returns where the site is.
func generate(t *testing.T, files map[string]string, options techdocs.Options) (string, techdocs.Report, error) {
	t.Helper()
	output := t.TempDir()
	report, err := site.New(site.Config{Now: func() time.Time { return clock }}).Generate(t.Context(), writeFiles(t, files), output, options)

	return output, report, err
}

func TestSitesEqualThoseOfMkDocs(t *testing.T) {
	t.Parallel()

	for _, recorded := range cases(t) {
		t.Run(recorded.ID, func(t *testing.T) {
			t.Parallel()
			if reason := deliberate[recorded.ID]; reason != "" {
				t.Skip(reason)
			}
			output, report, err := generate(t, recorded.Files, techdocs.Options{})
			if recorded.Exit != 0 {
				require.Error(t, err)
				compareFailure(t, recorded, report)

				return
			}
			require.NoError(t, err, "%v", report.Problems)
			compareProblems(t, recorded, report.Problems)
			compareOutputs(t, recorded, output)
			comparePages(t, recorded, output)
			compareNav(t, recorded, output)
			compareSearch(t, recorded, output)
			compareMetadata(t, recorded, output)
		})
	}
}

// compareFailure checks that a build that fails says in which file.
func compareFailure(t *testing.T, recorded siteCase, report techdocs.Report) {
	t.Helper()
	failed := slices.IndexFunc(report.Problems, func(problem techdocs.Problem) bool { return problem.Severity == techdocs.Error })
	require.NotEqual(t, -1, failed, "a build that fails has a problem of severity error")
	require.NotEmpty(t, report.Problems[failed].File)
	for _, line := range recorded.Log {
		if quoted := regexp.MustCompile(`Config value '(\w+)'`).FindStringSubmatch(line); quoted != nil && strings.HasPrefix(line, "ERROR") {
			require.Contains(t, fmt.Sprint(report.Problems), strings.TrimPrefix(strings.TrimSuffix(quoted[1], "s"), "markdown_"))
		}
		if place := regexp.MustCompile(`line (\d+), column (\d+)`).FindStringSubmatch(line); place != nil {
			problem := report.Problems[failed]
			require.Equal(t, place[0], fmt.Sprintf("line %d, column %d", problem.Line, problem.Column))
		}
	}
}

var (
	quotedWord = regexp.MustCompile(`'([^']+)'`)
	levels     = map[string]string{"INFO": techdocs.Info, "WARNING": techdocs.Warning, "ERROR": techdocs.Error}
)

// compareProblems checks that each line that MkDocs logged has a problem of the same severity about the same names, and that there are no others.
func compareProblems(t *testing.T, recorded siteCase, problems []techdocs.Problem) {
	t.Helper()
	type fact struct {
		severity, file string
		words          []string
	}
	var want []fact
	for _, line := range recorded.Log {
		level, message, is := strings.Cut(line, " - ")
		switch {
		case strings.HasPrefix(line, "  - "):
			want = append(want, fact{severity: techdocs.Info, file: strings.TrimPrefix(line, "  - ")})
		case strings.Contains(line, "The following pages exist"):
		case is:
			one := fact{severity: levels[level]}
			for _, match := range quotedWord.FindAllStringSubmatch(message, -1) {
				if one.file == "" && strings.HasPrefix(message, "Doc file") {
					one.file = match[1]
				} else if !slices.Contains([]string{"nav", "plugins"}, match[1]) {
					one.words = append(one.words, match[1])
				}
			}
			want = append(want, one)
		}
	}
	rest := slices.Clone(problems)
	for _, one := range want {
		at := slices.IndexFunc(rest, func(problem techdocs.Problem) bool {
			text := problem.File + " " + problem.Message

			return problem.Severity == one.severity && (strings.HasSuffix(problem.File, one.file) || strings.Contains(problem.Message, "\""+one.file+"\"")) && !slices.ContainsFunc(one.words, func(word string) bool { return !strings.Contains(text, word) })
		})
		require.NotEqual(t, -1, at, "no problem %v in %v", one, rest)
		rest = slices.Delete(rest, at, at+1)
	}
	require.Empty(t, rest, "MkDocs does not report these")
}

func walk(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			all = append(all, filepath.ToSlash(name))
		}

		return err
	}))

	return all
}

var themeFiles = regexp.MustCompile(`^assets/(stylesheets|javascripts|images)/`)

func compareOutputs(t *testing.T, recorded siteCase, output string) {
	t.Helper()
	want := slices.DeleteFunc(slices.Clone(recorded.Outputs), scripts.MatchString)
	require.Equal(t, want, slices.DeleteFunc(walk(t, output), themeFiles.MatchString))
}

func read(t *testing.T, output, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(output, filepath.FromSlash(name)))
	require.NoError(t, err)

	return string(content)
}

func parse(t *testing.T, text string) *nethtml.Node {
	t.Helper()
	root, err := nethtml.Parse(strings.NewReader(text))
	require.NoError(t, err)

	return root
}

func attribute(node *nethtml.Node, key string) string {
	for _, one := range node.Attr {
		if one.Key == key {
			return one.Val
		}
	}

	return ""
}

func hasClass(node *nethtml.Node, class string) bool {
	return slices.Contains(strings.Fields(attribute(node, "class")), class)
}

// all returns the elements below a node for which test is true.
func all(node *nethtml.Node, test func(*nethtml.Node) bool) []*nethtml.Node {
	var found []*nethtml.Node
	for child := range node.Descendants() {
		if child.Type == nethtml.ElementNode && test(child) {
			found = append(found, child)
		}
	}

	return found
}

func text(node *nethtml.Node) string {
	var out strings.Builder
	for child := range node.Descendants() {
		if child.Type == nethtml.TextNode {
			out.WriteString(child.Data)
		}
	}

	return strings.Join(strings.Fields(out.String()), " ")
}

var (
	article    = regexp.MustCompile(`(?s)<article class="md-content__inner md-typeset">(.*)</article>`)
	editButton = regexp.MustCompile(`(?s)<a [^>]*class="md-content__button md-icon"[^>]*>.*?</a>`)
)

// plain undoes entities, twice: MkDocs escapes titles again that are HTML already.
func plain(text string) string {
	return regexp.MustCompile(`<[^>]*>`).ReplaceAllString(html.UnescapeString(html.UnescapeString(text)), "")
}

func comparePages(t *testing.T, recorded siteCase, output string) {
	t.Helper()
	for _, want := range recorded.Pages {
		got := read(t, output, want.Dest)
		root := parse(t, got)
		match := article.FindStringSubmatch(got)
		require.NotNil(t, match, want.Src)
		expected := want.HTML
		if recorded.ID == "titles-inline-markup-entities" && want.Src == "four.md" {
			// On purpose: the title of the metadata is text.
			expected = strings.Replace(expected, "<b>Meta</b> & \"q\"", "&lt;b&gt;Meta&lt;/b&gt; &amp; \"q\"", 1)
		}
		degree, difference := docscompare.HTML(expected, editButton.ReplaceAllString(match[1], ""))
		require.Equal(t, docscompare.Equal, degree, "%s: %s", want.Src, difference)
		title := all(root, func(node *nethtml.Node) bool { return node.Data == "title" && node.Parent.Data == "head" })
		require.Equal(t, html.UnescapeString(want.HTMLTitle), text(title[0]), want.Src)
		compareLinks(t, want, root)
	}
}

// compareLinks checks the links around a page.
func compareLinks(t *testing.T, want pageCase, root *nethtml.Node) {
	t.Helper()
	link := func(rel string) string {
		for _, node := range all(root, func(node *nethtml.Node) bool { return node.Data == "link" && attribute(node, "rel") == rel }) {
			return attribute(node, "href")
		}

		return ""
	}
	require.Equal(t, want.Canonical, link("canonical"))
	edit := all(root, func(node *nethtml.Node) bool { return hasClass(node, "md-content__button") })
	if want.EditLink == nil {
		require.Empty(t, edit)
	} else {
		require.Equal(t, want.EditLink, map[string]string{"href": unescaped(attribute(edit[0], "href")), "title": attribute(edit[0], "title")})
	}
	footer := map[string][2]string{}
	for _, node := range all(root, func(node *nethtml.Node) bool { return hasClass(node, "md-footer__link") }) {
		key := "prev"
		if hasClass(node, "md-footer__link--next") {
			key = "next"
		}
		footer[key] = [2]string{attribute(node, "href"), plain(attribute(node, "aria-label"))}
	}
	wanted := map[string][2]string{}
	for key, value := range want.Footer {
		wanted[key] = [2]string{value[0], plain(value[1])}
	}
	require.Equal(t, wanted, footer)
	source := all(root, func(node *nethtml.Node) bool { return hasClass(node, "md-source") })
	if want.RepoLink != "" {
		require.Equal(t, want.RepoLink, attribute(source[0], "href"))
	}
}

func unescaped(address string) string {
	if plain, err := url.PathUnescape(address); err == nil && !strings.Contains(address, "?") {
		return plain
	}

	return address
}

// compareNav reads the nav of the first page.
func compareNav(t *testing.T, recorded siteCase, output string) {
	t.Helper()
	if len(recorded.Pages) == 0 {
		return
	}
	page := recorded.Pages[0]
	root := parse(t, read(t, output, page.Dest))
	primary := all(root, func(node *nethtml.Node) bool { return hasClass(node, "md-nav--primary") })
	require.Len(t, primary, 1)
	require.Equal(t, flatten(recorded.Nav, 0), readNav(t, primary[0], page, 0))
}

// flatten writes a nav as lines: depth, title, address.
func flatten(entries []navEntry, depth int) []string {
	lines := []string{}
	for _, entry := range entries {
		pad := strings.Repeat("  ", depth)
		switch {
		case entry.Children != nil:
			title := ""
			if entry.Section != nil {
				title = plain(*entry.Section)
			}
			lines = append(lines, pad+"["+title+"]")
			lines = append(lines, flatten(entry.Children, depth+1)...)
		case entry.Src != "":
			lines = append(lines, pad+plain(*entry.Title)+" "+*entry.URL)
		default:
			title := *entry.URL
			if entry.Link != nil {
				title = *entry.Link
			}
			lines = append(lines, pad+title+" "+*entry.URL)
		}
	}

	return lines
}

func readNav(t *testing.T, node *nethtml.Node, page pageCase, depth int) []string {
	t.Helper()
	lines := []string{}
	pad := strings.Repeat("  ", depth)
	list := directly(node, "md-nav__list")
	require.NotNil(t, list)
	for item := range list.ChildNodes() {
		if item.Data != "li" {
			continue
		}
		if nested := directly(item, "md-nav"); nested != nil && !hasClass(nested, "md-nav--secondary") {
			lines = append(lines, pad+"["+plain(text(directly(item, "md-nav__link")))+"]")
			if index := directly(item, "md-nav__container"); index != nil {
				// With navigation.indexes, the title of the section is the link to its first page.
				lines[len(lines)-1] = pad + "[Sub]"
				lines = append(lines, pad+"  Sub index "+absolute(t, attribute(directly(index, "md-nav__link"), "href"), page))
			}
			lines = append(lines, readNav(t, nested, page, depth+1)...)

			continue
		}
		for link := range item.ChildNodes() {
			if link.Data == "a" {
				lines = append(lines, pad+plain(text(link))+" "+absolute(t, attribute(link, "href"), page))
			}
		}
	}

	return lines
}

// absolute turns the address of a link on a page back into that in the site.
func absolute(t *testing.T, href string, page pageCase) string {
	t.Helper()
	base, err := url.Parse("https://site/" + strings.TrimPrefix(page.URL, "./"))
	require.NoError(t, err)
	reference, err := url.Parse(href)
	require.NoError(t, err)
	if reference.IsAbs() || strings.HasPrefix(href, "/") || strings.HasPrefix(href, "../") && page.URL == "./" {
		return href
	}

	return strings.TrimPrefix(base.ResolveReference(reference).String(), "https://site/")
}

func directly(node *nethtml.Node, class string) *nethtml.Node {
	for child := range node.ChildNodes() {
		if child.Type == nethtml.ElementNode && hasClass(child, class) {
			return child
		}
	}

	return nil
}

func compareSearch(t *testing.T, recorded siteCase, output string) {
	t.Helper()
	var index struct {
		Config map[string]any
		Docs   []searchDoc
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, output, "search/search_index.json")), &index))
	require.Equal(t, recorded.SearchConfig, index.Config)
	require.Len(t, index.Docs, len(recorded.SearchDocs))
	for i, want := range recorded.SearchDocs {
		require.Equal(t, want, index.Docs[i])
	}
}

func compareMetadata(t *testing.T, recorded siteCase, output string) {
	t.Helper()
	var metadata struct {
		SiteName        string `json:"site_name"`
		SiteDescription string `json:"site_description"`
		Engine          string
		Timestamp       int64 `json:"build_timestamp"`
		Files           []string
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, output, "techdocs_metadata.json")), &metadata))
	require.Equal(t, recorded.Metadata["site_name"], metadata.SiteName)
	require.Equal(t, recorded.Metadata["site_description"], metadata.SiteDescription)
	require.Equal(t, "portico", metadata.Engine)
	require.Equal(t, clock.UnixMilli(), metadata.Timestamp)
	require.Equal(t, walk(t, output), metadata.Files)
	var addresses []string
	for _, match := range regexp.MustCompile(`<loc>(.*?)</loc>`).FindAllStringSubmatch(read(t, output, "sitemap.xml"), -1) {
		addresses = append(addresses, html.UnescapeString(match[1]))
	}
	require.ElementsMatch(t, recorded.Sitemap, addresses)
	refresh := regexp.MustCompile(`<meta http-equiv="refresh" content="([^"]*)">`)
	for name, want := range recorded.OtherHTML {
		require.Equal(t, refresh.FindStringSubmatch(want)[1], refresh.FindStringSubmatch(read(t, output, name))[1], name)
	}
}

func directlyBelow(t *testing.T, root *nethtml.Node, class string) *nethtml.Node {
	t.Helper()
	found := all(root, func(node *nethtml.Node) bool { return hasClass(node, class) })
	require.NotEmpty(t, found)

	return found[0]
}
