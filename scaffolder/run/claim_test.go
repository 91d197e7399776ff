package run_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// everything is an entry that writes to every table.
func everything(key string) run.Entry {
	return run.Entry{Events: []run.NewEvent{line(key, key)}, Phase: run.PhaseWaiting, Steps: []run.StepChange{
		{Position: 0, Status: run.StatusCompleted, Output: json.RawMessage(`{}`), Shown: json.RawMessage(`{}`)}}}
}

// requireRefused checks that an error is a refusal with this reason.
func requireRefused(t *testing.T, err error, reason run.Refusal) {
	t.Helper()
	refused, is := errors.AsType[*run.RefusedError](err)
	require.True(t, is, "%v", err)
	require.Equal(t, reason, refused.Reason)
}

// picture is a run's whole record without the times of its writes.
func (r record) picture(t *testing.T, id uuid.UUID) string {
	t.Helper()
	var all string
	require.NoError(t, r.pool.QueryRow(t.Context(), `
		select concat_ws(E'\n', (select runs::text from runs where id = $1),
			(select string_agg(s::text, E'\n' order by position) from run_steps s where run_id = $1),
			(select string_agg(e::text, E'\n' order by id) from run_events e where run_id = $1),
			(select string_agg(e::text, E'\n' order by sequence) from run_effects e where run_id = $1),
			(select string_agg(s::text, E'\n') from run_secrets s where run_id = $1))`, id).Scan(&all))
	return all
}

func TestAWorkerWithAnOutdatedClaimCannotWrite(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": secret} })
	late, prompt := r.claim(t, id), r.claim(t, id)
	require.NoError(t, r.Record(t.Context(), prompt, run.Entry{WorkflowRunID: "execution-1"}))
	effect, err := r.Ledger(prompt, "one", "act").Intend(t.Context(), intent)
	require.NoError(t, err)
	before := r.picture(t, id)
	for name, entry := range map[string]run.Entry{
		"work":   everything("late"),
		"a line": {Events: []run.NewEvent{line("late", "late")}},
		"an end": {End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone, ForgetSecrets: true}},
		"effect": {Effects: []run.EffectChange{{ID: effect.ID, State: action.EffectUndone}}},
		"begins": {WorkflowRunID: "execution-0"},
	} {
		requireRefused(t, r.Record(t.Context(), late, entry), run.RefusedClaim)
		require.Equal(t, before, r.picture(t, id), name)
	}
	require.NoError(t, r.Record(t.Context(), prompt, everything("prompt")), "the last writer can continue")
	require.NoError(t, r.Record(t.Context(), prompt, everything("prompt")), "and may say the same again when it did not hear that it was written")
}

func TestReopeningARunEndsAllClaims(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	late := r.claim(t, id)
	require.NoError(t, r.Record(t.Context(), late, run.Entry{WorkflowRunID: "execution-1"}))
	require.NoError(t, r.Record(t.Context(), late, run.Entry{End: &failed}))
	resting := r.claim(t, id)
	_, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning})
	require.NoError(t, err)
	before := r.picture(t, id)
	for _, claim := range []run.Claim{late, resting} {
		requireRefused(t, r.Record(t.Context(), claim, everything("late")), run.RefusedGeneration)
		_, err = r.Ledger(claim, "one", "act").Intend(t.Context(), intent)
		requireRefused(t, err, run.RefusedGeneration)
	}
	require.Equal(t, before, r.picture(t, id))
}

func TestOnlyADecisionChangesAnEndedRun(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	claim := r.claim(t, id)
	require.NoError(t, r.Record(t.Context(), claim, run.Entry{WorkflowRunID: "execution-1", End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseCancelled}}))
	before := r.picture(t, id)
	for _, entry := range []run.Entry{{WorkflowRunID: "execution-1"}, everything("late"), {Events: []run.NewEvent{line("late", "late")}}, {End: &failed}} {
		requireRefused(t, r.Record(t.Context(), claim, entry), run.RefusedTransition)
		require.Equal(t, before, r.picture(t, id))
	}
}

func TestAReplacedExecutionCannotWrite(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.write(t, id, run.Entry{WorkflowRunID: "execution-1"})
	r.write(t, id, run.Entry{WorkflowRunID: "execution-2"})
	requireRefused(t, r.Record(t.Context(), r.claim(t, id), run.Entry{WorkflowRunID: "execution-1"}), run.RefusedExecution)
	require.Equal(t, "execution-2", r.get(t, id).WorkflowRunID)
	r.write(t, id, run.Entry{WorkflowRunID: "execution-2", End: &failed})

	_, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning})
	require.NoError(t, err)
	requireRefused(t, r.Record(t.Context(), r.claim(t, id), run.Entry{WorkflowRunID: "execution-1"}), run.RefusedExecution)
	r.write(t, id, run.Entry{WorkflowRunID: "execution-2"})
}

// TestAStaleCachedStateCannotBeWritten: the process that created a run has cached its state, and another has
// continued it.
func TestAStaleCachedStateCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.elsewhere().write(t, id, run.Entry{WorkflowRunID: "execution-1", Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted}}})
	remembered := r.state(t, id)
	require.Equal(t, run.StatusOpen, remembered.Status, "it is stale")
	requireRefused(t, r.Record(t.Context(), remembered.Claim, everything("stale")), run.RefusedClaim)
	require.Equal(t, run.StatusCompleted, r.state(t, id).Steps[0].Status, "the next reading is not")
}

func TestACancellationEndsNoClaim(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	claim := r.claim(t, id)
	require.NoError(t, r.Cancel(t.Context(), id, run.Command{}, line("c", "stop")))
	require.True(t, r.get(t, id).CancelRequested)
	require.NoError(t, r.Record(t.Context(), claim, run.Entry{WorkflowRunID: "execution-1", End: &failed}))
	require.False(t, r.get(t, id).Cancelling())
	require.NoError(t, r.Cancel(t.Context(), id, run.Command{}, line("d", "again")))
	require.Equal(t, []string{"log: stop", "log: again"}, r.messages(t, id, 0))
}

// TestOneOfManyWorkersContinues lets several workers write that have all read the record.
func TestOneOfManyWorkersContinues(t *testing.T) {
	t.Parallel()
	const workers = 8
	r := newRecord(t)
	for round := range 10 {
		id := r.create(t, nil)
		claims := make([]run.Claim, workers)
		for i := range claims {
			claims[i] = r.claim(t, id)
		}
		wrote := make([]int, workers)
		var racing sync.WaitGroup
		for i, claim := range claims {
			racing.Go(func() {
				for n := range 5 {
					if r.Record(t.Context(), claim, run.Entry{WorkflowRunID: "execution-1", Events: []run.NewEvent{line(fmt.Sprintf("%d/%d", i, n), fmt.Sprint(i))}}) == nil {
						wrote[i]++
					}
				}
			})
		}
		racing.Wait()
		slices.Sort(wrote)
		require.Equal(t, []int{0, 0, 0, 0, 0, 0, 0, 5}, wrote, "round %d", round)
		messages := r.messages(t, id, 0)
		require.Len(t, messages, 5)
		require.Len(t, slices.Compact(messages), 1, "all of one worker")
	}
}

// TestALateWorkerRacesADecision: a worker of the old generation writes while somebody reopens the run and a
// worker of the new generation continues it.
func TestALateWorkerRacesADecision(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.write(t, id, run.Entry{WorkflowRunID: "execution-1", End: &failed})
	for generation := range 10 {
		old := r.claim(t, id)
		var racing sync.WaitGroup
		stop := make(chan struct{})
		accepted := make(chan int, 1)
		racing.Go(func() {
			count := 0
			defer func() { accepted <- count }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r.Record(t.Context(), old, everything(fmt.Sprintf("late/%d", generation))) == nil {
					count++
				}
			}
		})
		_, err := r.Reopen(t.Context(), id, run.Reopening{Generation: generation, Status: run.StatusProcessing, Phase: run.PhaseRunning})
		require.NoError(t, err)
		next := r.elsewhere().state(t, id).Claim
		require.Equal(t, generation+1, next.Generation)
		require.NoError(t, r.Record(t.Context(), next, run.Entry{WorkflowRunID: "execution-1", Events: []run.NewEvent{line(fmt.Sprintf("next/%d", generation), "next")}}))
		require.NoError(t, r.Record(t.Context(), next, run.Entry{End: &failed}))
		close(stop)
		racing.Wait()
		require.Zero(t, <-accepted)
	}
	require.NotContains(t, strings.Join(r.messages(t, id, 0), " "), "late")
	require.Equal(t, run.StatusOpen, r.step(t, id, 0).Status)
}

func TestADecisionAppliesToTheGenerationThatWasRead(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.write(t, id, run.Entry{End: &failed})
	again := run.Reopening{Generation: r.get(t, id).Generation, Status: run.StatusProcessing, Phase: run.PhaseRunning}
	_, err := r.Reopen(t.Context(), id, again)
	require.NoError(t, err)
	r.write(t, id, run.Entry{End: &failed})
	_, err = r.Reopen(t.Context(), id, again)
	require.EqualError(t, err, fmt.Sprintf("run %s has changed since you loaded it, because somebody else retried, rolled back or cancelled it: reload it and decide again", id))
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.Equal(t, 1, r.get(t, id).Generation)
}

func TestEffectsOfALateWorkerAreRecorded(t *testing.T) {
	t.Parallel()
	made := action.Confirmation{ExternalID: "42", URL: "https://x/42"}
	for name, test := range map[string]struct {
		since    func(t *testing.T, ledger action.Ledger, effectID string)
		expected []string
	}{
		"the intent is open":              {func(*testing.T, action.Ledger, string) {}, []string{"created 42"}},
		"the next worker adopted it":      {confirming("42"), []string{"created 42"}},
		"the next worker made another":    {confirming("43"), []string{"created 43", "created 42"}},
		"the next worker found it absent": {abandoning, []string{"undone ", "created 42"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecord(t)
			id := r.create(t, nil)
			late := r.claim(t, id)
			require.NoError(t, r.Record(t.Context(), late, run.Entry{WorkflowRunID: "execution-1"}))
			effect, err := r.Ledger(late, "one", "act").Intend(t.Context(), intent)
			require.NoError(t, err)
			next := r.claim(t, id)
			require.NoError(t, r.Record(t.Context(), next, run.Entry{}))
			test.since(t, r.Ledger(next, "one", "act"), effect.ID)

			for range 2 { // it tries again
				requireRefused(t, r.Ledger(late, "one", "act").Confirm(t.Context(), effect.ID, made), run.RefusedClaim)
			}
			requireRefused(t, r.Ledger(late, "one", "act").Abandon(t.Context(), effect.ID, "no"), run.RefusedClaim)
			_, err = r.Ledger(late, "one", "act").Intend(t.Context(), action.Intent{Kind: "thing", Name: "another", Key: "another"})
			requireRefused(t, err, run.RefusedClaim)
			effects, err := r.Effects(t.Context(), id)
			require.NoError(t, err)
			got := []string{}
			for _, each := range effects {
				got = append(got, string(each.State)+" "+each.ExternalID)
			}
			require.Equal(t, test.expected, got)
		})
	}
}

func confirming(externalID string) func(*testing.T, action.Ledger, string) {
	return func(t *testing.T, ledger action.Ledger, effectID string) {
		t.Helper()
		require.NoError(t, ledger.Confirm(t.Context(), effectID, action.Confirmation{ExternalID: externalID}))
	}
}

func abandoning(t *testing.T, ledger action.Ledger, effectID string) {
	t.Helper()
	require.NoError(t, ledger.Abandon(t.Context(), effectID, "not there"))
}

func TestAReopenedRunKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": "old"} })
	r.write(t, id, run.Entry{End: &failed})
	_, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, Secrets: map[string]string{"token": "new"}})
	require.NoError(t, err)
	require.NoError(t, r.ForgetSecrets(t.Context(), id), "it expired while somebody reopened it")
	require.Equal(t, map[string]string{"token": "new"}, r.state(t, id).Secrets)
}

// TestTheTableOfLifecyclesMatchesTheDatabase: the database accepts exactly the states in the table.
func TestTheTableOfLifecyclesMatchesTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	for _, status := range []run.Status{run.StatusOpen, run.StatusProcessing, run.StatusCompleted, run.StatusFailed, run.StatusCancelled, run.StatusSkipped} {
		for _, phase := range []run.Phase{run.PhaseRunning, run.PhaseWaiting, run.PhaseParked, run.PhaseRollingBack, run.PhaseRolledBack, run.PhaseDone, run.PhaseCancelled} {
			_, err := r.pool.Exec(t.Context(), "update runs set status = $2, phase = $3 where id = $1", id, status, phase)
			require.Equal(t, slices.Contains(run.Lifecycles(), run.Lifecycle{Status: status, Phase: phase}), err == nil, "%s/%s", status, phase)
		}
	}
}

// TestEverySequenceOfWritesStaysInTheTable makes random writes, as of slow, dead or faulty workers, and
// checks each change of state against the table.
func TestEverySequenceOfWritesStaysInTheTable(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 8))
		id := r.create(t, nil)
		claims := []run.Claim{r.claim(t, id)}
		stood := r.get(t, id)
		for range 40 {
			var err error
			decided := false
			before := r.picture(t, id)
			switch random.IntN(6) {
			case 0:
				claims = append(claims, r.claim(t, id))
			case 1:
				require.NoError(t, r.Cancel(t.Context(), id, run.Command{}, line(fmt.Sprint(random.Uint64()), "stop")))
			case 2:
				decided = true
				to := run.Lifecycles()[random.IntN(len(run.Lifecycles()))]
				_, err = r.Reopen(t.Context(), id, run.Reopening{Generation: max(0, stood.Generation-random.IntN(2)), Status: to.Status, Phase: to.Phase, From: random.IntN(3) - 1})
			default:
				newest := len(claims) - 1
				err = r.Record(t.Context(), claims[max(0, newest-random.IntN(3)/2)], randomEntry(random))
			}
			stands := r.get(t, id)
			if err != nil {
				require.Equal(t, before, r.picture(t, id), "seed %d: what is refused changes nothing: %v", seed, err)
			}
			from, to := run.Lifecycle{Status: stood.Status, Phase: stood.Phase}, run.Lifecycle{Status: stands.Status, Phase: stands.Phase}
			switch {
			case decided && err == nil:
				require.True(t, run.CanReopen(from, to), "seed %d: %s to %s", seed, from, to)
				require.Equal(t, stood.Generation+1, stands.Generation)
			default:
				require.True(t, from == to || run.CanTransition(from, to), "seed %d: %s to %s", seed, from, to)
				require.Equal(t, stood.Generation, stands.Generation)
			}
			require.Equal(t, stands.Status.Ended(), !stands.FinishedAt.IsZero(), "seed %d at %s", seed, to)
			stood = stands
		}
	}
}

func randomEntry(random *rand.Rand) run.Entry {
	entry := run.Entry{}
	if random.IntN(2) == 0 {
		entry = everything(fmt.Sprint(random.Uint64()))
		entry.Phase = ""
	}
	if random.IntN(3) == 0 {
		entry.WorkflowRunID = fmt.Sprintf("execution-%d", random.IntN(3))
	}
	switch random.IntN(5) {
	case 0:
		entry.Phase = []run.Phase{run.PhaseRunning, run.PhaseWaiting, run.PhaseRollingBack}[random.IntN(3)]
	case 1:
		entry.Rollback = &run.StepFailure{FailedStep: "one", Failure: failed.Failure}
	case 2:
		to := run.Lifecycles()[random.IntN(len(run.Lifecycles()))]
		if to.Status.Ended() {
			entry.End = &run.Ending{Status: to.Status, Phase: to.Phase, ForgetSecrets: random.IntN(2) == 0}
		}
	}
	entry.SetTimes(time.Now())
	return entry
}
