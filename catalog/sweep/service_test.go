package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
)

// operator decides about sweeps.
var operator = identity.Principal{Kind: identity.KindUser, Subject: "user:default/operator"}

// told is an engine that notes what it is told.
type told struct {
	commands []string
	plans    map[string]sweep.Plan
	paused   map[string]bool
	err      error
}

func (e *told) tell(command string) error {
	e.commands = append(e.commands, command)
	return e.err
}

func (e *told) Ensure(_ context.Context, plan sweep.Plan) (sweep.Scheduled, error) {
	if e.plans == nil {
		e.plans = map[string]sweep.Plan{}
	}
	e.plans[plan.Source] = plan
	scheduled := sweep.Scheduled{Paused: e.paused[plan.Source]}
	if plan.Every > 0 {
		scheduled.Next, scheduled.Period = time.Now().Add(plan.Every), plan.Every
	}
	return scheduled, e.err
}
func (e *told) Remove(_ context.Context, source string) error  { return e.tell("remove " + source) }
func (e *told) Trigger(_ context.Context, source string) error { return e.tell("trigger " + source) }
func (e *told) Wake(_ context.Context, id string) error        { return e.tell("wake " + id) }
func (e *told) Pause(_ context.Context, source, note string) error {
	return e.tell("pause " + source + " " + note)
}

func (e *told) Resume(_ context.Context, source, note string) error {
	return e.tell("resume " + source + " " + note)
}

// forget returns what was told, and forgets it.
func (e *told) forget() []string {
	commands := e.commands
	e.commands = nil
	return commands
}

func newServiceWith(b *bench, engine *told) *sweep.Service {
	return sweep.NewService(sweep.ServiceOptions{Pool: b.pool, Decider: policytest.Table{}, Engine: engine, Log: slog.New(slog.DiscardHandler)})
}

func newService(b *bench) *sweep.Service { return newServiceWith(b, &told{}) }

func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	policytest.EveryMethodAsks(t, sweep.NewService(sweep.ServiceOptions{Pool: testkit.Database(t), Decider: refuser, Engine: &told{}}), refuser, nil, uuid.New())
}

func TestSweepsThatPeopleAskFor(t *testing.T) {
	t.Parallel()
	b, engine := newBench(t), &told{}
	service := newServiceWith(b, engine)
	asked, err := service.Start(t.Context(), operator, source, nil)
	require.NoError(t, err)
	require.Equal(t, sweep.Requested, asked.State)
	require.Equal(t, operator.Subject, asked.AskedBy)
	require.Equal(t, []string{"trigger " + source}, engine.forget())
	_, err = service.Start(t.Context(), operator, source, nil)
	require.Equal(t, fault.Conflict, fault.KindOf(err))

	begun := b.begin(source)
	require.Equal(t, asked.ID, begun.ID, "the workflow takes on the sweep that was asked for")
	b.commit(b.stage(begun, page("a")))
	listed, err := service.Sources(t.Context(), operator)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Equal(t, []any{source, "json", "example.com/org", time.Hour, 1}, []any{listed[0].Name, listed[0].Kind, listed[0].Place, listed[0].Every, listed[0].Entities})
	require.Equal(t, sweep.Committed, listed[0].Last.State)
	one, sweeps, err := service.Source(t.Context(), operator, source)
	require.NoError(t, err)
	require.Len(t, sweeps, 1)
	require.Equal(t, one.Last.ID, sweeps[0].ID)
	require.Equal(t, sweep.ByPerson, sweeps[0].Cause)
	for _, name := range []string{"", "none"} {
		_, _, err = service.Source(t.Context(), operator, name)
		require.Equal(t, fault.NotFound, fault.KindOf(err))
	}
	_, err = service.Start(t.Context(), operator, "none", nil)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Equal(t, []string{"sweep.start by user:default/operator"},
		b.column("select action || ' by ' || actor from audit_events where action like 'sweep.start'"))
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		decide func(*sweep.Service, context.Context, identity.Principal, uuid.UUID) (sweep.Sweep, error)
		state  sweep.State
		left   int
	}{
		"approve": {(*sweep.Service).Approve, sweep.Approved, 1},
		"drop":    {(*sweep.Service).Drop, sweep.Dropped, 30},
		"cancel":  {(*sweep.Service).Cancel, sweep.Cancelled, 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, engine := newBench(t), &told{}
			service := newServiceWith(b, engine)
			b.sweep(source, page(many(0, 30)...))
			waiting := b.sweep(source, page("c000"))
			require.Equal(t, sweep.Waiting, waiting.State)
			shown, err := service.Sweep(t.Context(), operator, waiting.ID)
			require.NoError(t, err)
			require.Len(t, shown.Removals, 29)
			require.Equal(t, "component:default/c001", shown.Removals[0])
			require.Equal(t, sweep.Waiting, b.commit(waiting).State, "it waits, however often it is asked")

			decided, err := test.decide(service, t.Context(), operator, waiting.ID)
			require.NoError(t, err)
			require.Equal(t, []any{test.state, operator.Subject}, []any{decided.State, decided.DecidedBy})
			require.Equal(t, []string{"wake " + sweep.WorkflowID(source)}, engine.forget())
			_, err = test.decide(service, t.Context(), operator, waiting.ID)
			if name != "cancel" || test.state.HasEnded() {
				require.Equal(t, fault.Conflict, fault.KindOf(err), "it is decided once")
			}
			b.commit(waiting)
			require.Len(t, b.refs(), test.left)
			b.requireUnstaged()
			require.Equal(t, []string{"sweep." + name}, b.column("select action from audit_events where actor = $1", operator.Subject))
		})
	}
}

func TestOnlyWhatWaitsIsApproved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	service := newService(b)
	reading := b.begin(source)
	_, err := service.Approve(t.Context(), operator, reading.ID)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorContains(t, err, "is reading and cannot become approved")
	_, err = service.Approve(t.Context(), operator, uuid.New())
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = service.Sweep(t.Context(), operator, uuid.New())
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

func TestPauses(t *testing.T) {
	t.Parallel()
	b, engine := newBench(t), &told{}
	service := newServiceWith(b, engine)
	paused := func() bool {
		found, _, err := service.Source(t.Context(), operator, source)
		require.NoError(t, err)
		return found.Paused
	}
	require.NoError(t, service.Pause(t.Context(), operator, source))
	require.True(t, paused())
	require.NoError(t, service.Resume(t.Context(), operator, source))
	require.False(t, paused())
	require.Equal(t, []string{"pause " + source + " paused by user:default/operator", "resume " + source + " resumed by user:default/operator"}, engine.forget())
	require.Equal(t, fault.NotFound, fault.KindOf(service.Pause(t.Context(), operator, "none")))

	engine.err = errors.New("no connection")
	require.Equal(t, fault.Unavailable, fault.KindOf(service.Pause(t.Context(), operator, source)))
	require.False(t, paused(), "without Temporal, nothing changes")
	require.Len(t, b.column("select action from audit_events where action = 'source.pause'"), 1)
}

func TestSchedulesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	b, engine := newBench(t), &told{paused: map[string]bool{source: true}}
	service := newServiceWith(b, engine)
	require.NoError(t, b.store.Sync(t.Context(), engine, false))
	require.Equal(t, time.Hour, engine.plans[source].Every)
	first := engine.plans[source].FirstAt
	found, _, err := service.Source(t.Context(), operator, source)
	require.NoError(t, err)
	require.True(t, found.Paused, "what somebody paused in the Temporal Web UI is shown")
	require.WithinDuration(t, time.Now().Add(time.Hour), found.Next, time.Minute)

	b.configure(source)
	require.NoError(t, b.store.Sync(t.Context(), engine, false))
	require.Equal(t, first, engine.plans[source].FirstAt, "a new start of the process does not move it")
	require.Empty(t, engine.forget())
	require.Error(t, b.store.Configure(t.Context(), slices.Repeat(configured(source), 2)), "one name, one source")
}

// TestWhatAWorkflowDidNotHear is told again.
func TestWhatAWorkflowDidNotHear(t *testing.T) {
	t.Parallel()
	b, engine := newBench(t), &told{err: errors.New("no connection")}
	service := newServiceWith(b, engine)
	_, err := service.Start(t.Context(), operator, source, nil)
	require.NoError(t, err, "it is on the record")
	engine.err = nil
	engine.forget()
	require.NoError(t, b.store.Sync(t.Context(), engine, false))
	require.Empty(t, engine.forget(), "it may just be beginning")
	_, err = b.pool.Exec(t.Context(), "update catalog_sweeps set asked_at = asked_at - interval '1 minute'")
	require.NoError(t, err)
	require.NoError(t, b.store.Sync(t.Context(), engine, false))
	require.Equal(t, []string{"trigger " + source}, engine.forget())
}

// TestASourceThatLeftTheConfiguration is removed by a sweep of its own.
func TestASourceThatLeftTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		entities int
		keep     bool
		state    sweep.State
	}{
		"few":                     {5, false, sweep.Committed},
		"many":                    {30, false, sweep.Waiting},
		"kept by the strategy":    {5, true, ""},
		"that had nothing at all": {0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, engine := newBench(t), &told{}
			b.sweep(source, page(many(0, test.entities)...))
			b.configure()
			require.NoError(t, b.store.Sync(t.Context(), engine, test.keep))
			if test.state == "" {
				require.Equal(t, []string{"remove " + source}, engine.forget())
				require.Len(t, b.refs(), test.entities)
				return
			}
			require.Equal(t, []string{"trigger " + source}, engine.forget())
			require.Zero(t, engine.plans[source].Every, "it is not swept by schedule any more")
			begun := b.begin(source)
			require.Equal(t, sweep.Complete, begun.State, "there is nothing to read")
			require.Equal(t, test.state, b.commit(begun).State)
			require.NoError(t, b.store.Sync(t.Context(), engine, test.keep))
			if test.state == sweep.Committed {
				require.Empty(t, b.refs())
				require.Equal(t, []string{"remove " + source}, engine.forget())
				return
			}
			require.Empty(t, engine.forget(), "it waits for a person")
			require.Len(t, b.refs(), test.entities)
			b.configure(source)
			require.Equal(t, sweep.Dropped, b.commit(begun).State, "the configuration has it again")
			require.Len(t, b.refs(), test.entities)
			b.requireUnstaged()
		})
	}
}

// TestASweepSaysThatAnEventCausedIt: who looks at a source sees why it was read, also if Temporal heard of it late.
func TestASweepSaysThatAnEventCausedIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	engine := &told{err: errors.New("Temporal is away")}
	require.Error(t, b.store.SweepByEvent(t.Context(), engine, source))
	require.NoError(t, b.store.SweepByEvent(t.Context(), &told{}, source), "a second event asks for the same sweep")
	b.begin(source)
	require.Equal(t, []string{string(sweep.ByEvent)}, b.column("select cause from catalog_sweeps"))

	engine.err = nil
	require.NoError(t, b.store.SweepByEvent(t.Context(), engine, source), "during a sweep, Temporal keeps the next one")
	require.Equal(t, []string{"trigger " + source, "trigger " + source}, engine.commands)
}

// TestADroppedRemovalIsNotRepeated: a person has decided that the entities stay.
func TestADroppedRemovalIsNotRepeated(t *testing.T) {
	t.Parallel()
	b, engine := newBench(t), &told{}
	b.sweep(source, page(many(0, 30)...))
	b.configure()
	require.NoError(t, b.store.Sync(t.Context(), engine, false))
	waiting := b.commit(b.begin(source))
	_, err := newService(b).Drop(t.Context(), operator, waiting.ID)
	require.NoError(t, err)
	engine.forget()
	require.NoError(t, b.store.Sync(t.Context(), engine, false))
	require.Empty(t, engine.forget())
	require.Len(t, b.refs(), 30)
}

func TestHealthAndOldSweeps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.store.Sync(t.Context(), &told{}, false))
	health := func() string {
		samples, err := b.store.Health(t.Context())
		require.NoError(t, err)
		var counted []string
		for _, sample := range samples {
			counted = append(counted, fmt.Sprint(sample.Metric.Name, sample.Labels, " ", sample.Value))
		}
		return strings.Join(counted, ", ")
	}
	b.sweep(source, page(many(0, 30)...))
	require.Equal(t, "portico_catalog_sources_late[] 0, portico_catalog_sources[committed] 1", health())
	waiting := b.sweep(source, page())
	require.Equal(t, "portico_catalog_sources_late[] 0, portico_catalog_sources[waiting] 1", health())
	_, err := newService(b).Drop(t.Context(), operator, waiting.ID)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), "update catalog_sweeps set ended_at = ended_at - interval '4 hours', asked_at = asked_at - interval '4 hours'")
	require.NoError(t, err)
	require.Equal(t, "portico_catalog_sources_late[] 1, portico_catalog_sources[dropped] 1", health(), "two intervals and the timeout are over")

	b.sweep(source, page(many(0, 30)...))
	require.Equal(t, "portico_catalog_sources_late[] 0, portico_catalog_sources[committed] 1", health())
	require.NoError(t, b.store.DeleteOld(t.Context(), time.Now().Add(-time.Hour)))
	require.Equal(t, []string{"committed"}, b.column("select state from catalog_sweeps"))
	require.NoError(t, b.store.DeleteOld(t.Context(), time.Now().Add(time.Hour)))
	require.Len(t, b.column("select state from catalog_sweeps"), 1, "the last one stays")
}
