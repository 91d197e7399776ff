package attempts_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/activities/internal/attempts"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// TestWhatAnErrorMeans lists which errors are tried again, under which name they are known, and for which the workflow waits.
func TestWhatAnErrorMeans(t *testing.T) {
	t.Parallel()
	limited := &integration.ResponseError{Status: http.StatusTooManyRequests, RateLimited: true, Problem: "too many"}
	for name, test := range map[string]struct {
		err   error
		name  string
		again bool
		wait  time.Duration
	}{
		"the author's":                {fault.New(fault.Input, "wrong"), "InputError", false, 0},
		"without a kind":              {errors.New("no space left"), "Error", true, 0},
		"a part that does not answer": {fault.New(fault.Unavailable, "later"), string(fault.Unavailable), true, 0},
		"another part":                {fault.New(fault.BadGateway, "nonsense"), string(fault.BadGateway), false, 0},
		"a host that has no time":     {limited, "Error", true, time.Minute},
		"a host that says no":         {&integration.ResponseError{Status: http.StatusForbidden, Problem: "no"}, "Error", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do := attempts.Final(func(context.Context, string) (string, error) { return "", test.err }, fault.Unavailable)
			_, err := do(t.Context(), "")
			ended, is := errors.AsType[*temporal.ApplicationError](err)
			require.True(t, is)
			require.Equal(t, []any{test.name, !test.again, test.err.Error()}, []any{ended.Type(), ended.NonRetryable(), ended.Message()})
			wait, _, asks := attempts.AsksToWait(test.err)
			require.Equal(t, []any{test.wait, test.wait > 0}, []any{wait, asks})
		})
	}
}
