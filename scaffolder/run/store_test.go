package run_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/seal"
)

// record is a store with the database under it.
type record struct {
	*run.Store
	pool *pgxpool.Pool
	keys *seal.Keyring
}

func newRecord(t *testing.T) record {
	t.Helper()
	pool := testkit.Database(t)
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	return record{run.NewStore(pool, keys), pool, keys}
}

// elsewhere is the store of another process on the same database.
func (r record) elsewhere() record { return record{run.NewStore(r.pool, r.keys), r.pool, r.keys} }

// ada starts runs.
var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada", "group:default/shop"}}

const spec = `{"apiVersion":"scaffolder.backstage.io/v1beta3","steps":[{"z":"<&>","id":"one","name":"One","action":"debug:log"},` +
	`{"id":"two","name":"Two","action":"fs:delete","if":"${{ true }}"}],"output":{},"parameters":{"name":"shop"},"user":{"ref":"user:default/ada"},` +
	`"templateInfo":{"entityRef":"template:default/t","entity":{"metadata":{"name":"t"}}}}`

// create creates a run of two steps.
func (r record) create(t *testing.T, change func(*run.New)) uuid.UUID {
	t.Helper()
	n := run.New{ID: uuid.New(), TemplateRef: "template:default/t", Title: "T", Subject: "shop", Starter: ada}
	require.NoError(t, json.Unmarshal([]byte(spec), &n.Spec))
	if change != nil {
		change(&n)
	}
	require.NoError(t, r.Create(t.Context(), n))
	return n.ID
}

func (r record) get(t *testing.T, id uuid.UUID) run.Run {
	t.Helper()
	got, err := r.Get(t.Context(), run.Rules.Everything(), id)
	require.NoError(t, err)
	return got
}

func (r record) step(t *testing.T, id uuid.UUID, position int) run.Step {
	t.Helper()
	steps, err := r.Steps(t.Context(), id)
	require.NoError(t, err)
	return steps[position]
}

func (r record) state(t *testing.T, id uuid.UUID) run.State {
	t.Helper()
	state, err := r.State(t.Context(), id)
	require.NoError(t, err)
	return state
}

// claim is a claim on the run in its current state.
func (r record) claim(t *testing.T, id uuid.UUID) run.Claim {
	t.Helper()
	return r.elsewhere().state(t, id).Claim
}

func (r record) write(t *testing.T, id uuid.UUID, entry run.Entry) {
	t.Helper()
	require.NoError(t, r.Record(t.Context(), r.claim(t, id), entry))
}

// messages are the messages of the events after an id.
func (r record) messages(t *testing.T, id uuid.UUID, after int64) []string {
	t.Helper()
	events, err := r.Events(t.Context(), id, after)
	require.NoError(t, err)
	messages := []string{}
	for _, event := range events {
		var body run.EventBody
		require.NoError(t, json.Unmarshal(event.Body, &body))
		messages = append(messages, event.Type+": "+body.Message)
	}
	return messages
}

func line(key, message string) run.NewEvent {
	return run.NewEvent{Type: run.EventLog, Key: key, Body: run.EventBody{Message: message}}
}

func completion(key string) run.NewEvent {
	return run.NewEvent{Type: run.EventCompletion, Key: key, Body: run.EventBody{Message: "done"}}
}

var failed = run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: "two",
	Failure: &fault.Failure{Name: "InputError", Message: "no", Advice: "try again"}}

func TestTheStateOfANewRunIsCached(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": secret} })
	stored := r.elsewhere().state(t, id)
	stored.Claim = run.Claim{}
	_, err := r.pool.Exec(t.Context(), "update runs set title = 'Another' where id = $1", id)
	require.NoError(t, err)
	remembered := r.state(t, id)
	require.WithinDuration(t, stored.CreatedAt, remembered.CreatedAt, 0)
	remembered.CreatedAt, remembered.Claim = stored.CreatedAt, stored.Claim
	require.Equal(t, stored, remembered)
	require.Equal(t, "Another", r.state(t, id).Title, "the second time it is read")
}

func TestTheStateOfAChangedRunIsReadAgain(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	cancelled, reopened := r.create(t, nil), r.create(t, nil)
	require.NoError(t, r.Cancel(t.Context(), cancelled, run.Command{}, line("c", "stop")))
	require.True(t, r.state(t, cancelled).CancelRequested)

	r.elsewhere().write(t, reopened, run.Entry{End: &failed})
	_, err := r.Reopen(t.Context(), reopened, run.ReopenForRollback(0))
	require.NoError(t, err)
	require.Equal(t, run.PhaseRollingBack, r.state(t, reopened).Phase)
}

func TestARunIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	got := r.get(t, id)
	require.Equal(t, spec, string(got.RawSpec), "byte for byte, with the author's order of keys") //nolint:testifylint // the order matters
	require.Equal(t, "template:default/t", got.TemplateRef)
	require.Equal(t, "T", got.Title)
	require.Equal(t, "shop", got.Subject)
	require.Equal(t, "user:default/ada", got.CreatedBy)
	require.Equal(t, ada, got.Starter)
	require.Equal(t, run.StatusOpen, got.Status)
	require.Equal(t, run.PhaseRunning, got.Phase)
	require.Equal(t, "One", got.Spec.Steps[0].Name)
	require.WithinDuration(t, time.Now(), got.CreatedAt, time.Minute)
	require.Zero(t, got.StartedAt)
	require.Zero(t, got.FinishedAt)
	require.Nil(t, got.Failure)

	steps, err := r.Steps(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []run.Step{
		{Position: 0, ID: "one", Name: "One", Action: "debug:log", Status: run.StatusOpen},
		{Position: 1, ID: "two", Name: "Two", Action: "fs:delete", Status: run.StatusOpen},
	}, steps)
}

func TestAMissingRunIsNotFound(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := uuid.New()
	_, err := r.Get(t.Context(), run.Rules.Everything(), id)
	require.EqualError(t, err, fmt.Sprintf("No task with id '%s' found", id))
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = r.Reopen(t.Context(), id, run.ReopenForRollback(0))
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Empty(t, r.messages(t, id, 0))
}

func TestARunIsCreatedInOneTransaction(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	n := run.New{ID: uuid.New(), TemplateRef: "template:default/t"}
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(spec, `"name":"Two"`, `"name":"T\u0000"`)), &n.Spec))
	require.ErrorContains(t, r.Create(t.Context(), n), "insert run "+n.ID.String())
	_, err := r.Get(t.Context(), run.Rules.Everything(), n.ID)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

func TestListing(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	first := r.create(t, nil)
	second := r.create(t, func(n *run.New) {
		n.Starter = identity.Principal{Kind: identity.KindService, Subject: "ci"}
		n.TemplateRef = "template:default/other"
	})
	third := r.create(t, func(n *run.New) { n.Starter = identity.Principal{Kind: identity.KindUser, Subject: "user:default/zoe"} })
	r.write(t, second, run.Entry{End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone}})
	r.write(t, third, run.Entry{End: &failed})

	for name, test := range map[string]struct {
		query    run.Query
		expected []uuid.UUID
		total    int
	}{
		"newest first":        {run.Query{}, []uuid.UUID{third, second, first}, 3},
		"oldest first":        {run.Query{OrderBy: "created_at", Ascending: true}, []uuid.UUID{first, second, third}, 3},
		"by status":           {run.Query{OrderBy: "status", Ascending: true}, []uuid.UUID{second, third, first}, 3},
		"by status, reversed": {run.Query{OrderBy: "status"}, []uuid.UUID{first, third, second}, 3},
		"by creator":          {run.Query{OrderBy: "created_by", Ascending: true}, []uuid.UUID{first, third, second}, 3},
		"a page":              {run.Query{Limit: 1, Offset: 1}, []uuid.UUID{second}, 3},
		"past the end":        {run.Query{Offset: 9}, []uuid.UUID{}, 3},
		"of a status":         {run.Query{Statuses: []string{"completed", "failed"}}, []uuid.UUID{third, second}, 2},
		"of a phase":          {run.Query{Phases: []string{"parked"}}, []uuid.UUID{third}, 1},
		"of a creator":        {run.Query{Creators: []string{"user:default/ada"}}, []uuid.UUID{first}, 1},
		"of a template":       {run.Query{Templates: []string{"template:default/other"}}, []uuid.UUID{second}, 1},
		"of nothing":          {run.Query{Statuses: []string{"wat"}}, []uuid.UUID{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs, total, err := r.List(t.Context(), run.Rules.Everything(), test.query)
			require.NoError(t, err)
			require.Equal(t, test.total, total)
			ids := []uuid.UUID{}
			for _, each := range runs {
				ids = append(ids, each.ID)
			}
			require.Equal(t, test.expected, ids)
		})
	}
}

func TestAnEventIsRecordedOnce(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id, other := r.create(t, nil), r.create(t, nil)
	r.write(t, id, run.Entry{Events: []run.NewEvent{line("a", "first"), line("b", "second")}})
	r.write(t, id, run.Entry{Events: []run.NewEvent{line("b", "told again"), line("c", "third")}})
	r.write(t, other, run.Entry{Events: []run.NewEvent{line("a", "another run's")}})
	require.Equal(t, []string{"log: first", "log: second", "log: third"}, r.messages(t, id, 0))
	require.Equal(t, []string{"log: another run's"}, r.messages(t, other, 0))
}

func TestAResumedReaderGetsTheEnd(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.write(t, id, run.Entry{Events: []run.NewEvent{line("a", "first"), line("b", "second"), completion("end")}})
	events, err := r.Events(t.Context(), id, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"log: second", "completion: done"}, r.messages(t, id, events[0].ID))
	require.Equal(t, []string{"completion: done"}, r.messages(t, id, events[2].ID))
	require.Equal(t, id, events[0].RunID)
	require.WithinDuration(t, time.Now(), events[0].CreatedAt, time.Minute)
}

func TestTextsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	message := "<a href=\"x\">&\u2028\x00\xff\u001b[32minfo\u001b[39m 😀"
	r.write(t, id, run.Entry{Events: []run.NewEvent{line("a", message)}})
	require.Equal(t, []string{"log: " + strings.ToValidUTF8(message, "\ufffd")}, r.messages(t, id, 0))
	events, err := r.Events(t.Context(), id, 0)
	require.NoError(t, err)
	require.Contains(t, string(events[0].Body), "<a href")
}

// TestReadersGetEveryEvent: ids ascend in the order in which they become visible, so a reader can continue
// after the last id.
func TestReadersGetEveryEvent(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 25
	r := newRecord(t)
	id := r.create(t, nil)
	claim := r.claim(t, id)
	var writing sync.WaitGroup
	failures := make(chan error, writers*each)
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				entry := run.Entry{Events: []run.NewEvent{line(fmt.Sprintf("%d/%d", w, n), "x"), line(fmt.Sprintf("%d/%d/b", w, n), "y")}}
				if n%2 == 0 { // half of them within a longer transaction
					entry.Steps = []run.StepChange{{Position: 0, Status: run.StatusProcessing}}
				}
				if err := r.Record(t.Context(), claim, entry); err != nil {
					failures <- err
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { writing.Wait(); close(finished) }()
	seen, last, done := 0, int64(0), false
	for seen < 2*writers*each {
		select {
		case <-finished:
			done = true
		default:
		}
		events, err := r.Events(t.Context(), id, last)
		require.NoError(t, err)
		for _, event := range events {
			require.Greater(t, event.ID, last)
			last = event.ID
		}
		seen += len(events)
		require.False(t, done && len(events) == 0, "%d of %d events were seen", seen, 2*writers*each)
	}
	<-finished
	close(failures)
	require.NoError(t, <-failures)
}

func TestAFollowerIsWoken(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id, other := r.create(t, nil), r.create(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	listener := db.NewListener(r.pool, run.Channel, slog.New(slog.DiscardHandler))
	wake, stop := listener.Follow(id.String())
	otherWake, stopOther := listener.Follow(other.String())
	ended := make(chan error, 1)
	go func() { ended <- listener.Run(ctx) }()
	awaitWake(t, wake, "when it begins to listen") // it may have missed something before
	awaitWake(t, otherWake, "when it begins to listen")

	r.write(t, id, run.Entry{Events: []run.NewEvent{line("a", "x")}})
	awaitWake(t, wake, "a new event")
	require.Empty(t, otherWake, "another run's follower sleeps on")
	r.write(t, id, run.Entry{Events: []run.NewEvent{line("b", "x")}, Phase: run.PhaseWaiting})
	awaitWake(t, wake, "an event in a transaction")

	stop()
	stopOther()
	cancel()
	require.NoError(t, <-ended)
}

func awaitWake(t *testing.T, wake <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-wake:
	case <-time.After(time.Minute):
		require.Fail(t, "not woken", why)
	}
}

func TestChangesOfAStep(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	r.write(t, id, run.Entry{WorkflowRunID: "execution-1", Phase: run.PhaseWaiting, Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, WaitingUntil: until}}})
	require.Equal(t, run.StatusProcessing, r.get(t, id).Status)
	require.Equal(t, run.PhaseWaiting, r.get(t, id).Phase)
	require.NotZero(t, r.get(t, id).StartedAt)
	require.True(t, until.Equal(r.step(t, id, 0).WaitingUntil))

	r.write(t, id, run.Entry{Phase: run.PhaseRunning, Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, FailedAttempts: new(2),
		Input: json.RawMessage(`{"b":1,"a":2}`), Workspace: "sha256:1"}}})
	began := r.step(t, id, 0).StartedAt
	require.Zero(t, r.step(t, id, 0).WaitingUntil, "it waits no more")
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted, Output: json.RawMessage(`{"x":1}`), Shown: json.RawMessage(`{"x":1}`)}}})
	step := r.step(t, id, 0)
	require.Equal(t, run.StatusCompleted, step.Status)
	require.Equal(t, 2, step.FailedAttempts)
	require.Equal(t, `{"b":1,"a":2}`, string(step.Input))
	require.Equal(t, "sha256:1", step.Workspace)
	require.Equal(t, began, step.StartedAt)
	require.NotZero(t, step.EndedAt)

	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 1, Status: run.StatusFailed, Failure: failed.Failure}}, End: &failed})
	require.Equal(t, failed.Failure, r.step(t, id, 1).Failure)
	ended := r.get(t, id)
	require.Equal(t, failed.Failure, ended.Failure)
	require.Equal(t, "two", ended.FailedStep)
	require.NotZero(t, ended.FinishedAt)
}

func TestTheIterationsOfAStepAreKeptUntilItEnds(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	output := func(n int) json.RawMessage { return json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)) }
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, Iterations: []run.Iteration{{0, output(0)}, {2, output(2)}}}}})
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, FailedAttempts: new(1)}}})
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, Iterations: []run.Iteration{{3, output(3)}}}}})
	require.Equal(t, 4, r.state(t, id).Steps[0].IterationsDone)
	require.Equal(t, map[int]json.RawMessage{0: output(0), 2: output(2), 3: output(3)}, r.iterations(t, id))

	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusFailed}}, End: &failed})
	require.Empty(t, r.iterations(t, id))
	_, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning})
	require.NoError(t, err)
	require.Zero(t, r.state(t, id).Steps[0].IterationsDone, "a retry of the step begins with the first")
}

func (r record) iterations(t *testing.T, id uuid.UUID) map[int]json.RawMessage {
	t.Helper()
	iterations, err := r.Iterations(t.Context(), id, 0)
	require.NoError(t, err)
	return iterations
}

func TestIterationsOfAnOlderReleaseAreRead(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	sealed := r.keys.Seal([]byte(`{"0":{"n":0},"2":{"n":2}}`), id.String())
	_, err := r.pool.Exec(t.Context(), "update run_steps set status = 'processing', sealed_iterations = $2 where run_id = $1 and step_id = 'one'", id, sealed)
	require.NoError(t, err)
	step := r.elsewhere().state(t, id).Steps[0]
	require.Equal(t, 3, step.IterationsDone)
	require.Equal(t, map[int]json.RawMessage{0: json.RawMessage(`{"n":0}`), 2: json.RawMessage(`{"n":2}`)}, step.Iterations)
}

// TestMergedEntriesEqualSeparateOnes compares Entry.Merge and Step.Apply with the database: entries that are
// written together, one after another, or applied in memory have the same result.
func TestMergedEntriesEqualSeparateOnes(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	output := json.RawMessage(`{"x":1}`)
	entries := []run.Entry{
		{WorkflowRunID: "execution-1", Events: []run.NewEvent{line("a", "first")}},
		{Phase: run.PhaseWaiting, Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, WaitingUntil: until, Input: output}}},
		{Phase: run.PhaseRunning, Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, FailedAttempts: new(2), Workspace: "sha256:1",
			Iterations: []run.Iteration{{0, output}}}}},
		{Events: []run.NewEvent{line("b", "second"), line("a", "told twice")}, Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing}}},
		{Steps: []run.StepChange{{Position: 1, Status: run.StatusProcessing}}},
		{Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted, Output: output, Shown: output}}},
		{Steps: []run.StepChange{{Position: 1, Status: run.StatusFailed, Failure: failed.Failure}}, End: &failed,
			Events: []run.NewEvent{completion("0/completion")}},
	}
	r := newRecord(t)
	for count := range len(entries) + 1 {
		apart, together := r.create(t, nil), r.create(t, nil)
		followed := r.state(t, apart).Steps
		var sum run.Entry
		for _, entry := range entries[:count] {
			r.write(t, apart, entry)
			sum.Merge(entry)
			for _, change := range entry.Steps {
				followed[change.Position].Apply(change)
			}
		}
		r.write(t, together, sum)
		expected, got := r.state(t, apart), r.state(t, together)
		require.Equal(t, expected.Status, got.Status)
		require.Equal(t, expected.Phase, got.Phase)
		require.Equal(t, expected.WorkflowRunID, got.WorkflowRunID)
		require.Equal(t, expected.Failure, got.Failure)
		wrote, err := r.Outputs(t.Context(), apart, []int{0, 1})
		require.NoError(t, err)
		wroteTogether, err := r.Outputs(t.Context(), together, []int{0, 1})
		require.NoError(t, err)
		require.Equal(t, wrote, wroteTogether)
		require.Equal(t, r.messages(t, apart, 0), r.messages(t, together, 0))
		for i := range expected.Steps {
			require.Equal(t, timeless(r.step(t, apart, i)), timeless(r.step(t, together, i)), "after %d entries", count)
			seen := timeless(expected.Steps[i])
			followed[i].Iterations = nil
			require.Equal(t, seen, timeless(followed[i]), "after %d entries", count)
		}
	}
}

// timeless is a step without the times of its writes, and without the iterations of an ended step, which are
// not needed.
func timeless(step run.Step) run.Step {
	step.StartedAt, step.EndedAt, step.WaitingUntil = time.Time{}, time.Time{}, step.WaitingUntil.UTC()
	if step.Status.Ended() {
		step.IterationsDone = 0
	}
	return step
}

func TestEventsOfOneEntryKeepTheirTimes(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	moves := []run.Entry{
		{WorkflowRunID: "execution", Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing}}},
		{Events: []run.NewEvent{line("a", "working")}},
		{Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted}, {Position: 1, Status: run.StatusSkipped}}},
		{End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone}},
	}
	var together run.Entry
	for i, move := range moves {
		move.SetTimes(began.Add(time.Duration(i) * time.Second))
		together.Merge(move)
	}
	r.write(t, id, together)

	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	got, one, two := r.get(t, id), r.step(t, id, 0), r.step(t, id, 1)
	events, err := r.Events(t.Context(), id, 0)
	require.NoError(t, err)
	require.Equal(t, []time.Time{at(0), at(0), at(1), at(2), at(2), at(2), at(3)}, utc(
		got.StartedAt, one.StartedAt, events[0].CreatedAt, one.EndedAt, two.StartedAt, two.EndedAt, got.FinishedAt))
}

func utc(times ...time.Time) []time.Time {
	for i := range times {
		times[i] = times[i].UTC()
	}
	return times
}

func TestReopening(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": "old"} })
	r.write(t, id, run.Entry{WorkflowRunID: "execution-1"})
	require.NoError(t, r.Cancel(t.Context(), id, run.Command{}, run.NewEvent{Type: run.EventCancelled, Key: "stop"}))
	r.write(t, id, run.Entry{})
	require.Equal(t, "execution-1", r.get(t, id).WorkflowRunID)
	require.True(t, r.get(t, id).CancelRequested)
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted, Output: json.RawMessage(`{"x":1}`), Shown: json.RawMessage(`{"x":1}`)}}})
	r.write(t, id, run.Entry{
		Events: []run.NewEvent{line("a", "kept"), {Type: run.EventCancelled, Key: "c"}, completion("0/completion")},
		Steps:  []run.StepChange{{Position: 1, Status: run.StatusFailed, FailedAttempts: new(3), Failure: failed.Failure, Workspace: "sha256:2"}}, End: &failed})

	generation, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, From: 1,
		Secrets: map[string]string{"token": "new"}, Recovered: true})
	require.NoError(t, err)
	require.Equal(t, 1, generation)
	got := r.get(t, id)
	require.Equal(t, 1, got.Generation)
	require.Equal(t, run.StatusProcessing, got.Status)
	require.Nil(t, got.Failure)
	require.Empty(t, got.FailedStep)
	require.Zero(t, got.FinishedAt)
	require.False(t, got.CancelRequested, "the decision to continue is newer")
	require.Empty(t, got.WorkflowRunID, "a crash before the workflow hears of it is mended by the sweep")
	require.Equal(t, run.StatusCompleted, r.step(t, id, 0).Status, "completed steps stay completed")
	require.Equal(t, run.StatusOpen, r.step(t, id, 1).Status)
	require.Empty(t, r.step(t, id, 1).Workspace)
	require.Zero(t, r.step(t, id, 1).FailedAttempts, "a person's retry has all attempts before it")
	require.Nil(t, r.step(t, id, 1).Failure)
	require.Equal(t, []string{"log: kept", "recovered: "}, r.messages(t, id, 0), "the ending is taken back")
	require.Equal(t, map[string]string{"token": "new"}, r.state(t, id).Secrets)

	_, err = r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing})
	require.EqualError(t, err, fmt.Sprintf("Task with taskId %s cannot be retried", id))
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}

func TestARollbackKeepsStepsAndSecrets(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": "old"} })
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 1, Status: run.StatusFailed}}, End: &failed})
	_, err := r.Reopen(t.Context(), id, run.ReopenForRollback(0))
	require.NoError(t, err)
	require.Equal(t, run.PhaseRollingBack, r.get(t, id).Phase)
	require.Equal(t, run.StatusFailed, r.step(t, id, 1).Status)
	require.Equal(t, []string{"log: Rolling back: undoing what this run created"}, r.messages(t, id, 0))
	require.Equal(t, map[string]string{"token": "old"}, r.state(t, id).Secrets)
}

func TestOnlyOneOfManyRetriesIsAccepted(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.write(t, id, run.Entry{End: &failed})
	outcomes := make(chan error, 8)
	for range cap(outcomes) {
		go func() {
			_, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, From: 0})
			outcomes <- err
		}()
	}
	heard := 0
	for range cap(outcomes) {
		if err := <-outcomes; err == nil {
			heard++
		} else {
			require.Equal(t, fault.Conflict, fault.KindOf(err))
		}
	}
	require.Equal(t, 1, heard)
	require.Equal(t, 1, r.get(t, id).Generation)
}

func TestRunsThatWereNeverStarted(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	forgotten, started := r.create(t, nil), r.create(t, nil)
	r.write(t, started, run.Entry{WorkflowRunID: "execution-1"})
	found, err := r.Unstarted(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, []run.Unstarted{{ID: forgotten}}, found)
	found, err = r.Unstarted(t.Context(), time.Now().Add(-time.Minute))
	require.NoError(t, err)
	require.Empty(t, found, "a new run is started by its creator")

	r.write(t, started, run.Entry{End: &failed})
	_, err = r.Reopen(t.Context(), started, run.ReopenForRollback(0))
	require.NoError(t, err)
	found, err = r.Unstarted(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, []run.Unstarted{{ID: forgotten}, {ID: started}}, found)
}

func TestErrorsOfAnUnreachableDatabase(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	claim := r.claim(t, id)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Get(ctx, run.Rules.Everything(), id)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, id.String())
	require.ErrorIs(t, r.Record(ctx, claim, run.Entry{Events: []run.NewEvent{line("a", "x")}}), context.Canceled)
	require.ErrorIs(t, r.Create(ctx, run.New{ID: uuid.New(), Spec: template.TaskSpec{}}), context.Canceled)
}

// TestARunKeepsThePrincipalThatStartedIt: the name alone shows neither their ownership nor the restrictions
// of their token.
func TestARunKeepsThePrincipalThatStartedIt(t *testing.T) {
	t.Parallel()
	record := newRecord(t)
	for name, starter := range map[string]identity.Principal{
		"a user":     ada,
		"a service":  {Kind: identity.KindService, Subject: "external:ci"},
		"restricted": {Kind: identity.KindService, Subject: "ci", Restrictions: []identity.Restriction{{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.create"}, Actions: []string{"create"}}}},
		"nobody":     {},
	} {
		withToken := starter
		withToken.Token = "a-token-of-theirs"
		id := record.create(t, func(n *run.New) { n.Starter = withToken })
		require.Equal(t, starter, record.state(t, id).Starter, name)
		require.Equal(t, starter, record.elsewhere().state(t, id).Starter, name)
		var leaks bool
		require.NoError(t, record.pool.QueryRow(t.Context(), "select runs::text like '%a-token-of-theirs%' from runs where id = $1", id).Scan(&leaks))
		require.False(t, leaks)
	}
}
