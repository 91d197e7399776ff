package recordedtest

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Suite says how the actions of a package are compared with a recording.
type Suite struct {
	// Action returns the action of a case, connected to the case's stubs.
	Action func(t testing.TB, recorded Case, stubs *Stubs) action.Action
	// Deviations are the cases in which Portico differs on purpose.
	Deviations map[string]Deviation
	// Unrecorded answers requests that Backstage's action does not send. Nil answers 404.
	Unrecorded func(method, target string) (status int, body string)
	// Normalize replaces what differs from run to run, such as times, in what an action returns and sends. Nil
	// replaces nothing.
	Normalize func(text string) string
	// ComparesLog also compares the lines of the log of a step that completed.
	ComparesLog bool
}

// Deviation is a difference from Backstage that is meant.
type Deviation struct {
	// In names what differs: status, error, output, log, files, requests, pushes. Everything else is equal.
	In []string
	// Why is the reason. Users read it in the Differences of the action's description, in other words.
	Why string
}

// Run compares the action of each case with the recording. A case fails where it differs without being a
// deviation, and where a deviation no longer differs.
func Run(t *testing.T, path string, suite Suite) {
	t.Helper()
	cases := Load(t, path)
	for id := range suite.Deviations {
		require.True(t, slices.ContainsFunc(cases, func(c Case) bool { return c.ID == id }), "no case %s", id)
	}
	for _, recorded := range cases {
		t.Run(recorded.ID, func(t *testing.T) {
			t.Parallel()
			differences := suite.compare(t, recorded)
			deviation := suite.Deviations[recorded.ID]
			for _, part := range deviation.In {
				require.Contains(t, differences, part, "this is as in Backstage now, and no deviation any more: %s", deviation.Why)
				delete(differences, part)
			}
			require.Empty(t, differences, recorded.About)
		})
	}
}

// ByID is the action with an ID.
func ByID(t testing.TB, actions []action.Action, id string) action.Action {
	t.Helper()
	index := slices.IndexFunc(actions, func(one action.Action) bool { return one.Describe().ID == id })
	require.GreaterOrEqual(t, index, 0, "no action %s", id)
	return actions[index]
}

// replay is one case, and what came of it here.
type replay struct {
	Case

	stubs   *Stubs
	harness *actiontest.Harness
	// beside is the template's directory.
	beside string
	// places turns the names of a recording into those of this run, names does the reverse.
	places, names *strings.Replacer
	// differences has a text for each part that differs.
	differences map[string]string
	normalize   func(string) string
	t           testing.TB
}

func (s Suite) compare(t testing.TB, recorded Case) map[string]string {
	t.Helper()
	r := &replay{Case: recorded, t: t, harness: actiontest.NewHarness(t), stubs: startStubs(t, recorded.Requests, s.Unrecorded),
		beside: t.TempDir(), differences: map[string]string{}, normalize: s.Normalize}
	if r.normalize == nil {
		r.normalize = func(text string) string { return text }
	}
	workspace := r.harness.Workspace.Name()
	r.harness.Template = action.TemplateInfo{EntityRef: "template:default/c-" + r.ID, Base: provenance.Sent(filepath.Join(r.beside, "template.yaml"))}
	r.places = strings.NewReplacer("WORKSPACE", workspace, "TEMPLATE_DIR", r.beside,
		"HOST2", r.stubs.Host2, "HOST3", r.stubs.Host3, "HOSTNAME", "127.0.0.1", "HOST", r.stubs.Host)
	r.names = strings.NewReplacer(workspace, "WORKSPACE", r.beside, "TEMPLATE_DIR",
		r.stubs.Host2, "HOST2", r.stubs.Host3, "HOST3", r.stubs.Host, "HOST")
	writeFiles(t, workspace, r.Before, r.places)
	writeFiles(t, r.beside, r.Template, r.places)

	tested := s.Action(t, recorded, r.stubs)
	output, status, err := r.run(tested)
	r.compareOutcome(output, status, err)
	if s.ComparesLog && r.Log != nil && err == nil && !r.DryRun {
		r.compareLog()
	}
	r.compareTraces()
	return r.differences
}

// differ notes a part in which the recording and this run differ.
func (r *replay) differ(part string, expected, actual any) {
	r.t.Helper()
	if want, got := encoded(r.t, expected), r.normalize(r.names.Replace(encoded(r.t, actual))); want != got {
		r.differences[part] = "\n  recorded: " + want + "\n  now:      " + got
	}
}

func (r *replay) compareOutcome(output any, status string, err error) {
	r.t.Helper()
	r.differ("status", r.Status, status)
	if status != r.Status && err != nil {
		r.differences["status"] += ": " + err.Error()
	}
	if err != nil && r.Error != nil && !isOfTheEngine(r.Error.Name, r.Error.Message) {
		r.differ("error", r.Error.Message, err.Error())
	}
	if r.Output != nil {
		var want, got map[string]any
		require.NoError(r.t, json.Unmarshal(r.Output, &want))
		require.NoError(r.t, json.Unmarshal([]byte(encoded(r.t, output)), &got))
		delete(want, "commitHash")
		delete(got, "commitHash")
		r.differ("output", want, got)
	}
}

// compareLog compares the lines in no order: Backstage does not wait for its writes.
func (r *replay) compareLog() {
	lines := r.harness.Log.Lines()
	for n, line := range lines {
		if !strings.HasPrefix(line, "warn: ") && !strings.HasPrefix(line, "error: ") {
			lines[n] = "info: " + line
		}
		lines[n] = r.names.Replace(lines[n])
	}
	slices.Sort(lines)
	r.differ("log", slices.Sorted(slices.Values(r.Log)), lines)
}

// compareTraces compares what is left in the workspace and on the servers.
func (r *replay) compareTraces() {
	r.t.Helper()
	r.differ("files", withoutGit(r.After), readFiles(r.t, r.harness.Workspace.Name()))
	recorded := r.names.Replace(strings.Join(r.stubs.recordedWrites(r.Requests), "\n            "))
	now := r.normalize(r.names.Replace(strings.Join(r.stubs.writes(), "\n            ")))
	if recorded != now {
		r.differences["requests"] = "\n  recorded: " + recorded + "\n  now:      " + now
	}
	r.differ("pushes", recordedPushes(r.Requests), r.stubs.pushed())
}

// run plans the step as the engine does, and runs the action.
func (r *replay) run(tested action.Action) (output any, status string, err error) {
	r.t.Helper()
	ctx := r.t.Context()
	planner := plan.NewPlanner(expression.New(expression.Options{}), plan.Environment{}).WithRules(plan.Rules{StrictInputs: true})
	step := r.step()
	spec := &template.TaskSpec{Steps: []template.Step{step}, Parameters: r.input(r.Values), User: template.User{Ref: "user:default/guest"}}
	if r.DryRun {
		return r.dryRun(ctx, planner, tested, spec)
	}
	decision, err := planner.Decide(ctx, plan.Scope{TaskID: "run-1", Spec: spec}, step)
	if err != nil {
		return nil, "failed", err
	}
	if decision.Skip != "" {
		return nil, "skipped", nil
	}
	if err := planner.CheckInputs(ctx, &decision, tested.Describe(), 0, nil); err != nil {
		return nil, "failed", err
	}
	output, err = r.iterations(ctx, tested, decision)
	if err != nil {
		return nil, "failed", err
	}
	return output, "completed", nil
}

// step is the case's step.
func (r *replay) step() template.Step {
	r.t.Helper()
	step := map[string]json.RawMessage{"id": json.RawMessage(`"step"`), "name": json.RawMessage(`"Step"`),
		"action": json.RawMessage(encoded(r.t, r.Action)), "input": r.input(r.Input)}
	if r.If != nil {
		step["if"] = r.If
	}
	if r.Each != nil {
		step["each"] = r.Each
	}
	var made template.Step
	require.NoError(r.t, json.Unmarshal([]byte(encoded(r.t, step)), &made))
	return made
}

// input is a document of the case with the places of this run; nothing is an empty object.
func (r *replay) input(document json.RawMessage) json.RawMessage {
	if document == nil {
		return json.RawMessage("{}")
	}
	return json.RawMessage(r.places.Replace(string(document)))
}

func (r *replay) iterations(ctx context.Context, tested action.Action, decision plan.Decision) (any, error) {
	lists := map[string][]any{}
	for index := range decision.Iterations {
		iteration, err := decision.Iteration(ctx, index)
		if err != nil {
			return nil, err
		}
		if !iteration.Run {
			continue
		}
		call := r.harness.Call(string(iteration.Input))
		call.Iteration = iteration.Key
		if waiter, waits := tested.(action.Waiter); waits {
			if _, err := waiter.Wait(call); err != nil {
				return nil, err
			}
		}
		output, err := tested.Run(ctx, call)
		if err != nil || !decision.Each {
			return output, err
		}
		for name, value := range output {
			lists[name] = append(lists[name], value)
		}
	}
	return lists, nil
}

// dryRun does a dry run with the files beside the template. Its workspace is its own, and copied to the
// harness'.
func (r *replay) dryRun(ctx context.Context, planner *plan.Planner, tested action.Action, spec *template.TaskSpec) (any, string, error) {
	r.t.Helper()
	registry, err := action.NewRegistry(tested)
	require.NoError(r.t, err)
	spec.Output = json.RawMessage(`{"output":"${{ steps.step.output }}"}`)
	done, err := dryrun.New(planner, registry, nil).Run(ctx, dryrun.Request{Spec: *spec, Files: sentFiles(r.Template)})
	if err != nil {
		return nil, "failed", err
	}
	writeFiles(r.t, r.harness.Workspace.Name(), receivedFiles(r.t, done.DirectoryContents), strings.NewReplacer())
	var result struct {
		Output json.RawMessage `json:"output"`
	}
	require.NoError(r.t, json.Unmarshal(done.Output, &result))
	return result.Output, "completed", nil
}

// isOfTheEngine reports whether an error is from the JavaScript engine, a parser or the system. Its text need
// not match word for word.
func isOfTheEngine(name, message string) bool {
	if slices.Contains([]string{"SyntaxError", "TypeError", "RangeError", "YAMLParseError", "YAMLException"}, name) {
		return true
	}
	for _, beginning := range []string{"ENOENT", "EISDIR", "ENOTDIR", "EEXIST", "Cannot read properties"} {
		if strings.HasPrefix(message, beginning) {
			return true
		}
	}
	return false
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
