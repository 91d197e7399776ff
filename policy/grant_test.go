package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// words are rules on texts: a filter is a function, and the one rule matches texts in a list.
var words = policy.Rules[string, func(string) bool]{
	ResourceType: policy.ScaffolderTask,
	ByName: map[string]policy.Rule[func(string) bool]{
		"IS_ONE_OF": policy.NewRule("list", func(p struct {
			List  []string
			Limit *int
		},
		) func(string) bool {
			return func(word string) bool { return slices.Contains(p.List, word) }
		}),
	},
	All: func(filters []func(string) bool) func(string) bool {
		return func(word string) bool {
			return !slices.ContainsFunc(filters, func(f func(string) bool) bool { return !f(word) })
		}
	},
	Any: func(filters []func(string) bool) func(string) bool {
		return func(word string) bool {
			return slices.ContainsFunc(filters, func(f func(string) bool) bool { return f(word) })
		}
	},
	Not: func(filter func(string) bool) func(string) bool {
		return func(word string) bool { return !filter(word) }
	},
	Allows: func(filter func(string) bool, word string) bool { return filter(word) },
}

// always returns a constant decision.
type always struct {
	decision policy.Decision
	err      error
}

func (a always) Decide(context.Context, identity.Principal, policy.Permission) (policy.Decision, error) {
	return a.decision, a.err
}

func under(t *testing.T, conditions string) always {
	t.Helper()
	decision := policy.Decision{Result: policy.Conditional}
	require.NoError(t, json.Unmarshal([]byte(conditions), &decision.Conditions))
	return always{decision: decision}
}

var grace = identity.Principal{Kind: identity.KindUser, Subject: "user:default/grace"}

func TestAGrantCoversResourcesThatMatchItsConditions(t *testing.T) {
	t.Parallel()
	const ab, bc = `{"rule":"IS_ONE_OF","resourceType":"scaffolder-task","params":{"list":["a","b"]}}`,
		`{"rule":"IS_ONE_OF","resourceType":"scaffolder-task","params":{"list":["b","c"]}}`
	for conditions, covered := range map[string]string{
		ab:                                  "ab",
		`{"not":` + ab + `}`:                "cd",
		`{"anyOf":[` + ab + `,` + bc + `]}`: "abc",
		`{"allOf":[` + ab + `,` + bc + `]}`: "b",
		`{"allOf":[` + ab + `,{"not":{"anyOf":[` + bc + `]}}]}`: "a",
	} {
		grant, err := words.Ask(t.Context(), under(t, conditions), grace, policy.ScaffolderTaskRead)
		require.NoError(t, err)
		require.False(t, grant.IsNothing())
		found := ""
		for _, word := range []string{"a", "b", "c", "d"} {
			if grant.Allows(word) {
				found += word
				continue
			}
			require.EqualError(t, grant.Check(word, word), "user:default/grace may not scaffolder.task.read on "+word)
		}
		require.Equal(t, covered, found, conditions)
	}
}

func TestAGrantWithoutConditionsCoversEverythingOrNothing(t *testing.T) {
	t.Parallel()
	for result, covers := range map[policy.Result]bool{policy.Allowed: true, policy.Denied: false, "": false, "MAYBE": false} {
		grant, err := words.Ask(t.Context(), always{decision: policy.Decision{Result: result}}, grace, policy.ScaffolderTaskCancel)
		require.NoError(t, err)
		require.Equal(t, covers, grant.Allows("a"), result)
		require.Equal(t, covers, !grant.IsNothing(), result)
		_, conditional := grant.Filter()
		require.False(t, conditional, result)
	}
	require.True(t, policy.Grant[string, int]{}.IsNothing(), "the zero grant covers nothing")
	require.False(t, policy.Grant[string, int]{}.Allows("a"))
	require.True(t, words.Everything().Allows("a"))
}

// TestInvalidConditionsGrantNothing: invalid conditions grant nothing, not even when they are
// negated.
func TestInvalidConditionsGrantNothing(t *testing.T) {
	t.Parallel()
	for conditions, message := range map[string]string{
		`{}`:                              "a condition is exactly one of anyOf, allOf, not and rule, and a list in it is not empty",
		`{"anyOf":[]}`:                    "a condition is exactly one of anyOf, allOf, not and rule, and a list in it is not empty",
		`{"not":{"allOf":[]}}`:            "a condition is exactly one of anyOf, allOf, not and rule, and a list in it is not empty",
		`{"rule":"A","not":{"rule":"B"}}`: "a condition is exactly one of anyOf, allOf, not and rule, and a list in it is not empty",
		`{"rule":"IS_ONE_OF","resourceType":"catalog-entity","params":{"list":[]}}`:                       `the rule IS_ONE_OF is about the resource type "catalog-entity", not "scaffolder-task"`,
		`{"anyOf":[{"rule":"IS_NONE","resourceType":"scaffolder-task"}]}`:                                 "Permission rule 'IS_NONE' does not exist for resource type 'scaffolder-task'",
		`{"rule":"IS_ONE_OF","resourceType":"scaffolder-task","params":{}}`:                               "Parameters to rule are invalid; caused by IS_ONE_OF: the param list is missing",
		`{"rule":"IS_ONE_OF","resourceType":"scaffolder-task","params":{"list":null}}`:                    "Parameters to rule are invalid; caused by IS_ONE_OF: the param list is missing",
		`{"rule":"IS_ONE_OF","resourceType":"scaffolder-task"}`:                                           "Parameters to rule are invalid; caused by IS_ONE_OF: decode the params: unexpected end of JSON input",
		`{"not":{"rule":"IS_ONE_OF","resourceType":"scaffolder-task","params":{"list":["a"],"lists":1}}}`: "Parameters to rule are invalid; caused by IS_ONE_OF: decode the params: json: unknown field \"lists\"",
	} {
		grant, err := words.Ask(t.Context(), under(t, conditions), grace, policy.ScaffolderTaskRead)
		require.EqualError(t, err, "the conditions under which user:default/grace may scaffolder.task.read: "+message, conditions)
		require.True(t, grant.IsNothing())
	}
	_, err := words.Ask(t.Context(), always{}, grace, policy.CatalogEntityRead)
	require.EqualError(t, err, `the permission catalog.entity.read is not about the resource type "scaffolder-task"`)
	_, err = words.Ask(t.Context(), always{err: errors.New("no roles can be read")}, grace, policy.ScaffolderTaskRead)
	require.EqualError(t, err, "decide whether user:default/grace may scaffolder.task.read: no roles can be read")
}

// TestConditionsAreRefusedForPermissionsWithoutResources: a permission about a whole plugin has no resource
// to check.
func TestConditionsAreRefusedForPermissionsWithoutResources(t *testing.T) {
	t.Parallel()
	conditional := under(t, `{"rule":"IS_ONE_OF","resourceType":"scaffolder-task","params":{"list":["a"]}}`)
	err := policy.Require(t.Context(), conditional, grace, policy.CatalogLocationCreate, "")
	require.EqualError(t, err, "user:default/grace may not catalog.location.create")
	require.NoError(t, policy.Require(t.Context(), always{decision: policy.Decision{Result: policy.Allowed}}, grace, policy.CatalogLocationCreate, ""))
	require.Error(t, policy.Require(t.Context(), always{err: errors.New("no roles can be read")}, grace, policy.CatalogLocationCreate, ""))
}
