package resolver_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/resolver"
)

func byExpression(expression string) resolver.Entry {
	return resolver.Entry{Name: "expression", Expression: expression}
}

// people are a catalog that looks at all values, as the real one does.
var people = exact{
	"user:default/ada":  {"metadata.namespace": "default", "metadata.name": "ada"},
	"user:people/ada":   {"metadata.namespace": "people", "metadata.name": "ada"},
	"user:default/boss": {"metadata.namespace": "default", "metadata.name": "boss"},
}

func TestTheResultOfAnExpressionIsLookedUp(t *testing.T) {
	t.Parallel()
	for expression, expected := range map[string]string{
		"profile.username":                  "user:default/ada",
		"'people/' + profile.username":      "user:people/ada",
		"'user:people/' + profile.username": "user:people/ada",
		"'User:Default/' + 'ada'":           "user:default/ada",
	} {
		made, err := resolver.New(resolver.Options{Provider: "github", Users: people, Entries: []resolver.Entry{byExpression(expression)}})
		require.NoError(t, err)
		found, _, err := made.Resolve(t.Context(), person("ada@example.com"))
		require.NoError(t, err, expression)
		require.Equal(t, resolver.Found{UserRef: expected, Resolver: "expression", InCatalog: true}, found)
	}
}

// TestAnExpressionAloneSignsNobodyIn: the catalog has the last word.
func TestAnExpressionAloneSignsNobodyIn(t *testing.T) {
	t.Parallel()
	for expression, reason := range map[string]string{
		"'nobody'":               "",
		"'group:default/admins'": "the expression's result 'group:default/admins' is not the name or reference of a User",
		"':'":                    "the expression's result ':' is not the name or reference of a User",
		"''":                     "the expression gave nobody",
		"claims.nothing":         "the expression failed: no such key: nothing",
	} {
		made, err := resolver.New(resolver.Options{Provider: "oidc", Users: people, Entries: []resolver.Entry{byExpression(expression)}})
		require.NoError(t, err)
		_, tried, err := made.Resolve(t.Context(), person("ada@example.com"))
		require.Equal(t, fault.NotFound, fault.KindOf(err), expression)
		require.Len(t, tried, 1)
		require.Equal(t, reason, tried[0].Reason)
	}

	// The next resolver is asked, and the option for people outside the catalog is refused somebody's name.
	made, err := resolver.New(resolver.Options{Provider: "oidc", Users: people, Entries: []resolver.Entry{byExpression("claims.nothing"),
		{Name: "preferredUsernameMatchingUserEntityName"}}})
	require.NoError(t, err)
	found, tried, err := made.Resolve(t.Context(), person(""))
	require.NoError(t, err)
	require.Equal(t, "user:default/ada", found.UserRef)
	require.Len(t, tried, 1)

	outside := byExpression("'guests/' + profile.username")
	outside.WithoutUser = true
	made, err = resolver.New(resolver.Options{Provider: "oidc", Users: people, Entries: []resolver.Entry{outside}})
	require.NoError(t, err)
	found, _, err = made.Resolve(t.Context(), person(""))
	require.NoError(t, err)
	require.Equal(t, resolver.Found{UserRef: "user:guests/ada", Resolver: "expression"}, found)
}

// TestAnExpressionThatIsStoppedEndsTheSignIn: it did not say that the person is nobody, and the next resolver could
// take them for somebody else.
func TestAnExpressionThatIsStoppedEndsTheSignIn(t *testing.T) {
	t.Parallel()
	made, err := resolver.New(resolver.Options{Provider: "oidc", Users: people, Entries: []resolver.Entry{
		byExpression("claims.groups.filter(a, claims.groups.exists(b, b + 'x' == a)).size() > 0 ? 'boss' : ''"),
		{Name: "preferredUsernameMatchingUserEntityName"}}})
	require.NoError(t, err)
	many := person("")
	many.Claims = map[string]any{"groups": slices.Repeat([]any{"group"}, 20_000)}
	found, tried, err := made.Resolve(t.Context(), many)
	require.Empty(t, found)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorContains(t, err, "the expression that says who you are computes too long")
	require.Equal(t, []resolver.Attempt{{Resolver: "expression", Reason: "the expression computes too long for this person"}}, tried)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = made.Resolve(ctx, many)
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "a request that ended did not decide either")
}

func TestExpressionsAreCheckedAtTheStart(t *testing.T) {
	t.Parallel()
	for reason, entry := range map[string]resolver.Entry{
		"signIn.resolvers[0]: expression is missing: it says in CEL which User somebody is":                                   byExpression(""),
		"signIn.resolvers[0]: expression: 1:1: undeclared reference to 'user'":                                                byExpression("user"),
		"signIn.resolvers[0]: expression is for the resolver 'expression', not for 'preferredUsernameMatchingUserEntityName'": {Name: "preferredUsernameMatchingUserEntityName", Expression: "profile.username"},
	} {
		_, err := resolver.New(resolver.Options{Provider: "oidc", Users: people, Entries: []resolver.Entry{entry}})
		require.EqualError(t, err, reason)
	}
}
