package authorize_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/rbac"
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}

// entities asks for the permission to read entities.
func entities(refs ...string) authorize.Request {
	return authorize.Request{Query: rbac.Query{Permission: string(policy.CatalogEntityRead)}, Refs: refs}
}

var createLocation = authorize.Request{Query: rbac.Query{Permission: string(policy.CatalogLocationCreate)}}

// decisions is a decider that counts how often it is asked.
type decisions struct {
	result policy.Result
	err    error
	asked  int
}

func (d *decisions) Decide(context.Context, identity.Principal, policy.Permission) (policy.Decision, error) {
	d.asked++
	return policy.Decision{Result: d.result}, d.err
}

// TestABatchCallsTheDeciderOnce: the requests of one permission cost one decision and one look-up of all
// resources.
func TestABatchCallsTheDeciderOnce(t *testing.T) {
	t.Parallel()
	decider := &decisions{result: policy.Conditional}
	var looked []string
	service := authorize.New(authorize.Options{Decider: decider, Match: map[policy.ResourceType]authorize.Match{
		policy.CatalogEntity: func(_ context.Context, principal identity.Principal, _ policy.Criteria, refs []string) ([]bool, error) {
			require.Equal(t, identity.KindSystem, principal.Kind)
			looked = append(looked, strings.Join(refs, " "))
			matches := make([]bool, len(refs))
			for i, ref := range refs {
				matches[i] = ref == "b"
			}
			return matches, nil
		},
	}})
	answers, err := service.Authorize(t.Context(), ada, []authorize.Request{
		entities("b"),
		entities("c", "b", "a"),
		entities("a"),
	})
	require.NoError(t, err)
	require.Equal(t, []authorize.Answer{
		{policy.Conditional, []policy.Result{policy.Allowed}},
		{policy.Conditional, []policy.Result{policy.Denied, policy.Allowed, policy.Denied}},
		{policy.Conditional, []policy.Result{policy.Denied}},
	}, answers)
	require.Equal(t, 1, decider.asked)
	require.Equal(t, []string{"a b c"}, looked)
}

func TestOnlyAllowIsAGrant(t *testing.T) {
	t.Parallel()
	for _, result := range []policy.Result{policy.Denied, policy.Conditional, "", "MAYBE"} {
		decider := &decisions{result: result}
		answers, err := authorize.New(authorize.Options{Decider: decider}).Authorize(t.Context(), ada, []authorize.Request{createLocation})
		require.NoError(t, err)
		require.Equal(t, []authorize.Answer{{Result: policy.Denied}}, answers, result)
	}
	broken := &decisions{err: errors.New("no roles can be read")}
	_, err := authorize.New(authorize.Options{Decider: broken}).Authorize(t.Context(), ada, []authorize.Request{createLocation})
	require.ErrorContains(t, err, "no roles can be read")
}

// TestForeignPermissions: a permission that Portico does not know is decided as its caller describes it, if
// anything can. One that Portico knows has Portico's attributes.
func TestForeignPermissions(t *testing.T) {
	t.Parallel()
	decider := &decisions{result: policy.Denied}
	foreign := authorize.Request{Query: rbac.Query{Permission: "techinsights.check.run", Action: "read"}}
	disguised := authorize.Request{Query: rbac.Query{Permission: string(policy.CatalogLocationCreate), Action: "read", ResourceType: "x"}}
	answers, err := authorize.New(authorize.Options{Decider: decider}).Authorize(t.Context(), ada, []authorize.Request{foreign, disguised})
	require.NoError(t, err)
	require.Equal(t, []authorize.Answer{{Result: policy.Denied}, {Result: policy.Denied}}, answers)
	require.Equal(t, 1, decider.asked)
	var asked []rbac.Query
	service := authorize.New(authorize.Options{Decider: decider, Foreign: func(_ context.Context, _ identity.Principal, q rbac.Query) (policy.Decision, error) {
		asked = append(asked, q)
		return policy.Decision{Result: policy.Allowed}, nil
	}})
	answers, err = service.Authorize(t.Context(), ada, []authorize.Request{foreign, disguised})
	require.NoError(t, err)
	require.Equal(t, []authorize.Answer{{Result: policy.Allowed}, {Result: policy.Denied}}, answers)
	require.Equal(t, []rbac.Query{foreign.Query}, asked)
}
