// Package attempts says what an error means for further attempts of an activity that reads hosts: whether there is
// one, and whether the workflow waits before it.
package attempts

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// limitedWait is how long to wait for a host that says that its rate limit was reached, and not for how long.
const limitedWait = time.Minute

// AsksToWait reports whether a host did not answer but asks to wait, and for how long. The workflow waits then, and no
// worker does.
func AsksToWait(err error) (wait time.Duration, reason string, asks bool) {
	wait, may := integration.MayPass(err)
	if !may {
		return 0, "", false
	}
	answered, is := errors.AsType[*integration.ResponseError](err)
	if wait == 0 && is && answered.RateLimited {
		wait = limitedWait
	}
	return wait, err.Error(), wait > 0
}

// Final makes errors that would come again end an activity for good: those with a kind, which say what is wrong with
// the source, and those of a host that would answer the same. Errors of the kinds in passing are tried again.
func Final[In, Out any](do func(context.Context, In) (Out, error), passing ...fault.Kind) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		out, err := do(ctx, in)
		if err == nil {
			return out, nil
		}
		kind, message := fault.KindOf(err), err.Error()
		if _, may := integration.MayPass(err); may || slices.Contains(passing, kind) {
			return out, temporal.NewApplicationErrorWithCause(message, nameOf(kind), err)
		}
		return out, temporal.NewNonRetryableApplicationError(message, nameOf(kind), nil)
	}
}

func nameOf(kind fault.Kind) string {
	if kind == "" {
		return "Error"
	}
	return string(kind)
}
