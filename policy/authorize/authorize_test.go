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
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}

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
	service := authorize.New(decider, map[policy.ResourceType]authorize.Match{
		policy.CatalogEntity: func(_ context.Context, principal identity.Principal, _ policy.Criteria, refs []string) ([]bool, error) {
			require.Equal(t, identity.KindSystem, principal.Kind)
			looked = append(looked, strings.Join(refs, " "))
			matches := make([]bool, len(refs))
			for i, ref := range refs {
				matches[i] = ref == "b"
			}
			return matches, nil
		},
	})
	answers, err := service.Authorize(t.Context(), ada, []authorize.Request{
		{policy.CatalogEntityRead, []string{"b"}},
		{policy.CatalogEntityRead, []string{"c", "b", "a"}},
		{policy.CatalogEntityRead, []string{"a"}},
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
		answers, err := authorize.New(decider, nil).Authorize(t.Context(), ada, []authorize.Request{{Permission: policy.CatalogLocationCreate}})
		require.NoError(t, err)
		require.Equal(t, []authorize.Answer{{Result: policy.Denied}}, answers, result)
	}
	decider := &decisions{result: policy.Allowed}
	answers, err := authorize.New(decider, nil).Authorize(t.Context(), ada, []authorize.Request{{Permission: "no.such.permission", Refs: []string{"a"}}})
	require.NoError(t, err)
	require.Equal(t, []authorize.Answer{{Result: policy.Denied}}, answers)
	require.Zero(t, decider.asked)
	broken := &decisions{err: errors.New("no roles can be read")}
	_, err = authorize.New(broken, nil).Authorize(t.Context(), ada, []authorize.Request{{Permission: policy.CatalogLocationCreate}})
	require.ErrorContains(t, err, "no roles can be read")
}
