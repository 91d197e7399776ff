package forge

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	workflowDirectory = ".github/workflows"
	maxWorkflowInputs = 25

	statusQueued     = "queued"
	statusInProgress = "in_progress"
	statusCompleted  = "completed"

	eventDispatch = "workflow_dispatch"
	eventPush     = "push"
)

// workflowRun is the record of a run of a workflow. The forge runs nothing: a run is queued, in progress, and
// completes with success when its time has passed, unless somebody has settled it.
type workflowRun struct {
	ID         int64             `json:"id"`
	Number     int               `json:"number"`
	Attempt    int               `json:"attempt"`
	Workflow   string            `json:"workflow"`
	Name       string            `json:"name"`
	Event      string            `json:"event"`
	Jobs       []string          `json:"jobs"`
	Branch     string            `json:"branch"`
	Commit     string            `json:"commit"`
	Inputs     map[string]string `json:"inputs,omitempty"`
	CreatedAt  time.Time         `json:"createdAt"`
	StartedAt  time.Time         `json:"startedAt"`
	SettledAt  time.Time         `json:"settledAt"`
	Status     string            `json:"status,omitempty"`
	Conclusion string            `json:"conclusion,omitempty"`
}

// progress is the run's status and conclusion at a time, and since when it has them.
func (r workflowRun) progress(takes time.Duration, at time.Time) (status, conclusion string, since time.Time) {
	begins, ends := r.StartedAt.Add(takes/3), r.StartedAt.Add(takes)
	switch {
	case r.Status != "":
		return r.Status, r.Conclusion, r.SettledAt
	case takes < 0 || at.Before(begins):
		return statusQueued, "", r.StartedAt
	case at.Before(ends):
		return statusInProgress, "", begins
	}
	return statusCompleted, "success", ends
}

// SettleRun gives a run of a workflow a status and, if it is "completed", a conclusion. Without it, a run takes
// Options.WorkflowTime and succeeds.
func (f *Forge) SettleRun(owner, repo string, id int64, status, conclusion string) error {
	_, err := f.store.updateRepository(owner, repo, func(repo *repository) error {
		at := indexOf(strconv.FormatInt(id, 10), repo.WorkflowRuns, func(one workflowRun) int64 { return one.ID })
		if at < 0 {
			return fmt.Errorf("run %d: %w", id, errNotFound)
		}
		run := &repo.WorkflowRuns[at]
		run.Status, run.Conclusion, run.SettledAt = status, conclusion, now()
		return nil
	})
	return err
}

// workflow is what the forge reads of a workflow's file.
type workflow struct {
	path       string
	Name       string    `yaml:"name"`
	On         yaml.Node `yaml:"on"`
	Jobs       map[string]struct{ Name string }
	dispatched *struct {
		Inputs map[string]struct {
			Required bool      `yaml:"required"`
			Default  yaml.Node `yaml:"default"`
		} `yaml:"inputs"`
	}
	// pushed are the branches whose pushes start the workflow, nil for none.
	pushed *struct {
		Branches []string `yaml:"branches"`
	}
}

// readWorkflow reads the file of a workflow at a commit.
func (g gitRepository) readWorkflow(ctx context.Context, commit, file string) (*workflow, error) {
	entry, err := g.entry(ctx, commit, path.Join(workflowDirectory, file))
	if err != nil {
		return nil, err
	}
	content, err := g.blob(ctx, entry.Hash)
	if err != nil {
		return nil, err
	}
	read := &workflow{path: entry.Path}
	if err := yaml.Unmarshal(content, read); err != nil {
		return nil, &apiError{status: http.StatusUnprocessableEntity, message: "Workflow is not valid YAML: " + err.Error()}
	}
	if read.Name == "" {
		read.Name = read.path
	}
	if err := read.readTrigger(eventPush, &read.pushed); err != nil {
		return nil, err
	}
	return read, read.readTrigger(eventDispatch, &read.dispatched)
}

// readTrigger reads a trigger, which is a name, one of a list, or a key. It leaves into as it is if there is none.
func (w *workflow) readTrigger(event string, into any) error {
	var names []string
	if w.On.Decode(&names) != nil {
		names = []string{w.On.Value}
	}
	if slices.Contains(names, event) {
		return yaml.Unmarshal([]byte("{}"), into)
	}
	if w.On.Kind != yaml.MappingNode {
		return nil
	}
	var triggers map[string]yaml.Node
	if err := w.On.Decode(&triggers); err != nil {
		return err
	}
	trigger, found := triggers[event]
	if !found {
		return nil
	}
	if trigger.Kind != yaml.MappingNode {
		return yaml.Unmarshal([]byte("{}"), into)
	}
	return trigger.Decode(into)
}

// check rejects the inputs that GitHub rejects.
func (w *workflow) check(inputs map[string]string) error {
	unprocessable := func(format string, args ...any) error {
		return &apiError{status: http.StatusUnprocessableEntity, message: fmt.Sprintf(format, args...)}
	}
	if w.dispatched == nil {
		return unprocessable("Workflow does not have 'workflow_dispatch' trigger")
	}
	if len(inputs) > maxWorkflowInputs {
		return unprocessable("you may only define up to %d `inputs` for a `workflow_dispatch` event", maxWorkflowInputs)
	}
	var unexpected []string
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		if _, declared := w.dispatched.Inputs[name]; !declared {
			unexpected = append(unexpected, strconv.Quote(name))
		}
	}
	if len(unexpected) > 0 {
		return unprocessable("Unexpected inputs provided: [%s]", strings.Join(unexpected, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(w.dispatched.Inputs)) {
		declared := w.dispatched.Inputs[name]
		if _, given := inputs[name]; declared.Required && !given && declared.Default.Kind == 0 {
			return unprocessable("Required input '%s' not provided", name)
		}
	}
	return nil
}

// workflowID is the number of a workflow. GitHub takes the number or the file's name.
func workflowID(file string) int64 {
	sum := fnv.New32a()
	sum.Write([]byte(path.Base(file)))
	return int64(sum.Sum32())
}

// findWorkflow finds the file of a workflow. GitHub knows those of the default branch.
func (f *Forge) findWorkflow(x *exchange, repo *repository) (string, error) {
	bare := f.store.open(repo)
	branch, err := bare.defaultBranch()
	if err != nil {
		return "", err
	}
	commit, err := bare.resolve(x.r.Context(), "refs/heads/"+branch)
	if err != nil {
		return "", err
	}
	files, err := bare.list(x.r.Context(), commit+":"+workflowDirectory, false)
	if err != nil {
		return "", errHidden
	}
	for _, file := range files {
		if id := x.value("workflow_id"); file.Path == id || strconv.FormatInt(workflowID(file.Path), 10) == id {
			return file.Path, nil
		}
	}
	return "", errHidden
}

func (f *Forge) dispatchWorkflow(x *exchange) (int, any, error) {
	var body struct {
		Ref     string            `json:"ref"`
		Inputs  map[string]string `json:"inputs"`
		Details bool              `json:"return_run_details"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	file, err := f.findWorkflow(x, repo)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	commit, err := bare.resolve(x.r.Context(), body.Ref)
	if err != nil {
		return 0, nil, &apiError{status: http.StatusUnprocessableEntity, message: "No ref found for: " + body.Ref}
	}
	read, err := bare.readWorkflow(x.r.Context(), commit, file)
	if err != nil {
		return 0, nil, err
	}
	if err := read.check(body.Inputs); err != nil {
		return 0, nil, err
	}
	run, err := f.startWorkflow(repo, read, workflowRun{Event: eventDispatch, Inputs: body.Inputs, Branch: reference{Name: body.Ref}.Short(), Commit: commit})
	if err != nil || !body.Details {
		return http.StatusNoContent, nil, err
	}
	return http.StatusOK, object{
		"workflow_run_id": run.ID, "run_url": x.shapes.runAPI(repo, run), "html_url": x.shapes.runPage(repo, run),
	}, nil
}

// startWorkflow records a run of a workflow.
func (f *Forge) startWorkflow(repo *repository, read *workflow, run workflowRun) (workflowRun, error) {
	run.Workflow, run.Name, run.Jobs, run.Attempt = read.path, read.Name, slices.Sorted(maps.Keys(read.Jobs)), 1
	run.CreatedAt, run.StartedAt = now(), time.Now()
	_, err := f.store.updateRepository(repo.Owner, repo.Name, func(repo *repository) error {
		run.ID, run.Number = f.store.nextID(), 1
		for _, other := range repo.WorkflowRuns {
			if other.Workflow == run.Workflow {
				run.Number = other.Number + 1
			}
		}
		repo.WorkflowRuns = append(repo.WorkflowRuns, run)
		return nil
	})
	return run, err
}

// startPushed starts the workflows of the branches that a push has changed. Only the trigger's branches count, of all
// its filters. A workflow without jobs is none, and one that cannot be read starts nothing.
func (f *Forge) startPushed(ctx context.Context, repo *repository, before []reference) error {
	bare := f.store.open(repo)
	after, err := bare.references(ctx, "refs/heads")
	if err != nil {
		return err
	}
	for _, branch := range after {
		if slices.Contains(before, branch) {
			continue
		}
		files, err := bare.list(ctx, branch.Commit+":"+workflowDirectory, false)
		if err != nil {
			continue // The branch has none.
		}
		for _, file := range files {
			read, err := bare.readWorkflow(ctx, branch.Commit, file.Path)
			if err != nil || !read.isPushedOn(branch.Short()) {
				continue
			}
			if _, err := f.startWorkflow(repo, read, workflowRun{Event: eventPush, Branch: branch.Short(), Commit: branch.Commit}); err != nil {
				return err
			}
		}
	}
	return nil
}

// isPushedOn reports whether a push to the branch starts the workflow.
func (w *workflow) isPushedOn(branch string) bool {
	if w.pushed == nil || len(w.Jobs) == 0 {
		return false
	}
	return len(w.pushed.Branches) == 0 || slices.ContainsFunc(w.pushed.Branches, func(pattern string) bool {
		matches, err := path.Match(pattern, branch)
		return err == nil && matches
	})
}

// listWorkflowRuns lists the runs of a repository or of one of its workflows, the newest first.
func (f *Forge) listWorkflowRuns(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	file := ""
	if x.value("workflow_id") != "" {
		if file, err = f.findWorkflow(x, repo); err != nil {
			return 0, nil, err
		}
	}
	query := x.r.URL.Query()
	runs := slices.DeleteFunc(slices.Clone(repo.WorkflowRuns), func(one workflowRun) bool {
		status, conclusion, _ := one.progress(f.workflowTime, time.Now())
		wanted := query.Get("status")
		return file != "" && path.Base(one.Workflow) != file ||
			query.Get("branch") != "" && query.Get("branch") != one.Branch ||
			query.Get("event") != "" && query.Get("event") != one.Event ||
			query.Get("actor") != "" && !strings.EqualFold(query.Get("actor"), f.user) ||
			wanted != "" && wanted != status && wanted != conclusion
	})
	slices.Reverse(runs)
	page, err := pageOf(x, runs)
	if err != nil {
		return 0, nil, err
	}
	listed := []object{}
	for _, run := range page {
		shown, err := f.describeRun(x, repo, run)
		if err != nil {
			return 0, nil, err
		}
		listed = append(listed, shown)
	}
	return http.StatusOK, object{"total_count": len(runs), "workflow_runs": listed}, nil
}

// workflowRun finds the run of the path.
func (f *Forge) workflowRun(x *exchange) (*repository, workflowRun, error) {
	repo, err := f.repository(x)
	if err != nil {
		return nil, workflowRun{}, err
	}
	at := indexOf(x.value("run_id"), repo.WorkflowRuns, func(one workflowRun) int64 { return one.ID })
	if at < 0 {
		return nil, workflowRun{}, errHidden
	}
	return repo, repo.WorkflowRuns[at], nil
}

func (f *Forge) getWorkflowRun(x *exchange) (int, any, error) {
	repo, run, err := f.workflowRun(x)
	if err != nil {
		return 0, nil, err
	}
	shown, err := f.describeRun(x, repo, run)
	return http.StatusOK, shown, err
}

// cancelWorkflowRun cancels a run at once. GitHub takes a moment.
func (f *Forge) cancelWorkflowRun(x *exchange) (int, any, error) {
	_, run, err := f.workflowRun(x)
	if err != nil {
		return 0, nil, err
	}
	if status, _, _ := run.progress(f.workflowTime, time.Now()); status == statusCompleted {
		return 0, nil, &apiError{status: http.StatusConflict, message: "Cannot cancel a workflow run that is completed."}
	}
	return http.StatusAccepted, object{}, f.SettleRun(x.value("owner"), x.value("repo"), run.ID, statusCompleted, "cancelled")
}

// deleteWorkflowRun deletes a run that has ended.
func (f *Forge) deleteWorkflowRun(x *exchange) (int, any, error) {
	_, run, err := f.workflowRun(x)
	if err != nil {
		return 0, nil, err
	}
	if status, _, _ := run.progress(f.workflowTime, time.Now()); status != statusCompleted {
		return 0, nil, &apiError{status: http.StatusForbidden, message: "Could not delete the workflow run"}
	}
	_, err = f.update(x, func(repo *repository) error {
		repo.WorkflowRuns = slices.DeleteFunc(slices.Clone(repo.WorkflowRuns), func(one workflowRun) bool { return one.ID == run.ID })
		return nil
	})
	return http.StatusNoContent, nil, err
}

func (f *Forge) rerunWorkflow(x *exchange) (int, any, error) {
	_, run, err := f.workflowRun(x)
	if err != nil {
		return 0, nil, err
	}
	if status, _, _ := run.progress(f.workflowTime, time.Now()); status != statusCompleted {
		return 0, nil, &apiError{status: http.StatusForbidden, message: "This workflow is already running"}
	}
	_, err = f.update(x, func(repo *repository) error {
		at := indexOf(x.value("run_id"), repo.WorkflowRuns, func(one workflowRun) int64 { return one.ID })
		if at < 0 {
			return errHidden
		}
		again := &repo.WorkflowRuns[at]
		again.Attempt, again.StartedAt, again.Status, again.Conclusion = again.Attempt+1, time.Now(), "", ""
		return nil
	})
	return http.StatusCreated, object{}, err
}

func (f *Forge) describeRun(x *exchange, repo *repository, run workflowRun) (object, error) {
	owner, err := f.store.owner(repo.Owner)
	if err != nil {
		return nil, err
	}
	actor, err := f.store.owner(f.user)
	if err != nil {
		return nil, err
	}
	tip, err := f.store.open(repo).commit(x.r.Context(), run.Commit)
	if err != nil {
		return nil, err
	}
	status, conclusion, since := run.progress(f.workflowTime, time.Now())
	minimal := x.shapes.minimalRepository(repo, owner)
	address := x.shapes.runAPI(repo, run)
	return object{
		"id": run.ID, "node_id": nodeID("WorkflowRun", run.ID), "name": run.Name, "display_title": run.Name, "path": run.Workflow,
		"run_number": run.Number, "run_attempt": run.Attempt, "event": run.Event, "status": status, "conclusion": orNull(conclusion),
		"workflow_id": workflowID(run.Workflow), "head_branch": run.Branch, "head_sha": run.Commit,
		"created_at": timestamp(run.CreatedAt), "updated_at": timestamp(since), "run_started_at": timestamp(run.StartedAt),
		"actor": x.shapes.simpleUser(actor), "triggering_actor": x.shapes.simpleUser(actor), "pull_requests": []any{},
		"url": address, "html_url": x.shapes.runPage(repo, run), "jobs_url": address + "/jobs", "logs_url": address + "/logs",
		"check_suite_url": x.shapes.repositoryAPI(repo) + fmt.Sprintf("/check-suites/%d", run.ID), "artifacts_url": address + "/artifacts",
		"cancel_url": address + "/cancel", "rerun_url": address + "/rerun", "previous_attempt_url": nil,
		"workflow_url": x.shapes.repositoryAPI(repo) + fmt.Sprintf("/actions/workflows/%d", workflowID(run.Workflow)),
		"repository":   minimal, "head_repository": minimal, "referenced_workflows": []any{},
		"head_commit": object{
			"id": tip.Hash, "tree_id": tip.Tree, "message": tip.Message, "timestamp": timestamp(tip.Committer.When),
			"author":    object{"name": tip.Author.Name, "email": tip.Author.Email},
			"committer": object{"name": tip.Committer.Name, "email": tip.Committer.Email},
		},
	}, nil
}

// listWorkflowJobs lists the jobs of a run. All of them are as far as the run is.
func (f *Forge) listWorkflowJobs(x *exchange) (int, any, error) {
	repo, run, err := f.workflowRun(x)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, run.Jobs)
	if err != nil {
		return 0, nil, err
	}
	status, conclusion, since := run.progress(f.workflowTime, time.Now())
	var completed any
	if status == statusCompleted {
		completed = timestamp(since)
	}
	listed := []object{}
	for n, name := range page {
		id := run.ID + int64(n) + 1
		listed = append(listed, object{
			"id": id, "run_id": run.ID, "run_url": x.shapes.runAPI(repo, run), "run_attempt": run.Attempt, "node_id": nodeID("Job", id),
			"head_sha": run.Commit, "head_branch": run.Branch, "name": name, "status": status, "conclusion": orNull(conclusion),
			"url": x.shapes.repositoryAPI(repo) + fmt.Sprintf("/actions/jobs/%d", id), "html_url": x.shapes.runPage(repo, run),
			"created_at": timestamp(run.CreatedAt), "started_at": timestamp(run.StartedAt), "completed_at": completed, "steps": []any{},
			"check_run_url": x.shapes.repositoryAPI(repo) + fmt.Sprintf("/check-runs/%d", id), "labels": []string{"ubuntu-latest"},
			"runner_id": nil, "runner_name": nil, "runner_group_id": nil, "runner_group_name": nil, "workflow_name": run.Name,
		})
	}
	return http.StatusOK, object{"total_count": len(run.Jobs), "jobs": listed}, nil
}

func (s shapes) runAPI(repo *repository, run workflowRun) string {
	return s.repositoryAPI(repo) + fmt.Sprintf("/actions/runs/%d", run.ID)
}

func (s shapes) runPage(repo *repository, run workflowRun) string {
	return s.page(repo, "actions", "runs", strconv.FormatInt(run.ID, 10))
}
