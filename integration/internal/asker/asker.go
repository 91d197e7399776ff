// Package asker asks hosts what people look at: within a deadline, and at a limited rate. What a host does not answer
// is a reason for people, and not an error.
package asker

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/portico-dev/portico/integration"
)

const (
	// deadline bounds one question.
	deadline = 10 * time.Second
	// perSecond and atOnce limit the rate of questions to one host. GitHub allows 5,000 requests an hour per
	// token, and a question may take several.
	perSecond = 1
	atOnce    = 20
)

// Asker asks hosts. The zero value is ready to use, by several goroutines.
type Asker struct {
	mutex sync.Mutex
	// limiters are the rate limiters of hosts, by their names.
	limiters map[string]*rate.Limiter
}

// allows reports whether a host may be asked now.
func (a *Asker) allows(host string) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.limiters == nil {
		a.limiters = map[string]*rate.Limiter{}
	}
	if a.limiters[host] == nil {
		a.limiters[host] = rate.NewLimiter(perSecond, atOnce)
	}
	return a.limiters[host].Allow()
}

// Silence says why there is no answer. The zero value means that there is one.
type Silence struct {
	// Reason is for people.
	Reason string
	// Wait is for how long the host asks not to be asked again, 0 when it does not say.
	Wait time.Duration
}

// Ask sends a question to a host. Errors are those of the question that are not the host's failure.
func (a *Asker) Ask(ctx context.Context, host string, question func(context.Context) error) (Silence, error) {
	if !a.allows(host) {
		return Silence{Reason: host + " was asked too often just now"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	err := question(ctx)
	if refused, is := errors.AsType[*integration.ResponseError](err); is {
		return Silence{Reason: refused.Problem, Wait: refused.RetryAfter}, nil
	}
	if integration.IsHostFailure(err) || errors.Is(err, context.DeadlineExceeded) {
		return Silence{Reason: host + " does not answer"}, nil
	}
	return Silence{}, err
}
