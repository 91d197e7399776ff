package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/fault"
)

const (
	// pageTimeout bounds one attempt to read a page and stage it, commitTimeout one attempt to commit.
	pageTimeout   = 10 * time.Minute
	commitTimeout = 10 * time.Minute
	// sweepHeartbeat is how soon after its worker's death a page is given to another one.
	sweepHeartbeat = 5 * time.Second
	// pageAttempts bounds the attempts to read a page while the host fails. While it asks to wait, the deadline of
	// the sweep bounds them.
	pageAttempts = 8
	// decisionExpiry is how long a sweep waits for a person. Then it is dropped: a later one knows more.
	decisionExpiry = 7 * 24 * time.Hour
)

// ErrorSweepFailed is the type of the error with which the workflow of a sweep fails in Temporal when the sweep
// failed.
const ErrorSweepFailed = "SweepFailed"

// discoverySweep is the workflow behind a sweep of a source.
var discoverySweep = definition{name: sweep.WorkflowDiscoverySweep, function: DiscoverySweep, queue: QueueBackground, priority: priorityBackground}

// DiscoverySweep sweeps a source: it reads page after page, commits what came, and waits for a person where too
// much would go. What counts is the sweep's record; each activity answers what that says.
func DiscoverySweep(ctx workflow.Context, command sweep.Command) error {
	s := &sweeper{command: command}
	s.disconnected, _ = workflow.NewDisconnectedContext(ctx)
	progress, err := s.begin(ctx)
	s.watch(ctx)
	for err == nil && !progress.State.HasEnded() {
		if isHistoryLong(ctx) {
			return continueAsNew(ctx, command, sweep.SignalWake)
		}
		if err := s.show(ctx, progress); err != nil {
			return err
		}
		progress, err = s.advance(ctx, progress)
	}
	if err != nil {
		return err
	}
	if err := s.show(s.disconnected, progress); err != nil {
		return err
	}
	return sweepOutcome(progress)
}

// sweeper is the state of one execution of DiscoverySweep.
type sweeper struct {
	command sweep.Command
	// deadline is when the sweep must have read everything.
	deadline time.Time
	place    string
	// disconnected is a context that a cancellation leaves alone.
	disconnected workflow.Context
	// woken says that somebody decided about the sweep; stop interrupts what is under way.
	woken bool
	stop  func()
}

// watch hears decisions and cancellations for as long as the workflow lives.
func (s *sweeper) watch(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, sweep.SignalWake)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			signals.Receive(ctx, nil)
			if ctx.Err() != nil {
				return
			}
			s.woken = true
			if s.stop != nil {
				s.stop()
			}
		}
	})
}

// begin begins the sweep of this workflow, or finds it on the record.
func (s *sweeper) begin(ctx workflow.Context) (sweep.Progress, error) {
	info := workflow.GetInfo(ctx)
	var progress sweep.Progress
	err := record(ctx, recordTimeout, sweep.ActivityBegin,
		sweep.BeginRequest{Source: s.command.Source, WorkflowID: info.WorkflowExecution.ID, RunID: info.FirstRunID}, &progress)
	s.deadline, s.place = progress.Deadline, progress.Place
	return progress, err
}

// advance does what comes next, and answers what the record says then.
func (s *sweeper) advance(ctx workflow.Context, now sweep.Progress) (sweep.Progress, error) {
	if ctx.Err() != nil {
		return s.end(sweep.EndRequest{ID: now.ID, State: sweep.Cancelled})
	}
	if s.woken {
		s.woken = false
		return s.begin(ctx)
	}
	ctx, s.stop = workflow.WithCancel(ctx)
	defer s.stop()
	switch now.State {
	case sweep.Reading:
		return s.read(ctx, now)
	case sweep.Complete, sweep.Approved:
		return s.commit(ctx, now)
	case sweep.Waiting:
		return s.wait(ctx, now)
	default:
		return now, temporal.NewNonRetryableApplicationError(fmt.Sprintf("a sweep is in the state %q, which this release does not know", now.State), "Error", nil)
	}
}

// read reads the next page, or waits as long as the host asks to.
func (s *sweeper) read(ctx workflow.Context, now sweep.Progress) (sweep.Progress, error) {
	left := s.deadline.Sub(workflow.Now(ctx))
	if left <= 0 {
		return s.late(now)
	}
	if now.Wait > 0 {
		options := workflow.TimerOptions{Summary: truncateSummary(now.WaitReason)}
		_ = workflow.NewTimerWithOptions(ctx, min(now.Wait, left), options).Get(ctx, nil) // ended early: advance knows why
		now.Wait, now.WaitReason = 0, ""
		return now, nil
	}
	options := workflow.ActivityOptions{StartToCloseTimeout: pageTimeout, ScheduleToCloseTimeout: left, HeartbeatTimeout: sweepHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: pageAttempts},
		Summary:     fmt.Sprintf("page %d", now.Pages+1)}
	return s.act(ctx, now, options, sweep.ActivityReadPage, sweep.PageRequest{ID: now.ID, Page: now.Pages})
}

func (s *sweeper) commit(ctx workflow.Context, now sweep.Progress) (sweep.Progress, error) {
	options := workflow.ActivityOptions{StartToCloseTimeout: commitTimeout, HeartbeatTimeout: sweepHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: pageAttempts},
		Summary:     fmt.Sprintf("%d entities", now.Entities)}
	return s.act(ctx, now, options, sweep.ActivityCommit, sweep.CommitRequest{ID: now.ID})
}

// act runs an activity. A sweep whose activity fails for good ends as failed; one that was interrupted stays as
// it is.
func (s *sweeper) act(ctx workflow.Context, now sweep.Progress, options workflow.ActivityOptions, name string, request any) (sweep.Progress, error) {
	var next sweep.Progress
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), name, request).Get(ctx, &next)
	switch {
	case err == nil:
		return next, nil
	case ctx.Err() != nil:
		return now, nil //nolint:nilerr // what interrupted the sweep decides how it ends
	case isOverdue(err):
		return s.late(now)
	}
	failure := describe(err)
	return s.end(sweep.EndRequest{ID: now.ID, State: sweep.Failed, Failure: failure.Cut(maxSweepFailure)})
}

// maxSweepFailure bounds each text of a sweep's failure, in bytes.
const maxSweepFailure = 2000

// isOverdue reports whether an activity ended because of the sweep's deadline.
func isOverdue(err error) bool {
	timeout, is := errors.AsType[*temporal.TimeoutError](err)
	return is && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE
}

// late ends a sweep whose deadline has passed.
func (s *sweeper) late(now sweep.Progress) (sweep.Progress, error) {
	failure := &fault.Failure{Name: "TimeoutError",
		Message: fmt.Sprintf("the sweep had not read everything when its timeout was over: it had read %d pages with %d entities", now.Pages, now.Entities),
		Advice:  "Nothing was changed. Raise schedule.timeout of the source if it needs longer."}
	return s.end(sweep.EndRequest{ID: now.ID, State: sweep.Failed, Failure: failure})
}

// wait waits, without holding a worker, until somebody decides about the sweep or its time is over.
func (s *sweeper) wait(ctx workflow.Context, now sweep.Progress) (sweep.Progress, error) {
	options := workflow.TimerOptions{Summary: fmt.Sprintf("waits for a decision: it would remove %d entities", now.Removed)}
	if err := workflow.NewTimerWithOptions(ctx, decisionExpiry, options).Get(ctx, nil); err != nil {
		return now, nil //nolint:nilerr // it was interrupted, and advance knows why
	}
	return s.end(sweep.EndRequest{ID: now.ID, State: sweep.Dropped, Failure: &fault.Failure{Name: ErrorExpired, Message: "nobody decided about the sweep in time"}})
}

// end ends the sweep without a change of the catalog.
func (s *sweeper) end(request sweep.EndRequest) (progress sweep.Progress, err error) {
	err = record(s.disconnected, recordTimeout, sweep.ActivityEnd, request, &progress)
	return progress, err
}

// sweepOutcome is how the workflow of a sweep ends in Temporal: nil is completed.
func sweepOutcome(progress sweep.Progress) error {
	switch progress.State {
	case sweep.Cancelled:
		return temporal.NewCanceledError("the sweep was cancelled; it has changed nothing")
	case sweep.Failed:
		failure := progress.Failure
		if failure == nil {
			failure = &fault.Failure{Name: "Error", Message: "for an unknown reason"}
		}
		return temporal.NewNonRetryableApplicationError("the sweep failed, and has changed nothing: "+failure.Message, ErrorSweepFailed, nil)
	default:
		return nil
	}
}
