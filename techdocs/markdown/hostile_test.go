package markdown_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/markdown"
)

// everything is on in hostile pages.
func everything(t testing.TB) *markdown.Converter {
	t.Helper()

	var extensions []markdown.Extension

	for name := range strings.FieldsSeq(`pymdownx.arithmatex pymdownx.keys pymdownx.progressbar wikilinks smarty pymdownx.blocks.admonition
		pymdownx.blocks.details pymdownx.blocks.tab pymdownx.blocks.html pymdownx.blocks.definition pymdownx.blocks.caption`) {
		extensions = append(extensions, markdown.Extension{Name: name})
	}

	converter, err := markdown.New(markdown.Config{TechDocsCore: true, Extensions: extensions})
	require.NoError(t, err)

	return converter
}

// TestHostilePages ends: a page that takes quadratic time would not within the time of the tests, and none may end the program.
func TestHostilePages(t *testing.T) {
	t.Parallel()

	const most, many = 100_000, 5_000

	converter := everything(t)

	for name, source := range map[string]string{
		"quotes":               strings.Repeat("> ", most) + "a",
		"quotes without space": strings.Repeat(">", many) + "a",
		"items":                strings.Repeat("- ", most) + "a",
		"numbers":              strings.Repeat("1. ", many) + "a",
		"mixed":                strings.Repeat("- > ", most) + "a",
		"deeper lists":         deeper(2_000, "- a"),
		"deeper boxes":         deeper(1_000, "!!! note"),
		"deeper details":       deeper(1_000, "??? note"),
		"deeper tabs":          deeper(1_000, `=== "a"`),
		"headings":             strings.Repeat("# a\n", many),
		"boxes in one block":   strings.Repeat("!!! note\n", many),
		"tabs in one block":    strings.Repeat("=== \"a\"\n", many),
		"definitions":          strings.Repeat("a\n: b\n", many),
		"footnotes":            strings.Repeat("[^a]: b\n", many),
		"named footnotes":      numberedLines(5_000, "[^%]: b\n\nx[^%]\n\n"),
		"references":           strings.Repeat("[a]: b\n", many),
		"abbreviations":        numberedLines(2_000, "*[A%]: b\n") + strings.Repeat("A1 ", many),
		"equal headings":       strings.Repeat("# a\n\n", 20_000) + strings.Repeat("[TOC]\n\n", 2_000),
		"open fences":          strings.Repeat("```\n", many+1),
		"different fences":     strings.Repeat("```a\n~~~b\n", many),
		"open tags":            strings.Repeat("<div>\n", many),
		"open markdown tags":   strings.Repeat("<div markdown>\n", many),
		"sibling tags":         "<div markdown>\n" + strings.Repeat("<p>a</p>\n", many) + "</div>",
		"unfinished tags":      strings.Repeat("<a ", many) + ">",
		"unfinished tags only": strings.Repeat("<a ", many),
		"unfinished values":    strings.Repeat(`<a b="`, many),
		"end tags":             strings.Repeat("</a", many),
		"comments":             strings.Repeat("<!--", many),
		"declarations":         strings.Repeat("<!a", many),
		"instructions":         strings.Repeat("\n\n<?", many),
		"sections":             strings.Repeat("<![CDATA[", many),
		"scripts":              strings.Repeat("<script>", many),
		"entities":             strings.Repeat("&#", many) + ";",
		"brackets":             strings.Repeat("[", many),
		"images":               strings.Repeat("![", many),
		"links":                strings.Repeat("[a](", many),
		"stars":                strings.Repeat("*a", many),
		"long stars":           strings.Repeat("*", many),
		"underscores":          strings.Repeat("_a ", many),
		"alternating":          strings.Repeat("*_", many),
		"backticks":            strings.Repeat("`a", many),
		"growing backticks":    growing(1_000, "`"),
		"backslashes":          strings.Repeat(`\`, most),
		"escaped stars":        strings.Repeat(`\*`, most),
		"escaped ticks":        strings.Repeat("\\`", most),
		"escaped formulas":     strings.Repeat(`\(`, most),
		"backslashes in code":  "```sh\n" + strings.Repeat(`\`, most) + "\n```\n",
		"backslashes in rows":  "|a|b|\n|-|-|\n|" + strings.Repeat(`\|`, most) + "|c|",
		"carets":               strings.Repeat("^a", many),
		"tildes":               strings.Repeat("~a", many),
		"marks":                strings.Repeat("==a", many),
		"edits":                strings.Repeat("{++a", many),
		"substitutions":        strings.Repeat("{~~a~>", many),
		"dollars":              strings.Repeat("$a", many),
		"keys":                 strings.Repeat("++a", many),
		"colons":               strings.Repeat(":a", many),
		"addresses":            strings.Repeat("http://", many),
		"mails":                strings.Repeat("a@", many),
		"quotation marks":      strings.Repeat(`"a `, many),
		"attributes":           "a\n{" + strings.Repeat(" .a", many) + "}",
		"open attributes":      strings.Repeat("*a*{", many),
		"wide table":           strings.Repeat("|a", 1_500) + "\n" + strings.Repeat("|-", 1_500) + "\n" + strings.Repeat("|a\n", 1_500),
		"long table":           "|a|b|\n|-|-|\n" + strings.Repeat("|`a|b\n", many),
		"blocks":               strings.Repeat("/// note\n\n", 20_000),
		"blocks in one":        strings.Repeat("/// note\n", 20_000),
		"deep yaml":            "---\na: " + strings.Repeat("[", many) + "\n---\n",
		"aliases":              "---\na: &a [x,x,x,x,x,x,x,x,x]\n" + aliases(9) + "---\ntext\n",
		"labels":               strings.Repeat("a: b\n", many),
		"alerts":               strings.Repeat("> [!NOTE]\n> a\n", many),
		"rules":                strings.Repeat("- ", many) + "\n",
		"white space":          strings.Repeat(" ", many) + "\n" + strings.Repeat("\t", many),
		"plantuml":             strings.Repeat("```plantuml\n", 20_000),
		"svg":                  strings.Repeat("<svg", many),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			result, err := converter.Convert(t.Context(), markdown.Page{Source: []byte(source), Path: "hostile.md"})
			if err != nil {
				require.Equal(t, fault.Input, fault.KindOf(err), "%s", err)
			}

			require.True(t, utf8.ValidString(result.HTML))
		})
	}
}

func deeper(depth int, line string) string {
	var out strings.Builder
	for i := range depth {
		out.WriteString(strings.Repeat("    ", i) + line + "\n")
	}

	return out.String()
}

func numberedLines(count int, line string) string {
	var out strings.Builder
	for i := range count {
		out.WriteString(strings.ReplaceAll(line, "%", strings.Repeat("x", i%7)+string(rune('0'+i%10))+strings.Repeat("y", i%11)))
	}

	return out.String()
}

func growing(count int, char string) string {
	var out strings.Builder
	for i := range count {
		out.WriteString(strings.Repeat(char, i+1) + " ")
	}

	return out.String()
}

func aliases(count int) string {
	var out strings.Builder

	for i := range count {
		from, to := string(rune('a'+i)), string(rune('b'+i))
		out.WriteString(to + ": &" + to + " [" + strings.TrimSuffix(strings.Repeat("*"+from+",", 9), ",") + "]\n")
	}

	return out.String()
}

func TestSizeAndEncoding(t *testing.T) {
	t.Parallel()

	converter := everything(t)

	for name, source := range map[string]string{
		"a line of 20 MB": strings.Repeat("a", 20<<20),
		"no UTF-8":        "# a\n\nb \xff c\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := converter.Convert(t.Context(), markdown.Page{Source: []byte(source), Path: "docs/a.md"})
			require.Error(t, err)
			require.Equal(t, fault.Input, fault.KindOf(err))
			require.Contains(t, err.Error(), "docs/a.md")
		})
	}
}

func TestAnAbbreviationIsNotLookedForInMarks(t *testing.T) {
	t.Parallel()

	page, err := everything(t).Convert(t.Context(), markdown.Page{Source: []byte("# <b>0</b> of `code` \\* 0\n\n*[0]: none\n*[42]: a star\n"), Path: "docs/a.md"})
	require.NoError(t, err)
	require.NotContains(t, page.HTML, "wzxhzdk")
	require.Contains(t, page.HTML, `* <abbr title="none">0</abbr>`)
}

// FuzzConvert says that no page ends the program, and that each page is valid UTF-8.
func FuzzConvert(f *testing.F) {
	for _, c := range recordedCases(f) {
		f.Add(c.Files["docs/"+c.Page])
	}

	converter := everything(f)

	f.Fuzz(func(t *testing.T, source string) {
		result, err := converter.Convert(t.Context(), markdown.Page{Source: []byte(source), Path: "fuzz.md"})
		if err != nil {
			require.Equal(t, fault.Input, fault.KindOf(err), "%s", err)
		}

		require.True(t, utf8.ValidString(result.HTML))
		require.NotContains(t, result.HTML, "\x02wzxhzdk:")
	})
}

func BenchmarkConvert(b *testing.B) {
	source, err := os.ReadFile("testdata/page.md")
	require.NoError(b, err)

	converter, err := markdown.New(markdown.Config{TechDocsCore: true})
	require.NoError(b, err)
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()

	for b.Loop() {
		if _, err := converter.Convert(b.Context(), markdown.Page{Source: source, Path: "page.md"}); err != nil {
			b.Fatal(err)
		}
	}
}
