package snippets_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/markdown/internal/snippets"
)

var files = map[string]string{
	"part.md":      "one\ntwo\n\n  three\nfour\n",
	"no-end.md":    "a\r\nb",
	"inc/deep.md":  "deep\n--8<-- \"part.md:1:1\"\n",
	"self.md":      "before\n--8<-- \"self.md\"\nafter\n",
	"a.md":         "A\n--8<-- \"b.md\"\n",
	"b.md":         "B\n--8<-- \"a.md\"\n",
	"sections.md":  "x\n# --8<-- [start:first]\n    s1\n  s2\n;--8<-- [start:other]\n# --8<-- [end:first]\ny\n# --8<-- [start:second]\nz\n",
	"empty.md":     "",
	"doubling0.md": "x\n",
}

// expand is Expand with these files. The texts in the table below are what pymdown-extensions 11.0.1 makes of the same input.
func expand(t *testing.T, options map[string]any, source string) (string, []snippets.Problem, error) {
	t.Helper()

	expander, err := snippets.New(options)
	require.NoError(t, err)

	return expander.Expand(source, func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}

		return nil, errors.New("no such file")
	})
}

func TestExpand(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		options map[string]any
		in, out string
		problem string
	}{
		"a file":              {in: "x\n--8<-- \"part.md\"\ny", out: "x\none\ntwo\n\n  three\nfour\n\ny"},
		"short marks":         {in: "-8<- 'no-end.md'", out: "a\nb"},
		"long marks":          {in: "---8<----   \"no-end.md\"", out: "a\nb"},
		"in a line":           {in: "text --8<-- \"part.md\"", out: "text --8<-- \"part.md\""},
		"without quotes":      {in: "--8<-- part.md", out: "--8<-- part.md"},
		"escaped":             {in: ";--8<-- \"part.md\"\n;;--8<--", out: "--8<-- \"part.md\"\n;--8<--"},
		"commented":           {in: "--8<-- \";part.md\"", out: ""},
		"indented":            {in: "\t--8<-- \"no-end.md\"", out: "    a\n    b"},
		"a block":             {in: "--8<--\nno-end.md\n\n; part.md\n  no-end.md:2\n--8<--\nz", out: "a\nb\n\n  b\nz"},
		"short in a block":    {in: "--8<--\n--8<-- \"part.md\"\n--8<--", out: ""},
		"lines":               {in: "--8<-- \"part.md:2:3\"", out: "two\n"},
		"lines from":          {in: "--8<-- \"part.md:4\"", out: "  three\nfour\n"},
		"lines to":            {in: "--8<-- \"part.md::1\"", out: "one"},
		"lines from the end":  {in: "--8<-- \"part.md:-2:-1\"", out: "four\n"},
		"several lines":       {in: "--8<-- \"part.md:1:1,4:5\"", out: "one\n  three\nfour"},
		"a section":           {in: "--8<-- \"sections.md:first\"", out: "    s1\n  s2\n--8<-- [start:other]"},
		"an open section":     {in: "--8<-- \"sections.md:second\"", out: "z\n"},
		"no marks of section": {in: "--8<-- \"sections.md\"", out: "x\n    s1\n  s2\n--8<-- [start:other]\ny\nz\n"},
		"dedented":            {options: map[string]any{"dedent_subsections": true}, in: "--8<-- \"sections.md:first\"", out: "    s1\n  s2\n--8<-- [start:other]"},
		"dedented lines":      {options: map[string]any{"dedent_subsections": true}, in: "--8<-- \"part.md:4:4\"", out: "three"},
		"a base":              {options: map[string]any{"base_path": []any{"nowhere", "inc"}}, in: "--8<-- \"deep.md\"", out: "deep\n", problem: "part.md"},
		"a base that is it":   {options: map[string]any{"base_path": "inc/deep.md"}, in: "--8<-- \"deep.md:1:1\"", out: "deep"},
		"nested":              {in: "--8<-- \"inc/deep.md\"", out: "deep\none\n"},
		"appended":            {options: map[string]any{"auto_append": []any{"no-end.md"}}, in: "x", out: "x\n\n\na\nb\n"},
		"itself":              {in: "--8<-- \"self.md\"", out: "before\nafter\n", problem: "contains itself"},
		"each other":          {in: "--8<-- \"a.md\"", out: "A\nB\n\n", problem: "contains itself"},
		"twice":               {in: "--8<-- \"no-end.md\"\n--8<-- \"no-end.md\"", out: "a\nb\na\nb"},
		"empty":               {in: "x\n--8<-- \"empty.md\"\ny", out: "x\ny"},
		"missing":             {in: "x\n--8<-- \"gone.md\"\ny", out: "x\ny", problem: "there is no file gone.md"},
		"missing section":     {in: "--8<-- \"part.md:gone\"", out: "", problem: "there is no section gone"},
		"out of the tree":     {in: "--8<-- \"../part.md\"", out: "", problem: "there is no file ../part.md"},
		"an address":          {in: "--8<-- \"https://x.example/y\"", out: "", problem: "there is no file https:"},
		"a download":          {options: map[string]any{"url_download": true}, in: "--8<-- \"https://x.example/y\"", out: "", problem: "is not downloaded"},
	} {
		got, problems, err := expand(t, test.options, test.in)
		require.NoError(t, err, name)
		require.Equal(t, test.out, got, name)

		if test.problem == "" {
			require.Empty(t, problems, name)
		} else {
			require.Len(t, problems, 1, name)
			require.Contains(t, problems[0].Message, test.problem, name)
			require.Positive(t, problems[0].Line, name)
		}
	}
}

func TestCheckPaths(t *testing.T) {
	t.Parallel()

	for _, source := range []string{"\n--8<-- \"gone.md\"", "\n--8<-- \"part.md:gone\""} {
		_, _, err := expand(t, map[string]any{"check_paths": true}, source)
		require.ErrorContains(t, err, "snippet in line 2: there is no", source)
	}

	_, err := snippets.New(map[string]any{"base_paths": "x"})
	require.ErrorContains(t, err, `there is no option "base_paths"`)
}

func TestLimits(t *testing.T) {
	t.Parallel()

	// Each file contains the one before it twice.
	expander, err := snippets.New(nil)
	require.NoError(t, err)

	_, _, err = expander.Expand("--8<-- \"40.md\"", func(name string) ([]byte, error) {
		number := strings.TrimSuffix(name, ".md")

		return []byte("--8<-- \"x" + number + ".md\"\n--8<-- \"y" + number + ".md\"\n"), nil
	})
	require.ErrorContains(t, err, "too many")

	_, _, err = expander.Expand("--8<-- \"a.md\"", func(name string) ([]byte, error) {
		return []byte("--8<-- \"a" + name + "\""), nil
	})
	require.ErrorContains(t, err, "too many")
}

func FuzzExpand(f *testing.F) {
	f.Add("--8<-- \"part.md:1:2,3\"\n--8<--\npart.md\n;--8<--")
	f.Fuzz(func(t *testing.T, source string) {
		expander, err := snippets.New(map[string]any{"dedent_subsections": true})
		require.NoError(t, err)

		_, _, _ = expander.Expand(source, func(string) ([]byte, error) { return []byte(source), nil })
	})
}
