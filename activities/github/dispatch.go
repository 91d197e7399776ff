package github

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/dispatch.input.json
	dispatchInputSchema []byte
	//go:embed schema/dispatch.output.json
	dispatchOutputSchema []byte
)

const (
	// defaultWait is how long a step waits for a run of a workflow to end.
	defaultWait = 30 * time.Minute
	// appearsWithin is for how many pauses a run is looked for that GitHub may not show yet.
	appearsWithin = 6
	// cancelledWithin is how long a cancelled run may take to end, until the rollback tries again.
	cancelledWithin = 2 * time.Minute
	// defaultPause is the pause between two questions about a run.
	defaultPause = 5 * time.Second
	// longestPause bounds the pause before the next look at a run that takes long.
	longestPause = time.Minute
)

// dispatch is the action github:actions:dispatch.
type dispatch struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*dispatch) Describe() action.Description {
	return action.Description{
		ID: "github:actions:dispatch",
		Description: "Dispatches a GitHub Actions workflow on a branch or a tag, and waits for the end of its run if asked. " +
			"No worker is held meanwhile.",
		Examples:     dispatchExamples,
		InputSchema:  dispatchInputSchema,
		OutputSchema: dispatchOutputSchema,
		Undoes: "Cancels the run of the workflow while it goes on. One that has ended is deleted if the same run of the template has " +
			"created its repository. In any other repository it is kept, because it shows what the workflow did, which a rollback cannot take back.",
		Needs: []string{
			"An entry of `integrations.github` for the host, whose token has the scope `repo`, or whose App has `actions: write`.",
			"A workflow with the trigger `workflow_dispatch` on the default branch.",
		},
		Differences: []string{
			"`waitForCompletion` waits until the run has ended, at most for `waitTimeoutSeconds`, and fails the step if it does not succeed. " +
				"The output `workflowRunConclusion` is how it ended. The longer a run takes, the less often GitHub is asked: every minute at least.",
			"GitHub has no key that makes a dispatch safe to repeat. An attempt after one that was cut off takes the first run for its own " +
				"that has appeared since the intent, of the same workflow, branch and, where the token is a user's, user. If somebody else " +
				"dispatches the same in these seconds, or GitHub takes longer to show a run than the pause between two attempts, the step " +
				"may follow the other run or dispatch twice.",
			"Without `returnWorkflowRunDetails` and `waitForCompletion`, GitHub does not say which run it started. Portico finds it in the same way.",
		},
	}
}

var dispatchExamples = []action.Example{
	{
		Description: "Start a workflow",
		Example: `steps:
  - id: build
    name: Start the first build
    action: github:actions:dispatch
    input:
      repoUrl: ${{ parameters.repoUrl }}
      workflowId: ci.yaml
      branchOrTagName: main
`,
	},
	{
		Description: "Start a workflow with inputs, wait until it has succeeded, and fail otherwise",
		Example: `steps:
  - id: provision
    name: Provision the database
    action: github:actions:dispatch
    input:
      repoUrl: github.com?owner=acme&repo=infra
      workflowId: provision.yaml
      branchOrTagName: main
      workflowInputs:
        name: ${{ parameters.name }}
      waitForCompletion: true
      waitTimeoutSeconds: 1200
`,
	},
}

type dispatchInput struct {
	target

	WorkflowID         string            `json:"workflowId"`
	BranchOrTagName    string            `json:"branchOrTagName"`
	WorkflowInputs     map[string]string `json:"workflowInputs"`
	ReturnDetails      *bool             `json:"returnWorkflowRunDetails"`
	WaitForCompletion  bool              `json:"waitForCompletion"`
	WaitTimeoutSeconds int               `json:"waitTimeoutSeconds"`
}

// needsRun reports whether the step goes on with the run that it started.
func (i dispatchInput) needsRun() bool {
	return i.WaitForCompletion || i.ReturnDetails != nil && *i.ReturnDetails
}

// wantedRun finds a run of a workflow again.
type wantedRun struct {
	Workflow string `json:"workflow"`
	Ref      string `json:"ref"`
	// Actor is the user of the token, "" for an App's.
	Actor string `json:"actor,omitempty"`
	// InOwnRepository says that the same run of the template has created the repository.
	InOwnRepository bool `json:"inOwnRepository,omitempty"`
}

var mayDispatch = permissions{"metadata": "read", "actions": "write"}

// dispatchStep is one execution of github:actions:dispatch.
type dispatchStep struct {
	*part[*github.WorkflowRun]

	call   *action.Call
	input  dispatchInput
	wanted wantedRun
	every  time.Duration
	// began is when the step began to wait, the zero value before it has dispatched the workflow.
	began time.Time
}

func (a *dispatch) prepare(ctx context.Context, call *action.Call) (*dispatchStep, error) {
	input := dispatchInput{WaitTimeoutSeconds: int(defaultWait.Seconds())}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayDispatch)
	if err != nil {
		return nil, err
	}
	actor, _, err := c.whoAmI(ctx)
	if err != nil && !isStatus(err, http.StatusForbidden) && !isStatus(err, http.StatusNotFound) {
		return nil, err
	}
	wanted := wantedRun{Workflow: input.WorkflowID, Ref: shortRef(input.BranchOrTagName), Actor: actor}
	owned, err := c.ownRepositories(ctx, call)
	if err != nil {
		return nil, err
	}
	wanted.InOwnRepository = len(owned) > 0
	step := &dispatchStep{call: call, input: input, wanted: wanted, every: a.options.pause()}
	step.part = c.run(wanted, step.every)
	step.create = step.dispatch
	return step, nil
}

// shortRef is the name of a branch or a tag as GitHub has it in a run.
func shortRef(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
}

// Run dispatches the workflow. Where it waits for the end of the run, each call looks once.
func (a *dispatch) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	run, err := step.started(ctx)
	if err != nil || !step.input.needsRun() {
		return nil, err
	}
	if run.GetID() == 0 {
		if run, err = step.appear(ctx); err != nil {
			return nil, err
		}
	}
	output := action.Output{"workflowRunId": run.GetID(), "workflowRunUrl": run.GetURL(), "workflowRunHtmlUrl": run.GetHTMLURL()}
	if !step.input.WaitForCompletion {
		return output, nil
	}
	if output["workflowRunConclusion"], err = step.conclusion(ctx, run); err != nil {
		return nil, err
	}
	return output, nil
}

// started is the run of the workflow, which the first call dispatches. The calls after it that wait only look for it.
func (s *dispatchStep) started(ctx context.Context) (*github.WorkflowRun, error) {
	effect, err := resource.Earlier(ctx, s.call, s.key(s.call))
	if err != nil {
		return nil, err
	}
	if s.began = s.call.StartedAt; effect.IntendedAt.After(s.began) {
		s.began = effect.IntendedAt // an iteration of the step, which began before
	}
	if s.input.WaitForCompletion && effect.State == action.EffectCreated {
		found, err := s.find(ctx, effect)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return found.Thing, nil
		}
	}
	return s.ensure(ctx, s.call)
}

// dispatch starts a run. GitHub says which one it is if asked.
func (s *dispatchStep) dispatch(ctx context.Context) (*github.WorkflowRun, error) {
	s.call.Log.Info("Dispatching workflow %s for repo %s on %s", s.input.WorkflowID, s.input.RepoURL, s.input.BranchOrTagName)
	request := map[string]any{"ref": s.input.BranchOrTagName}
	if s.input.WorkflowInputs != nil {
		request["inputs"] = s.input.WorkflowInputs
	}
	switch {
	case s.input.WaitForCompletion:
		request["return_run_details"] = true
	case s.input.ReturnDetails != nil:
		request["return_run_details"] = *s.input.ReturnDetails
	}
	var started struct {
		ID      int64  `json:"workflow_run_id"`
		URL     string `json:"run_url"`
		HTMLURL string `json:"html_url"`
	}
	doing := fmt.Sprintf("dispatching the workflow %s of %s", s.input.WorkflowID, s.connection.name())
	path := "actions/workflows/" + url.PathEscape(s.input.WorkflowID) + "/dispatches"
	if err := s.send(ctx, doing, http.MethodPost, path, request, &started); err != nil {
		return nil, err
	}
	s.call.Log.Info("Workflow %s dispatched successfully", s.input.WorkflowID)
	return &github.WorkflowRun{ID: &started.ID, URL: &started.URL, HTMLURL: &started.HTMLURL}, nil
}

// appear waits until GitHub shows the run that this step started.
func (s *dispatchStep) appear(ctx context.Context) (*github.WorkflowRun, error) {
	listed, err := s.connection.awaitRun(ctx, s.record.Before, s.wanted, s.every)
	for _, run := range listed {
		if !slices.Contains(s.record.Before, idOf(run.GetID())) {
			return run, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, action.Advise(action.Transient(fmt.Errorf("%s accepted the dispatch of %s, and does not show its run yet",
		s.target.Host, s.input.WorkflowID), 0), "Retry the step: it looks for the run again.")
}

// conclusion is how the run ended, which is "success": anything else is an error. While it goes on, the error is
// action.NotYet.
func (s *dispatchStep) conclusion(ctx context.Context, run *github.WorkflowRun) (string, error) {
	if run.GetStatus() == "" {
		var err error
		if run, err = s.readRun(ctx, idOf(run.GetID())); err != nil {
			return "", err
		}
	}
	switch {
	case run.GetStatus() != "completed":
		return "", s.notYet(run)
	case run.GetConclusion() != "success":
		return "", action.Advise(fault.New(fault.Conflict, "The run %s of the workflow %s ended with %s%s.", run.GetHTMLURL(), s.input.WorkflowID,
			run.GetConclusion(), s.failedJobs(ctx, run)), "Look at it there. Re-run it and retry the step, which waits for the same run, or roll the run back.")
	}
	s.call.Log.Info("The run %s ended with %s", run.GetHTMLURL(), run.GetConclusion())
	return run.GetConclusion(), nil
}

// notYet looks again later, or gives up.
func (s *dispatchStep) notYet(run *github.WorkflowRun) error {
	waited := time.Duration(0)
	if !s.began.IsZero() {
		waited = time.Since(s.began)
	}
	if limit := time.Duration(s.input.WaitTimeoutSeconds) * time.Second; waited >= limit {
		return action.Advise(fault.New(fault.Conflict, "The run %s of the workflow %s has not ended within %s.", run.GetHTMLURL(), s.input.WorkflowID, limit),
			"Look at it there. Retry the step, which waits for the same run as long again, or roll the run back.")
	}
	return action.NotYet(min(s.every+waited/20, longestPause), "The run %s is %s", run.GetHTMLURL(), strings.ReplaceAll(run.GetStatus(), "_", " "))
}

// failedJobs names the jobs of a run that did not succeed: " (build: failure)".
func (s *dispatchStep) failedJobs(ctx context.Context, run *github.WorkflowRun) string {
	var listed github.Jobs
	path := fmt.Sprintf("actions/runs/%d/jobs?per_page=100", run.GetID())
	if err := s.send(ctx, "listing the jobs of a workflow run of "+s.connection.name(), http.MethodGet, path, nil, &listed); err != nil {
		s.call.Log.Warn("The jobs that failed are not named: %s", err)
		return ""
	}
	var failed []string
	for _, job := range listed.Jobs {
		if conclusion := job.GetConclusion(); conclusion != "" && conclusion != "success" && conclusion != "skipped" {
			failed = append(failed, job.GetName()+": "+conclusion)
		}
	}
	if len(failed) == 0 {
		return ""
	}
	return " (" + strings.Join(failed, ", ") + ")"
}

// Plan says which workflow Run would dispatch.
func (a *dispatch) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	summary := fmt.Sprintf("dispatch the workflow %s of %s on %s", step.input.WorkflowID, step.connection.name(), step.input.BranchOrTagName)
	if step.input.WaitForCompletion {
		summary += ", and wait for its run"
	}
	return step.plan(ctx, summary)
}

// Undo cancels the run if it goes on. One that has ended is deleted with the repository's other things, or kept.
func (a *dispatch) Undo(ctx context.Context, call *action.UndoCall) error {
	var wanted wantedRun
	where, err := wantedOf(call.Effect, &wanted)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, where, mayDispatch)
	if err != nil {
		return err
	}
	p := c.run(wanted, a.options.pause())
	list := p.list
	p.list = func(ctx context.Context, effect action.Effect) ([]*github.WorkflowRun, error) {
		// A run that was cancelled needs no undoing.
		all, err := list(ctx, effect)
		return slices.DeleteFunc(all, func(run *github.WorkflowRun) bool { return run.GetConclusion() == "cancelled" }), err
	}
	return p.undo(ctx, call)
}

// run is a run of a workflow, for finding and cancelling it.
func (c *connection) run(wanted wantedRun, every time.Duration) *part[*github.WorkflowRun] {
	return &part[*github.WorkflowRun]{
		connection: c, kind: "github:workflow-run", name: fmt.Sprintf("run of %s on %s", wanted.Workflow, wanted.Ref),
		title: "the run of the workflow " + wanted.Workflow, wanted: wanted,
		list: func(ctx context.Context, effect action.Effect) ([]*github.WorkflowRun, error) {
			return c.runsOf(ctx, effect, wanted, every)
		},
		describe: func(run *github.WorkflowRun) resource.Found[*github.WorkflowRun] {
			if run.GetID() == 0 {
				return resource.Found[*github.WorkflowRun]{}
			}
			return resource.Found[*github.WorkflowRun]{ID: idOf(run.GetID()), URL: run.GetHTMLURL()}
		},
		remove: func(ctx context.Context, run *github.WorkflowRun) error {
			switch {
			case run.GetStatus() != "completed":
				return c.cancel(ctx, run, every)
			case wanted.InOwnRepository:
				return gone(c.send(ctx, "deleting a workflow run of "+c.name(), http.MethodDelete, "actions/runs/"+idOf(run.GetID()), nil, nil))
			}
			return &action.InUseError{Reason: fmt.Sprintf("%s ended with %s and was kept: it shows what the workflow did, which a rollback cannot take back.",
				run.GetHTMLURL(), run.GetConclusion())}
		},
	}
}

// readRun reads a run by its ID.
func (c *connection) readRun(ctx context.Context, id string) (*github.WorkflowRun, error) {
	run := &github.WorkflowRun{}
	return run, c.send(ctx, "looking for a workflow run of "+c.name(), http.MethodGet, "actions/runs/"+id, nil, run)
}

// runsOf lists the run of the effect, or the newest ones that were dispatched as wanted. A run that an earlier
// attempt may have started is waited for.
func (c *connection) runsOf(ctx context.Context, effect action.Effect, wanted wantedRun, every time.Duration) ([]*github.WorkflowRun, error) {
	switch {
	case effect.ExternalID != "":
		run, err := c.readRun(ctx, effect.ExternalID)
		return []*github.WorkflowRun{run}, err
	case effect.ID == "" || effect.Fresh:
		return c.listRuns(ctx, wanted)
	}
	record, err := recordOf[partRecord](effect)
	if err != nil {
		return nil, err
	}
	return c.awaitRun(ctx, record.Before, wanted, every)
}

// awaitRun lists the runs until there is one that was not there before. GitHub takes some seconds to show a
// run.
func (c *connection) awaitRun(ctx context.Context, before []string, wanted wantedRun, every time.Duration) ([]*github.WorkflowRun, error) {
	var listed []*github.WorkflowRun
	err := poll(ctx, every, appearsWithin*every, func(ctx context.Context) (isThere bool, err error) {
		listed, err = c.listRuns(ctx, wanted)
		isThere = slices.ContainsFunc(listed, func(run *github.WorkflowRun) bool { return !slices.Contains(before, idOf(run.GetID())) })
		return isThere, err
	})
	return listed, err
}

// listRuns lists the newest runs of the workflow that were dispatched as wanted, the oldest first.
func (c *connection) listRuns(ctx context.Context, wanted wantedRun) ([]*github.WorkflowRun, error) {
	var newest struct {
		Runs []*github.WorkflowRun `json:"workflow_runs"`
	}
	query := url.Values{"event": {"workflow_dispatch"}, "branch": {wanted.Ref}, "per_page": {"30"}}
	if wanted.Actor != "" {
		query.Set("actor", wanted.Actor)
	}
	path := "actions/workflows/" + url.PathEscape(wanted.Workflow) + "/runs?" + query.Encode()
	err := c.send(ctx, "listing the runs of the workflow "+wanted.Workflow+" of "+c.name(), http.MethodGet, path, nil, &newest)
	slices.Reverse(newest.Runs)
	return newest.Runs, err
}

// cancel cancels a run, and waits until it has ended.
func (c *connection) cancel(ctx context.Context, run *github.WorkflowRun, every time.Duration) error {
	id := idOf(run.GetID())
	err := c.send(ctx, "cancelling a workflow run of "+c.name(), http.MethodPost, "actions/runs/"+id+"/cancel", nil, nil)
	if err != nil && !isStatus(err, http.StatusConflict) {
		return gone(err)
	}
	ended := false
	err = poll(ctx, every, cancelledWithin, func(ctx context.Context) (bool, error) {
		run, err := c.readRun(ctx, id)
		ended = err == nil && run.GetStatus() == "completed"
		return ended, err
	})
	switch {
	case isStatus(err, http.StatusNotFound):
		return resource.ErrNotExist
	case err != nil || ended:
		return err
	}
	return action.Transient(fmt.Errorf("the run %s was cancelled, and has not ended within %s", run.GetHTMLURL(), cancelledWithin), 0)
}

// pause is the pause between two questions about what takes long.
func (o Options) pause() time.Duration { return cmp.Or(o.Pause, defaultPause) }

// poll asks until it is done, an error, or the time is over. The first question comes at once.
func poll(ctx context.Context, every, within time.Duration, isDone func(context.Context) (bool, error)) error {
	over := time.NewTimer(within)
	defer over.Stop()
	for {
		done, err := isDone(ctx)
		if done || err != nil {
			return err
		}
		pause := time.NewTimer(every)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-over.C:
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}
