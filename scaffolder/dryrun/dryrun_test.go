package dryrun_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/debug"
	"github.com/portico-dev/portico/activities/fetch"
	activitiesfs "github.com/portico-dev/portico/activities/fs"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// publish is an action that must not run in a dry run.
type publish struct{ action.NoEffects }

func (publish) Describe() action.Description {
	return action.Description{ID: "test:publish", OutputSchema: json.RawMessage(`{"type":"object","properties":{
		"url":{"type":"string"},"number":{"type":"integer"},"ok":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"}},
		"list":{"type":"array"},"nested":{"type":"object","properties":{"x":{"type":"number"}}},"odd":{"anyOf":[]},"known":{"type":"string","examples":["main","dev"]}}}`)}
}

func (publish) Run(context.Context, *action.Call) (action.Output, error) {
	return nil, errors.New("published in a dry run")
}

// creates tries to create something although it is a dry run, and has no input schema.
type creates struct{ action.NoEffects }

func (creates) Describe() action.Description {
	return action.Description{ID: "test:creates", SupportsDryRun: true}
}

func (creates) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	if !call.DryRun {
		return nil, errors.New("does not know that it is a dry run")
	}
	_, err := call.Ledger.Intend(ctx, action.Intent{Kind: "repository", Name: "acme/shop", Key: "x"})
	return nil, err
}

// picky takes one input, and does not run in a dry run.
type picky struct{ action.NoEffects }

func (picky) Describe() action.Description {
	return action.Description{ID: "test:picky", InputSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{
		"repo":{"type":"string"},"repoUrl":{"type":"string"},"allowedHosts":{"type":"array"}}}`)}
}

func (picky) Run(context.Context, *action.Call) (action.Output, error) { return nil, nil }

// echo outputs its input.
type echo struct{ action.NoEffects }

func (echo) Describe() action.Description {
	return action.Description{ID: "test:echo", SupportsDryRun: true}
}

func (echo) Run(_ context.Context, call *action.Call) (action.Output, error) {
	var output action.Output
	err := json.Unmarshal(call.Input, &output)
	return output, err
}

// who outputs the principal that it acts for.
type who struct{ action.NoEffects }

func (who) Describe() action.Description {
	return action.Description{ID: "test:who", SupportsDryRun: true}
}

func (who) Run(_ context.Context, call *action.Call) (action.Output, error) {
	return action.Output{"starter": call.Starter}, nil
}

// TestADryRunActsAsItsCaller: the restrictions of the caller's token apply, as in a run.
func TestADryRunActsAsItsCaller(t *testing.T) {
	t.Parallel()
	ci := identity.Principal{Kind: identity.KindService, Subject: "ci", Restrictions: []identity.Restriction{{Plugin: "scaffolder"}}}
	result, err := try(t, `[{"id":"one","action":"test:who"},{"id":"two","action":"test:echo","input":{"of":"${{ steps.one.output.starter }}"}}]`,
		func(request *dryrun.Request) {
			request.Starter = ci
			request.Spec.Output = json.RawMessage(`{"of":"${{ steps.two.output.of }}"}`)
		})
	require.NoError(t, err)
	expected, err := json.Marshal(map[string]any{"of": ci})
	require.NoError(t, err)
	require.JSONEq(t, string(expected), string(result.Output))
}

// TestADryRunRefusesInputsThatARunWould: an action that does not run in a dry run is skipped with a warning.
func TestADryRunRefusesInputsThatARunWould(t *testing.T) {
	t.Parallel()
	const isA = `{"rule":"HAS_STRING_PROPERTY","resourceType":"scaffolder-action","params":{"key":"repo","value":"a"}}`
	const refusal = "Unauthorized action: test:%s. The action is not allowed. The step Try needs it."
	starter := identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}
	for name, test := range map[string]struct{ action, repo, message, warning string }{
		"allowed":     {action: "echo", repo: "a"},
		"not allowed": {action: "echo", repo: "b", message: "step try: " + fmt.Sprintf(refusal, "echo")},
		"not run":     {action: "picky", repo: "b", warning: "A run would fail at this step: " + fmt.Sprintf(refusal, "picky")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := dryrun.Request{Starter: starter}
			steps := fmt.Sprintf(`[{"id":"try","name":"Try","action":"test:%s","input":{"repo":"${{ '%s' }}"}}]`, test.action, test.repo)
			require.NoError(t, json.Unmarshal([]byte(steps), &request.Spec.Steps))
			request.Spec.Output, request.Spec.Parameters = json.RawMessage(`{}`), json.RawMessage(`{}`)
			result, err := runnerFor(t, access.NewRuns(policytest.Table{policy.ScaffolderActionExecute: isA})).Run(t.Context(), request)
			if test.message != "" {
				require.EqualError(t, err, test.message)
				require.Equal(t, fault.NotAllowed, fault.KindOf(err))
				return
			}
			require.NoError(t, err)
			log, err := json.Marshal(result.Log)
			require.NoError(t, err)
			require.Contains(t, string(log), test.warning)
		})
	}
}

func runner(t *testing.T) *dryrun.Runner {
	t.Helper()
	return runnerFor(t, nil)
}

func runnerFor(t *testing.T, decides *access.Runs) *dryrun.Runner {
	t.Helper()
	pool := budget.NewPool(budget.Limits{Process: 64 << 20, Account: 64 << 20})
	renderer := expression.New(expression.Options{Memory: pool})
	sources, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	files, err := integration.NewFiles(nil, integration.Limits{})
	require.NoError(t, err)
	all := slices.Concat(debug.Actions(), activitiesfs.Actions(), fetch.Actions(fetch.Options{Sources: sources, Files: files, Templates: renderer.Files, Enter: renderer.Enter}),
		[]action.Action{publish{}, creates{}, echo{}, picky{}, who{}})
	actions, err := action.NewRegistry(all...)
	require.NoError(t, err)
	environment := plan.Environment{Parameters: map[string]string{"region": "eu"}, Secrets: map[string]string{"key": "swordfish"}}
	return dryrun.New(plan.NewPlanner(renderer, environment), actions, decides)
}

// try runs a template of these steps.
func try(t *testing.T, steps string, change func(*dryrun.Request)) (dryrun.Result, error) {
	t.Helper()
	parsed, err := template.Parse([]byte(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"t"},
		"spec":{"steps":` + steps + `,"output":{"of":"${{ steps.one.output }}"}}}`))
	require.NoError(t, err)
	spec, err := parsed.Pin(nil, template.User{}, provenance.Place{})
	if err != nil {
		return dryrun.Result{}, err
	}
	request := dryrun.Request{Spec: spec, Secrets: map[string]string{"token": "hunter2-very-secret"}}
	if change != nil {
		change(&request)
	}
	return runner(t).Run(t.Context(), request)
}

// TestTheLogOfADryRunIsBounded by the memory of the dry run.
func TestTheLogOfADryRunIsBounded(t *testing.T) {
	t.Parallel()
	_, err := try(t, `[{"id":"one","action":"debug:log","each":"${{ range(300) }}","input":{"message":"${{ 'x'.repeat(1000000) }}"}}]`, nil)
	require.ErrorIs(t, err, budget.ErrExhausted)
	require.Equal(t, fault.Input, fault.KindOf(err))
}

// messages are the lines of the log.
func messages(result dryrun.Result) []string {
	var lines []string
	for _, entry := range result.Log {
		lines = append(lines, strings.TrimPrefix(entry.Body.Message, run.InfoLevel))
	}
	return lines
}

// place is the directory of a dry run's workspace, which differs between runs.
var place = regexp.MustCompile(`/[^"\s]*/dry-run-[0-9a-f-]{36}`)

func TestADryRunEqualsBackstages(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/173-scaffolder-dry-run.json")
	require.NoError(t, err)
	var exchange struct {
		Request struct {
			Body struct {
				Template, Values  json.RawMessage
				Secrets           map[string]string
				DirectoryContents []dryrun.File
			}
		}
		Response struct{ Body dryrun.Result }
	}
	require.NoError(t, json.Unmarshal(content, &exchange))
	body := exchange.Request.Body
	parsed, err := template.Parse(body.Template)
	require.NoError(t, err)
	spec, err := parsed.Pin(body.Values, template.User{}, provenance.Place{})
	require.NoError(t, err)
	result, err := runner(t).Run(t.Context(), dryrun.Request{Spec: spec, Secrets: body.Secrets, Files: body.DirectoryContents})
	require.NoError(t, err)

	expected := exchange.Response.Body
	for i := range max(len(expected.Log), len(result.Log)) {
		require.Less(t, i, len(result.Log), "missing: %v", expected.Log[min(i, len(expected.Log)-1)])
		require.Less(t, i, len(expected.Log), "too much: %v", result.Log[i])
		require.Equal(t, normal(expected.Log[i].Body), normal(result.Log[i].Body))
	}
	require.Equal(t, expected.DirectoryContents, result.DirectoryContents)
	require.JSONEq(t, place.ReplaceAllString(string(expected.Output), "WORKSPACE"), place.ReplaceAllString(string(result.Output), "WORKSPACE"))
	require.Equal(t, encode(t, expected.Steps), encode(t, result.Steps))
}

func normal(body run.EventBody) run.EventBody {
	body.Message = place.ReplaceAllString(body.Message, "WORKSPACE")
	return body
}

func encode(t *testing.T, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	require.NoError(t, err)
	return string(encoded)
}

func TestActionsWithEffectsAreSkippedWithExampleOutputs(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","name":"One","action":"test:publish","input":{"x":"${{ secrets.token }}"}}]`, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"Starting up task with 2 steps", "Beginning step One",
		"Running test:publish in dry-run mode with inputs (secrets redacted): {\n  \"x\": \"***\"\n}",
		"Skipping because test:publish does not support dry-run"}, messages(result))
	require.Equal(t, run.StatusSkipped, result.Log[3].Body.Status)
	require.JSONEq(t, `{"of":{"url":"<example>","number":0,"ok":false,"tags":["<example>"],"list":[],"nested":{"x":0},"odd":"<unknown>","known":"main"}}`,
		string(result.Output))
}

func TestADryRunShowsNoSecret(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","name":"One","action":"debug:log","input":{"message":"token ${{ secrets.token }}, key [${{ environment.secrets.key }}] in ${{ environment.parameters.region }}"}}]`, nil)
	require.NoError(t, err)
	log := strings.Join(messages(result), "\n")
	require.NotContains(t, log, "hunter2")
	require.NotContains(t, log, "swordfish")
	require.Contains(t, log, "token ***, key [] in eu", "the environment's secrets are not there to be had")
}

func TestADryRunMasksTextsDerivedFromSecrets(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","name":"One","action":"test:echo","input":{"of":"${{ secrets.token | upper }}"}},
		{"id":"two","name":"Two","action":"debug:log","input":{"message":"as ${{ steps.one.output.of | reverse }}"}}]`, nil)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(messages(result), "\n"), "HUNTER2")
	require.NotContains(t, strings.Join(messages(result), "\n"), "2RETNUH")
	require.JSONEq(t, `{"of":{"of":"***"}}`, string(result.Output))
}

func TestErrorsOfDryRuns(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps, message string
		change         func(*dryrun.Request)
	}{
		"an unknown action":          {`[{"id":"one","action":"no:such"}]`, "step one: Template action with ID 'no:such' is not registered", nil},
		"input against the schema":   {`[{"id":"one","action":"debug:log","input":{"message":5}}]`, "step one: Invalid input passed to action debug:log, instance.message is not of a type(s) string", nil},
		"an each that leads nowhere": {`[{"id":"one","action":"debug:log","each":"${{ parameters.nope }}"}]`, "cannot be resolved to a value", nil},
		"creating something":         {`[{"id":"one","action":"test:creates"}]`, `a dry run creates nothing, and was about to create repository "acme/shop"`, nil},
		"a path that leads out":      {`[]`, "../x is outside the directory", files("../x", "")},
		"an absolute path":           {`[]`, "/etc/passwd is outside the directory", files("/etc/passwd", "")},
		"no base64":                  {`[]`, "a is not base64", files("a", "%")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := try(t, test.steps, test.change)
			require.ErrorContains(t, err, test.message)
		})
	}
	_, err := try(t, `[]`, files("a", "%"))
	require.Equal(t, fault.Input, fault.KindOf(err))
}

func TestAMissingSkeletonShowsNoPathOfTheServer(t *testing.T) {
	t.Parallel()
	_, err := try(t, `[{"id":"one","action":"fetch:template","input":{"url":"./skeleton"}}]`, nil)
	require.EqualError(t, err, "step one: there is no ./skeleton beside the template")
}

func files(path, content string) func(*dryrun.Request) {
	return func(r *dryrun.Request) { r.Files = []dryrun.File{{Path: path, Base64Content: content}} }
}

func TestADryRunWarnsOfUndeclaredAndInvalidInputs(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","name":"One","action":"debug:log","input":{"message":"x","verbose":true}},
		{"id":"two","name":"Two","action":"test:picky","input":{"repo":7}},
		{"id":"three","name":"Three","action":"test:picky","input":{"repoUrl":"${{ 'gitlab.com' }}?owner=o&repo=r","allowedHosts":["github.com"]}}]`, nil)
	require.NoError(t, err)
	require.Equal(t, run.WarnLevel+"The input verbose was left out: debug:log does not declare it. It takes listWorkspace, message.", result.Log[2].Body.Message)
	require.Contains(t, messages(result), run.WarnLevel+"A run would fail at this step: Invalid input passed to action test:picky, instance.repo is not of a type(s) string")
	require.Contains(t, messages(result), run.WarnLevel+"A run would fail at this step: Invalid input passed to action test:picky, repoUrl names the host gitlab.com, "+
		`and allowedHosts allows only "github.com". Choose a repository on an allowed host, or add gitlab.com to the step's allowedHosts.`)
}

func TestTheOutputOfTheLaterStepWithTheSameIDIsUsed(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","action":"test:echo","input":{"n":1}},{"id":"one","action":"test:echo","input":{"n":2}}]`, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"of":{"n":2}}`, string(result.Output))
}

func TestAFailedDryRunShowsNoSecretEither(t *testing.T) {
	t.Parallel()
	_, err := try(t, `[{"id":"one","action":"fetch:plain","input":{"url":"./${{ secrets.token | upper }}"}}]`, nil)
	require.ErrorContains(t, err, "***")
	require.NotContains(t, err.Error(), "HUNTER2")
	require.Equal(t, fault.Input, fault.KindOf(err))
}

func TestADryRunWarnsOfExpressionsThatCannotBeEvaluated(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","name":"One","action":"debug:log","input":{"message":"${{ 'x' | titlecase }}"}}]`, nil)
	require.NoError(t, err)
	warning := result.Log[2].Body
	require.Equal(t, run.WarnLevel+"An expression could not be evaluated and is kept as written: input.message: ${{ 'x' | titlecase }}: "+
		"filter not found: titlecase", warning.Message)
	require.Equal(t, "one", warning.StepID)

	_, err = try(t, `[{"id":"one","name":"One","action":"debug:log","if":"${{ 'x' | toBool }}","input":{"message":"ran"}}]`, nil)
	require.ErrorContains(t, err, "Step one: cannot evaluate if: ${{ 'x' | toBool }}: filter not found: toBool")
	_, err = try(t, `[{"id":"one","name":"One","action":"fs:rename","input":{"files":"${{ 'x' | nope }}"}}]`, nil)
	require.ErrorContains(t, err, "Before that, this could not be evaluated: input.files: ${{ 'x' | nope }}: filter not found: nope")
}

func TestEachSkipsAndCollects(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","name":"One","action":"fs:readdir","each":{"a":".","b":"skip"},"if":"${{ each.value == '.' }}","input":{"paths":["${{ each.value }}"]}}]`, nil)
	require.NoError(t, err)
	require.Contains(t, messages(result), `Running step each: {"key":"a","value":"."}`)
	require.Contains(t, messages(result), `Skipping step each: {"key":"b","value":"skip"}`)
	require.JSONEq(t, `{"of":{"files":[[]],"folders":[[]]}}`, string(result.Output))
}

func TestTheFilesOfADryRunAreReturned(t *testing.T) {
	t.Parallel()
	result, err := try(t, `[{"id":"one","action":"fetch:plain","input":{"url":"./content"}}]`, func(r *dryrun.Request) {
		r.Files = []dryrun.File{
			{Path: "content/run.sh", Executable: true, Base64Content: base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\n"))},
			{Path: "content/.hidden/blob", Base64Content: base64.StdEncoding.EncodeToString([]byte{0, 255})},
		}
	})
	require.NoError(t, err)
	require.Equal(t, []dryrun.File{{Path: ".hidden/blob", Base64Content: "AP8="}, {Path: "run.sh", Executable: true, Base64Content: "IyEvYmluL3NoCg=="}}, result.DirectoryContents)
}

func TestADryRunLeavesNoFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	_, err := try(t, `[{"id":"one","action":"debug:log","input":{"message":"x"}}]`, files("a/b", "AA=="))
	require.NoError(t, err)
	_, err = try(t, `[{"id":"one","action":"no:such"}]`, files("a/b", "AA=="))
	require.Error(t, err)
	left, err := filepath.Glob(filepath.Join(dir, "portico-dry-run-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
