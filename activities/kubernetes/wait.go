package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// kindTimeout is how long a kind may take to be served after its definition.
	kindTimeout = 30 * time.Second
	// defaultTimeout is how long a step waits when it does not say.
	defaultTimeout = 10 * time.Minute
	// maxPoll is the longest pause between two looks while a worker is held.
	maxPoll = 5 * time.Second
	// maxPause is the longest pause between two looks while none is.
	maxPause = 30 * time.Second
)

// timeoutOf is how long a step waits that says so in seconds; 0 stands for the default.
func timeoutOf(seconds int) time.Duration {
	if seconds == 0 {
		return defaultTimeout
	}
	return time.Duration(seconds) * time.Second
}

// until calls look until it says that it is done, at growing intervals, for a time at most. It returns the last error
// of look, or that of the context.
func (o Options) until(ctx context.Context, timeout time.Duration, look func() (done bool, err error)) error {
	deadline := time.Now().Add(timeout)
	pause := min(o.Poll, maxPoll) / 4
	for {
		done, err := look()
		if done || !time.Now().Before(deadline) {
			return err
		}
		timer := time.NewTimer(min(pause, time.Until(deadline)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(pause*3/2+1, max(o.Poll, time.Millisecond)*5, maxPoll)
	}
}

// settled returns the object of a record, nil when there is none. While it is being deleted, the error is action.NotYet.
func (a *application) settled(ctx context.Context, kept *record) (*unstructured.Unstructured, error) {
	live, err := kept.get(ctx, a.client)
	if err != nil || live == nil || live.GetDeletionTimestamp() == nil {
		return live, err
	}
	return nil, a.notGone(live)
}

// notGone is action.NotYet for an object that is being deleted, and another error when that has taken too long.
func (a *application) notGone(live *unstructured.Unstructured) error {
	waited := waitedFor(a.call, a.since)
	if waited < a.timeout {
		return action.NotYet(a.pause(waited, a.timeout), "Waiting until %s is gone (%s)", titleOf(live), obstacle(live))
	}
	return action.Advise(action.Refuse(fault.Unavailable, fmt.Errorf("%s in %s is not gone after %s: %s", titleOf(live), a.client.Cluster.Name, a.timeout, obstacle(live))),
		"Look whether what removes the finalizers runs in the cluster. A retry waits again, and timeoutSeconds waits longer.")
}

// obstacle is why an object that is being deleted is still there.
func obstacle(live *unstructured.Unstructured) string {
	if finalizers := live.GetFinalizers(); len(finalizers) > 0 {
		return "it waits for its finalizers " + strings.Join(finalizers, ", ")
	}
	return "Kubernetes has not removed it yet"
}

// sight is how far an object is, and why.
type sight struct {
	title string
	state progress
	why   string
}

func (s sight) String() string { return fmt.Sprintf("%s (%s)", s.title, s.why) }

// ready looks at objects, and returns what it has seen when all are ready. Until then, the error is action.NotYet.
func (a *application) ready(ctx context.Context, kept []*record) ([]sight, error) {
	seen, err := a.look(ctx, kept)
	if err != nil {
		return nil, err
	}
	var pending []string
	for _, each := range seen {
		switch each.state {
		case ready:
		case failed:
			return nil, action.Advise(action.Refuse(fault.Conflict, fmt.Errorf("%s has failed: %s", each.title, each.why)),
				"Look at it in the cluster %s, correct the manifest or the cluster, then retry.", a.client.Cluster.Name)
		case underWay:
			pending = append(pending, each.String())
		}
	}
	if len(pending) == 0 {
		return seen, nil
	}
	waited := waitedFor(a.call, a.since)
	if waited >= a.timeout {
		return nil, action.Advise(action.Refuse(fault.Unavailable, fmt.Errorf("not ready after %s: %s", a.timeout, strings.Join(pending, "; "))),
			"Look at the objects in the cluster %s. A retry waits again, and timeoutSeconds waits longer.", a.client.Cluster.Name)
	}
	return nil, action.NotYet(a.pause(waited, a.timeout), "Waiting for %s", strings.Join(pending, "; "))
}

// look looks at each object once.
func (a *application) look(ctx context.Context, kept []*record) ([]sight, error) {
	seen := make([]sight, len(kept))
	for n, each := range kept {
		live, err := each.get(ctx, a.client)
		if err != nil {
			return nil, err
		}
		seen[n] = sight{each.title(), underWay, "it is not there"}
		if live != nil {
			seen[n].state, seen[n].why = readiness(live)
		}
	}
	return seen, nil
}

// waitedFor is how long a step has waited for what it began at a time. Outside a run it is nothing.
func waitedFor(call *action.Call, since time.Time) time.Duration {
	if call.StartedAt.IsZero() {
		return 0
	}
	return time.Since(since)
}

// pause is the time to the next look: short at first, a fifth of the wait later.
func (o Options) pause(waited, timeout time.Duration) time.Duration {
	return min(max(waited/5, o.Poll), maxPause, timeout-waited)
}
