package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// attemptTimeout is how long the answer to a refused attempt waits for its event to be written.
	attemptTimeout = time.Second
	// maxWriting bounds the connections on which refused attempts are written at once.
	maxWriting = 2
	// perMinute is how many refused attempts of one actor are written in a minute. More are counted.
	perMinute = 60
	// maxActors bounds the actors that are counted by themselves in a minute. Further ones are counted together.
	maxActors = 10_000
)

// Attempts records attempts that changed nothing, each in a transaction of its own. An attempt that cannot be
// written within a second is logged instead. Of an actor with more than sixty in a minute the rest is
// counted, and the next event of this actor says how many there were. With very many actors in a minute, the
// last of them are one actor in this. It is safe for concurrent use; nil records nothing.
type Attempts struct {
	pool *pgxpool.Pool
	log  *slog.Logger
	// writing has a place for each event that is being written.
	writing chan struct{}
	// later has the goroutines of RecordLater. What is permitted bounds them, and attemptTimeout ends them.
	later sync.WaitGroup

	mutex  sync.Mutex
	actors map[Actor]*allowance
	// others is what is left of all actors that have no place in actors.
	others allowance
	// forgotten is the minute in which actors without attempts were dropped last.
	forgotten int64
}

// allowance is what is left of an actor's attempts in the current minute.
type allowance struct {
	minute         int64
	written, extra int
}

// NewAttempts records attempts in the database of pool.
func NewAttempts(pool *pgxpool.Pool, log *slog.Logger) *Attempts {
	return &Attempts{pool: pool, log: log, writing: make(chan struct{}, maxWriting), actors: map[Actor]*allowance{}}
}

// Record records that an actor tried something that was Denied or has Failed. The reason is stored: it
// contains no secret and none of the caller's input. So are the changes: what the attempt was about. Record returns nothing, because the attempt has been
// refused already and its answer does not depend on it.
func (a *Attempts) Record(ctx context.Context, actor Actor, action Action, resource string, outcome Outcome, reason string, changes ...Change) {
	if e, permitted := a.counted(Event{Actor: actor, Action: action, Resource: resource, Outcome: outcome, Reason: reason, Changes: changes}); permitted {
		a.writeOrLog(ctx, e)
	}
}

// RecordLater is Record without waiting, so that the time of an answer does not tell that something was
// recorded. Wait waits for it.
func (a *Attempts) RecordLater(ctx context.Context, actor Actor, action Action, resource string, outcome Outcome, reason string, changes ...Change) {
	if e, permitted := a.counted(Event{Actor: actor, Action: action, Resource: resource, Outcome: outcome, Reason: reason, Changes: changes}); permitted {
		a.later.Go(func() { a.writeOrLog(ctx, e) })
	}
}

// Wait waits until what is recorded later is recorded, for a second at most. No more may be begun then.
func (a *Attempts) Wait() {
	if a != nil {
		a.later.Wait()
	}
}

// counted is the event of an attempt, if it is to be written.
func (a *Attempts) counted(attempt Event) (e Event, permitted bool) {
	if a == nil {
		return Event{}, false
	}
	extra, permitted := a.permits(attempt.Actor, time.Now())
	if extra > 0 {
		attempt.Reason += fmt.Sprintf(" (%d earlier attempts were not recorded one by one)", extra)
	}
	return attempt, permitted
}

func (a *Attempts) writeOrLog(ctx context.Context, e Event) {
	// The caller may have left because of the refusal.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptTimeout)
	defer cancel()
	if err := a.write(ctx, e); err != nil {
		a.log.ErrorContext(ctx, "an attempt is missing in the audit log", "actor", e.Actor.Subject, "action", e.Action, "resource", e.Resource,
			"outcome", e.Outcome, "reason", e.Reason, "error", err)
	}
}

func (a *Attempts) write(ctx context.Context, e Event) error {
	select {
	case a.writing <- struct{}{}:
		defer func() { <-a.writing }()
		return record(ctx, a.pool, e)
	case <-ctx.Done():
		return fmt.Errorf("wait for earlier attempts to be recorded: %w", ctx.Err())
	}
}

// permits counts an attempt. It says whether the attempt is to be written, and how many earlier ones of the
// same actor were not.
func (a *Attempts) permits(actor Actor, now time.Time) (extra int, permitted bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	minute := now.Unix() / 60
	left := a.allowanceOf(actor, minute)
	if left.minute != minute {
		left.minute, left.written = minute, 0
	}
	if left.written >= perMinute {
		left.extra++
		return 0, false
	}
	left.written++
	extra, left.extra = left.extra, 0
	return extra, true
}

// allowanceOf is the actor's own allowance, or the one of all others when there are too many actors.
func (a *Attempts) allowanceOf(actor Actor, minute int64) *allowance {
	if left, known := a.actors[actor]; known {
		return left
	}
	if len(a.actors) >= maxActors && a.forgotten != minute {
		a.forgotten = minute
		a.forget(minute)
	}
	if len(a.actors) >= maxActors {
		return &a.others
	}
	left := &allowance{minute: minute}
	a.actors[actor] = left
	return left
}

// forget drops the actors without attempts in this minute. What was counted of them is told with the others.
func (a *Attempts) forget(minute int64) {
	for actor, left := range a.actors {
		if left.minute != minute {
			a.others.extra += left.extra
			delete(a.actors, actor)
		}
	}
}
