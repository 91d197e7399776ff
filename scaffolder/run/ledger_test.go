package run_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

var intent = action.Intent{Kind: "github:repository", Name: "acme/shop", Key: "repository:acme/shop", Data: map[string]any{"owner": "a<b"}}

// ledger is the ledger of step one, with a current claim.
func (r record) ledger(t *testing.T, id uuid.UUID, actionID string) action.Ledger {
	t.Helper()
	claim := r.claim(t, id)
	require.NoError(t, r.Record(t.Context(), claim, run.Entry{}))
	return r.Ledger(claim, "one", actionID)
}

func TestTheLedgerPassesTheSuite(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	actiontest.RequireLedger(t, r.ledger(t, r.create(t, nil), "publish:github"))
}

func TestAnEffectKeepsItsStepAndAction(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	intended, err := r.ledger(t, id, "publish:github").Intend(t.Context(), intent)
	require.NoError(t, err)
	require.Equal(t, []string{id.String(), "one", "publish:github"}, []string{intended.RunID, intended.StepID, intended.ActionID})
	require.Equal(t, `{"owner":"a<b"}`, string(intended.Data)) //nolint:testifylint // as it is stored
	kept, err := r.Effect(t.Context(), intended.ID)
	require.NoError(t, err)
	intended.Fresh = false
	require.Equal(t, intended, kept)
}

func TestEffectsAreListedInTheOrderOfTheirIntents(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id, other := r.create(t, nil), r.create(t, nil)
	for _, name := range []string{"z", "a", "m"} {
		_, err := r.ledger(t, id, "act").Intend(t.Context(), action.Intent{Kind: "thing", Name: name, Key: name})
		require.NoError(t, err)
	}
	_, err := r.ledger(t, other, "act").Intend(t.Context(), action.Intent{Kind: "thing", Name: "z", Key: "z"})
	require.NoError(t, err)
	effects, err := r.Effects(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, effects, 3)
	require.Equal(t, []string{"z", "a", "m"}, []string{effects[0].Name, effects[1].Name, effects[2].Name})
}

func TestOneIntentOfManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	ledger := r.ledger(t, r.create(t, nil), "act")
	var intending sync.WaitGroup
	ids := make(chan string, 8)
	for range cap(ids) {
		intending.Go(func() {
			if effect, err := ledger.Intend(t.Context(), intent); err == nil {
				ids <- effect.ID
			}
		})
	}
	intending.Wait()
	close(ids)
	seen := map[string]int{}
	for id := range ids {
		seen[id]++
	}
	require.Len(t, seen, 1)
	for _, times := range seen {
		require.Equal(t, 8, times)
	}
}

func TestAMissingEffectIsAnError(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	ledger := r.ledger(t, r.create(t, nil), "act")
	require.ErrorContains(t, ledger.Confirm(t.Context(), "7", action.Confirmation{}), `confirm effect "7"`)
	require.ErrorContains(t, ledger.Abandon(t.Context(), "7", ""), `effect "7"`)
	_, err := r.Effect(t.Context(), "7")
	require.ErrorContains(t, err, `effect "7"`)
	_, err = r.Effect(t.Context(), "7d8f6f0e-0000-4000-8000-000000000000")
	require.ErrorContains(t, err, "read effect 7d8f6f0e")
}
