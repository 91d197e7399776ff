package templaterun_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/portico-dev/portico/activities/templaterun"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/seal"
)

// The secrets of these tests: the run's token, and the environment's key.
const (
	secret            = "hunter2-very-secret"
	environmentSecret = "swordfish-of-the-environment"
)

// act is an action whose every move a test chooses.
type act struct {
	description action.Description
	run         func(ctx context.Context, call *action.Call) (action.Output, error)
	undo        func(call *action.UndoCall) error
	mu          sync.Mutex
	runs        int
}

func (a *act) Describe() action.Description { return a.description }

func (a *act) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	a.mu.Lock()
	a.runs++
	a.mu.Unlock()
	return a.run(ctx, call)
}

func (a *act) Undo(_ context.Context, call *action.UndoCall) error { return a.undo(call) }

func (a *act) Plan(context.Context, *action.Call) (action.Plan, error) { return action.Plan{}, nil }

// bench runs the activities of one run on a real record and real workspaces.
type bench struct {
	*testing.T
	environment *testsuite.TestActivityEnvironment
	runs        *run.Store
	act         *act
	id          uuid.UUID
}

// newBench makes a run of these steps, with the secret "token" and the parameters {"items": ["a", "b"]}.
func newBench(t *testing.T, does *act, steps ...string) *bench {
	t.Helper()
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	bucket, err := workspace.OpenBucket(t.Context(), "file://"+t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	workspaces, err := workspace.New(workspace.Options{Bucket: bucket, Directory: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, workspaces.Close()) })
	does.description.ID = "test:act"
	actions, err := action.NewRegistry(does)
	require.NoError(t, err)

	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	b := &bench{T: t, environment: suite.NewTestActivityEnvironment(), runs: run.NewStore(testkit.Database(t), keys), act: does, id: uuid.New()}
	templaterun.New(templaterun.Options{Log: slog.New(slog.DiscardHandler), Runs: b.runs, Actions: actions, Workspaces: workspaces,
		Planner:  plan.NewPlanner(expression.New(expression.Options{}), plan.Environment{Secrets: map[string]string{"key": environmentSecret}}),
		Settings: engine.Settings{StepTimeout: time.Minute, MaximumAttempts: 3}}).Register(b.environment)
	n := run.New{ID: b.id, TemplateRef: "template:default/t", Title: "T", Secrets: map[string]string{"token": secret}}
	spec := `{"steps":[` + strings.Join(steps, ",") + `],"output":{"url":"${{ steps.one.output.url }}","text":[{"if":false}]},"parameters":{"items":["a","b"]},"user":{"ref":"user:default/ada"}}`
	require.NoError(t, json.Unmarshal([]byte(spec), &n.Spec))
	require.NoError(t, b.runs.Create(t.Context(), n))
	return b
}

// does runs an activity and decodes its result.
func does[R any](b *bench, name string, request any) (R, error) {
	b.Helper()
	var result R
	value, err := b.environment.ExecuteActivity(name, request)
	if err == nil && value.HasValue() {
		require.NoError(b, value.Get(&result))
	}
	return result, err
}

func (b *bench) request(position int) engine.ActionRequest {
	return engine.ActionRequest{RunID: b.id.String(), Position: position, First: true, Last: true}
}

func (b *bench) must(name string, request any) {
	b.Helper()
	_, err := b.environment.ExecuteActivity(name, request)
	require.NoError(b, err)
}

func (b *bench) prepare(request engine.StepRequest) engine.Prepared {
	b.Helper()
	request.RunID = b.id.String()
	prepared, err := does[engine.Prepared](b, engine.ActivityPrepareStep, request)
	require.NoError(b, err)
	return prepared
}

// told are the events so far: step, status and message, without colours.
func (b *bench) told() []string {
	b.Helper()
	events, err := b.runs.Events(b.Context(), b.id, 0)
	require.NoError(b, err)
	told := []string{}
	for _, event := range events {
		var body run.EventBody
		require.NoError(b, json.Unmarshal(event.Body, &body))
		line := strings.NewReplacer(run.InfoLevel, "info: ", run.WarnLevel, "warn: ", run.ErrorLevel, "error: ").Replace(body.Message)
		told = append(told, strings.TrimSpace(fmt.Sprintf("%s %s %s", body.StepID, body.Status, line)))
	}
	return told
}

func (b *bench) step(position int) run.Step {
	b.Helper()
	steps, err := b.runs.Steps(b.Context(), b.id)
	require.NoError(b, err)
	return steps[position]
}

func (b *bench) get() run.Run {
	b.Helper()
	got, err := b.runs.Get(b.Context(), b.id)
	require.NoError(b, err)
	return got
}

// output is an action's that puts this out.
func output(out action.Output) func(context.Context, *action.Call) (action.Output, error) {
	return func(context.Context, *action.Call) (action.Output, error) { return out, nil }
}

func fails(err error) func(context.Context, *action.Call) (action.Output, error) {
	return func(context.Context, *action.Call) (action.Output, error) { return nil, err }
}

const stepOne = `{"id":"one","name":"One","action":"test:act","input":{"t":"${{ secrets.token }}","plain":1}}`

func TestARunsRecordTellsItsLife(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("working on %s", call.StepName)
		return action.Output{"url": "https://x/<1>"}, nil
	}}, stepOne)
	begun, err := does[engine.Plan](b, engine.ActivityBeginRun, engine.Command{RunID: b.id.String()})
	require.NoError(t, err)
	require.Equal(t, engine.ModeExecute, begun.Mode)
	require.Equal(t, []engine.PlanStep{{ID: "one", Name: "One"}}, begun.Steps)
	require.Equal(t, engine.Prepared{Action: "test:act", Iterations: []engine.PreparedIteration{{}}}, b.prepare(engine.StepRequest{}))
	b.must("test:act", b.request(0))
	b.must(engine.ActivityFinishRun, engine.Finish{RunID: b.id.String()})

	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One", "one  info: working on One",
		"one completed Finished step One", "Run completed with status: completed"}, b.told())
	ended := b.get()
	require.Equal(t, run.StatusCompleted, ended.Status)
	require.Equal(t, run.PhaseDone, ended.Phase)
	require.Equal(t, `{"url":"https://x/<1>","text":[]}`, string(ended.Output)) //nolint:testifylint // the order matters
	secrets, err := b.runs.Secrets(t.Context(), b.id)
	require.NoError(t, err)
	require.Empty(t, secrets)
	rests, err := does[engine.Plan](b, engine.ActivityBeginRun, engine.Command{RunID: b.id.String()})
	require.NoError(t, err)
	require.Equal(t, engine.ModeRest, rests.Mode)
}

// TestACrashAnywhereTellsNothingTwice runs every activity twice, as Temporal does when a worker dies before it could
// say that it was done.
func TestACrashAnywhereTellsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{true, false} {
		t.Run(fmt.Sprintf("quick %t", quick), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{description: action.Description{Quick: quick}, run: func(_ context.Context, call *action.Call) (action.Output, error) {
				call.Log.Info("first")
				call.Log.Warn("second")
				return action.Output{"url": "u"}, nil
			}}, stepOne, `{"id":"two","name":"Two","action":"test:act","if":false}`)
			for _, each := range []struct {
				activity string
				request  any
			}{
				{engine.ActivityBeginRun, engine.Command{RunID: b.id.String()}},
				{engine.ActivityPrepareStep, engine.StepRequest{RunID: b.id.String()}},
				{"test:act", b.request(0)},
				{engine.ActivityPrepareStep, engine.StepRequest{RunID: b.id.String(), Position: 1}},
				{engine.ActivityFinishRun, engine.Finish{RunID: b.id.String()}},
			} {
				b.must(each.activity, each.request)
				b.must(each.activity, each.request)
			}
			require.Equal(t, 1, b.act.runs, "a step that is on the record as completed is not run again")
			require.Equal(t, []string{"Starting up task with 2 steps", "one processing Beginning step One", "one  info: first", "one  warn: second",
				"one completed Finished step One", "two processing Beginning step Two", "two skipped Skipping step two because its if condition was false",
				"Run completed with status: completed"}, b.told())
		})
	}
}

func TestAnAttemptThatDiedTellsItsLinesOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, stepOne)
	b.act.run = func(ctx context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("cloning")
		if b.act.runs == 1 { // the worker dies after this line was seen, and nobody hears of the attempt's end
			require.Eventually(t, func() bool { return len(b.told()) == 2 }, 20*time.Second, 10*time.Millisecond)
			return nil, errors.New("died")
		}
		call.Log.Info("cloned")
		return nil, ctx.Err()
	}
	_, err := b.environment.ExecuteActivity("test:act", b.request(0))
	require.Error(t, err)
	b.must("test:act", b.request(0))
	require.Equal(t, []string{"one processing Beginning step One", "one  info: cloning", "one  info: cloned", "one completed Finished step One"}, b.told())
}

func TestTransientErrorsAreTriedAgainAndCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("asking the forge")
		return nil, action.Transient(errors.New("502 for "+secret), 7*time.Second)
	}}, stepOne)
	for attempt := 1; attempt <= 3; attempt++ {
		_, err := b.environment.ExecuteActivity("test:act", b.request(0))
		var failed *temporal.ApplicationError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "502 for ***", failed.Message())
		require.Equal(t, attempt == 3, failed.NonRetryable(), "attempt %d of 3", attempt)
		require.Equal(t, 7*time.Second, failed.NextRetryDelay())
	}
	require.Equal(t, 2, b.step(0).FailedAttempts)
	require.Equal(t, []string{"one processing Beginning step One",
		"one  info: asking the forge", "one  warn: attempt 1 failed and will be made again: 502 for ***",
		"one  info: asking the forge", "one  warn: attempt 2 failed and will be made again: 502 for ***",
		"one  info: asking the forge"}, b.told())
}

func TestFinalErrorsAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		name string
		next string
	}{
		"input":          {action.InputError("no such visibility"), "InputError", "Mend the cause"},
		"final":          {action.Final(errors.New("the name is taken")), "Error", "Mend the cause"},
		"unclassified":   {errors.New("what is this"), "Error", "Mend the cause"},
		"advised":        {action.Advise(action.Final(errors.New("403")), "Give the token the scope repo."), "Error", "Give the token the scope repo."},
		"secret in text": {fmt.Errorf("push to https://x:%s@forge: no", secret), "Error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{run: fails(test.err)}, stepOne)
			_, err := b.environment.ExecuteActivity("test:act", b.request(0))
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.True(t, failed.NonRetryable())
			require.Equal(t, test.name, failed.Type())
			require.NotContains(t, failed.Error(), secret)
			var next string
			require.NoError(t, failed.Details(&next))
			require.NotEmpty(t, next, "there is always a next move")
			require.Contains(t, next, test.next)
		})
	}
}

func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("token %s, input %s", call.Secrets["token"], call.Input)
		return action.Output{"url": "https://" + secret + "@x"}, nil
	}}, stepOne, `{"id":"two","name":"Two","action":"test:act","input":{"from":"${{ steps.one.output.url }}"}}`)
	b.must("test:act", b.request(0))
	require.Equal(t, `{"t":"***","plain":1}`, string(b.step(0).Input)) //nolint:testifylint // the order matters
	require.JSONEq(t, `{"url":"https://***@x"}`, string(b.step(0).Output))
	require.NotContains(t, strings.Join(b.told(), "\n"), secret)

	var seen string
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		seen = string(call.Input)
		return nil, nil
	}
	b.must("test:act", b.request(1))
	require.JSONEq(t, `{"from":"https://`+secret+`@x"}`, seen, "the next step sees the true output")
	b.must(engine.ActivityFinishRun, engine.Finish{RunID: b.id.String()})
	require.JSONEq(t, `{"url":"https://***@x","text":[]}`, string(b.get().Output))
}

func TestWhatIsMadeOutOfASecretIsNotShownEither(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("input %s", call.Input)
		return nil, action.Final(fmt.Errorf("refused %s", strings.ToUpper(secret)))
	}}, `{"id":"one","name":"One","action":"test:act","input":{"up":"${{ secrets.token | upper }}","in":"Bearer ${{ secrets.token }}"}}`)
	_, err := b.environment.ExecuteActivity("test:act", b.request(0))
	require.ErrorContains(t, err, "refused ***")
	require.Contains(t, b.told(), `one  info: input {"up":"***","in":"Bearer ***"}`)
	require.JSONEq(t, `{"up":"***","in":"Bearer ***"}`, string(b.step(0).Input))
}

func TestTheEnvironmentsSecretsAreNotShownEither(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("input %s", call.Input)
		return action.Output{"url": environmentSecret}, nil
	}}, `{"id":"one","name":"One","action":"test:act","input":{"k":"${{ environment.secrets.key }}"}}`)
	b.must("test:act", b.request(0))
	require.Contains(t, b.told(), `one  info: input {"k":"***"}`)
	require.JSONEq(t, `{"k":"***"}`, string(b.step(0).Input))
	require.JSONEq(t, `{"url":"***"}`, string(b.step(0).Output))
}

const eachStep = `{"id":"one","name":"One","action":"test:act","each":"${{ parameters.items }}","if":"${{ each.value != 'skipped' }}","input":{"v":"${{ each.value }}"}}`

func TestTheOutputsOfIterationsAreCollected(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, eachStep)
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		if b.act.runs == 2 {
			return nil, action.Transient(errors.New("blip"), 0)
		}
		return action.Output{"url": call.Iteration + string(call.Input)}, nil
	}
	require.Equal(t, []engine.PreparedIteration{{Index: 0}, {Index: 1}}, b.prepare(engine.StepRequest{}).Iterations)
	first, second := b.request(0), b.request(0)
	first.Last, second.First, second.Iteration = false, false, 1
	b.must("test:act", first)
	require.Equal(t, run.StatusProcessing, b.step(0).Status)
	_, err := b.environment.ExecuteActivity("test:act", second)
	require.Error(t, err)
	b.must("test:act", second)
	require.JSONEq(t, `{"url":["0{\"v\":\"a\"}","1{\"v\":\"b\"}"]}`, string(b.step(0).Output), "the first one's output outlived the second's failure")
	require.Equal(t, []string{"one processing Beginning step One", `one  info: Running step each: {"key":"0","value":"a"}`,
		`one  info: Running step each: {"key":"1","value":"b"}`, "one  warn: attempt 1 failed and will be made again: blip",
		`one  info: Running step each: {"key":"1","value":"b"}`, "one completed Finished step One"}, b.told())
}

func TestTheWorkspaceIsHandedOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{UsesWorkspace: true}}, stepOne, strings.ReplaceAll(stepOne, `"one"`, `"two"`))
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		return nil, call.Workspace.WriteFile("made.txt", []byte("by one"), 0o600)
	}
	first, err := does[engine.ActionResult](b, "test:act", b.request(0))
	require.NoError(t, err)
	require.NotEmpty(t, first.Workspace)
	require.Equal(t, first.Workspace, b.step(0).Workspace)
	again, err := does[engine.ActionResult](b, "test:act", b.request(0))
	require.NoError(t, err)
	require.Equal(t, first, again, "told again after a crash")

	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		content, err := call.Workspace.ReadFile("made.txt")
		require.NoError(t, err)
		require.NoError(t, call.Workspace.WriteFile("half.txt", nil, 0o600))
		return nil, errors.Join(action.Final(errors.New("failed after "+string(content))), nil)
	}
	second := b.request(1)
	second.Workspace = first.Workspace
	_, err = b.environment.ExecuteActivity("test:act", second)
	require.ErrorContains(t, err, "failed after by one")
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		_, err := call.Workspace.Stat("half.txt")
		require.Error(t, err, "what a failed attempt left is not seen")
		return nil, nil
	}
	unchanged, err := does[engine.ActionResult](b, "test:act", second)
	require.NoError(t, err)
	require.Equal(t, first.Workspace, unchanged.Workspace)
	resumed, err := does[engine.Plan](b, engine.ActivityBeginRun, engine.Command{RunID: b.id.String()})
	require.NoError(t, err)
	require.Equal(t, first.Workspace, resumed.Workspace)
}

func TestStepsThatDoNotRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{},
		`{"id":"one","name":"One","action":"no:such:action","if":"${{ false }}"}`,
		`{"id":"two","name":"Two","action":"no:such:action"}`,
		`{"id":"three","name":"Three","action":"test:act","each":"${{ parameters.nope }}"}`,
		`{"id":"four","name":"Four","action":"test:act","each":[]}`,
		`{"id":"five","name":"Five","action":"test:act"}`,
		`{"id":"six","name":"Six","action":"test:act"}`)
	require.True(t, b.prepare(engine.StepRequest{Position: 0}).Skip, "a skipped step may name anything")
	require.Equal(t, "NotFoundError", b.prepare(engine.StepRequest{Position: 1}).Failure.Name)
	require.Equal(t, "InputError", b.prepare(engine.StepRequest{Position: 2}).Failure.Name)
	require.True(t, b.prepare(engine.StepRequest{Position: 3}).Skip)
	require.True(t, b.prepare(engine.StepRequest{Position: 4, PreviousFailed: true}).Skip)
	require.True(t, b.prepare(engine.StepRequest{Position: 5, Cancelled: true}).Skip)
	require.Equal(t, []string{
		"one processing Beginning step One", "one skipped Skipping step one because its if condition was false",
		"two processing Beginning step Two", "three processing Beginning step Three",
		"four processing Beginning step Four", "four completed Finished step Four",
		"five skipped Skipping step five because a previous step failed",
		"six skipped Skipping step six because a previous step failed"}, b.told())
	require.Equal(t, run.StatusCompleted, b.step(3).Status)
	require.JSONEq(t, `{}`, string(b.step(3).Output))
}

func TestInputIsHeldToTheActionsSchema(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{InputSchema: json.RawMessage(`{"type":"object","properties":{"v":{"enum":["a"]}},"additionalProperties":false}`)}}, eachStep)
	failure := b.prepare(engine.StepRequest{}).Failure
	require.NotNil(t, failure)
	require.Equal(t, "InputError", failure.Name)
	require.Equal(t, "Invalid input passed to action test:act[1], instance.v is not one of enum values: a", failure.Message)
	require.NotEmpty(t, failure.Next)
	require.Zero(t, b.act.runs)
}

func TestAFailedRunIsParkedAndACancelledOneSaysSo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cancelled bool
		phase     run.Phase
	}{"failed": {false, run.PhaseParked}, "cancelled": {true, run.PhaseCancelled}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{}, stepOne)
			failure := engine.Failure{Name: "InputError", Message: "no", Next: "try again"}
			b.must(engine.ActivityFailStep, engine.FailedStep{RunID: b.id.String(), Failure: failure})
			b.must(engine.ActivityFinishRun, engine.Finish{RunID: b.id.String(), FailedStep: "one", Failure: &failure, Cancelled: test.cancelled})
			require.Equal(t, run.StatusFailed, b.get().Status)
			require.Equal(t, test.phase, b.get().Phase)
			require.Equal(t, "one", b.get().FailedStep)
			require.Equal(t, &run.Failure{Name: "InputError", Message: "no", Next: "try again"}, b.step(0).Failure)
			require.Equal(t, []string{"one failed InputError: no\ntry again", "Run completed with status: failed"}, b.told())
			secrets, err := b.runs.Secrets(t.Context(), b.id)
			require.NoError(t, err)
			require.NotEmpty(t, secrets, "a retry needs them")
			b.must(engine.ActivityExpireRun, engine.Command{RunID: b.id.String()})
			secrets, err = b.runs.Secrets(t.Context(), b.id)
			require.NoError(t, err)
			require.Empty(t, secrets, "nobody decided in time")
		})
	}
}

func TestAWaitIsOnTheRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: output(nil)}, stepOne)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	b.must(engine.ActivityBeginWait, engine.Wait{ActionRequest: b.request(0), Until: until})
	require.Equal(t, run.PhaseWaiting, b.get().Phase)
	require.True(t, until.Equal(b.step(0).WaitingUntil))
	b.must("test:act", b.request(0))
	require.Equal(t, run.PhaseRunning, b.get().Phase)
	require.Zero(t, b.step(0).WaitingUntil)
}

func TestARollback(t *testing.T) {
	t.Parallel()
	undoing := map[string]error{"undone": nil, "in use": &action.InUseError{Reason: "3 commits are not ours, see " + secret},
		"refused": action.Final(errors.New("403 with " + secret)), "unreachable": action.Transient(errors.New("502"), 0)}
	b := newBench(t, &act{undo: func(call *action.UndoCall) error {
		call.Log.Info("removing %s", call.Effect.Name)
		return undoing[call.Effect.Name]
	}}, stepOne)
	ledger := b.runs.Ledger(b.id, "one", "test:act")
	for _, name := range []string{"undone", "in use", "refused", "unreachable", "gone already"} {
		effect, err := ledger.Intend(t.Context(), action.Intent{Kind: "thing", Name: name, Key: name})
		require.NoError(t, err)
		if name == "gone already" {
			require.NoError(t, ledger.Abandon(t.Context(), effect.ID, "never made"))
		}
	}
	b.must(engine.ActivityFinishRun, engine.Finish{RunID: b.id.String(), FailedStep: "one", Failure: &engine.Failure{Name: "Error", Message: "no"}})
	b.must(engine.ActivityBeginRollback, engine.Command{RunID: b.id.String()})
	b.must(engine.ActivityBeginRollback, engine.Command{RunID: b.id.String()})
	rollback, err := does[engine.Plan](b, engine.ActivityBeginRun, engine.Command{RunID: b.id.String()})
	require.NoError(t, err)
	require.Equal(t, engine.ModeRollBack, rollback.Mode)
	require.Equal(t, 1, rollback.Generation)
	var order []string
	for _, effect := range rollback.Effects {
		order = append(order, effect.Summary)
		_, err := b.environment.ExecuteActivity(engine.ActivityUndoEffect, engine.Undo{RunID: b.id.String(), Generation: 1, EffectID: effect.ID})
		failed, isFailure := errors.AsType[*temporal.ApplicationError](err)
		require.Equal(t, strings.HasSuffix(effect.Summary, "refused") || strings.HasSuffix(effect.Summary, "unreachable"), isFailure, effect.Summary)
		if isFailure {
			require.Equal(t, strings.HasSuffix(effect.Summary, "refused"), failed.NonRetryable(), effect.Summary)
			require.NotContains(t, failed.Error(), secret)
		}
	}
	require.Equal(t, []string{"undo thing unreachable", "undo thing refused", "undo thing in use", "undo thing undone"}, order, "the last first")
	effects, err := b.runs.Effects(t.Context(), b.id)
	require.NoError(t, err)
	var states []action.EffectState
	for _, effect := range effects {
		states = append(states, effect.State)
		require.NotContains(t, effect.Note, secret)
	}
	require.Equal(t, []action.EffectState{action.EffectUndone, action.EffectKept, action.EffectIntended, action.EffectIntended, action.EffectUndone}, states)
	require.NotContains(t, strings.Join(b.told(), "\n"), secret)
	require.Contains(t, b.told(), "one  info: Undid thing undone")
	require.Contains(t, b.told(), "one  warn: Kept thing in use: 3 commits are not ours, see ***")
	require.Contains(t, b.told(), "one  error: Could not undo thing refused: 403 with ***")
}

func TestHowARollbackEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state     action.EffectState
		remaining int
		phase     run.Phase
		message   string
		secrets   int
	}{
		"all is gone":       {action.EffectUndone, 0, run.PhaseRolledBack, "The run was rolled back: 1 undone, nothing is left of it", 0},
		"something is kept": {action.EffectKept, 0, run.PhaseRolledBack, "The run was rolled back: 0 undone, 1 kept because somebody else uses them", 0},
		"something is left": {action.EffectCreated, 1, run.PhaseParked, "The rollback undid 0 of 1 things; 1 could not be undone: 502", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{}, stepOne)
			effect, err := b.runs.Ledger(b.id, "one", "test:act").Intend(t.Context(), action.Intent{Kind: "thing", Name: "x", Key: "x"})
			require.NoError(t, err)
			require.NoError(t, b.runs.SetEffectState(t.Context(), effect.ID, test.state, ""))
			end := engine.RollbackEnd{RunID: b.id.String(), Remaining: test.remaining}
			if test.remaining > 0 {
				end.Failure = &engine.Failure{Name: "Error", Message: "502"}
			}
			b.must(engine.ActivityEndRollback, end)
			require.Equal(t, run.StatusFailed, b.get().Status, "Backstage knows no better word")
			require.Equal(t, test.phase, b.get().Phase)
			require.Equal(t, test.message, b.get().Failure.Message)
			secrets, err := b.runs.Secrets(t.Context(), b.id)
			require.NoError(t, err)
			require.Len(t, secrets, test.secrets)
		})
	}
}

func TestAnActionCannotTalkForEver(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true}, run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("%s", strings.Repeat("é", 20<<10))
		for range 25_000 {
			call.Log.Info("again")
		}
		return nil, nil
	}}, stepOne)
	b.must("test:act", b.request(0))
	told := b.told()
	require.Less(t, len(told[1]), 33<<10)
	require.True(t, strings.HasSuffix(told[1], "é … (cut)"))
	var all []run.Event
	for page := []run.Event{{}}; len(page) > 0; all = append(all, page...) {
		var after int64
		if len(all) > 0 {
			after = all[len(all)-1].ID
		}
		var err error
		page, err = b.runs.Events(t.Context(), b.id, after)
		require.NoError(t, err)
	}
	require.Len(t, all, 20_002, "with the step's beginning and end")
	require.Contains(t, string(all[20_000].Body), "more than 20000 lines: the rest is not kept")
}

func TestARunThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: output(nil)}, stepOne)
	for activity, request := range map[string]any{
		engine.ActivityBeginRun:      engine.Command{RunID: "no uuid"},
		engine.ActivityPrepareStep:   engine.StepRequest{RunID: uuid.NewString()},
		"test:act":                   engine.ActionRequest{RunID: uuid.NewString()},
		engine.ActivityBeginRollback: engine.Command{RunID: uuid.NewString()},
		engine.ActivityExpireRun:     engine.Command{RunID: "no uuid"},
	} {
		_, err := b.environment.ExecuteActivity(activity, request)
		require.Error(t, err, activity)
	}
}

func TestWhatACrashTellsAgainDoesNotUndoADecision(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: fails(action.Final(errors.New("no")))}, `{"id":"one","name":"One","action":"test:act"}`)
	failure := engine.Failure{Name: "Error", Message: "no"}
	failed := engine.FailedStep{RunID: b.id.String(), Failure: failure}
	finish := engine.Finish{RunID: b.id.String(), FailedStep: "one", Failure: &failure}
	b.must(engine.ActivityBeginRun, engine.Command{RunID: b.id.String()})
	b.must(engine.ActivityFailStep, failed)
	b.must(engine.ActivityFinishRun, finish)
	generation, err := b.runs.Reopen(t.Context(), b.id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, Recovered: true})
	require.NoError(t, err)
	require.Equal(t, 1, generation)

	b.must(engine.ActivityFailStep, failed)
	b.must(engine.ActivityFinishRun, finish)
	require.Equal(t, run.StatusProcessing, b.get().Status, "somebody has taken the run up again")
	require.Equal(t, run.StatusOpen, b.step(0).Status)
}

func TestAnActionThatPanicsFailsItsStepForGood(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(context.Context, *action.Call) (action.Output, error) { panic("at " + secret) }},
		`{"id":"one","name":"One","action":"test:act"}`)
	b.must(engine.ActivityBeginRun, engine.Command{RunID: b.id.String()})
	_, err := does[engine.ActionResult](b, "test:act", b.request(0))
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.NonRetryable())
	require.Equal(t, "action test:act panicked: at ***", failed.Message())
}
