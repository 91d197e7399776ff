package expression_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/resolver/expression"
)

var ada = provider.Person{Subject: "118", UserID: "4711", Username: "ada", Profile: provider.Profile{Email: "Ada.Lovelace@example.com", DisplayName: "Ada Lovelace"},
	Claims: map[string]any{"groups": []any{"staff", "engineers"}, "employee": float64(7), "org": map[string]any{"unit": "R&D"}, "pattern": "(a+)+$",
		"long": strings.Repeat("a", 10_000)}}

func TestAnExpressionSaysWhoSomebodyIs(t *testing.T) {
	t.Parallel()
	for text, expected := range map[string]string{
		"profile.username":                                                                       "ada",
		"profile.email.split('@')[0].lowerAscii()":                                               "ada.lovelace",
		"'AZaz[@\u212a\u0130\u00c4'.lowerAscii()":                                                "azaz[@\u212a\u0130\u00c4",
		"'user:people/' + profile.userId":                                                        "user:people/4711",
		"profile.email.endsWith('@example.com') ? profile.username : ''":                         "ada",
		"profile.email.endsWith('@elsewhere.example.org') ? profile.username : ''":               "",
		"'engineers' in claims.groups ? profile.username : ''":                                   "ada",
		"claims.groups.exists(g, g.startsWith('eng')) ? profile.username : ''":                   "ada",
		"has(claims.employee) && claims.employee == 7 ? 'e' + string(int(claims.employee)) : ''": "e7",
		"has(claims.nothing) ? claims.nothing : ''":                                              "",
		"claims.org.unit": "R&D",
		"dyn(null)":       "",
		"profile.email.matches('^Ada[.]') ? 'a' : ''": "a",
		"('  ' + profile.subject + ' ').trim()":       "118",
	} {
		compiled, err := expression.Compile(text)
		require.NoError(t, err, text)
		result, err := compiled.Evaluate(t.Context(), ada)
		require.NoError(t, err, text)
		require.Equal(t, expected, result, text)
	}
}

func TestMistakesAreFoundAtTheStart(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"profil.email":                       "1:1: undeclared reference to 'profil'",
		"true &&\n  profile.emial == 'a'":    "2:10: undefined field 'emial'",
		"profile.email +":                    "1:16: Syntax error",
		"profile.email == 'a'":               "its result is a bool",
		"profile":                            "its result is a expression.Profile",
		"['ada']":                            "its result is a list(string)",
		"1":                                  "its result is a int",
		"read('/etc/passwd')":                "undeclared reference to 'read'",
		"profile.email.matches('(') ? '':''": "invalid matches argument",
		"profile.email.matches(claims.pattern) ? 'a' : ''":                        "the pattern of matches must be written in the expression",
		"profile.email.matches('a' + profile.email) ? 'a' : ''":                   "the pattern of matches must be written in the expression",
		"profile.email.matches('((a{30}){30}){30}') ? 'a' : ''":                   "matches",
		"profile.email.matches('(x|y){900}(a|b){900}') ? 'a' : ''":                "regex program size",
		"[1].map(a, [1].map(b, [1].map(c, [1].map(d, 1)))).size() > 0 ? 'a' : ''": "nesting",
		"'" + strings.Repeat("a", 5000) + "'":                                     "size exceeds limit",
		strings.Repeat("(", 200) + "'a'" + strings.Repeat(")", 200):               "recursion",
		"[profile.email]" + strings.Repeat(".map(x, x + x)", 30) + "[0]":          "nesting",
		"profile.email.replace('a', 'b')":                                         "undeclared reference to 'replace'",
	} {
		_, err := expression.Compile(text)
		require.ErrorContains(t, err, reason, text)
	}
}

// TestWhatAnExpressionComputesIsBounded: a person may have many claims, and an author may not think of that.
func TestWhatAnExpressionComputesIsBounded(t *testing.T) {
	t.Parallel()
	doubled := "profile.email"
	for range 40 {
		doubled = "[" + doubled + "].map(x, x + x)[0]"
	}
	_, err := expression.Compile(doubled)
	require.Error(t, err, "it is too deep")

	many := ada
	list := make([]any, 20_000)
	for n := range list {
		list[n] = "group"
	}
	many.Claims = map[string]any{"groups": list, "long": strings.Repeat("a", 1<<20)}
	for _, text := range []string{
		"claims.groups.filter(a, claims.groups.exists(b, b + 'x' == a)).size() > 0 ? 'a' : ''",
		"claims.groups.map(a, claims.groups.map(b, a + b)).size() > 0 ? 'a' : ''",
		"claims.groups.map(a, claims.long + a).size() > 0 ? 'a' : ''",
		"string(claims.long).split('').exists(c, c == 'b') ? 'a' : 'b'",
		"string(claims.long).matches('(a|aa)+b(c|d){1,50}') ? 'a' : 'b'",
	} {
		compiled, err := expression.Compile(text)
		require.NoError(t, err, text)
		began := time.Now()
		_, err = compiled.Evaluate(t.Context(), many)
		require.ErrorIs(t, err, expression.ErrTooLong, text)
		require.Less(t, time.Since(began), time.Minute, text) // unstopped, it takes hours
	}
}

func TestFailuresAreReasons(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"claims.nothing":          "no such key: nothing",
		"claims.employee":         "the expression's result is a double, not a text",
		"claims.groups[7]":        "index out of bounds",
		"claims.long":             "too long for a reference",
		"claims.org.unit.further": "the expression failed",
	} {
		compiled, err := expression.Compile(text)
		require.NoError(t, err, text)
		_, err = compiled.Evaluate(t.Context(), ada)
		require.ErrorContains(t, err, reason, text)
		require.Less(t, len(err.Error()), 300)
	}
	compiled, err := expression.Compile("'groups' in claims ? 'a' : ''")
	require.NoError(t, err)
	result, err := compiled.Evaluate(t.Context(), provider.Person{})
	require.NoError(t, err, "a person without claims has an empty map of them")
	require.Empty(t, result)
}
