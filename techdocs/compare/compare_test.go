package compare_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/mkdocstest"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/compare"
	"github.com/portico-dev/portico/techdocs/mkdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// TestMain makes this binary the command that confines MkDocs.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "confine" {
		fmt.Fprintln(os.Stderr, mkdocs.Confine(os.Args[2]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestTheHandbookIsThatOfMkDocs builds a handbook in all styles with the real MkDocs and with Portico.
func TestTheHandbookIsThatOfMkDocs(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	source := filepath.Join("testdata", "handbook")
	wanted, given := t.TempDir(), t.TempDir()
	options := techdocs.Options{Log: func(line string) { t.Log(line) }}
	original := mkdocs.New(mkdocs.Config{Program: mkdocstest.Program(t), Confiner: []string{self, "confine"}, Folder: t.TempDir()})
	expected, err := original.Generate(t.Context(), source, wanted, options)
	require.NoError(t, err)
	report, err := site.New(site.Config{}).Generate(t.Context(), source, given, options)
	require.NoError(t, err)
	result, err := compare.Sites(wanted, given)
	require.NoError(t, err)
	require.Equal(t, 25, result.Pages)
	require.Equal(t, 25, result.Equal, "%+v", result.Differences)
	require.Empty(t, result.Differences)
	require.ElementsMatch(t, places(expected), places(report))
}

// places are the problems without their words.
func places(report techdocs.Report) []string {
	var all []string
	for _, p := range report.Problems {
		all = append(all, fmt.Sprintf("%s %s:%d", p.Severity, p.File, p.Line))
	}
	return all
}

const frame = `<html><head><title>%s</title></head><body>
<nav class="md-nav md-nav--secondary"><ul><li><a href="#a" class="md-nav__link"><span>%s</span></a></li></ul></nav>
<article class="md-content__inner md-typeset">%s</article>
<a href="%s" class="md-footer__link md-footer__link--next" aria-label="Next: B"></a></body></html>`

func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	base := []any{"Title", "A", "<h1>A</h1><p>Text</p>", "b/"}
	write := func(values []any, files ...string) string {
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "index.html"), fmt.Appendf(nil, frame, values...), 0o600))
		for _, name := range files {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
		}
		return folder
	}
	for name, test := range map[string]struct {
		other []any
		part  string
	}{
		"title":      {other: []any{"Other", base[1], base[2], base[3]}, part: "title"},
		"contents":   {other: []any{base[0], "B", base[2], base[3]}, part: "contents"},
		"element":    {other: []any{base[0], base[1], "<h1>A</h1><div>Text</div>", base[3]}, part: "content"},
		"text":       {other: []any{base[0], base[1], "<h1>A</h1><p>Texts</p>", base[3]}, part: "text"},
		"neighbours": {other: []any{base[0], base[1], base[2], "c/"}, part: "neighbours"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := compare.Sites(write(base), write(test.other))
			require.NoError(t, err)
			require.Equal(t, 1, result.Pages)
			require.Equal(t, 1, result.Unexplained())
			require.Len(t, result.Differences, 1)
			require.Equal(t, test.part, result.Differences[0].Part)
		})
	}
	result, err := compare.Sites(write(base, "a.pdf"), write(base, "b.pdf"))
	require.NoError(t, err)
	require.Equal(t, 1, result.Equal)
	require.Equal(t, []compare.Difference{{Page: "a.pdf", Part: "file", Detail: "it is missing"}, {Page: "b.pdf", Part: "file", Detail: "MkDocs has no such file"}}, result.Differences)
}
