package templaterun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/telemetry"
)

// heartbeatsPerTimeout is how often an action says that it lives before it would be thought dead.
const heartbeatsPerTimeout = 4

// runAction makes the activity that runs an action for one iteration of a step.
func (a *Activities) runAction(does action.Action) func(context.Context, engine.ActionRequest) error {
	return func(ctx context.Context, request engine.ActionRequest) error {
		ctx, opened, err := a.open(ctx, request.RunID)
		if err == nil {
			err = a.actOnce(ctx, opened, does, request)
		}
		_, err = a.orPark(ctx, request.RunID, engine.Next{}, err)
		return err
	}
}

func (a *Activities) actOnce(ctx context.Context, opened *account, does action.Action, request engine.ActionRequest) (err error) {
	defer fault.Recover(&err)
	ctx = telemetry.InStep(ctx, opened.step(request.Position).ID)
	if opened.Generation != request.Generation || opened.did(request) {
		return nil // told before a crash, and the run has gone on since
	}
	if opened.Unreturned >= maxLost {
		return (&failedAttempt{failure: lost("this step")}).temporal(0)
	}
	defer a.keepAlive(ctx)()
	// Attempts that failed are on the record; those that Temporal counts beside them, nobody answered.
	again := int(activity.GetInfo(ctx).Attempt)-1 > opened.steps[request.Position].FailedAttempts
	attempt, err := a.takeUp(ctx, opened, opened.unanswered(again), false)
	if err != nil {
		return err
	}
	defer attempt.comeBack(ctx)
	decision, err := a.decide(ctx, opened, request.Position, does.Describe().Quick)
	if isBusy(err) {
		return err
	}
	if err == nil && !decision.Runs(request.Iteration) {
		err = fmt.Errorf("step %s has no iteration %d any more", opened.step(request.Position).ID, request.Iteration)
	}
	if err == nil {
		err = a.Planner.FitOne(ctx, &decision, does.Describe(), request.Iteration)
	}
	if err != nil {
		return (&failedAttempt{failure: opened.describe(err)}).temporal(0)
	}
	own := opened.deciding(decision)
	e, err := a.execution(ctx, own, does, request.Position, request.Iteration, decision)
	if err != nil {
		return err
	}
	failed, err := e.attempt(ctx)
	if failed != nil {
		return failed.temporal(failed.after)
	}
	return err
}

// decide evaluates the expressions of a step: of one under way whose iterations are not taken in one turn, those of the next
// iteration. Before the first it looks at all of them: what is wrong with any is known before anything is done. An
// expression that makes the interpreter panic fails its step.
func (a *Activities) decide(ctx context.Context, own *account, position int, quick bool) (decision plan.Decision, err error) {
	step := own.step(position)
	defer func() { err = a.explainPanic(ctx, err, own, step, "Portico's interpreter of expressions") }()
	defer fault.Recover(&err)
	if quick {
		return a.Planner.Decide(ctx, own.situation, step)
	}
	return a.Planner.DecideNext(ctx, own.situation, step, own.steps[position].IterationsDone)
}

// iteration renders one iteration of a step, likewise.
func (a *Activities) iteration(ctx context.Context, own *account, step template.Step, index int, decision plan.Decision) (rendered plan.Iteration, err error) {
	defer func() { err = a.explainPanic(ctx, err, own, step, "Portico's interpreter of expressions") }()
	defer fault.Recover(&err)
	return decision.Iteration(ctx, index)
}

// explainPanic logs where something panicked while it worked on a step, and makes of it a final error: it would do it again.
// Other errors stay what they are.
func (a *Activities) explainPanic(ctx context.Context, err error, own *account, step template.Step, what string) error {
	panicked, is := errors.AsType[*fault.PanicError](err)
	if !is {
		return err
	}
	a.Log.ErrorContext(telemetry.InStep(ctx, step.ID), what+" panicked", "action", step.Action, "stack", string(panicked.Stack))
	return action.Advise(action.Final(fmt.Errorf("%s panicked: %v", what, panicked.Cause)),
		"This is a mistake in it. The worker's log says where; please report it.")
}

// did says whether the record has it that this was done.
func (a *account) did(request engine.ActionRequest) bool {
	step := a.steps[request.Position]
	return request.Iteration < step.IterationsDone || step.Status.Ended()
}

// keepAlive sends heartbeats until the returned function is called.
func (a *Activities) keepAlive(ctx context.Context) (stop func()) {
	timeout := activity.GetInfo(ctx).HeartbeatTimeout
	if timeout <= 0 {
		return func() {}
	}
	ticker := time.NewTicker(timeout / heartbeatsPerTimeout)
	done := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		for {
			select {
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			case <-done:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		beating.Wait()
	}
}

// execution is one attempt to run an action for one iteration of a step.
type execution struct {
	*Activities
	*account
	does            action.Action
	step            template.Step
	position, index int
	iteration       plan.Iteration
	// each says that the step has an each; first and last mark its first and its last iteration that runs: they tell
	// of its beginning and its end. before is how many iterations run before the last one.
	each, first, last bool
	before            int
}

// execution is one iteration with its input. An error is not the step's: its input was good when it was decided on.
func (a *Activities) execution(ctx context.Context, own *account, does action.Action, position, index int, decision plan.Decision) (*execution, error) {
	iteration, err := a.iteration(ctx, own, own.step(position), index, decision)
	if err != nil {
		return nil, err
	}
	e := &execution{Activities: a, account: own, does: does, step: own.step(position), position: position, index: index,
		iteration: iteration, each: decision.Each, first: own.steps[position].IterationsDone == 0, last: decision.IsLast(index)}
	if e.last {
		e.before = decision.Before(index)
	}
	return e, nil
}

// failedAttempt is how an attempt of an action failed.
type failedAttempt struct {
	failure engine.Failure
	// again says that another attempt follows, after at least so long.
	again bool
	after time.Duration
}

// temporal is the failure in the class that Temporal acts on: made again after a pause, 0 for the policy's own, or final.
func (f *failedAttempt) temporal(pause time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(f.failure.Message, f.failure.Name, temporal.ApplicationErrorOptions{
		NonRetryable: !f.again, NextRetryDelay: pause, Details: []any{f.failure.Next}})
}

// retry asks for another attempt after a pause of at least this.
func (f *failedAttempt) retry(pause time.Duration) error { return f.temporal(max(f.after, pause)) }

// attempt runs the action once and records what came of it. An error is not the action's: the run's record cannot be
// written, the run was cancelled or the worker is stopping.
func (e *execution) attempt(ctx context.Context) (failed *failedAttempt, err error) {
	ctx, observed := e.observe(ctx)
	defer func() { observed.end(ctx, failed, err) }()
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	log, err := e.openLog(ctx, stop)
	if err != nil {
		return nil, err
	}
	// The action is stopped a little before Temporal would give up on this attempt, so that there is time to say so.
	acting, cancel := context.WithTimeout(working, e.Settings.StepTimeout*9/10)
	output, workspace, err := e.act(acting, log)
	cancel()
	log.close()
	if overtaken := overtakenBy(context.Cause(working), err); overtaken != nil {
		return nil, overtaken
	}
	if err != nil {
		failed, err := e.fail(ctx, err, log)
		if overtaken := overtakenBy(context.Cause(working)); overtaken != nil {
			return nil, overtaken
		}
		return failed, err
	}
	return nil, e.complete(ctx, output, workspace, log)
}

// act runs the action in the workspace, if it wants one, and answers its output and the workspace that it left.
func (e *execution) act(ctx context.Context, log *stepLog) (action.Output, string, error) {
	call := &action.Call{
		RunID: e.ID.String(), StepID: e.step.ID, StepName: e.step.Name, Iteration: e.iteration.Key, Input: e.iteration.Input,
		Template: action.TemplateInfo{EntityRef: e.Spec.TemplateInfo.EntityRef, Base: e.Spec.TemplateInfo.Base()},
		User:     action.User{Ref: e.Spec.User.Ref, Entity: e.Spec.User.Entity, Starter: e.Starter},
		Secrets:  e.situation.Secrets, Log: log, Ledger: e.Runs.Ledger(e.claim, e.step.ID, e.step.Action),
	}
	if !e.needsWorkspace(call) {
		output, err := e.callAction(ctx, call)
		return output, e.workspace(), err
	}
	dir, closeDir, err := e.Workspaces.Open(ctx, e.workspace())
	if err != nil {
		return nil, "", fmt.Errorf("open the workspace: %w", err)
	}
	defer closeDir()
	call.Workspace = dir
	e.redact = e.redact.Within(dir.Name())
	output, err := e.callAction(ctx, call)
	if err != nil {
		return nil, "", workspace.ExplainDisk(err)
	}
	digest, err := e.Workspaces.Save(ctx, dir)
	if err != nil {
		return nil, "", fmt.Errorf("keep the workspace: %w", err)
	}
	return output, digest, nil
}

func (e *execution) needsWorkspace(call *action.Call) bool {
	if sparer, spares := e.does.(action.WorkspaceSparer); spares {
		return sparer.NeedsWorkspace(call)
	}
	return e.does.Describe().UsesWorkspace
}

// callAction runs the action. One that panics has failed for good.
func (e *execution) callAction(ctx context.Context, call *action.Call) (output action.Output, err error) {
	defer func() { err = e.explainPanic(ctx, err, e.account, e.step, "action "+e.step.Action) }()
	defer fault.Recover(&err)
	return e.does.Run(ctx, call)
}

// complete records the iteration, and with the last one the step.
func (e *execution) complete(ctx context.Context, output action.Output, workspace string, log *stepLog) error {
	encoded, err := encodeOutput(output)
	if err != nil {
		return err
	}
	change := run.StepChange{Position: e.position, Status: run.StatusProcessing}
	if e.each {
		change.Iterations = []run.Iteration{{Index: e.index, Output: encoded}}
	}
	events := log.take()
	if e.last {
		if e.each {
			if encoded, err = e.collect(ctx, encoded); err != nil {
				return err
			}
		}
		change.Status = run.StatusCompleted
		change.Output, change.Shown = encoded, e.redact.JSON(encoded)
		events = append(events, e.finishing(e.position))
	} else {
		change.FailedAttempts = new(0) // the next iteration has all attempts before it
	}
	if workspace != e.workspace() {
		change.Workspace = workspace
	}
	return e.tell(ctx, run.Entry{Events: events, Steps: []run.StepChange{change}, Phase: e.phase()})
}

// phase is the run's phase now that the step moves: only one that waited had another.
func (e *execution) phase() run.Phase {
	if e.steps[e.position].WaitingUntil.IsZero() {
		return ""
	}
	return run.PhaseRunning
}

// collect joins the outputs of all iterations, of which this was the last. Those that this process has not seen are on the
// record.
func (e *execution) collect(ctx context.Context, last json.RawMessage) (json.RawMessage, error) {
	known := e.steps[e.position].Iterations
	outputs := map[int]json.RawMessage{}
	if len(known) < e.before {
		reading, cancel := context.WithTimeout(ctx, recordTimeout)
		defer cancel()
		var err error
		if outputs, err = e.Runs.Iterations(reading, e.ID, e.position); err != nil {
			return nil, err
		}
	}
	maps.Copy(outputs, known)
	outputs[e.index] = last
	return join(outputs)
}

// join makes a list of every output of a step's iterations, in their order.
func join(iterations map[int]json.RawMessage) (json.RawMessage, error) {
	joined := nunjucks.NewObject()
	for _, index := range slices.Sorted(maps.Keys(iterations)) {
		value, err := nunjucks.DecodeJSON(iterations[index])
		if err != nil {
			return nil, fmt.Errorf("output of iteration %d: %w", index, err)
		}
		output, isObject := value.(*nunjucks.Object)
		if !isObject {
			continue
		}
		for name, item := range output.All() {
			list, has := nunjucks.Member(joined, name).(*nunjucks.Array)
			if !has {
				list = &nunjucks.Array{}
				joined.Set(name, list)
			}
			list.Items = append(list.Items, item)
		}
	}
	return nunjucks.EncodeJSON(joined)
}

// encodeOutput is the output as JSON, without HTML escaping; an action that puts nothing out leaves an empty object.
func encodeOutput(output action.Output) (json.RawMessage, error) {
	if output == nil {
		output = action.Output{}
	}
	encoded, err := plainjson.Marshal(output)
	if err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	return encoded, nil
}

// overtakenBy is the first of the errors that says that somebody else goes on with the run, nil when none does.
func overtakenBy(errs ...error) error {
	for _, err := range errs {
		if _, refused := errors.AsType[*run.RefusedError](err); refused {
			return err
		}
	}
	return nil
}

// fail keeps what the attempt logged, and says so when another attempt will follow.
func (e *execution) fail(ctx context.Context, cause error, log *stepLog) (*failedAttempt, error) {
	if ctx.Err() != nil {
		// Cancelled, or the worker is stopping: whoever stopped it knows why, and another worker may take over.
		log.flush(context.WithoutCancel(ctx))
		return nil, ctx.Err()
	}
	failed := &failedAttempt{failure: e.describe(cause), after: action.RetryAfter(cause)}
	// Only attempts that failed are counted, not those that died with their worker: a crash uses nothing up.
	failed.again = action.IsTransient(cause) && log.attempt < e.Settings.MaximumAttempts
	if failed.again {
		log.attemptFailed(ctx, failed.failure.Message)
	} else {
		log.flush(ctx)
	}
	return failed, nil
}
