package callback_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	activities "github.com/portico-dev/portico/activities/callback"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/callback"
)

// baseURL begins the addresses.
const baseURL = "https://portico.example.com/callbacks/"

// setting is a run with the actions and the service behind them.
type setting struct {
	*callback.Service
	create, wait action.Action
	runID        string
	// woken are the runs that were woken.
	woken []string
}

func newSetting(t testing.TB, pool *pgxpool.Pool) *setting {
	t.Helper()
	s := &setting{runID: newRun(t, pool)}
	s.Service = callback.New(callback.Options{Pool: pool, Log: slog.New(slog.DiscardHandler), URL: baseURL,
		Wake: func(_ context.Context, runID string) error {
			s.woken = append(s.woken, runID)
			return errors.New("Temporal is away, which loses nothing")
		}})
	actions := activities.Actions(s.Service)
	s.create, s.wait = actions[0], actions[1]
	return s
}

func newRun(t testing.TB, pool *pgxpool.Pool) string {
	t.Helper()
	id := uuid.NewString()
	_, err := pool.Exec(t.Context(), `insert into runs (id, template_ref, title, spec, spec_digest, status, phase) values ($1, 't', 'T', '{}', '', 'processing', 'running')`, id)
	require.NoError(t, err)
	return id
}

func (s *setting) call(t testing.TB, input string, startedAt time.Time) *action.Call {
	t.Helper()
	call := actiontest.NewHarness(t).Call(input)
	call.RunID, call.StartedAt = s.runID, startedAt
	return call
}

// address runs callback:create.
func (s *setting) address(t testing.TB) (id, secret string) {
	t.Helper()
	output, err := s.create.Run(t.Context(), s.call(t, `{}`, time.Now()))
	require.NoError(t, err)
	require.Equal(t, output["url"].(string)+"/failure", output["failureUrl"])
	return output["id"].(string), strings.TrimPrefix(output["url"].(string), baseURL)
}

// waits runs callback:wait for a machine, as a step that began at a time.
func (s *setting) waits(t testing.TB, id string, since time.Time) (action.Output, error) {
	t.Helper()
	return s.wait.Run(t.Context(), s.call(t, fmt.Sprintf(`{"id":%q,"for":"the machine","timeoutHours":2}`, id), since))
}

// behind is a pool whose statements pass a gate.
func behind(t testing.TB, gate *actiontest.Gate, pool *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	config := pool.Config()
	config.ConnConfig.Tracer = gate
	gated, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(gated.Close)
	return gated
}

func TestCreateConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		pool := testkit.Database(t)
		s := newSetting(t, pool)
		create := activities.Actions(callback.New(callback.Options{Pool: behind(t, gate, pool), URL: baseURL}))[0]
		return actiontest.Fixture{Action: used{ofRun{create, s.runID}, s}, Input: `{}`, NoUndo: "the addresses belong to the run, and end with it"}
	})
}

// used is callback:create whose output says whether the address takes an answer, in place of the address: each run of it
// makes another one. Those of attempts that were cut off stay unused, and end with the run.
type used struct {
	action.Action

	setting *setting
}

// Run makes an address and uses it.
func (u used) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	output, err := u.Action.Run(ctx, call)
	if err != nil {
		return nil, err
	}
	address, _ := output["url"].(string)
	taken := u.setting.Take(context.WithoutCancel(ctx), strings.TrimPrefix(address, baseURL), callback.Answer{Succeeded: true, Body: []byte(`{}`)})
	return action.Output{"id": "", "url": fmt.Sprint("refused: ", taken), "failureUrl": fmt.Sprint(output["failureUrl"] == address+"/failure")}, nil
}

func TestWaitConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		pool := testkit.Database(t)
		s := newSetting(t, pool)
		id, secret := s.address(t)
		require.NoError(t, s.Take(t.Context(), secret, callback.Answer{Succeeded: true, Body: []byte(`{}`)}))
		wait := activities.Actions(callback.New(callback.Options{Pool: behind(t, gate, pool)}))[1]
		return actiontest.Fixture{Action: ofRun{wait, s.runID}, Input: fmt.Sprintf(`{"id":%q}`, id), NoUndo: "it only reads"}
	})
}

// ofRun is an action in a run that exists.
type ofRun struct {
	action.Action
	runID string
}

func (a ofRun) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	call.RunID = a.runID
	return a.Action.Run(ctx, call)
}

func TestAWaitEndsWithTheCallback(t *testing.T) {
	t.Parallel()
	s := newSetting(t, testkit.Database(t))
	id, secret := s.address(t)
	_, err := s.waits(t, id, time.Now())
	var notYet *action.NotYetError
	require.ErrorAs(t, err, &notYet)
	require.Equal(t, "Waiting for the machine", notYet.Waiting)
	require.Equal(t, 5*time.Minute, notYet.After)

	require.NoError(t, s.Take(t.Context(), secret, callback.Answer{Succeeded: true, Body: []byte(`{"hostname":"rack-7"}`)}))
	require.Equal(t, []string{s.runID}, s.woken)
	output, err := s.waits(t, id, time.Now())
	require.NoError(t, err)
	require.JSONEq(t, `{"hostname":"rack-7"}`, fmt.Sprintf("%s", output["body"]))
}

func TestAWaitGivesUp(t *testing.T) {
	t.Parallel()
	s := newSetting(t, testkit.Database(t))
	id, _ := s.address(t)
	_, err := s.waits(t, id, time.Now().Add(-119*time.Minute))
	var notYet *action.NotYetError
	require.ErrorAs(t, err, &notYet)
	require.LessOrEqual(t, notYet.After, time.Minute, "it does not wait for longer than it may")
	_, err = s.waits(t, id, time.Now().Add(-121*time.Minute))
	require.EqualError(t, err, "Nobody has answered about the machine within 2 hours")
	require.False(t, action.IsTransient(err))
}

// TestAFailureIsReportedOnce: the step fails with what was told, also after a crash. A retry waits for another answer,
// which may be a success.
func TestAFailureIsReportedOnce(t *testing.T) {
	t.Parallel()
	s := newSetting(t, testkit.Database(t))
	id, secret := s.address(t)
	require.NoError(t, s.Take(t.Context(), secret, callback.Answer{Body: []byte(`{"message":"out of racks"}`)}))
	err := s.Take(t.Context(), secret, callback.Answer{Body: []byte(`{"message":"no power"}`)})
	require.Equal(t, fault.Conflict, fault.KindOf(err), "the run has not seen the first one")
	began := time.Now()
	for range 2 { // the first attempt died before it was recorded
		_, err := s.waits(t, id, began)
		require.EqualError(t, err, "A failure is reported for the machine: out of racks")
		require.False(t, action.IsTransient(err))
	}
	retried := time.Now().Add(time.Second)
	_, err = s.waits(t, id, retried)
	require.ErrorAs(t, err, new(*action.NotYetError))

	require.NoError(t, s.Take(t.Context(), secret, callback.Answer{Body: []byte(`{"message":"out of racks"}`)}))
	_, err = s.waits(t, id, retried)
	require.EqualError(t, err, "A failure is reported for the machine: out of racks", "it has failed in the same way again")
	retried = time.Now().Add(2 * time.Second)
	require.NoError(t, s.Take(t.Context(), secret, callback.Answer{Body: []byte(`{}`)}))
	_, err = s.waits(t, id, retried)
	require.EqualError(t, err, "A failure is reported for the machine: no reason was given")
	require.NoError(t, s.Take(t.Context(), secret, callback.Answer{Succeeded: true, Body: []byte(`{}`)}))
	_, err = s.waits(t, id, retried)
	require.NoError(t, err)
}

func TestWhatIsNoCallbackOfTheRunIsRefused(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	other := newSetting(t, pool)
	foreign, _ := other.address(t)
	s := newSetting(t, pool)
	for id, message := range map[string]string{
		foreign:           "This run has no callback " + foreign,
		uuid.Nil.String(): "This run has no callback " + uuid.Nil.String(),
		"x":               "'x' is no id of a callback",
	} {
		_, err := s.waits(t, id, time.Now())
		require.EqualError(t, err, message)
		require.False(t, action.IsTransient(err))
	}
}

func TestAnswersAreTakenOnce(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	s := newSetting(t, pool)
	_, secret := s.address(t)
	success := func(body string) error {
		return s.Take(t.Context(), secret, callback.Answer{Succeeded: true, Body: []byte(body)})
	}
	for _, unknown := range []string{"", "not base64!", strings.Repeat("A", 43)} {
		require.Equal(t, fault.NotFound, fault.KindOf(s.Take(t.Context(), unknown, callback.Answer{Body: []byte(`{}`)})), unknown)
	}
	require.Equal(t, fault.Input, fault.KindOf(success(`{"x":"`+strings.Repeat("x", callback.MaxBody)+`"}`)))
	require.NoError(t, success(`{"n":1}`))
	require.NoError(t, success(`{"n":1}`))
	require.Equal(t, fault.Conflict, fault.KindOf(success(`{"n":2}`)))
	require.Equal(t, fault.Conflict, fault.KindOf(s.Take(t.Context(), secret, callback.Answer{Body: []byte(`{}`)})))
	require.Len(t, s.woken, 1)

	_, late := s.address(t)
	_, err := pool.Exec(t.Context(), "update runs set status = 'failed', phase = 'rolledBack' where id = $1", s.runID)
	require.NoError(t, err)
	err = s.Take(t.Context(), late, callback.Answer{Succeeded: true, Body: []byte(`{}`)})
	require.EqualError(t, err, "The run has ended and waits for nothing")

	var events []string
	require.NoError(t, pool.QueryRow(t.Context(), "select array_agg(action || ' ' || outcome) from audit_events where resource = $1", s.runID).Scan(&events))
	require.Equal(t, []string{"run.callback done"}, events, "one event for one answer")
}
