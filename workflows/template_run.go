package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// recordTimeout bounds one attempt of an activity that only reads and writes the run's record.
const recordTimeout = 30 * time.Second

// TemplateRun drives one run of a template: its steps in order, its parking when one fails, and its rollback. What the
// run is and what came of it is in the run's record; the workflow holds only where it stands.
func TemplateRun(ctx workflow.Context, command engine.Command) error {
	run := &templateRun{command: command}
	// Bookkeeping goes on when the workflow is cancelled: the record must say so.
	run.record, _ = workflow.NewDisconnectedContext(ctx)
	run.record = workflow.WithLocalActivityOptions(run.record, workflow.LocalActivityOptions{
		StartToCloseTimeout: recordTimeout,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2,
			MaximumInterval: 10 * time.Second},
	})
	run.watchCancellation(ctx)
	for {
		plan, err := run.begin()
		if err != nil {
			return err
		}
		switch plan.Mode {
		case engine.ModeExecute:
			err = run.execute(ctx, plan)
		case engine.ModeRollBack:
			err = run.rollBack(ctx, plan)
		case engine.ModeRest:
			return nil
		}
		if err != nil || run.over {
			return err
		}
		if plan.Mode == engine.ModeExecute && plan.RollBackOnFailure {
			if err := run.recordActivity(engine.ActivityBeginRollback, run.command, nil); err != nil {
				return err
			}
			continue
		}
		if goOn, err := run.park(ctx, plan); err != nil || !goOn {
			return err
		}
	}
}

// templateRun is where a run stands.
type templateRun struct {
	command engine.Command
	record  workflow.Context
	plan    engine.Plan
	// cancelled is set by the cancel signal; stop interrupts the step under way.
	cancelled bool
	stop      func()
	// workspace is the digest of the snapshot that the next step starts from.
	workspace string
	// over ends the workflow: nothing can follow.
	over bool
}

// watchCancellation hears the cancel signal for as long as the workflow lives.
func (r *templateRun) watchCancellation(ctx workflow.Context) {
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

func (r *templateRun) cancel() {
	r.cancelled = true
	if r.stop != nil {
		r.stop()
	}
}

// begin reads from the record what is to be done now.
func (r *templateRun) begin() (engine.Plan, error) {
	var plan engine.Plan
	err := r.recordActivity(engine.ActivityBeginRun, r.command, &plan)
	r.plan, r.workspace = plan, plan.Workspace
	return plan, err
}

func (r *templateRun) recordActivity(name string, input, result any) error {
	if err := workflow.ExecuteLocalActivity(r.record, name, input).Get(r.record, result); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// execute runs the steps that are not done yet and ends the run, for good or until somebody decides.
func (r *templateRun) execute(ctx workflow.Context, plan engine.Plan) error {
	finish := engine.Finish{RunID: r.command.RunID, Generation: plan.Generation}
	for position, step := range plan.Steps {
		if step.Done {
			continue
		}
		failure, err := r.step(ctx, position, finish)
		if err != nil {
			return err
		}
		if failure != nil && finish.Failure == nil {
			finish.Failure, finish.FailedStep, finish.Cancelled = failure, step.ID, r.cancelled
		}
	}
	var finished engine.Finished
	if err := r.recordActivity(engine.ActivityFinishRun, finish, &finished); err != nil {
		return err
	}
	r.over = finish.Failure == nil && finished.Failure == nil
	return nil
}

// step prepares one step and runs its action. A failure is a result, not an error: it is on the record already.
func (r *templateRun) step(ctx workflow.Context, position int, soFar engine.Finish) (*engine.Failure, error) {
	request := engine.StepRequest{RunID: r.command.RunID, Generation: r.plan.Generation, Position: position,
		PreviousFailed: soFar.Failure != nil, Cancelled: soFar.Cancelled}
	if r.cancelled && soFar.Failure == nil {
		return r.failStep(position, r.cancelFailure(position))
	}
	var prepared engine.Prepared
	if err := r.recordActivity(engine.ActivityPrepareStep, request, &prepared); err != nil {
		return nil, err
	}
	if prepared.Skip {
		return nil, nil
	}
	if prepared.Failure != nil {
		return r.failStep(position, *prepared.Failure)
	}
	stepContext, stop := workflow.WithCancel(ctx)
	r.stop = stop
	defer func() { r.stop = nil }()
	for i, iteration := range prepared.Iterations {
		action := engine.ActionRequest{RunID: r.command.RunID, Generation: r.plan.Generation, Position: position,
			Iteration: iteration.Index, First: i == 0, Last: i == len(prepared.Iterations)-1, Workspace: r.workspace,
			PreviousFailed: request.PreviousFailed}
		if err := r.iteration(stepContext, prepared, iteration, action); err != nil {
			return r.failStep(position, r.describe(err, position))
		}
	}
	return nil, nil
}

func (r *templateRun) iteration(ctx workflow.Context, prepared engine.Prepared, iteration engine.PreparedIteration, request engine.ActionRequest) error {
	if iteration.Wait > 0 {
		if err := r.wait(ctx, iteration.Wait, request); err != nil {
			return err
		}
	}
	var result engine.ActionResult
	if err := r.action(ctx, prepared, request).Get(ctx, &result); err != nil {
		return err
	}
	r.workspace = result.Workspace
	return nil
}

// wait holds a durable timer: no worker is kept, and it ends early when the run is cancelled.
func (r *templateRun) wait(ctx workflow.Context, duration time.Duration, request engine.ActionRequest) error {
	waiting := engine.Wait{ActionRequest: request, Until: workflow.Now(ctx).Add(duration)}
	if err := r.recordActivity(engine.ActivityBeginWait, waiting, nil); err != nil {
		return err
	}
	step := r.plan.Steps[request.Position]
	return workflow.NewTimerWithOptions(ctx, duration, workflow.TimerOptions{Summary: brief(step.Name)}).Get(ctx, nil)
}

// action runs the step's action under its own id, so that the Temporal Web UI reads like the template.
func (r *templateRun) action(ctx workflow.Context, prepared engine.Prepared, request engine.ActionRequest) workflow.Future {
	settings := r.plan.Settings
	// The activity itself counts the attempts that failed and ends with a final error; a worker's death is no failed
	// attempt.
	policy := retries(settings, 0)
	summary := brief(r.plan.Steps[request.Position].Name)
	if prepared.Quick {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
			StartToCloseTimeout: settings.StepTimeout, RetryPolicy: policy, Summary: summary})
		return workflow.ExecuteLocalActivity(ctx, prepared.Action, request)
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: settings.StepTimeout, HeartbeatTimeout: settings.HeartbeatTimeout, RetryPolicy: policy,
		WaitForCancellation: true, Summary: summary})
	return workflow.ExecuteActivity(ctx, prepared.Action, request)
}

// retries is the policy of the settings, bounded by attempts, 0 for no bound. Temporal refuses a longest pause below
// the first.
func retries(settings engine.Settings, attempts int32) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: settings.InitialInterval, BackoffCoefficient: 2,
		MaximumInterval: max(settings.InitialInterval, settings.MaximumInterval), MaximumAttempts: attempts}
}

func (r *templateRun) failStep(position int, failure engine.Failure) (*engine.Failure, error) {
	failed := engine.FailedStep{RunID: r.command.RunID, Generation: r.plan.Generation, Position: position, Failure: failure,
		Cancelled: r.cancelled}
	return &failure, r.recordActivity(engine.ActivityFailStep, failed, nil)
}

func (r *templateRun) cancelFailure(position int) engine.Failure {
	step := r.plan.Steps[position]
	return engine.Failure{Name: "Error",
		Message: fmt.Sprintf("Step %s (%s) of task %s has been cancelled.", step.ID, step.Name, r.command.RunID)}
}

// describe turns what Temporal says of a failed action into what a person reads.
func (r *templateRun) describe(err error, position int) engine.Failure {
	if r.cancelled || temporal.IsCanceledError(err) {
		return r.cancelFailure(position)
	}
	return describeFailure(err)
}

func describeFailure(err error) engine.Failure {
	if application, is := errors.AsType[*temporal.ApplicationError](err); is {
		failure := engine.Failure{Name: application.Type(), Message: application.Message()}
		_ = application.Details(&failure.Next) // an error without details has nothing to add
		return failure
	}
	if timeout, is := errors.AsType[*temporal.TimeoutError](err); is {
		return engine.Failure{Name: "TimeoutError", Message: "the action did not finish: " + timeoutReason(timeout),
			Next: "Retry the step; if it happens again, look at the worker's log."}
	}
	return engine.Failure{Name: "Error", Message: err.Error()}
}

func timeoutReason(timeout *temporal.TimeoutError) string {
	if timeout.TimeoutType() == enums.TIMEOUT_TYPE_HEARTBEAT {
		return "its worker stopped answering"
	}
	return "it took longer than a step may"
}

// park waits, without holding a worker, until somebody decides about the failed run or its time is over.
func (r *templateRun) park(ctx workflow.Context, plan engine.Plan) (goOn bool, err error) {
	expiry, stopExpiry := workflow.WithCancel(ctx)
	defer stopExpiry()
	timer := workflow.NewTimerWithOptions(expiry, plan.Settings.ParkedExpiry, workflow.TimerOptions{Summary: "parked: waits for a decision"})
	decisions := workflow.GetSignalChannel(ctx, engine.SignalContinue)
	decided, expired := false, false
	for !decided && !expired && ctx.Err() == nil {
		workflow.NewSelector(ctx).
			AddReceive(decisions, func(c workflow.ReceiveChannel, _ bool) {
				var command engine.Command
				c.Receive(ctx, &command)
				// A signal that was sent twice, or that was answered by the start of this execution, is an old one.
				decided = command.Generation > r.plan.Generation
			}).
			AddFuture(timer, func(f workflow.Future) { expired = f.Get(ctx, nil) == nil }).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
			Select(ctx)
	}
	if decided {
		r.cancelled = false
		return true, nil
	}
	return false, r.recordActivity(engine.ActivityExpireRun, r.command, nil)
}
