package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// advanceTimeout bounds one attempt of ActivityAdvance, which executes quick steps as well. The next attempt
// continues where it ended.
const advanceTimeout = 10 * time.Minute

// TemplateRun drives one run of a template. In a loop it asks ActivityAdvance what to do next, and does that
// durably. The run's record holds the template and all results; the workflow holds only what is in progress.
func TemplateRun(ctx workflow.Context, command engine.Command) error {
	run := &templateRunner{command: command}
	// Bookkeeping goes on when the workflow is cancelled: the record must say so.
	run.disconnected, _ = workflow.NewDisconnectedContext(ctx)
	run.watchCancellation(ctx)
	request := engine.AdvanceRequest{RunID: command.RunID, Generation: command.Generation, Rollback: command.Rollback}
	for {
		// A failure or a cancellation that is not on the record yet is reported first.
		if request.Failed == nil && !run.cancelled && isHistoryLong(ctx) {
			return run.continueAsNew(ctx, request)
		}
		next, err := run.advance(ctx, request)
		if err != nil {
			return err
		}
		var over bool
		request, over, err = run.perform(ctx, &next, request.Rollback)
		if err != nil {
			return err
		}
		if over && !run.isReopened(ctx, next.Generation) {
			return outcome(next.Progress)
		}
	}
}

// perform does what comes next. It answers the request that follows, and whether none has to: the progress of
// next then says how the run ended.
func (r *templateRunner) perform(
	ctx workflow.Context, next *engine.Next, progress *engine.RollbackProgress,
) (request engine.AdvanceRequest, over bool, err error) {
	request = engine.AdvanceRequest{RunID: r.command.RunID, Generation: next.Generation}
	if err := showProgress(ctx, r.command, next.Progress); err != nil {
		return request, false, err
	}
	switch next.Kind {
	case engine.NextAction:
		request.Failed = r.act(ctx, *next)
	case engine.NextWait:
		request.Woken = r.wait(ctx, *next.Wait)
	case engine.NextRollback:
		came := r.rollBack(*next, progress)
		if next.More {
			request.Rollback = came
			break
		}
		over, err = r.finishRollback(ctx, next, came)
	case engine.NextPark:
		over, err = r.park(ctx, *next)
	case engine.NextEnd:
		over = true
	}
	return request, over, err
}

// finishRollback records how a rollback ended. A run with effects that could not be undone is parked: another
// request would begin the same rollback again.
func (r *templateRunner) finishRollback(ctx workflow.Context, next *engine.Next, came *engine.RollbackProgress) (over bool, err error) {
	undone, err := r.endRollback(next.Generation, came)
	if err != nil {
		return false, err
	}
	progress := &next.Progress
	switch {
	case progress.State == "": // an answer from before there was progress: the workflow completes, as it did then
	case undone:
		progress.State, progress.Failure = engine.StateRolledBack, nil
	default:
		progress.State, progress.Failure = engine.StateParked, came.Failure.Cut(engine.MaxFailureText)
	}
	if err := showProgress(ctx, r.command, *progress); err != nil || undone {
		return undone, err
	}
	return r.park(ctx, *next)
}

// templateRunner is the state of one execution of TemplateRun.
type templateRunner struct {
	command engine.Command
	// disconnected is a context that a cancellation leaves alone.
	disconnected workflow.Context
	// cancelled is set by the cancel signal; stop interrupts what is under way.
	cancelled bool
	stop      func()
}

// watchCancellation hears the cancel signal for as long as the workflow lives.
func (r *templateRunner) watchCancellation(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, engine.SignalCancel)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			signals.Receive(ctx, nil)
			if ctx.Err() != nil {
				return
			}
			r.cancel()
		}
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		r.cancel()
	})
}

func (r *templateRunner) cancel() {
	r.cancelled = true
	if r.stop != nil {
		r.stop()
	}
}

// interruptible is a context that ends when somebody cancels the run.
func (r *templateRunner) interruptible(ctx workflow.Context) workflow.Context {
	ctx, r.stop = workflow.WithCancel(ctx)
	if r.cancelled {
		r.stop()
	}
	return ctx
}

// advance executes steps of the run and answers what to do next. When it is interrupted by a cancellation, it
// is repeated with Cancelled set.
func (r *templateRunner) advance(ctx workflow.Context, request engine.AdvanceRequest) (engine.Next, error) {
	var next engine.Next
	if !r.cancelled {
		ctx := r.interruptible(ctx)
		defer r.stop()
		err := record(ctx, advanceTimeout, engine.ActivityAdvance, request, &next)
		if err == nil || !r.cancelled {
			return next, err
		}
	}
	request.Cancelled = true
	err := record(r.disconnected, advanceTimeout, engine.ActivityAdvance, request, &next)
	return next, err
}

// continueAsNew continues with the next request. A cancellation or a decision was recorded before its signal
// was sent.
func (r *templateRunner) continueAsNew(ctx workflow.Context, request engine.AdvanceRequest) error {
	command := r.command
	command.Generation, command.Rollback = request.Generation, request.Rollback
	return continueAsNew(ctx, command, engine.SignalCancel, engine.SignalContinue, engine.SignalWake)
}

// act runs an action under its own id, so that the Temporal Web UI reads like the template, and answers why
// it failed, nil when it did not or was cancelled.
func (r *templateRunner) act(ctx workflow.Context, next engine.Next) *engine.FailedAction {
	action, attempts := next.Action, retries(next.Settings, 0)
	// An action that does not end when its time is over is not begun again beside itself.
	attempts.NonRetryableErrorTypes = []string{"TemporalTimeout:StartToClose"}
	ctx = r.interruptible(ctx)
	defer r.stop()
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: next.Settings.StepTimeout, HeartbeatTimeout: next.Settings.HeartbeatTimeout,
		// The activity itself counts the attempts that failed and ends with a final error; a worker's death
		// is no failed attempt.
		RetryPolicy: attempts, WaitForCancellation: true, Summary: truncateSummary(action.Summary)})
	request := engine.ActionRequest{RunID: r.command.RunID, Generation: next.Generation, Position: action.Position,
		Iteration: action.Iteration}
	err := workflow.ExecuteActivity(ctx, action.ID, request).Get(ctx, nil)
	if err == nil || r.cancelled {
		return nil
	}
	return &engine.FailedAction{Position: action.Position, Failure: describe(err)}
}

// wait holds a durable timer: no worker is kept. It ends early when the run is cancelled or woken, and answers
// whether it was woken.
func (r *templateRunner) wait(ctx workflow.Context, wait engine.Wait) (woken bool) {
	ctx = r.interruptible(ctx)
	defer r.stop()
	timer := workflow.NewTimerWithOptions(ctx, wait.Until.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: truncateSummary(wait.Summary)})
	selector := workflow.NewSelector(ctx)
	// The next request checks the clock, and has Cancelled set after a cancellation.
	selector.AddFuture(timer, func(workflow.Future) {})
	selector.AddReceive(workflow.GetSignalChannel(ctx, engine.SignalWake), func(signals workflow.ReceiveChannel, _ bool) {
		signals.Receive(ctx, nil)
		woken = true
	})
	selector.Select(ctx)
	return woken
}

// isReopened hears what was decided while the run came to its end: Temporal starts no other execution beside
// this one. The decision that began this execution is an old one.
func (r *templateRunner) isReopened(ctx workflow.Context, generation int) bool {
	decisions := workflow.GetSignalChannel(ctx, engine.SignalContinue)
	for {
		var command engine.Command
		if !decisions.ReceiveAsync(&command) {
			return false
		}
		if command.Generation > generation {
			r.cancelled = false
			return true
		}
	}
}

// park waits, without holding a worker, until somebody decides about the failed run or its time is over.
func (r *templateRunner) park(ctx workflow.Context, next engine.Next) (over bool, err error) {
	expiry, stopExpiry := workflow.WithCancel(ctx)
	defer stopExpiry()
	timer := workflow.NewTimerWithOptions(expiry, next.Settings.ParkedExpiry, workflow.TimerOptions{Summary: "parked: waits for a decision"})
	decisions := workflow.GetSignalChannel(ctx, engine.SignalContinue)
	decided, expired := false, false
	for !decided && !expired && ctx.Err() == nil {
		workflow.NewSelector(ctx).
			AddReceive(decisions, func(c workflow.ReceiveChannel, _ bool) {
				var command engine.Command
				c.Receive(ctx, &command)
				// A signal that was sent twice, or that was answered by the start of this execution, is an
				// old one.
				decided = command.Generation > next.Generation
			}).
			AddFuture(timer, func(f workflow.Future) { expired = f.Get(ctx, nil) == nil }).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
			Select(ctx)
	}
	if decided {
		r.cancelled = false
		return false, nil
	}
	return true, record(r.disconnected, recordTimeout, engine.ActivityExpireRun, r.command, nil)
}
