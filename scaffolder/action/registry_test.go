package action_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
)

// named is an action that has only an id.
type named struct {
	action.NoEffects
	id string
}

func (n named) Describe() action.Description { return action.Description{ID: n.id} }

func (named) Run(context.Context, *action.Call) (action.Output, error) { return action.Output{}, nil }

func TestARegistryFindsActionsByID(t *testing.T) {
	t.Parallel()
	registry, err := action.NewRegistry(named{id: "fs:rename"}, named{id: "debug:log"})
	require.NoError(t, err)
	require.Equal(t, []action.Action{named{id: "debug:log"}, named{id: "fs:rename"}}, registry.All(), "sorted")
	found, err := registry.Lookup("fs:rename")
	require.NoError(t, err)
	require.Equal(t, "fs:rename", found.Describe().ID)

	_, err = registry.Lookup("no:such:action")
	require.ErrorContains(t, err, "Template action with ID 'no:such:action' is not registered.")
	require.False(t, action.IsTransient(err))

	_, err = action.NewRegistry(named{id: "a"}, named{id: "a"})
	require.EqualError(t, err, `two actions have the id "a"`)
}

func TestTransientErrorsAreDistinguished(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for name, test := range map[string]struct {
		err        error
		transient  bool
		retryAfter time.Duration
	}{
		"transient":                {action.Transient(cause, time.Minute), true, time.Minute},
		"transient, wrapped":       {fmt.Errorf("push: %w", action.Transient(cause, 0)), true, 0},
		"final":                    {action.Final(cause), false, 0},
		"final, though a time-out": {action.Final(context.DeadlineExceeded), false, 0},
		"input":                    {action.InputError("no %s", "name"), false, 0},
		"transient with advice":    {action.Advise(action.Transient(cause, time.Second), "wait"), true, time.Second},
		"a time-out":               {context.DeadlineExceeded, true, 0},
		"the network":              {&net.OpError{Op: "dial", Err: errors.New("refused")}, true, 0},
		"anything else":            {cause, false, 0},
		"in use by others":         {&action.InUseError{Reason: "commits"}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.transient, action.IsTransient(test.err))
			require.Equal(t, test.retryAfter, action.RetryAfter(test.err))
		})
	}
	require.NoError(t, action.Classify(nil))
	require.ErrorIs(t, action.Transient(cause, 0), cause)
	require.EqualError(t, action.Advise(action.Final(cause), "do that"), "cause")
}

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err       error
		kind      fault.Kind
		transient bool
		after     time.Duration
	}{
		"classified errors keep their class": {fmt.Errorf("deeper: %w", action.InputError("no")), fault.Input, false, 0},
		"a fault":                            {fault.New(fault.Conflict, "it exists"), fault.Conflict, false, 0},
		"an unreachable database":            {fault.New(fault.Unavailable, "later"), fault.Unavailable, true, 0},
		"a refusal":                          {&policy.DeniedError{}, fault.NotAllowed, false, 0},
		"a failing host":                     {&integration.ResponseError{Status: 502}, "", true, 0},
		"a host that asks to wait": {
			&integration.ResponseError{Status: 429, RateLimited: true, RetryAfter: time.Minute}, "", true, time.Minute,
		},
		"a host that refuses": {&integration.ResponseError{Status: 403}, "", false, 0},
		"an unknown error":    {errors.New("odd"), "", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var classified *action.Error
			require.ErrorAs(t, action.Classify(test.err), &classified)
			require.Equal(t, test.kind, fault.KindOf(classified))
			require.Equal(t, test.transient, classified.Transient)
			require.Equal(t, test.after, classified.RetryAfter)
			require.ErrorIs(t, action.Classify(test.err), test.err)
		})
	}
}

func TestAnActionWithoutEffectsCannotUndo(t *testing.T) {
	t.Parallel()
	err := named{}.Undo(t.Context(), &action.UndoCall{Effect: action.Effect{Kind: "thing", Name: "x"}})
	require.EqualError(t, err, `effect thing "x": the action that recorded it cannot undo anything`)
	require.False(t, action.IsTransient(err))
}
