package config

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSubstitution(t *testing.T) {
	t.Parallel()
	substituting := transformer{environment: environment{"A": "a", "SPACED": " s ", "EMPTY": ""}}
	for text, want := range map[string]string{
		"plain": "plain", "${A}": "a", "x${A}y${A}z": "xayaz", "${ A }": "a", "${SPACED}": "s", "${EMPTY}": "",
		"${EMPTY:-d}": "d", "${NOT:- d }": "d", "${A:-d}": "a", "${NOT:-a:-b}": "a:-b",
		"$${A}": "${A}", "$$${A}": "$${A}", "$A": "$A", "${A": "${A", "${a${A}}": "${aa}", "{A}": "{A}",
	} {
		got, ok := substituting.substitute(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"${NOT}", "a ${NOT} b", "${}", "${EMPTY:-}", "${NOT:-}"} {
		_, ok := substituting.substitute(text)
		require.False(t, ok, text)
	}
}

// FuzzSubstitution compares the scanner with Backstage's definition of the syntax as one regular expression.
func FuzzSubstitution(f *testing.F) {
	for _, seed := range []string{"${A}", "$${A}", "${a${A}}", "${A:-b}$${C}${", "$$$${A}}{", "${NOT:-}"} {
		f.Add(seed)
	}
	variables := environment{"A": "a", "EMPTY": "", "B_C": "$${A}"}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := transformer{environment: variables}.substitute(text)
		want, wantOK := substituteByExpression(variables, text)
		require.Equal(t, wantOK, ok)
		require.Equal(t, want, got)
	})
}

var parameterExpression = regexp.MustCompile(`\$?\$\{[^{}]*\}`)

func substituteByExpression(variables environment, text string) (string, bool) {
	defined := true
	out := parameterExpression.ReplaceAllStringFunc(text, func(part string) string {
		if strings.HasPrefix(part, "$$") {
			return part[1:]
		}
		name, fallback, _ := strings.Cut(part[2:len(part)-1], ":-")
		value, set := variables[strings.TrimSpace(name)]
		if value == "" && strings.Contains(part, ":-") {
			value, set = strings.TrimSpace(fallback), strings.TrimSpace(fallback) != ""
		}
		defined = defined && set
		return value
	})
	if !defined {
		return "", false
	}
	return out, true
}

// FuzzConfiguration looks for content that panics, or that is accepted but misunderstood.
func FuzzConfiguration(f *testing.F) {
	f.Add("app: {title: a}\nportico: {run: {stepTimeout: PT1H}}")
	f.Add("a: &a [1]\nb: [*a, *a]\ncatalog: {rules: [{allow: [A, {kind: B}]}]}")
	f.Add("backend: {listen: ':1', auth: {externalAccess: [null]}}\nportico: null")
	f.Fuzz(func(t *testing.T, content string) {
		read, err := parseYAML("fuzz.yaml", []byte(content))
		if err != nil || read.kind != object {
			return
		}
		checker := &checker{}
		known := checker.check(rootSchema(), read, "")
		if len(checker.problems) > 0 {
			return
		}
		var config Config
		require.NoError(t, known.Decode(&config))
		config.derive()
	})
}
