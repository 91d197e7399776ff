package templaterun

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/telemetry"
)

// runAction makes the activity that runs an action for one iteration of a step.
func (a *Activities) runAction(does action.Action) func(context.Context, engine.ActionRequest) error {
	return func(ctx context.Context, request engine.ActionRequest) error {
		ctx, state, err := a.load(ctx, request.RunID)
		if err == nil {
			err = a.actOnce(ctx, state, does, request)
		}
		_, err = a.parkIfStuck(ctx, request.RunID, state, engine.Next{}, err)
		return err
	}
}

func (a *Activities) actOnce(ctx context.Context, state *runState, does action.Action, request engine.ActionRequest) (err error) {
	defer fault.Recover(&err)
	ctx = telemetry.InStep(ctx, state.step(request.Position).ID)
	if state.Generation != request.Generation || state.isDone(request) {
		return nil // recorded before a crash, and the run has advanced since
	}
	if state.hasLostAllWorkers() {
		return (&failedAttempt{failure: workerLost("this step")}).temporal(0)
	}
	defer keepAlive(ctx)()
	// The record counts the attempts that failed. Temporal counts those as well whose worker died.
	again := int(activity.GetInfo(ctx).Attempt)-1 > state.steps[request.Position].FailedAttempts
	guard, err := a.guard(ctx, state, again, false)
	if err != nil {
		return err
	}
	defer guard.Release(ctx)
	scope, err := a.scopeOf(ctx, state, request.Position)
	if err != nil {
		return err
	}
	permit, err := a.Access.Permit(ctx, state.Starter, state.step(request.Position))
	if err != nil {
		return err
	}
	decision, err := a.decide(ctx, state, scope, request.Position, does.Describe().Quick)
	if err == nil && !decision.Runs(request.Iteration) {
		err = fmt.Errorf("step %s has no iteration %d any more", state.step(request.Position).ID, request.Iteration)
	}
	if err == nil {
		err = a.Planner.CheckInput(ctx, &decision, does.Describe(), request.Iteration, permit)
		a.recordDenial(ctx, state, err)
	}
	if isBusy(err) {
		return err
	}
	if err != nil {
		return (&failedAttempt{failure: state.failure(err)}).temporal(0)
	}
	stepState := state.forStep(decision)
	e, err := a.execution(ctx, stepState, does, request.Position, request.Iteration, decision)
	if err != nil {
		return err
	}
	failed, err := e.attempt(ctx)
	if failed != nil {
		return failed.temporal(failed.after)
	}
	return err
}

// decide evaluates the expressions of a step. Iterations of an action that is not quick are decided one at a
// time, but before the first one all are, so that an error in any of them is found before anything is done.
// An expression that makes the interpreter panic fails its step.
func (a *Activities) decide(ctx context.Context, state *runState, scope plan.Scope, position int, quick bool) (decision plan.Decision, err error) {
	step := state.step(position)
	defer func() { err = a.explainPanic(ctx, err, step, "Portico's interpreter of expressions") }()
	defer fault.Recover(&err)
	if quick {
		return a.Planner.Decide(ctx, scope, step)
	}
	decision, err = a.Planner.DecideNext(ctx, scope, step, state.steps[position].IterationsDone)
	if decision.Items != nil {
		a.items.Remember(state.itemsKey(position), decision.Items)
	}
	return decision, err
}

// iteration renders one iteration of a step, and treats a panic as decide does.
func (a *Activities) iteration(ctx context.Context, step template.Step, index int, decision plan.Decision) (rendered plan.Iteration, err error) {
	defer func() { err = a.explainPanic(ctx, err, step, "Portico's interpreter of expressions") }()
	defer fault.Recover(&err)
	return decision.Iteration(ctx, index)
}

// explainPanic logs the stack of a panic and turns it into a final error: a retry would panic again. It
// returns other errors as they are.
func (a *Activities) explainPanic(ctx context.Context, err error, step template.Step, what string) error {
	panicked, is := errors.AsType[*fault.PanicError](err)
	if !is {
		return err
	}
	a.Log.ErrorContext(telemetry.InStep(ctx, step.ID), what+" panicked", "action", step.Action, "stack", string(panicked.Stack))
	return action.Advise(action.Final(fmt.Errorf("%s panicked: %v", what, panicked.Cause)),
		"This is a mistake in it. The worker's log says where; please report it.")
}

// isDone says whether the record shows this iteration as done.
func (s *runState) isDone(request engine.ActionRequest) bool {
	step := s.steps[request.Position]
	return request.Iteration < step.IterationsDone || step.Status.Ended()
}

// execution is one attempt to run an action for one iteration of a step.
type execution struct {
	*Activities
	*runState
	does            action.Action
	step            template.Step
	position, index int
	iteration       plan.Iteration
	// each says that the step has an each. first and last mark the first and the last iteration that runs:
	// they record the step's beginning and end. before is how many iterations run before the last one.
	each, first, last bool
	before            int
}

// execution renders one iteration. An error is not the step's fault: its input was valid when it was decided.
func (a *Activities) execution(ctx context.Context, stepState *runState, does action.Action, position, index int, decision plan.Decision) (*execution, error) {
	iteration, err := a.iteration(ctx, stepState.step(position), index, decision)
	if err != nil {
		return nil, err
	}
	e := &execution{Activities: a, runState: stepState, does: does, step: stepState.step(position), position: position, index: index,
		iteration: iteration, each: decision.Each, first: stepState.steps[position].IterationsDone == 0, last: decision.IsLast(index)}
	if e.last {
		e.before = decision.Before(index)
	}
	return e, nil
}

// failedAttempt is how an attempt of an action failed.
type failedAttempt struct {
	failure fault.Failure
	// again says that another attempt follows, after at least that pause.
	again bool
	after time.Duration
}

// temporal is the failure as an error for Temporal: retried after a pause, 0 for the policy's own, or final.
func (f *failedAttempt) temporal(pause time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(f.failure.Message, f.failure.Name, temporal.ApplicationErrorOptions{
		NonRetryable: !f.again, NextRetryDelay: pause, Details: []any{f.failure.Advice}})
}

// retry is the failure as an error that Temporal retries after at least this pause.
func (f *failedAttempt) retry(pause time.Duration) error { return f.temporal(max(f.after, pause)) }

// attempt runs the action once and records the result. An error is not the action's: the run's record cannot
// be written, the run was cancelled, or the worker is stopping.
func (e *execution) attempt(ctx context.Context) (failed *failedAttempt, err error) {
	ctx, observed := e.observe(ctx)
	defer func() { observed.end(ctx, failed, err) }()
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	log, err := e.openLog(ctx, stop)
	if err != nil {
		return nil, err
	}
	// The action is stopped before Temporal's timeout, so that there is time to record it.
	acting, cancel := context.WithTimeout(working, e.Settings.StepTimeout*9/10)
	output, workspace, err := e.act(acting, log)
	cancel()
	log.close()
	if superseded := supersededBy(context.Cause(working), err); superseded != nil {
		return nil, superseded
	}
	if notYet, is := errors.AsType[*action.NotYetError](err); is {
		return nil, e.recordWait(ctx, notYet, log)
	}
	if err != nil {
		failed, err := e.recordFailedAttempt(ctx, err, log)
		if superseded := supersededBy(context.Cause(working)); superseded != nil {
			return nil, superseded
		}
		return failed, err
	}
	return nil, e.recordSuccess(ctx, output, workspace, log)
}

// act runs the action in the workspace, if it wants one, and answers its output and the workspace that it
// left.
func (e *execution) act(ctx context.Context, log *stepLog) (action.Output, string, error) {
	call := &action.Call{
		RunID: e.ID.String(), StepID: e.step.ID, StepName: e.step.Name, Iteration: e.iteration.Key, Input: e.iteration.Input,
		Template: action.TemplateInfo{EntityRef: e.Spec.TemplateInfo.EntityRef, Base: e.Spec.TemplateInfo.Base()},
		User:     e.Spec.User, Starter: e.Starter,
		StartedAt: e.startedAt(), Secrets: e.scope.Secrets, Log: log, Ledger: maskingLedger{e.Runs.Ledger(e.claim, e.step.ID, e.step.Action), e},
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

// startedAt is when the step began: now, if this is its first attempt.
func (e *execution) startedAt() time.Time {
	if started := e.steps[e.position].StartedAt; !started.IsZero() {
		return started
	}
	return time.Now()
}

// maskingLedger is the ledger of a step. It masks what an action notes on an effect: people read it.
type maskingLedger struct {
	action.Ledger
	execution *execution
}

func (l maskingLedger) Abandon(ctx context.Context, effectID, note string) error {
	return l.Ledger.Abandon(ctx, effectID, l.execution.redact.Text(note))
}

func (e *execution) needsWorkspace(call *action.Call) bool {
	if sparer, spares := e.does.(action.OptionalWorkspace); spares {
		return sparer.NeedsWorkspace(call)
	}
	return e.does.Describe().UsesWorkspace
}

// callAction runs the action. One that panics has failed for good.
func (e *execution) callAction(ctx context.Context, call *action.Call) (output action.Output, err error) {
	defer func() { err = e.explainPanic(ctx, err, e.step, "action "+e.step.Action) }()
	defer fault.Recover(&err)
	output, err = e.does.Run(ctx, call)
	e.recordDenial(ctx, e.runState, err)
	return output, err
}

// recordDenial records in the audit log what the run's starter was denied, if the error is a denial.
func (a *Activities) recordDenial(ctx context.Context, state *runState, err error) {
	if denied, is := errors.AsType[*policy.DeniedError](err); is {
		a.Refusals.Record(ctx, state.Starter.Actor(), audit.Access, denied.Resource, audit.Denied, "needs "+string(denied.Permission))
	}
}

// recordSuccess records the iteration, and with the last one the step.
func (e *execution) recordSuccess(ctx context.Context, output action.Output, workspace string, log *stepLog) error {
	encoded, err := encodeOutput(output)
	if err != nil {
		return err
	}
	change := run.StepChange{Position: e.position, Status: run.StatusProcessing}
	if e.each {
		change.Iterations = []run.Iteration{{Index: e.index, Output: encoded}}
	}
	events := log.drain()
	if e.last {
		if e.each {
			if encoded, err = e.collect(ctx, encoded); err != nil {
				return err
			}
		}
		e.items.Forget(e.itemsKey(e.position))
		change.Status = run.StatusCompleted
		change.Output, change.Shown = encoded, e.redact.Also(e.does.Describe().SecretTexts(encoded)).JSON(encoded)
		events = append(events, e.stepFinished(e.position))
	} else {
		change.FailedAttempts = new(0) // the next iteration begins with none
	}
	if workspace != e.workspace() {
		change.Workspace = workspace
	}
	return e.record(ctx, run.Entry{Events: events, Steps: []run.StepChange{change}, Phase: e.phase()})
}

// looksAgain reports whether the action was run before and asked to be run again: see action.NotYetError. A quick
// one has waited before its first run.
func (e *execution) looksAgain() bool {
	return !e.does.Describe().Quick && !e.steps[e.position].WaitingUntil.IsZero()
}

// recordWait records until when the step waits before its action is run again. The line about it has a key of its
// text, so that it is written once.
func (e *execution) recordWait(ctx context.Context, notYet *action.NotYetError, log *stepLog) error {
	waiting := e.redact.Text(notYet.Waiting)
	digest := sha256.Sum256([]byte(waiting))
	key := fmt.Sprintf("%s/%d/%d/waiting/%x", e.key(e.position), e.index, log.attempt, digest[:8])
	events := append(log.drain(), run.NewEvent{Type: run.EventLog, Key: key,
		Body: run.EventBody{Message: run.InfoLevel + waiting, StepID: e.step.ID}})
	change := run.StepChange{Position: e.position, Status: run.StatusProcessing, WaitingUntil: time.Now().Add(notYet.After), FailedAttempts: new(0)}
	return e.record(ctx, run.Entry{Events: events, Phase: run.PhaseWaiting, Steps: []run.StepChange{change}})
}

// phase is the run's phase when the step is executed, "" to keep it: only a step that waited changed it.
func (e *execution) phase() run.Phase {
	if e.steps[e.position].WaitingUntil.IsZero() {
		return ""
	}
	return run.PhaseRunning
}

// collect joins the outputs of all iterations after the last one. It reads those that this activity did not
// execute from the record.
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

// join makes a list of each output value over a step's iterations, in their order.
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

// encodeOutput is the output as JSON, without HTML escaping. No output is an empty object.
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

// supersededBy is the first of the errors that says that another worker took the run over, nil when none
// does.
func supersededBy(errs ...error) error {
	for _, err := range errs {
		if _, refused := errors.AsType[*run.RefusedError](err); refused {
			return err
		}
	}
	return nil
}

// recordFailedAttempt records the attempt's log lines, and whether another attempt follows.
func (e *execution) recordFailedAttempt(ctx context.Context, cause error, log *stepLog) (*failedAttempt, error) {
	if ctx.Err() != nil {
		// The run was cancelled, or the worker is stopping and another one may continue. This is no failure.
		log.flush(context.WithoutCancel(ctx))
		return nil, ctx.Err()
	}
	failed := &failedAttempt{failure: e.failure(cause), after: action.RetryAfter(cause)}
	// Only attempts that failed are counted, not those whose worker died.
	failed.again = action.IsTransient(cause) && log.attempt < e.Settings.MaximumAttempts
	if failed.again {
		log.attemptFailed(ctx, failed.failure.Message)
	} else {
		log.flush(ctx)
	}
	return failed, nil
}
