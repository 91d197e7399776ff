package run_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

var intent = action.Intent{Kind: "github:repository", Name: "acme/shop", Key: "repository:acme/shop", Data: map[string]any{"owner": "a<b"}}

// ledger is step one's, for a worker that holds the run.
func (r record) ledger(t *testing.T, id uuid.UUID, actionID string) action.Ledger {
	t.Helper()
	claim := r.claim(t, id)
	require.NoError(t, r.Record(t.Context(), claim, run.Entry{}))
	return r.Ledger(claim, "one", actionID)
}

func TestAnIntentComesBeforeTheThing(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	ledger := r.ledger(t, id, "publish:github")

	intended, err := ledger.Intend(t.Context(), intent)
	require.NoError(t, err)
	require.Equal(t, action.EffectIntended, intended.State)
	require.Equal(t, []string{id.String(), "one", "publish:github", "github:repository", "acme/shop"},
		[]string{intended.RunID, intended.StepID, intended.ActionID, intended.Kind, intended.Name})
	require.Equal(t, `{"owner":"a<b"}`, string(intended.Data)) //nolint:testifylint // as it is stored
	require.WithinDuration(t, time.Now(), intended.IntendedAt, time.Minute)
	require.True(t, intended.Fresh, "nothing can have been made yet")

	again, err := ledger.Intend(t.Context(), intent)
	require.NoError(t, err)
	require.Equal(t, intended.ID, again.ID, "the same key is the same effect")
	require.False(t, again.Fresh, "an earlier attempt may have made the thing")
	require.Equal(t, intended.IntendedAt, again.IntendedAt, "and as old as the first intent: what was made since may be ours")

	require.NoError(t, ledger.Confirm(t.Context(), intended.ID, action.Confirmation{ExternalID: "42", URL: "https://x/42"}))
	require.NoError(t, ledger.Confirm(t.Context(), intended.ID, action.Confirmation{ExternalID: "42", URL: "https://x/42"}))
	created, err := ledger.Intend(t.Context(), intent)
	require.NoError(t, err)
	require.Equal(t, action.EffectCreated, created.State, "there is nothing left to do")
	require.Equal(t, "42", created.ExternalID)
	require.Equal(t, "https://x/42", created.URL)
	require.Equal(t, `{"owner":"a<b"}`, string(created.Data), "the confirmation brought none, so the intent's stays") //nolint:testifylint // as it is stored
}

func TestAnEffectThatWasUndoneIsIntendedAnew(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	ledger := r.ledger(t, r.create(t, nil), "publish:github")
	first, err := ledger.Intend(t.Context(), intent)
	require.NoError(t, err)
	require.NoError(t, ledger.Abandon(t.Context(), first.ID, "the name was taken"))
	undone, err := r.Effect(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, action.EffectUndone, undone.State)
	require.Equal(t, "the name was taken", undone.Note)

	second, err := ledger.Intend(t.Context(), intent)
	require.NoError(t, err)
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, action.EffectIntended, second.State)
	require.True(t, second.IntendedAt.After(first.IntendedAt), "what was there before is not of this intent")
	require.True(t, second.Fresh, "the old thing is gone, and nothing can have been made since")
	require.Empty(t, second.Note, "the old story is over")
	require.Empty(t, second.ExternalID)
	require.Empty(t, second.URL)
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

func TestAnEffectThatIsNotThere(t *testing.T) {
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
