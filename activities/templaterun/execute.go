package templaterun

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// heartbeatsPerTimeout is how often an action says that it lives before it would be thought dead.
const heartbeatsPerTimeout = 4

// runAction makes the activity that runs an action for one iteration of a step.
func (a *Activities) runAction(does action.Action) func(context.Context, engine.ActionRequest) (engine.ActionResult, error) {
	return func(ctx context.Context, request engine.ActionRequest) (engine.ActionResult, error) {
		l, err := a.load(ctx, request.RunID, request.Generation, request.Position)
		if err != nil {
			return engine.ActionResult{}, err
		}
		defer a.keepAlive(ctx)()
		e := &execution{Activities: a, loaded: l, does: does, request: request, step: l.step(request.Position)}
		return e.run(ctx)
	}
}

// keepAlive sends heartbeats until the returned function is called. Local activities need none.
func (a *Activities) keepAlive(ctx context.Context) (stop func()) {
	info := activity.GetInfo(ctx)
	if info.IsLocalActivity || info.HeartbeatTimeout <= 0 {
		return func() {}
	}
	ticker := time.NewTicker(info.HeartbeatTimeout / heartbeatsPerTimeout)
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
	*loaded
	does    action.Action
	request engine.ActionRequest
	step    template.Step
}

func (e *execution) run(ctx context.Context) (engine.ActionResult, error) {
	if done := e.steps[e.request.Position]; done.Status == run.StatusCompleted {
		// A crash came between the record and Temporal's hearing of it: the step is done.
		return engine.ActionResult{Workspace: cmp.Or(done.Workspace, e.request.Workspace)}, nil
	}
	e.situation.PreviousFailed = e.request.PreviousFailed
	decision, err := e.Planner.Decide(ctx, e.situation, e.step)
	if err == nil && e.request.Iteration >= len(decision.Iterations) {
		err = fmt.Errorf("step %s has no iteration %d any more", e.step.ID, e.request.Iteration)
	}
	if err != nil {
		return engine.ActionResult{}, e.final(err)
	}
	iteration := decision.Iterations[e.request.Iteration]
	e.redact = e.redact.Also(iteration.Derived)
	log, err := e.openLog(ctx, decision, iteration)
	if err != nil {
		return engine.ActionResult{}, err
	}
	// The action is stopped a little before Temporal would give up on this attempt, so that there is time to say so.
	acting, cancel := context.WithTimeout(ctx, e.Settings.StepTimeout*9/10)
	output, workspace, err := e.act(acting, iteration, log)
	cancel()
	log.close()
	if err != nil {
		return engine.ActionResult{}, e.fail(ctx, err, log)
	}
	return engine.ActionResult{Workspace: workspace}, e.complete(ctx, decision, iteration, output, workspace, log)
}

// act runs the action in the workspace, if it wants one, and answers its output and the workspace that it left.
func (e *execution) act(ctx context.Context, iteration plan.Iteration, log *stepLog) (action.Output, string, error) {
	call := &action.Call{
		RunID: e.id.String(), StepID: e.step.ID, StepName: e.step.Name, Iteration: iteration.Key, Input: iteration.Input,
		Template: action.TemplateInfo{EntityRef: e.Spec.TemplateInfo.EntityRef, BaseURL: e.Spec.TemplateInfo.BaseURL},
		User:     action.User{Ref: e.Spec.User.Ref, Entity: e.Spec.User.Entity},
		Secrets:  e.situation.Secrets, Log: log, Ledger: e.Runs.Ledger(e.id, e.step.ID, e.step.Action),
	}
	if !e.does.Describe().UsesWorkspace {
		output, err := e.callAction(ctx, call)
		return output, e.request.Workspace, err
	}
	dir, closeDir, err := e.Workspaces.Open(ctx, e.request.Workspace)
	if err != nil {
		return nil, "", fmt.Errorf("open the workspace: %w", err)
	}
	defer closeDir()
	call.Workspace = dir
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

// callAction runs the action. One that panics has failed for good: it would do it again.
func (e *execution) callAction(ctx context.Context, call *action.Call) (output action.Output, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			e.Log.ErrorContext(ctx, "an action panicked", "run", e.id, "step", e.step.ID, "action", e.step.Action, "stack", string(debug.Stack()))
			err = action.Advise(action.Final(fmt.Errorf("action %s panicked: %v", e.step.Action, cause)),
				"This is a mistake in the action. Its worker's log says where; please report it.")
		}
	}()
	return e.does.Run(ctx, call)
}

// complete records the iteration, and with the last one the step.
func (e *execution) complete(ctx context.Context, decision plan.Decision, iteration plan.Iteration, output action.Output, workspace string, log *stepLog) error {
	encoded, err := encodeOutput(output)
	if err != nil {
		return err
	}
	change := &run.StepChange{StepID: e.step.ID, Status: run.StatusProcessing, Input: e.redact.JSON(iteration.Input)}
	if decision.Each {
		change.Iterations, err = e.Runs.Iterations(e.id, e.steps[e.request.Position])
		if err != nil {
			return err
		}
		change.Iterations[e.request.Iteration] = encoded
		if encoded, err = collect(change.Iterations); err != nil {
			return err
		}
	}
	events := log.take()
	if e.request.Last {
		change.Status, change.Iterations = run.StatusCompleted, nil
		change.Output, change.Shown = encoded, e.redact.JSON(encoded)
		events = append(events, finishing(e.request.Generation, e.step))
	} else {
		change.FailedAttempts = new(0) // the next iteration has all attempts before it
	}
	if workspace != e.request.Workspace {
		change.Workspace = workspace
	}
	return e.tell(ctx, e.loaded, run.Entry{Events: events, Step: change, Phase: e.phase()})
}

// phase is the run's phase now that the step moves: only one that waited had another.
func (e *execution) phase() run.Phase {
	if e.steps[e.request.Position].WaitingUntil.IsZero() {
		return ""
	}
	return run.PhaseRunning
}

// collect joins the outputs of a step's iterations, in their order: every output becomes a list.
func collect(iterations map[int]json.RawMessage) (json.RawMessage, error) {
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
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(output); err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// fail keeps what the attempt logged, says so when another attempt will follow, and gives the error the class that
// Temporal acts on.
func (e *execution) fail(ctx context.Context, cause error, log *stepLog) error {
	if ctx.Err() != nil {
		// Cancelled, or the worker is stopping: whoever stopped it knows why, and another worker may take over.
		log.flush(context.WithoutCancel(ctx))
		return ctx.Err()
	}
	failure := e.failure(cause)
	// Only attempts that failed are counted, not those that died with their worker: a crash uses nothing up.
	again := action.IsTransient(cause) && log.attempt < e.Settings.MaximumAttempts
	if again {
		log.attemptFailed(ctx, failure.Message)
	} else {
		log.flush(ctx)
	}
	return temporal.NewApplicationErrorWithOptions(failure.Message, failure.Name, temporal.ApplicationErrorOptions{
		NonRetryable: !again, NextRetryDelay: action.RetryAfter(cause), Details: []any{failure.Next}})
}

// final ends the step: what was decided when it was prepared cannot be decided again.
func (e *execution) final(cause error) error {
	failure := e.failure(cause)
	return temporal.NewNonRetryableApplicationError(failure.Message, failure.Name, nil, failure.Next)
}
