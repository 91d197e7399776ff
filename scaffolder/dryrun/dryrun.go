// Package dryrun runs a template at once, in this process, on files that the caller sends along, and leaves nothing
// behind: what a template author tries things out with. It shares the planner with the engine, so that both see the
// same template.
package dryrun

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// templateRef is what Backstage calls a template under trial.
const templateRef = "template:default/dry-run"

// Bounds on the files that go in and come out, all of which are held in memory, and on the time that a caller is kept.
const (
	maxFiles = 10_000
	maxBytes = 64 << 20
	maxTime  = 5 * time.Minute
)

var errTooLong = fault.New(fault.Input, "the dry run took longer than %s", maxTime)

// Runner does dry runs.
type Runner struct {
	planner *plan.Planner
	actions *action.Registry
}

// New makes a Runner. It keeps the secrets of the planner's environment from the templates under trial, as Backstage does.
func New(planner *plan.Planner, actions *action.Registry) *Runner {
	return &Runner{planner.WithoutEnvironmentSecrets(), actions}
}

// Request is what to try.
type Request struct {
	// Spec is the template pinned as for a run: with its values, and for whom a run would be.
	Spec template.TaskSpec
	// Starter is who asks for it: actions act as them, as in a run.
	Starter identity.Principal
	Secrets map[string]string
	// Findings are what is known to be wrong with the template: the log begins with them.
	Findings []check.Finding
	// Files are the directory that the template lies in.
	Files []File
}

// File is one file, its path relative and with slashes.
type File struct {
	Path          string `json:"path"`
	Executable    bool   `json:"executable"`
	Base64Content string `json:"base64Content"`
}

// Result is what came of it.
type Result struct {
	Log               []LogEntry      `json:"log"`
	DirectoryContents []File          `json:"directoryContents"`
	Output            json.RawMessage `json:"output"`
	Steps             []template.Step `json:"steps"`
}

// LogEntry is one line of the log.
type LogEntry struct {
	Body run.EventBody `json:"body"`
}

// Run does a dry run. Its directories are temporary and removed before it returns.
func (r *Runner) Run(ctx context.Context, request Request) (Result, error) {
	base, err := os.MkdirTemp("", directoryPrefix)
	if err != nil {
		return Result{}, fmt.Errorf("make a directory for the dry run: %w", err)
	}
	defer os.RemoveAll(base)
	t := &trial{Runner: r, id: "dry-run-" + uuid.NewString(), starter: request.Starter, secrets: request.Secrets, redact: run.NewRedactor(request.Secrets)}
	if err := t.prepare(base, request); err != nil {
		return Result{}, err
	}
	defer t.workspace.Close()
	for _, finding := range request.Findings {
		t.warn("", []string{finding.String()})
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxTime, errTooLong)
	defer cancel()
	ctx, leave := r.planner.Enter(ctx)
	defer leave()
	if err := t.steps(ctx); err != nil {
		if errors.Is(context.Cause(ctx), errTooLong) {
			return Result{}, errTooLong
		}
		return Result{}, err
	}
	output, err := r.planner.Output(ctx, t.situation())
	if err != nil {
		return Result{}, err
	}
	t.warn("", output.Broken.Warnings())
	files, err := contents(t.workspace)
	if err != nil {
		return Result{}, err
	}
	return Result{Log: t.log, DirectoryContents: files, Output: t.redact.Also(output.Derived).JSON(output.Output), Steps: t.spec.Steps}, nil
}

// trial is one dry run under way.
type trial struct {
	*Runner
	id   string
	spec template.TaskSpec
	// base is among the files that came with the request, whatever the template says about where it lies.
	base      provenance.Place
	starter   identity.Principal
	secrets   map[string]string
	redact    run.Redactor
	workspace *os.Root
	outputs   []plan.Output
	log       []LogEntry
	// told is how many bytes the log and the outputs have grown since they were last counted.
	told int
}

func (t *trial) prepare(base string, request Request) error {
	contentDir := filepath.Join(base, "template")
	t.base = provenance.Sent(filepath.Join(contentDir, "template.yaml"))
	t.spec = request.Spec
	t.spec.TemplateInfo.BaseURL = t.base.BaseURL()
	workDir := filepath.Join(base, t.id)
	for _, dir := range []string{contentDir, workDir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("make a directory for the dry run: %w", err)
		}
	}
	t.spec.TemplateInfo.EntityRef = templateRef
	if err := unpack(contentDir, request.Files); err != nil {
		return err
	}
	var err error
	if t.workspace, err = os.OpenRoot(workDir); err != nil {
		return fmt.Errorf("open the workspace of the dry run: %w", err)
	}
	return nil
}

func unpack(dir string, files []File) error {
	if len(files) > maxFiles {
		return fault.New(fault.Input, "directoryContents has %d files, more than the %d that are allowed", len(files), maxFiles)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the template's directory: %w", err)
	}
	defer root.Close()
	for _, file := range files {
		content, err := base64.StdEncoding.DecodeString(file.Base64Content)
		if err != nil {
			return fault.Wrap(fault.Input, err, "directoryContents: %s is not base64", file.Path)
		}
		name := path.Clean(file.Path)
		if !filepath.IsLocal(name) {
			return fault.New(fault.Input, "directoryContents: %s is outside the directory", file.Path)
		}
		mode := fs.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", file.Path, err)
		}
		if err := root.WriteFile(name, content, mode); err != nil {
			return fmt.Errorf("write %s: %w", file.Path, err)
		}
	}
	return nil
}

func (t *trial) situation() plan.Situation {
	return plan.Situation{TaskID: t.id, Spec: &t.spec, Outputs: t.outputs, Secrets: t.secrets}
}

func (t *trial) tell(body run.EventBody) {
	t.told += len(body.Message) + len(body.Output) + entryBytes
	t.log = append(t.log, LogEntry{body})
}

const (
	// entryBytes is what a line of the log takes beside its text.
	entryBytes = 512
	// copies is how often a text of the answer is in memory at once: as it was told, in the answer, and as that is sent.
	copies = 4
)

// account counts what was told: a dry run keeps all of it for its answer.
func (t *trial) account(ctx context.Context) error {
	told := t.told
	t.told = 0
	return budget.Of(ctx).Take(ctx, copies*told)
}

// steps runs them all. Backstage counts one more: its hidden step that reads the workspace.
func (t *trial) steps(ctx context.Context) error {
	t.tell(run.EventBody{Message: fmt.Sprintf("Starting up task with %d steps", len(t.spec.Steps)+1)})
	for _, step := range t.spec.Steps {
		t.tell(run.EventBody{Message: "Beginning step " + step.Name, StepID: step.ID, Status: run.StatusProcessing})
		err := t.step(ctx, step)
		if err == nil {
			err = t.account(ctx)
		}
		if err != nil {
			return t.explain(ctx, step, err)
		}
	}
	return nil
}

// explain says why a step failed, without secrets, and as what the caller has to take it: what a template under trial did
// wrong is theirs to read.
func (t *trial) explain(ctx context.Context, step template.Step, err error) error {
	if ctx.Err() != nil {
		return err
	}
	text := t.redact.Text(fmt.Sprintf("step %s: %s", step.ID, err))
	if action.IsTransient(err) {
		return &toldError{err, text}
	}
	return fault.Wrap(cmp.Or(fault.KindOf(err), fault.Input), err, "%s", text)
}

// toldError is an error in words without secrets.
type toldError struct {
	error
	text string
}

func (e *toldError) Error() string { return e.text }

// Unwrap gives the error itself to errors.Is and errors.As.
func (e *toldError) Unwrap() error { return e.error }

func (t *trial) step(ctx context.Context, step template.Step) error {
	decision, err := t.planner.Decide(ctx, t.situation(), step)
	if err != nil {
		return err
	}
	if decision.Skip != "" {
		t.tell(run.EventBody{Message: fmt.Sprintf("Skipping step %s %s", step.ID, decision.Skip), StepID: step.ID, Status: run.StatusSkipped})
		return nil
	}
	t.redact = t.redact.Also(decision.Derived)
	return decision.Broken.Because(t.act(ctx, step, decision))
}

// act does what was decided, as far as that can be tried.
func (t *trial) act(ctx context.Context, step template.Step, decision plan.Decision) error {
	does, err := t.actions.Lookup(step.Action)
	if err != nil {
		return err
	}
	described := does.Describe()
	misfit := t.planner.Fit(ctx, &decision, described, 0)
	t.warn(step.ID, decision.Warnings())
	if err := t.announce(ctx, step); err != nil {
		return err
	}
	if !described.SupportsDryRun {
		// Backstage does not look; a run would fail here.
		if misfit != nil {
			t.warn(step.ID, []string{"A run would fail at this step: " + misfit.Error()})
		}
		t.tell(run.EventBody{Message: fmt.Sprintf("Skipping because %s does not support dry-run", step.Action), StepID: step.ID, Status: run.StatusSkipped})
		return t.keep(step, exampleOutput(described.OutputSchema))
	}
	if misfit != nil {
		return misfit
	}
	outputs, err := t.iterations(ctx, step, does, decision)
	if err != nil {
		return err
	}
	t.tell(run.EventBody{Message: "Finished step " + step.Name, StepID: step.ID, Status: run.StatusCompleted})
	return t.keep(step, outputs)
}

// warn tells warnings of a step, "" for the template's output.
func (t *trial) warn(stepID string, warnings []string) {
	for _, warning := range warnings {
		stepLines{t, stepID}.Warn("%s", warning)
	}
}

// announce shows the step's input with its secrets masked. As in Backstage an each item is not known yet.
func (t *trial) announce(ctx context.Context, step template.Step) error {
	masked := t.situation()
	masked.Outputs = slices.Clone(t.outputs)
	masked.Secrets = map[string]string{}
	for name := range t.secrets {
		masked.Secrets[name] = "***"
	}
	for i := range masked.Outputs {
		masked.Outputs[i].Output = masked.Outputs[i].Shown
	}
	input, err := t.planner.Input(ctx, masked, step)
	if err != nil {
		return err
	}
	shown, err := nunjucks.EncodeJSONIndent(input, "  ")
	if err != nil {
		return fmt.Errorf("show the input: %w", err)
	}
	lines := stepLines{t, step.ID}
	lines.Info("Running %s in dry-run mode with inputs (secrets redacted): %s", step.Action, shown)
	return nil
}

func (t *trial) iterations(ctx context.Context, step template.Step, does action.Action, decision plan.Decision) (any, error) {
	lines := stepLines{t, step.ID}
	lists := map[string][]any{}
	for index := range decision.Iterations {
		iteration, err := decision.Iteration(ctx, index)
		if err != nil {
			return nil, err
		}
		if decision.Each {
			verb := "Running"
			if !iteration.Run {
				verb = "Skipping"
			}
			lines.Info("%s step each: %s", verb, iteration.Describe())
		}
		if !iteration.Run {
			continue
		}
		output, err := does.Run(ctx, t.call(step, iteration, lines))
		if err != nil {
			return nil, err
		}
		if err := t.account(ctx); err != nil {
			return nil, err
		}
		if !decision.Each {
			return output, nil
		}
		for name, value := range output {
			lists[name] = append(lists[name], value)
		}
	}
	return lists, nil
}

func (t *trial) call(step template.Step, iteration plan.Iteration, lines stepLines) *action.Call {
	return &action.Call{
		RunID: t.id, StepID: step.ID, StepName: step.Name, Iteration: iteration.Key, Input: iteration.Input, Workspace: t.workspace,
		Template: action.TemplateInfo{EntityRef: t.spec.TemplateInfo.EntityRef, Base: t.base},
		User:     action.User{Ref: t.spec.User.Ref, Entity: t.spec.User.Entity, Starter: t.starter},
		Secrets:  t.secrets, Log: lines, Ledger: noLedger{}, DryRun: true,
	}
}

func (t *trial) keep(step template.Step, output any) error {
	encoded, err := json.Marshal(output)
	if err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	if string(encoded) == "null" {
		encoded = json.RawMessage("{}")
	}
	t.told += len(encoded)
	t.outputs = append(t.outputs, plan.Output{StepID: step.ID, Output: encoded, Shown: t.redact.JSON(encoded)})
	return nil
}

// contents reads the workspace, but for .git.
func contents(workspace *os.Root) ([]File, error) {
	files, size := []File{}, int64(0)
	err := fs.WalkDir(workspace.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if size += info.Size(); len(files) == maxFiles || size > maxBytes {
			return fault.New(fault.Input, "the dry run made more than %d files, or more than %d bytes", maxFiles, maxBytes)
		}
		file, err := content(workspace, name, info)
		files = append(files, file)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the workspace: %w", err)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

func content(workspace *os.Root, name string, info fs.FileInfo) (File, error) {
	file := File{Path: name, Executable: info.Mode()&0o111 != 0 && info.Mode().IsRegular()}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := workspace.Readlink(name)
		file.Base64Content = base64.StdEncoding.EncodeToString([]byte(target))
		return file, err
	}
	data, err := workspace.ReadFile(name)
	file.Base64Content = base64.StdEncoding.EncodeToString(data)
	return file, err
}

// stepLines implements action.Log.
type stepLines struct {
	trial *trial
	step  string
}

func (l stepLines) Info(format string, args ...any)  { l.line(run.InfoLevel, format, args) }
func (l stepLines) Warn(format string, args ...any)  { l.line(run.WarnLevel, format, args) }
func (l stepLines) Error(format string, args ...any) { l.line(run.ErrorLevel, format, args) }

func (l stepLines) line(level, format string, args []any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	l.trial.tell(run.EventBody{Message: level + l.trial.redact.Text(text), StepID: l.step})
}

// noLedger refuses: an action that creates something outside does not run in a dry run.
type noLedger struct{}

func (noLedger) Intend(_ context.Context, intent action.Intent) (action.Effect, error) {
	return action.Effect{}, action.Final(fmt.Errorf("a dry run creates nothing, and was about to create %s %q", intent.Kind, intent.Name))
}
func (noLedger) Confirm(context.Context, string, action.Confirmation) error { return nil }
func (noLedger) Abandon(context.Context, string, string) error              { return nil }
func (noLedger) Effects(context.Context) ([]action.Effect, error)           { return nil, nil }
