// Package dryrun executes a template in this process, on files that the caller sends, and has no lasting
// effects. Template authors try templates out with it. It uses the same planner as a run.
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
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// templateRef is Backstage's reference for a template in a dry run.
const templateRef = "template:default/dry-run"

// Bounds on the files of the request and the answer, which are held in memory, and on the duration.
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
	access  *access.Runs
}

// New makes a Runner. A dry run does not see the secrets of the planner's environment, as in Backstage. A nil
// access allows all inputs of actions.
func New(planner *plan.Planner, actions *action.Registry, access *access.Runs) *Runner {
	return &Runner{planner.WithoutEnvironmentSecrets(), actions, access}
}

// Request is the template to try out.
type Request struct {
	// Spec is the template pinned as for a run, with its values and its user.
	Spec template.TaskSpec
	// Starter is who asks for the dry run: actions act as them, as in a run.
	Starter identity.Principal
	Secrets map[string]string
	// Findings are known mistakes of the template. The log begins with them.
	Findings []check.Finding
	// Files are the template's directory.
	Files []File
}

// File is one file, its path relative and with slashes.
type File struct {
	Path          string `json:"path"`
	Executable    bool   `json:"executable"`
	Base64Content string `json:"base64Content"`
}

// Result is the answer of a dry run.
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
	d := &dryRun{Runner: r, id: "dry-run-" + uuid.NewString(), starter: request.Starter, secrets: request.Secrets, redact: run.NewRedactor(request.Secrets)}
	if err := d.prepare(base, request); err != nil {
		return Result{}, err
	}
	defer d.workspace.Close()
	for _, finding := range request.Findings {
		d.warn("", []string{finding.String()})
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxTime, errTooLong)
	defer cancel()
	ctx, leave := r.planner.Enter(ctx)
	defer leave()
	if err := d.steps(ctx); err != nil {
		if errors.Is(context.Cause(ctx), errTooLong) {
			return Result{}, errTooLong
		}
		return Result{}, err
	}
	output, err := r.planner.Output(ctx, d.scope())
	if err != nil {
		return Result{}, err
	}
	d.warn("", output.ExpressionErrors.Warnings())
	files, err := contents(d.workspace)
	if err != nil {
		return Result{}, err
	}
	return Result{Log: d.log, DirectoryContents: files, Output: d.redact.Also(output.Derived).JSON(output.Output), Steps: d.spec.Steps}, nil
}

// dryRun is one dry run.
type dryRun struct {
	*Runner
	id   string
	spec template.TaskSpec
	// base is within the files of the request, whatever the template says about its location.
	base      provenance.Place
	starter   identity.Principal
	secrets   map[string]string
	redact    run.Redactor
	workspace *os.Root
	outputs   []action.StepOutput
	log       []LogEntry
	// pendingBytes is how much the log and the outputs have grown since reserveMemory.
	pendingBytes int
}

func (d *dryRun) prepare(base string, request Request) error {
	contentDir := filepath.Join(base, "template")
	d.base = provenance.Sent(filepath.Join(contentDir, "template.yaml"))
	d.spec = request.Spec
	d.spec.TemplateInfo.BaseURL = d.base.BaseURL()
	workDir := filepath.Join(base, d.id)
	for _, dir := range []string{contentDir, workDir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("make a directory for the dry run: %w", err)
		}
	}
	d.spec.TemplateInfo.EntityRef = templateRef
	if err := unpack(contentDir, request.Files); err != nil {
		return err
	}
	var err error
	if d.workspace, err = os.OpenRoot(workDir); err != nil {
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

func (d *dryRun) scope() plan.Scope {
	return plan.Scope{TaskID: d.id, Spec: &d.spec, Outputs: d.outputs, Secrets: d.secrets}
}

func (d *dryRun) addEvent(body run.EventBody) {
	d.pendingBytes += len(body.Message) + len(body.Output) + entryBytes
	d.log = append(d.log, LogEntry{body})
}

const (
	// entryBytes is what a line of the log takes beside its text.
	entryBytes = 512
	// copies is how often a text of the answer is in memory at once: in the log, in the answer, and in its
	// encoding.
	copies = 4
)

// reserveMemory counts the log and the outputs, which are kept for the answer.
func (d *dryRun) reserveMemory(ctx context.Context) error {
	bytes := d.pendingBytes
	d.pendingBytes = 0
	return budget.Of(ctx).Acquire(ctx, copies*bytes)
}

// steps executes the steps. Backstage counts one more, its hidden step that reads the workspace.
func (d *dryRun) steps(ctx context.Context) error {
	d.addEvent(run.EventBody{Message: fmt.Sprintf("Starting up task with %d steps", len(d.spec.Steps)+1)})
	for _, step := range d.spec.Steps {
		d.addEvent(run.EventBody{Message: "Beginning step " + step.Name, StepID: step.ID, Status: run.StatusProcessing})
		err := d.step(ctx, step)
		if err == nil {
			err = d.reserveMemory(ctx)
		}
		if err != nil {
			return d.explain(ctx, step, err)
		}
	}
	return nil
}

// explain is the error of a step without secrets. A mistake of the template is a fault of kind Input, and so
// is what an action refuses for good: whoever tries a template out is the one to correct it.
func (d *dryRun) explain(ctx context.Context, step template.Step, err error) error {
	if ctx.Err() != nil {
		return err
	}
	text := d.redact.Text(fmt.Sprintf("step %s: %s", step.ID, err))
	if action.IsTransient(err) {
		return &redactedError{err, text}
	}
	kind := cmp.Or(fault.KindOf(err), fault.Input)
	if _, refused := errors.AsType[*action.Error](err); refused {
		kind = fault.Input
	}
	return fault.Wrap(kind, err, "%s", text)
}

// redactedError is an error whose text has no secrets.
type redactedError struct {
	error
	text string
}

func (e *redactedError) Error() string { return e.text }

// Unwrap gives the error itself to errors.Is and errors.As.
func (e *redactedError) Unwrap() error { return e.error }

func (d *dryRun) step(ctx context.Context, step template.Step) error {
	decision, err := d.planner.Decide(ctx, d.scope(), step)
	if err != nil {
		return err
	}
	if decision.Skip != "" {
		d.addEvent(run.EventBody{Message: fmt.Sprintf("Skipping step %s %s", step.ID, decision.Skip), StepID: step.ID, Status: run.StatusSkipped})
		return nil
	}
	d.redact = d.redact.Also(decision.Derived)
	return decision.ExpressionErrors.Explain(d.runAction(ctx, step, decision))
}

// runAction executes a step as it was decided, if its action supports dry runs.
func (d *dryRun) runAction(ctx context.Context, step template.Step, decision plan.Decision) error {
	does, err := d.actions.Lookup(step.Action)
	if err != nil {
		return err
	}
	permit, err := d.access.Permit(ctx, d.starter, step)
	if err != nil {
		return err
	}
	described := does.Describe()
	invalid := d.planner.CheckInputs(ctx, &decision, described, 0, permit)
	d.warn(step.ID, decision.Warnings())
	if err := d.logInput(ctx, step); err != nil {
		return err
	}
	if !described.SupportsDryRun {
		// Backstage does not check the input here, but a run would fail.
		if invalid != nil {
			d.warn(step.ID, []string{"A run would fail at this step: " + invalid.Error()})
		}
		d.addEvent(run.EventBody{Message: fmt.Sprintf("Skipping because %s does not support dry-run", step.Action), StepID: step.ID, Status: run.StatusSkipped})
		return d.keepOutput(step, exampleOutput(described.OutputSchema))
	}
	if invalid != nil {
		return invalid
	}
	outputs, err := d.iterations(ctx, step, does, decision)
	if err != nil {
		return err
	}
	d.addEvent(run.EventBody{Message: "Finished step " + step.Name, StepID: step.ID, Status: run.StatusCompleted})
	return d.keepOutput(step, outputs)
}

// warn logs warnings of a step, "" for the template's output.
func (d *dryRun) warn(stepID string, warnings []string) {
	for _, warning := range warnings {
		stepLines{d, stepID}.Warn("%s", warning)
	}
}

// logInput logs the step's input with its secrets masked. As in Backstage, each is not defined in it.
func (d *dryRun) logInput(ctx context.Context, step template.Step) error {
	masked := d.scope()
	masked.Outputs = slices.Clone(d.outputs)
	masked.Secrets = map[string]string{}
	for name := range d.secrets {
		masked.Secrets[name] = "***"
	}
	for i := range masked.Outputs {
		masked.Outputs[i].Output = masked.Outputs[i].Shown
	}
	input, err := d.planner.Input(ctx, masked, step)
	if err != nil {
		return err
	}
	shown, err := nunjucks.EncodeJSONIndent(input, "  ")
	if err != nil {
		return fmt.Errorf("show the input: %w", err)
	}
	lines := stepLines{d, step.ID}
	lines.Info("Running %s in dry-run mode with inputs (secrets redacted): %s", step.Action, shown)
	return nil
}

func (d *dryRun) iterations(ctx context.Context, step template.Step, does action.Action, decision plan.Decision) (any, error) {
	lines := stepLines{d, step.ID}
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
		output, err := does.Run(ctx, d.call(step, iteration, lines))
		if err != nil {
			return nil, err
		}
		if err := d.reserveMemory(ctx); err != nil {
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

func (d *dryRun) call(step template.Step, iteration plan.Iteration, lines stepLines) *action.Call {
	return &action.Call{
		RunID: d.id, StepID: step.ID, StepName: step.Name, Iteration: iteration.Key, Input: iteration.Input, Workspace: d.workspace,
		Template: action.TemplateInfo{EntityRef: d.spec.TemplateInfo.EntityRef, Base: d.base},
		User:     d.spec.User, Starter: d.starter,
		Secrets: d.secrets, Log: lines, Ledger: noLedger{}, DryRun: true,
	}
}

func (d *dryRun) keepOutput(step template.Step, output any) error {
	encoded, err := json.Marshal(output)
	if err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	if string(encoded) == "null" {
		encoded = json.RawMessage("{}")
	}
	d.pendingBytes += len(encoded)
	d.outputs = append(d.outputs, action.StepOutput{StepID: step.ID, Output: encoded, Shown: d.redact.JSON(encoded)})
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
	trial *dryRun
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
	l.trial.addEvent(run.EventBody{Message: level + l.trial.redact.Text(text), StepID: l.step})
}

// noLedger refuses: an action that creates something outside does not run in a dry run.
type noLedger struct{}

func (noLedger) Intend(_ context.Context, intent action.Intent) (action.Effect, error) {
	return action.Effect{}, action.Final(fmt.Errorf("a dry run creates nothing, and was about to create %s %q", intent.Kind, intent.Name))
}
func (noLedger) Confirm(context.Context, string, action.Confirmation) error { return nil }
func (noLedger) Abandon(context.Context, string, string) error              { return nil }
func (noLedger) Effects(context.Context) ([]action.Effect, error)           { return nil, nil }
