package run_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/run"
)

// TestRulesAgreeInMemoryAndInSQL: for generated criteria, the database lists and counts the runs that match
// in memory, in every order.
func TestRulesAgreeInMemoryAndInSQL(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	users := []string{"user:default/ada", "user:default/grace", "user:default/zoe", "User:default/ada", ""}
	var ids []uuid.UUID
	for range 2 {
		for _, user := range users {
			ids = append(ids, r.create(t, func(n *run.New) {
				n.Starter = identity.Principal{Kind: identity.KindService, Subject: "ci"}
				if user != "" {
					n.Starter = identity.Principal{Kind: identity.KindUser, Subject: user}
				}
			}))
		}
	}
	for _, id := range ids {
		r.write(t, id, run.Entry{End: &failed})
	}
	slices.Reverse(ids)                   // the newest first
	random := rand.New(rand.NewPCG(9, 1)) // the same criteria every time
	sizes := map[int]int{}
	for range 300 {
		criteria := policytest.Generate(random, 3, func() policy.Criteria { return startedBy(random, users) })
		shown, err := json.Marshal(criteria)
		require.NoError(t, err)
		granted := grantedUnder(t, criteria)
		allowed := []uuid.UUID{}
		for _, id := range ids {
			got, err := r.Get(t.Context(), granted, id)
			require.Equal(t, err, r.Check(t.Context(), granted, id))
			if err == nil {
				require.Equal(t, id, got.ID)
				allowed = append(allowed, id)
				continue
			}
			require.EqualError(t, err, "user:default/ada may not scaffolder.task.read on "+id.String())
		}
		sizes[len(allowed)]++
		causes, _, err := r.Causes(t.Context(), granted, run.CauseQuery{Limit: 1})
		require.NoError(t, err)
		if len(allowed) == 0 {
			require.Empty(t, causes, string(shown))
		} else {
			require.Equal(t, len(allowed), causes[0].Runs, string(shown))
		}
		for _, ascending := range []bool{false, true} {
			listed, total, err := r.List(t.Context(), granted, run.Query{Ascending: ascending})
			require.NoError(t, err)
			require.Equal(t, len(allowed), total, string(shown))
			found := []uuid.UUID{}
			for _, each := range listed {
				found = append(found, each.ID)
			}
			if ascending {
				slices.Reverse(found)
			}
			require.Equal(t, allowed, found, string(shown))
		}
	}
	require.Greater(t, len(sizes), len(users), "the criteria let through parts of every size: %v", sizes)
	listed, total, err := r.List(t.Context(), run.Grant{}, run.Query{})
	require.NoError(t, err)
	require.Zero(t, total, "the zero grant finds nothing")
	require.Empty(t, listed)
	_, err = r.Get(t.Context(), run.Grant{}, ids[0])
	require.Error(t, err)
	_, err = r.Get(t.Context(), run.Grant{}, uuid.New())
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

// startedBy is the rule on who started a run, with some users or with none.
func startedBy(random *rand.Rand, users []string) policy.Criteria {
	from := random.IntN(len(users) + 1)
	params, err := json.Marshal(map[string]any{"createdBy": users[from:min(from+1+random.IntN(2), len(users))]})
	if err != nil {
		panic(err)
	}
	return policy.Criteria{Rule: "IS_TASK_OWNER", ResourceType: policy.ScaffolderTask, Params: params}
}

func grantedUnder(t *testing.T, criteria policy.Criteria) run.Grant {
	t.Helper()
	decider := &policytest.Conditions{ResourceType: policy.ScaffolderTask, Criteria: criteria}
	granted, err := run.Rules.Ask(t.Context(), decider, ada, policy.ScaffolderTaskRead)
	require.NoError(t, err)
	return granted
}
