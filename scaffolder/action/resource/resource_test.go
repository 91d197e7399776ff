package resource_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// system is a system in which things have unique names. It sets what the functions of a Spec find, and how
// they fail.
type system struct {
	// there is the thing of the name, nil when there is none; mark is the effect for which it was created.
	there *thing
	// shows says whether the thing can be seen; hides is Hidden's reason.
	invisible, mayHide bool
	hides              string
	// create and delete are the errors of these; with late, create fails after the thing was created.
	create, delete error
	late           bool
	used           string
	created        int
}

type thing struct{ id, mark string }

func (s *system) spec() resource.Spec[*thing] {
	found := func() *resource.Found[*thing] {
		if s.there == nil || s.invisible {
			return nil
		}
		made := s.there
		return &resource.Found[*thing]{
			Thing: made, ID: made.id, URL: "https://things/" + made.id,
			MadeFor: func(effect action.Effect) bool { return made.mark == effect.ID },
		}
	}
	spec := resource.Spec[*thing]{
		Intent: action.Intent{Kind: "thing", Name: "one"},
		Title:  "the thing one",
		Find:   func(context.Context, action.Effect) (*resource.Found[*thing], error) { return found(), nil },
		Create: func(_ context.Context, effect action.Effect) (*resource.Found[*thing], error) {
			if s.create == nil || s.late {
				s.created++
				s.there = &thing{id: "7", mark: effect.ID}
			}
			return found(), s.create
		},
		Delete: func(context.Context, *thing) error {
			if s.delete == nil {
				s.there = nil
			}
			return s.delete
		},
		Used: func(context.Context, action.Effect, *thing) (string, error) { return s.used, nil },
	}
	if s.mayHide {
		spec.Hidden = func(context.Context) (string, error) { return s.hides, nil }
	}
	return spec
}

// ensure is one attempt of a step.
func (s *system) ensure(t *testing.T, harness *actiontest.Harness) (*thing, error) {
	t.Helper()
	made, _, err := resource.Ensure(t.Context(), harness.Call(`{}`), s.spec())
	return made, err
}

var (
	theirs    = &thing{id: "1", mark: "another's"}
	passing   = action.Transient(errors.New("the system is ill"), 0)
	forbidden = fault.New(fault.NotAllowed, "no")
)

// TestEnsure lists what a second attempt finds after a first, and its result.
func TestEnsure(t *testing.T) {
	t.Parallel()
	// change changes what the second attempt finds.
	for name, test := range map[string]struct {
		first  system
		change func(*system)
		says   string
		kind   fault.Kind
		// leaves is the effect's state at the end; created is how often a thing was created.
		leaves  action.EffectState
		created int
	}{
		"created, and found by its id": {leaves: action.EffectCreated, created: 1},
		"the answer was lost, and it is found by its mark": {
			first: system{create: passing, late: true}, leaves: action.EffectCreated, created: 1,
		},
		"the request was lost": {
			first: system{create: passing}, change: func(s *system) { s.create = nil }, leaves: action.EffectCreated, created: 1,
		},
		"the system fails twice": {
			first: system{create: passing}, says: "the system is ill", leaves: action.EffectIntended,
		},
		"refused": {first: system{create: forbidden}, says: "no", kind: fault.NotAllowed, leaves: action.EffectUndone},
		"refused where an earlier attempt may have created what is hidden": {
			first: system{create: passing, mayHide: true, hides: "it is dark"}, change: func(s *system) { s.create = forbidden },
			says: "no", kind: fault.NotAllowed, leaves: action.EffectIntended,
		},
		"refused where nothing is hidden": {
			first: system{create: passing, mayHide: true}, change: func(s *system) { s.create = forbidden },
			says: "no", kind: fault.NotAllowed, leaves: action.EffectUndone,
		},
		"of somebody else": {
			first: system{there: theirs}, says: "The thing one exists already, and this run did not create it. It was left untouched.",
			kind: fault.Conflict, leaves: action.EffectUndone,
		},
		"taken by a name that is not shown": {
			first: system{create: resource.ErrExist, mayHide: true}, says: "creating the thing one: it exists already; the system does not show it",
			leaves: action.EffectIntended,
		},
		"refused as taken by a system that hides nothing": {
			first: system{create: resource.Exists(fault.New(fault.Conflict, "it is being moved"))}, says: "it is being moved", kind: fault.Conflict,
			leaves: action.EffectUndone,
		},
		"gone": {
			change: func(s *system) { s.there = nil }, says: "The thing one, which this run created, is gone", kind: fault.Conflict,
			leaves: action.EffectCreated, created: 1,
		},
		"replaced": {
			change: func(s *system) { s.there = theirs }, says: "The thing one, which this run created, is gone", kind: fault.Conflict,
			leaves: action.EffectCreated, created: 1,
		},
		"hidden": {
			first: system{mayHide: true}, change: func(s *system) { s.invisible, s.hides = true, "it is dark" },
			says: "cannot be seen any more: it may be gone, or hidden, because it is dark", kind: fault.NotAllowed,
			leaves: action.EffectCreated, created: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, harness := &test.first, actiontest.NewHarness(t)
			_, _ = s.ensure(t, harness) // the case says how the first attempt ends
			if test.change != nil {
				test.change(s)
			}
			made, err := s.ensure(t, harness)
			require.Equal(t, test.leaves, harness.Ledger.All()[0].State)
			require.Equal(t, test.created, s.created)
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, s.there, made)
				require.Equal(t, "7", harness.Ledger.All()[0].ExternalID)
				return
			}
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.kind == "", action.IsTransient(err))
		})
	}
}

// TestEnsureReturnsTheThingWithATakenName: it comes with the error, for an action that accepts it.
func TestEnsureReturnsTheThingWithATakenName(t *testing.T) {
	t.Parallel()
	s := &system{there: theirs}
	found, err := s.ensure(t, actiontest.NewHarness(t))
	require.ErrorIs(t, err, resource.ErrTaken)
	require.Equal(t, theirs, found)
}

func TestTwoStepsThatCreateOneThing(t *testing.T) {
	t.Parallel()
	s, harness := &system{}, actiontest.NewHarness(t)
	_, err := s.ensure(t, harness)
	require.NoError(t, err)
	for says, change := range map[string]func(*action.Call){
		`The step "step" of this run created the thing one already`:    func(call *action.Call) { call.StepID = "second" },
		"Another iteration of this step created the thing one already": func(call *action.Call) { call.Iteration = "1" },
	} {
		call := harness.Call(`{}`)
		change(call)
		_, _, err := resource.Ensure(t.Context(), call, s.spec())
		require.ErrorIs(t, err, resource.ErrTaken)
		require.ErrorContains(t, err, says)
	}
	require.Equal(t, 1, s.created)
}

func TestRemove(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change    func(*system)
		says      string
		kind      fault.Kind
		transient bool
		stays     bool
	}{
		"its own":                            {},
		"gone":                               {change: func(s *system) { s.there = nil }},
		"replaced":                           {change: func(s *system) { s.there = theirs }, stays: true},
		"deleted by somebody else meanwhile": {change: func(s *system) { s.delete = resource.ErrNotExist }, stays: true},
		"hidden": {
			change: func(s *system) { s.mayHide, s.invisible, s.hides = true, true, "it is dark" },
			says:   "The thing one cannot be seen: it may be gone, or hidden, because it is dark", kind: fault.NotAllowed, stays: true,
		},
		"not found in a system that hides": {
			change: func(s *system) { s.mayHide, s.delete = true, resource.ErrNotExist },
			says:   "which it may also answer to a token that may not delete it", transient: true, stays: true,
		},
		"used":    {change: func(s *system) { s.used = "it has comments" }, says: "https://things/7 was left alone: it has comments", stays: true},
		"refused": {change: func(s *system) { s.delete = forbidden }, says: "no", kind: fault.NotAllowed, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, harness := &system{}, actiontest.NewHarness(t)
			_, err := s.ensure(t, harness)
			require.NoError(t, err)
			if test.change != nil {
				test.change(s)
			}
			call := &action.UndoCall{Effect: harness.Ledger.All()[0], Log: harness.Log}
			err = resource.Remove(t.Context(), call, s.spec())
			require.Equal(t, test.stays, s.there != nil)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.transient, action.IsTransient(err))
		})
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	s := &system{}
	plan, err := resource.Plan(t.Context(), s.spec(), "create the thing one")
	require.NoError(t, err)
	require.Equal(t, action.Plan{Summary: "create the thing one", Creates: []action.PlannedEffect{{Kind: "thing", Name: "one"}}}, plan)
	s.there = theirs
	_, err = resource.Plan(t.Context(), s.spec(), "create the thing one")
	require.ErrorIs(t, err, resource.ErrTaken)
	require.Zero(t, s.created)
}

// TestWhatAnEarlierAttemptHasRecorded: it counts as long as the ledger returns it for another intent.
func TestWhatAnEarlierAttemptHasRecorded(t *testing.T) {
	t.Parallel()
	type record struct{ Before string }
	for state, counts := range map[action.EffectState]bool{
		action.EffectIntended: true, action.EffectCreated: true, action.EffectKept: true, action.EffectUndone: false,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			harness := actiontest.NewHarness(t)
			call := harness.Call(`{}`)
			intent := action.Intent{Kind: "thing", Name: "one", Key: resource.KeyOf(call, "thing", "one"), Data: record{"what was there"}}
			recorded, err := call.Ledger.Intend(t.Context(), intent)
			require.NoError(t, err)
			require.NoError(t, harness.Ledger.SetState(recorded.ID, state, ""))

			earlier, err := resource.Earlier(t.Context(), call, intent.Key)
			require.NoError(t, err)
			require.Equal(t, counts, earlier.ID == recorded.ID)
			remembered, err := resource.Remembered(t.Context(), call, intent.Key, record{"what is there"})
			require.NoError(t, err)
			require.Equal(t, counts, remembered.Before == "what was there")

			again, err := call.Ledger.Intend(t.Context(), intent)
			require.NoError(t, err)
			require.Equal(t, counts, !again.Fresh, "as the ledger has it")
		})
	}
	planned := actiontest.NewHarness(t).Call(`{}`)
	planned.Ledger = nil
	earlier, err := resource.Earlier(t.Context(), planned, "key")
	require.NoError(t, err)
	require.Zero(t, earlier)
}

// TestARetryAfterARollbackThatKept: the thing is still the run's, and no second one is created.
func TestARetryAfterARollbackThatKept(t *testing.T) {
	t.Parallel()
	s, harness := &system{}, actiontest.NewHarness(t)
	_, err := s.ensure(t, harness)
	require.NoError(t, err)
	require.NoError(t, harness.Ledger.SetState(harness.Ledger.All()[0].ID, action.EffectKept, "it has comments"))
	made, err := s.ensure(t, harness)
	require.NoError(t, err)
	require.Equal(t, s.there, made)
	require.Equal(t, 1, s.created)
	require.Equal(t, action.EffectCreated, harness.Ledger.All()[0].State, "the next rollback looks again")
}
