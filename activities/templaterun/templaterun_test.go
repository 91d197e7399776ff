package templaterun_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/templaterun"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/seal"
)

// The secrets of these tests: the run's token and the environment's key.
const (
	secret            = "hunter2-very-secret"
	environmentSecret = "swordfish-of-the-environment"
)

// act is an action whose behavior the test defines.
type act struct {
	// tune changes the options of the activities.
	tune        func(*bench, *templaterun.Options)
	description action.Description
	run         func(ctx context.Context, call *action.Call) (action.Output, error)
	undo        func(call *action.UndoCall) error
	// wait is how long it waits first; nil does not wait.
	wait func() (time.Duration, error)
	// spares reports that no input needs the workspace.
	spares bool
	// starter is who starts the run; the zero value is nobody.
	starter identity.Principal
	mu      sync.Mutex
	runs    int
}

func (a *act) Describe() action.Description { return a.description }

func (a *act) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	a.mu.Lock()
	a.runs++
	a.mu.Unlock()
	return a.run(ctx, call)
}

func (a *act) NeedsWorkspace(*action.Call) bool { return a.description.UsesWorkspace && !a.spares }

func (a *act) Wait(*action.Call) (time.Duration, error) {
	if a.wait == nil {
		return 0, nil
	}
	return a.wait()
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
	pool        *pgxpool.Pool
	// progress is the progress in the last result of `advance run`.
	progress engine.Progress
}

// newBench creates a run of these steps, with the secret "token" and the parameters {"items": ["a", "b"]}.
func newBench(t *testing.T, does *act, steps ...string) *bench {
	t.Helper()
	return newBenchWith(t, does, func(*template.TaskSpec) {}, steps...)
}

func newBenchWith(t *testing.T, does *act, change func(*template.TaskSpec), steps ...string) *bench {
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
	pool := testkit.Database(t)
	b := &bench{T: t, environment: suite.NewTestActivityEnvironment(), runs: run.NewStore(pool, keys), act: does, id: uuid.New(), pool: pool}
	quiet := slog.New(slog.DiscardHandler)
	options := templaterun.Options{Log: quiet, CrashBudget: crash.NewBudget(quiet), Runs: b.runs, Actions: actions, Workspaces: workspaces,
		Planner:  plan.NewPlanner(expression.New(expression.Options{}), plan.Environment{Secrets: map[string]string{"key": environmentSecret}}),
		Settings: engine.Settings{StepTimeout: time.Minute, InitialInterval: time.Second, MaximumInterval: time.Minute, MaximumAttempts: 3}}
	if does.tune != nil {
		does.tune(b, &options)
	}
	templaterun.New(options).Register(b.environment)
	n := run.New{ID: b.id, TemplateRef: "template:default/t", Title: "T", Starter: does.starter, Secrets: map[string]string{"token": secret}}
	spec := `{"steps":[` + strings.Join(steps, ",") + `],"output":{"url":"${{ steps.one.output.url }}","text":[{"if":false}]},"parameters":{"items":["a","b"]},"user":{"ref":"user:default/ada"}}`
	require.NoError(t, json.Unmarshal([]byte(spec), &n.Spec))
	change(&n.Spec)
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
	return engine.ActionRequest{RunID: b.id.String(), Position: position}
}

// advance executes `advance run` and returns its result.
func (b *bench) advance(request engine.AdvanceRequest) engine.Next {
	b.Helper()
	request.RunID = b.id.String()
	next, err := does[engine.Next](b, engine.ActivityAdvance, request)
	require.NoError(b, err)
	next.Settings, b.progress, next.Progress = engine.Settings{}, next.Progress, engine.Progress{}
	return next
}

// acts is the result that runs an iteration of the first step.
func acts(iteration int) engine.Next {
	return engine.Next{Kind: engine.NextAction, Action: &engine.Action{ID: "test:act", Summary: "One", Iteration: iteration}}
}

// next is a result with a kind only.
func next(move engine.NextKind) engine.Next { return engine.Next{Kind: move} }

func (b *bench) must(name string, request any) {
	b.Helper()
	_, err := b.environment.ExecuteActivity(name, request)
	require.NoError(b, err)
}

// told are the events so far: step, status and message, without colours.
func (b *bench) told() []string {
	b.Helper()
	events, err := b.runs.Events(b.Context(), b.id, 0)
	require.NoError(b, err)
	lines := []string{}
	for _, event := range events {
		var body run.EventBody
		require.NoError(b, json.Unmarshal(event.Body, &body))
		line := strings.NewReplacer(run.InfoLevel, "info: ", run.WarnLevel, "warn: ", run.ErrorLevel, "error: ").Replace(body.Message)
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", body.StepID, body.Status, line)))
	}
	return lines
}

func (b *bench) step(position int) run.Step {
	b.Helper()
	steps, err := b.runs.Steps(b.Context(), b.id)
	require.NoError(b, err)
	return steps[position]
}

func (b *bench) state() run.State {
	b.Helper()
	state, err := b.runs.State(b.Context(), b.id)
	require.NoError(b, err)
	return state
}

// record writes as another worker that continues the run.
func (b *bench) record(entry run.Entry) {
	b.Helper()
	require.NoError(b, b.runs.Record(b.Context(), b.state().Claim, entry))
}

// ledger is the ledger of the first step, with a current claim.
func (b *bench) ledger() action.Ledger {
	b.Helper()
	claim := b.state().Claim
	require.NoError(b, b.runs.Record(b.Context(), claim, run.Entry{}))
	return b.runs.Ledger(claim, "one", "test:act")
}

func (b *bench) get() run.Run {
	b.Helper()
	got, err := b.runs.Get(b.Context(), run.Rules.Everything(), b.id)
	require.NoError(b, err)
	return got
}

// output is the run function of an action with this output.
func output(out action.Output) func(context.Context, *action.Call) (action.Output, error) {
	return func(context.Context, *action.Call) (action.Output, error) { return out, nil }
}

func fails(err error) func(context.Context, *action.Call) (action.Output, error) {
	return func(context.Context, *action.Call) (action.Output, error) { return nil, err }
}

const (
	stepOne = `{"id":"one","name":"One","action":"test:act","input":{"t":"${{ secrets.token }}","plain":1}}`
	stepTwo = `{"id":"two","name":"Two","action":"test:act"}`
)

func TestTheRecordOfARun(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{true, false} {
		t.Run(fmt.Sprintf("quick %t", quick), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{description: action.Description{Quick: quick}, run: func(_ context.Context, call *action.Call) (action.Output, error) {
				call.Log.Info("working on %s", call.StepName)
				return action.Output{"url": "https://x/<1>"}, nil
			}}, stepOne)
			if !quick {
				require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
				require.Equal(t, run.StatusProcessing, b.get().Status)
				b.must("test:act", b.request(0))
			}
			require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
			require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One", "one  info: working on One",
				"one completed Finished step One", "Run completed with status: completed"}, b.told())
			ended := b.get()
			require.Equal(t, run.StatusCompleted, ended.Status)
			require.Equal(t, run.PhaseDone, ended.Phase)
			require.Equal(t, `{"url":"https://x/<1>","text":[]}`, string(ended.Output)) //nolint:testifylint // the order matters
			require.Empty(t, b.state().Secrets)
			require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}), "a run that has ended rests")
		})
	}
}

// TestACrashRecordsNothingTwice runs every activity twice, as Temporal does when a worker dies before it
// reports the result.
func TestACrashRecordsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{true, false} {
		t.Run(fmt.Sprintf("quick %t", quick), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{description: action.Description{Quick: quick}, run: func(_ context.Context, call *action.Call) (action.Output, error) {
				call.Log.Info("first")
				call.Log.Warn("second")
				return action.Output{"url": "u"}, nil
			}}, stepOne, `{"id":"two","name":"Two","action":"test:act","if":false}`)
			b.advance(engine.AdvanceRequest{})
			b.advance(engine.AdvanceRequest{})
			if !quick {
				b.must("test:act", b.request(0))
				b.must("test:act", b.request(0))
			}
			b.advance(engine.AdvanceRequest{})
			b.advance(engine.AdvanceRequest{})
			require.Equal(t, 1, b.act.runs, "a step that is on the record as completed is not run again")
			require.Equal(t, []string{"Starting up task with 2 steps", "one processing Beginning step One", "one  info: first", "one  warn: second",
				"one completed Finished step One", "two processing Beginning step Two", "two skipped Skipping step two because its if condition was false",
				"Run completed with status: completed"}, b.told())
		})
	}
}

func TestQuickStepsUseOutputsOfEarlierSteps(t *testing.T) {
	t.Parallel()
	var inputs []string
	b := newBench(t, &act{description: action.Description{Quick: true, UsesWorkspace: true}}, stepOne,
		`{"id":"two","name":"Two","action":"test:act","each":["a","b"],"input":{"from":"${{ steps.one.output.url }}"}}`,
		`{"id":"three","name":"Three","action":"test:act","input":{"all":"${{ steps.two.output.url | dump }}"}}`)
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		inputs = append(inputs, string(call.Input))
		files, err := fs.Glob(call.Workspace.FS(), "*")
		require.NoError(t, err)
		require.Len(t, files, b.act.runs-1, "each continues in the workspace of the one before")
		return action.Output{"url": b.act.runs}, call.Workspace.WriteFile(fmt.Sprintf("%d", b.act.runs), nil, 0o600)
	}
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, []string{`{"t":"` + secret + `","plain":1}`, `{"from":1}`, `{"from":1}`, `{"all":"[2,3]"}`}, inputs)
}

func TestACallWithoutWorkspaceGetsNone(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true, UsesWorkspace: true}, spares: true}, stepOne)
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		require.Nil(t, call.Workspace)
		return nil, nil
	}
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.Empty(t, b.step(0).Workspace, "so it leaves none")
}

func TestATransientFailureKeepsEarlierQuickSteps(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true}}, stepOne, stepTwo)
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		if call.StepID == "one" {
			return nil, nil
		}
		return nil, action.Transient(errors.New("502"), 0)
	}
	for earlier, pause := range []time.Duration{time.Second, 2 * time.Second} {
		_, err := b.environment.ExecuteActivity(engine.ActivityAdvance, engine.AdvanceRequest{RunID: b.id.String()})
		failed, isFailure := errors.AsType[*temporal.ApplicationError](err)
		require.True(t, isFailure)
		require.False(t, failed.NonRetryable())
		require.Equal(t, pause, failed.NextRetryDelay())
		require.Equal(t, run.StatusCompleted, b.step(0).Status)
		require.Equal(t, earlier+1, b.step(1).FailedAttempts)
	}
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}), "the third attempt was the last")
	require.Equal(t, 4, b.act.runs)
	require.Equal(t, run.StatusFailed, b.step(1).Status)
	require.Equal(t, "two", b.get().FailedStep)
}

func TestACancellationBeforeTheFirstAdvanceEndsTheRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true}}, stepOne)
	require.NoError(t, b.runs.Cancel(t.Context(), b.id, run.Command{}, run.NewEvent{Type: run.EventCancelled, Key: "c"}))
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, run.StatusCancelled, b.step(0).Status)
	require.Equal(t, run.PhaseCancelled, b.get().Phase)
	require.Zero(t, b.act.runs)
}

func TestProgressShowsTheStateWithoutSecrets(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, stepOne, stepTwo)
	require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, engine.Progress{State: "running", Step: "one", Details: "1. One: processing\n2. Two: open\n"}, b.progress)

	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		return nil, fault.New(fault.Input, "the token %s is not accepted", secret)
	}
	_, err := b.environment.ExecuteActivity("test:act", b.request(0))
	require.Error(t, err)
	failed := &engine.FailedAction{Failure: fault.Failure{Name: "InputError", Message: "the token *** is not accepted"}}
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{Failed: failed}))
	require.Equal(t, "parked", b.progress.State)
	require.Equal(t, "one", b.progress.Step)
	require.Equal(t, "InputError", b.progress.Failure.Name)
	require.Contains(t, b.progress.Details, "1. One: failed\n")
	encoded, err := json.Marshal(b.progress)
	require.NoError(t, err)
	require.NotContains(t, string(encoded), secret)
}

// TestTheFailureInTheProgressIsBounded: Temporal refuses an answer of more than two megabytes.
func TestTheFailureInTheProgressIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, stepOne)
	require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
	long := fault.Failure{Name: "InputError", Message: strings.Repeat("é", 3<<19), Advice: strings.Repeat("x", 5000)}
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{Failed: &engine.FailedAction{Failure: long}}))
	require.Equal(t, long.Cut(engine.MaxFailureText), b.progress.Failure)
	require.Len(t, b.progress.Failure.Advice, engine.MaxFailureText)
	require.Equal(t, &long, b.get().Failure, "the record has all of it")
}

func TestARunOfQuickStepsHasNoProgress(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true}, run: func(context.Context, *action.Call) (action.Output, error) {
		return action.Output{"url": "https://x"}, nil
	}}, stepOne)
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, engine.Progress{State: "done"}, b.progress)
}

func TestAnInterruptedAdvanceKeepsItsResults(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true}}, stepOne, stepTwo)
	ctx, interrupt := context.WithCancel(t.Context())
	b.environment.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	b.act.run = func(ctx context.Context, call *action.Call) (action.Output, error) {
		if call.StepID == "two" {
			interrupt()
		}
		return nil, ctx.Err()
	}
	_, err := b.environment.ExecuteActivity(engine.ActivityAdvance, engine.AdvanceRequest{RunID: b.id.String()})
	require.Error(t, err)
	require.Equal(t, run.StatusCompleted, b.step(0).Status)

	b.environment.SetWorkerOptions(worker.Options{BackgroundActivityContext: t.Context()})
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{Cancelled: true}))
	require.Equal(t, run.StatusCancelled, b.step(1).Status)
	require.Equal(t, run.PhaseCancelled, b.get().Phase)
}

func TestLogLinesOfADeadAttemptAreRecordedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, stepOne)
	b.act.run = func(ctx context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("cloning")
		if b.act.runs == 1 { // the worker dies after this line was seen, and nobody hears of the attempt's end
			require.Eventually(t, func() bool { return len(b.told()) == 2 }, time.Minute, 10*time.Millisecond)
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

// TestActionsActOnBehalfOfTheStarter: what they change and what they are denied is in the audit log as the run's,
// on behalf of its starter.
func TestActionsActOnBehalfOfTheStarter(t *testing.T) {
	t.Parallel()
	starter := identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}
	var b *bench
	denied := &act{run: func(ctx context.Context, call *action.Call) (action.Output, error) {
		require.NoError(t, audit.Record(ctx, b.pool, call.Starter.Actor(), audit.LocationCreate, "l1"))
		return nil, &policy.DeniedError{Principal: call.Starter, Permission: policy.CatalogLocationCreate, Resource: "url:https://example.com"}
	}, starter: starter, tune: func(b *bench, options *templaterun.Options) {
		options.Refusals = audit.NewAttempts(b.pool, slog.New(slog.DiscardHandler))
	}}
	b = newBench(t, denied, stepOne)
	_, err := b.environment.ExecuteActivity("test:act", b.request(0))
	require.Error(t, err)
	events, err := audit.Find(t.Context(), b.pool, audit.Query{Who: starter.Subject})
	require.NoError(t, err)
	var found []string
	for _, e := range events {
		found = append(found, strings.TrimSpace(fmt.Sprintf("%s for %s: %s %s %s %s", e.Actor.Subject, e.OnBehalfOf, e.Action, e.Resource, e.Outcome, e.Reason)))
	}
	run := "run:" + b.id.String()
	require.Equal(t, []string{
		run + " for user:default/ada: access url:https://example.com denied needs catalog.location.create",
		run + " for user:default/ada: location.create l1 done",
		"user:default/ada for : run.create " + b.id.String() + " done",
	}, found)
}

// TestStepsAreRefusedByTheirInput: the decision is about the run's starter, is made again when the run is retried,
// and comes before the action does or waits for anything.
func TestStepsAreRefusedByTheirInput(t *testing.T) {
	t.Parallel()
	const isA = `{"rule":"HAS_STRING_PROPERTY","resourceType":"scaffolder-action","params":{"key":"v","value":"a"}}`
	const refusal = "Unauthorized action: test:act. The action is not allowed. The step One needs it."
	const advice = "Ask somebody who manages roles for the permission scaffolder.action.execute on test:act, and for which inputs it is."
	for name, test := range map[string]struct {
		starter        identity.Principal
		criteria, step string
		quick, waits   bool
		runs           int
		refused        bool
	}{
		"another value":            {starter: ada, criteria: isA, step: stepWith("b"), refused: true},
		"quick":                    {starter: ada, criteria: isA, step: stepWith("b"), quick: true, refused: true},
		"before a wait":            {starter: ada, criteria: isA, step: stepWith("b"), waits: true, quick: true, refused: true},
		"any item, before the 1st": {starter: ada, criteria: isA, step: eachStep, quick: true, refused: true},
		"denied since it began":    {starter: ada, criteria: policytest.Deny, step: stepWith("a"), quick: true, refused: true},
		"an unknown starter":       {criteria: isA, step: stepWith("a"), quick: true, refused: true},
		"the value":                {starter: ada, criteria: isA, step: stepWith("a"), quick: true, runs: 1},
		"a skipped step":           {starter: ada, criteria: policytest.Deny, step: strings.Replace(stepWith("b"), "{", `{"if":false,`, 1), quick: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			does := &act{description: action.Description{Quick: test.quick}, run: output(nil), starter: test.starter,
				tune: func(b *bench, options *templaterun.Options) {
					options.Access = access.NewRuns(policytest.Table{policy.ScaffolderActionExecute: test.criteria})
					options.Refusals = audit.NewAttempts(b.pool, slog.New(slog.DiscardHandler))
				}}
			if test.waits {
				does.wait = func() (time.Duration, error) { return time.Hour, nil }
			}
			b := newBench(t, does, test.step)
			if !test.refused {
				require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
				require.Equal(t, test.runs, does.runs)
				return
			}
			require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
			require.Equal(t, "NotAllowedError", b.step(0).Failure.Name)
			require.Equal(t, refusal, b.step(0).Failure.Message)
			require.Equal(t, advice, b.step(0).Failure.Advice)
			require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One", "one failed NotAllowedError: " + refusal + "\n" + advice,
				"Run completed with status: failed"}, b.told())

			_, err := b.runs.Reopen(t.Context(), b.id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning,
				Command: run.Command{ID: uuid.New(), Kind: run.CommandRetry, By: identity.Principal{Kind: identity.KindUser, Subject: "user:default/grace"}.Actor()}})
			require.NoError(t, err)
			retried := b.advance(engine.AdvanceRequest{Generation: 1})
			require.Equal(t, engine.NextPark, retried.Kind)
			require.Equal(t, refusal, b.step(0).Failure.Message)
			require.Zero(t, does.runs)
			if test.starter.Subject == "" {
				return
			}
			events, err := audit.Find(t.Context(), b.pool, audit.Query{Who: test.starter.Subject})
			require.NoError(t, err)
			require.Equal(t, []any{audit.Denied, "test:act", "needs scaffolder.action.execute"}, []any{events[0].Outcome, events[0].Resource, events[0].Reason})
		})
	}
}

// TestAnActionIsRefusedByTheDecisionOfItsOwnActivity: roles may change between two activities of a step.
func TestAnActionIsRefusedByTheDecisionOfItsOwnActivity(t *testing.T) {
	t.Parallel()
	decisions := policytest.Table{}
	does := &act{run: output(nil), starter: ada, tune: func(_ *bench, options *templaterun.Options) { options.Access = access.NewRuns(decisions) }}
	b := newBench(t, does, stepWith("a"))
	require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
	decisions[policy.ScaffolderActionExecute] = policytest.Deny
	_, err := b.environment.ExecuteActivity("test:act", b.request(0))
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.NonRetryable())
	require.Equal(t, "NotAllowedError", failed.Type())
	require.Zero(t, does.runs)
}

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}

// stepWith is a step whose input v is rendered to a value.
func stepWith(value string) string {
	return `{"id":"one","name":"One","action":"test:act","input":{"v":"${{ '` + value + `' }}"}}`
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
		"with advice":    {action.Advise(action.Final(errors.New("403")), "Give the token the scope repo."), "Error", "Give the token the scope repo."},
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
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.JSONEq(t, `{"url":"https://***@x","text":[]}`, string(b.get().Output))
}

func TestSecretOutputsAreMasked(t *testing.T) {
	t.Parallel()
	const issued = "glpat-issued-by-the-step"
	b := newBench(t, &act{description: action.Description{SecretOutputs: []string{"token"}}, run: output(action.Output{"token": issued, "user": "robot"})},
		`{"id":"one","name":"One","action":"test:act"}`,
		`{"id":"two","name":"Two","action":"test:act","input":{"header":"Bearer ${{ steps.one.output.token }}"}}`)
	b.must("test:act", b.request(0))
	require.JSONEq(t, `{"token":"***","user":"robot"}`, string(b.step(0).Output))

	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("input %s", call.Input)
		require.JSONEq(t, `{"header":"Bearer `+issued+`"}`, string(call.Input), "what the step works with is true")
		return nil, nil
	}
	b.must("test:act", b.request(1))
	require.JSONEq(t, `{"header":"Bearer ***"}`, string(b.step(1).Input))
	require.NotContains(t, strings.Join(b.told(), "\n"), issued)
}

func TestTextsDerivedFromSecretsAreMasked(t *testing.T) {
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

func TestDerivedTextsStayMaskedInLaterSteps(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: output(action.Output{"url": "Basic " + strings.ToUpper(secret)})},
		`{"id":"one","name":"One","action":"test:act","input":{"up":"${{ secrets.token | upper }}"}}`,
		`{"id":"two","name":"Two","action":"test:act","input":{"header":"${{ steps.one.output.url }}","half":"${{ steps.one.output.url | replace('Basic ', '') }}"}}`,
		`{"id":"three","name":"Three","action":"test:act","input":{"again":"${{ steps.two.output.seen }}"}}`)
	b.must("test:act", b.request(0))
	require.JSONEq(t, `{"url":"Basic ***"}`, string(b.step(0).Output))

	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		require.Contains(t, string(call.Input), strings.ToUpper(secret), "what the step works with is true")
		call.Log.Info("input %s", call.Input)
		return action.Output{"seen": "as " + strings.ToUpper(secret)}, nil
	}
	b.must("test:act", b.request(1))
	require.JSONEq(t, `{"header":"Basic ***","half":"***"}`, string(b.step(1).Input))
	require.JSONEq(t, `{"seen":"as ***"}`, string(b.step(1).Output))
	b.must("test:act", b.request(2))
	require.JSONEq(t, `{"again":"as ***"}`, string(b.step(2).Input))
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.JSONEq(t, `{"url":"Basic ***","text":[]}`, string(b.get().Output))
	require.NotContains(t, strings.Join(b.told(), "\n"), strings.ToUpper(secret))
}

func TestTextsThatEachDerivesFromSecretsAreMasked(t *testing.T) {
	t.Parallel()
	does := &act{description: action.Description{Quick: true}, run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("input %s", call.Input)
		return action.Output{"url": string(call.Input)}, nil
	}}
	b := newBench(t, does, `{"id":"one","name":"One","action":"test:act","each":["x ${{ secrets.token | upper }}","y ${{ secrets.token | reverse }}"],"input":{"v":"${{ each.value }}"}}`)
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.JSONEq(t, `{"url":["{\"v\":\"x ***\"}","{\"v\":\"y ***\"}"]}`, string(b.step(0).Output))
	require.JSONEq(t, `{"url":["{\"v\":\"x ***\"}","{\"v\":\"y ***\"}"],"text":[]}`, string(b.get().Output))
	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One",
		`one  info: Running step each: {"key":"0","value":"x ***"}`, `one  info: input {"v":"x ***"}`,
		`one  info: Running step each: {"key":"1","value":"y ***"}`, `one  info: input {"v":"y ***"}`,
		"one completed Finished step One"}, b.told()[:7])
}

// TestTextsThatAnyIterationDerivesAreMasked: each is decided alone, but the output of the last one contains
// those of all.
func TestTextsThatAnyIterationDerivesAreMasked(t *testing.T) {
	t.Parallel()
	does := &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("input %s", call.Input)
		return action.Output{"url": string(call.Input)}, nil
	}}
	b := newBench(t, does, `{"id":"one","name":"One","action":"test:act","each":["x","y","not this","z"],"if":"${{ each.value != 'not this' }}",
		"input":{"v":"${{ each.value }} ${{ secrets.token | replace('e', each.value) | replace('E', each.value) }}"}}`)
	for _, index := range []int{0, 1, 3} {
		require.Equal(t, acts(index), b.advance(engine.AdvanceRequest{}))
		request := b.request(0)
		request.Iteration = index
		b.must("test:act", request)
	}
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.JSONEq(t, `{"url":["{\"v\":\"x ***\"}","{\"v\":\"y ***\"}","{\"v\":\"z ***\"}"]}`, string(b.step(0).Output))
	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One",
		`one  info: Running step each: {"key":"0","value":"x"}`, `one  info: input {"v":"x ***"}`,
		`one  info: Running step each: {"key":"1","value":"y"}`, `one  info: input {"v":"y ***"}`,
		`one  info: Running step each: {"key":"3","value":"z"}`, `one  info: input {"v":"z ***"}`,
		"one completed Finished step One"}, b.told()[:9])
}

func TestSecretsOfTheEnvironmentAreMasked(t *testing.T) {
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
	require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
	first, second := b.request(0), b.request(0)
	second.Iteration = 1
	b.must("test:act", first)
	b.must("test:act", first)
	require.Equal(t, 1, b.act.runs, "an iteration that is on the record is not run again")
	require.Equal(t, run.StatusProcessing, b.step(0).Status)
	require.Equal(t, acts(1), b.advance(engine.AdvanceRequest{}))
	_, err := b.environment.ExecuteActivity("test:act", second)
	require.Error(t, err)
	b.must("test:act", second)
	require.JSONEq(t, `{"url":["0{\"v\":\"a\"}","1{\"v\":\"b\"}"]}`, string(b.step(0).Output), "the first one's output outlived the second's failure")
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One", `one  info: Running step each: {"key":"0","value":"a"}`,
		`one  info: Running step each: {"key":"1","value":"b"}`, "one  warn: attempt 1 failed and will be made again: blip",
		`one  info: Running step each: {"key":"1","value":"b"}`, "one completed Finished step One", "Run completed with status: completed"}, b.told())
}

func TestStepsShareTheWorkspace(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{UsesWorkspace: true}}, stepOne, stepTwo)
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		return nil, call.Workspace.WriteFile("made.txt", []byte("by one"), 0o600)
	}
	b.must("test:act", b.request(0))
	left := b.step(0).Workspace
	require.NotEmpty(t, left)
	b.must("test:act", b.request(0))
	require.Equal(t, left, b.step(0).Workspace, "repeated after a crash")

	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		content, err := call.Workspace.ReadFile("made.txt")
		require.NoError(t, err)
		require.NoError(t, call.Workspace.WriteFile("half.txt", nil, 0o600))
		return nil, action.Final(errors.New("failed after " + string(content)))
	}
	_, err := b.environment.ExecuteActivity("test:act", b.request(1))
	require.ErrorContains(t, err, "failed after by one")
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		_, err := call.Workspace.Stat("half.txt")
		require.Error(t, err, "what a failed attempt left is not seen")
		return nil, nil
	}
	b.must("test:act", b.request(1))
	require.Empty(t, b.step(1).Workspace, "it left the workspace as it was")
}

func TestLogAndErrorsShowNoPathOfTheWorkspace(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{UsesWorkspace: true}}, stepOne)
	var directory string
	b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
		directory = call.Workspace.Name()
		call.Log.Info("Written to %s/made.txt", directory)
		return nil, action.Final(errors.New("open " + directory + "/lost.txt: no such file"))
	}
	_, err := b.environment.ExecuteActivity("test:act", b.request(0))
	require.ErrorContains(t, err, "open lost.txt: no such file")
	lines := b.told()
	require.Contains(t, strings.Join(lines, "\n"), "Written to made.txt")
	require.NotContains(t, strings.Join(lines, "\n"), directory)
}

func TestStepsThatDoNotRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{},
		`{"id":"one","name":"One","action":"no:such:action","if":"${{ false }}"}`,
		`{"id":"two","name":"Two","action":"no:such:action"}`,
		`{"id":"three","name":"Three","action":"test:act"}`,
		`{"id":"four","name":"Four","action":"test:act","if":"${{ always() }}","each":[]}`,
		`{"id":"five","name":"Five","action":"test:act","if":"${{ failure() }}","each":"${{ parameters.nope }}"}`,
		`{"id":"six","name":"Six","action":"test:act"}`)
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, []string{"Starting up task with 6 steps",
		"one processing Beginning step One", "one skipped Skipping step one because its if condition was false",
		"two processing Beginning step Two", "two failed NotFoundError: " + b.step(1).Failure.Message + "\n" + b.step(1).Failure.Advice,
		"three skipped Skipping step three because a previous step failed",
		"four processing Beginning step Four", "four completed Finished step Four",
		"five processing Beginning step Five", "five failed InputError: " + b.step(4).Failure.Message + "\n" + b.step(4).Failure.Advice,
		"six skipped Skipping step six because a previous step failed", "Run completed with status: failed"}, b.told())
	require.Zero(t, b.act.runs)
	require.Equal(t, run.StatusSkipped, b.step(0).Status, "a skipped step may name anything")
	require.Equal(t, run.StatusCompleted, b.step(3).Status)
	require.JSONEq(t, `{}`, string(b.step(3).Output))
	require.Equal(t, "two", b.get().FailedStep, "the first that failed")
}

func TestInputIsValidated(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{InputSchema: json.RawMessage(`{"type":"object","properties":{"v":{"enum":["a"]}},"additionalProperties":false}`)}}, eachStep)
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	failure := b.step(0).Failure
	require.NotNil(t, failure)
	require.Equal(t, "InputError", failure.Name)
	require.Equal(t, "Invalid input passed to action test:act[1], instance.v is not one of enum values: a", failure.Message)
	require.NotEmpty(t, failure.Advice)
	require.Zero(t, b.act.runs, "not even for the iteration whose input is good")
}

func TestTheOutputOfTheLaterStepWithTheSameIDIsUsed(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{true, false} {
		b := newBench(t, &act{description: action.Description{Quick: quick}}, `{"id":"one","name":"One","action":"test:act","input":{"n":1}}`,
			`{"id":"one","name":"Other","action":"test:act","each":["a","b"],"input":{"n":"${{ steps.one.output.url }}/${{ each.value }}"}}`)
		b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
			return action.Output{"url": string(call.Input)}, nil
		}
		for position, iterations := range []int{1, 2} {
			for iteration := range iterations {
				if !quick {
					require.Equal(t, position, b.advance(engine.AdvanceRequest{}).Action.Position)
					request := b.request(position)
					request.Iteration = iteration
					b.must("test:act", request)
					b.must("test:act", request)
				}
			}
		}
		require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
		require.Equal(t, 3, b.act.runs)
		require.JSONEq(t, `{"url":["{\"n\":\"{\\\"n\\\":1}/a\"}","{\"n\":\"{\\\"n\\\":1}/b\"}"],"text":[]}`, string(b.get().Output))
		require.JSONEq(t, `{"url":"{\"n\":1}"}`, string(b.step(0).Output))
		require.Equal(t, []string{"Starting up task with 2 steps", "one processing Beginning step One", "one completed Finished step One",
			"one processing Beginning step Other", `one  info: Running step each: {"key":"0","value":"a"}`,
			`one  info: Running step each: {"key":"1","value":"b"}`, "one completed Finished step Other", "Run completed with status: completed"}, b.told())
	}
}

// TestInputsThatAnActionDoesNotDeclareAreLeftOut: half of all public templates have some, from when Backstage
// ignored them.
func TestInputsThatAnActionDoesNotDeclareAreLeftOut(t *testing.T) {
	t.Parallel()
	schema := json.RawMessage(`{"type":"object","required":["repoUrl"],"additionalProperties":false,"properties":{"repoUrl":{"type":"string"},"topics":{"type":"array"}}}`)
	for _, quick := range []bool{true, false} {
		b := newBench(t, &act{description: action.Description{Quick: quick, InputSchema: schema}}, `{"id":"one","name":"One","action":"test:act","input":{"allowedHosts":["github.com"],"repoUrl":"x"}}`)
		b.act.run = func(_ context.Context, call *action.Call) (action.Output, error) {
			require.Equal(t, `{"repoUrl":"x"}`, string(call.Input)) //nolint:testifylint // to the byte
			return nil, nil
		}
		if !quick {
			require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
			b.must("test:act", b.request(0))
		}
		require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
		require.Contains(t, b.told(), "one  warn: The input allowedHosts was left out: test:act does not declare it. It takes repoUrl, topics.")
		require.Equal(t, `{"repoUrl":"x"}`, string(b.step(0).Input)) //nolint:testifylint // to the byte
		require.Equal(t, []string{"The input allowedHosts was left out: test:act does not declare it. It takes repoUrl, topics."}, b.step(0).Warnings)
	}
}

// TestExpressionsThatCannotBeEvaluatedAreWarnings: the text of an input is used as its value, which may fail
// the step. A step whose condition cannot be evaluated does not run.
func TestExpressionsThatCannotBeEvaluatedAreWarnings(t *testing.T) {
	t.Parallel()
	const broken = "input.repoUrl: x?owner=a&repo=${{ parameters.items | slugify }}: filter not found: slugify"
	b := newBenchWith(t, &act{description: action.Description{Quick: true}, run: output(nil)},
		func(spec *template.TaskSpec) {
			spec.Output = json.RawMessage(`{"url":"${{ parameters.items | projectSlug }}"}`)
		},
		`{"id":"one","name":"One","action":"test:act","input":{"repoUrl":"x?owner=a&repo=${{ parameters.items | slugify }}"}}`)
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One",
		"one  warn: An expression could not be evaluated and is kept as written: " + broken, "one completed Finished step One",
		"warn: An expression could not be evaluated and is kept as written: output.url: ${{ parameters.items | projectSlug }}: " +
			"projectSlug: Invalid repo URL passed to publisher, it must be a string", "Run completed with status: completed"}, b.told())

	require.Len(t, b.step(0).Warnings, 1)
	require.Len(t, b.get().Warnings, 1)

	b = newBench(t, &act{description: action.Description{Quick: true}, run: fails(action.InputError("Invalid repo URL"))},
		`{"id":"one","name":"One","action":"test:act","input":{"repoUrl":"x?owner=a&repo=${{ parameters.items | slugify }}"}}`)
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, "Invalid repo URL\nBefore that, this could not be evaluated: "+broken, b.get().Failure.Message)

	b = newBench(t, &act{description: action.Description{Quick: true}, run: output(nil)},
		`{"id":"one","name":"One","action":"test:act","if":"${{ parameters.danger | toBool }}"}`)
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	require.Zero(t, b.act.runs, "the guarded step did not run")
	failure := b.get().Failure
	require.Equal(t, "InputError: Step one: cannot evaluate if: ${{ parameters.danger | toBool }}: filter not found: toBool", failure.Name+": "+failure.Message)
	require.Contains(t, failure.Advice, "Mend the expression in the template")
}

func TestFailedAndCancelledRunsAreParked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request engine.AdvanceRequest
		phase   run.Phase
		status  run.Status
		told    string
	}{
		"failed": {engine.AdvanceRequest{Failed: &engine.FailedAction{Failure: fault.Failure{Name: "InputError", Message: "no", Advice: "try again"}}},
			run.PhaseParked, run.StatusFailed, "InputError: no\ntry again"},
		"cancelled": {engine.AdvanceRequest{Cancelled: true}, run.PhaseCancelled, run.StatusCancelled, "Error: Step one (One) of task % has been cancelled."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{}, stepOne, stepTwo)
			require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
			b.act.run = fails(action.Final(errors.New("no")))
			_, err := b.environment.ExecuteActivity("test:act", b.request(0))
			require.Error(t, err)
			test.request.RunID = b.id.String()
			require.Equal(t, next(engine.NextPark), b.advance(test.request))
			require.Equal(t, next(engine.NextPark), b.advance(test.request), "repeated after a crash")
			require.Equal(t, run.StatusFailed, b.get().Status)
			require.Equal(t, test.phase, b.get().Phase)
			require.Equal(t, "one", b.get().FailedStep)
			require.Equal(t, test.status, b.step(0).Status)
			require.Equal(t, run.StatusSkipped, b.step(1).Status)
			require.Equal(t, []string{"Starting up task with 2 steps", "one processing Beginning step One", "one failed " + strings.ReplaceAll(test.told, "%", b.id.String()),
				"two skipped Skipping step two because a previous step failed", "Run completed with status: failed"}, b.told())
			require.NotEmpty(t, b.state().Secrets, "a retry needs them")
			b.must(engine.ActivityExpireRun, engine.Command{RunID: b.id.String()})
			require.Empty(t, b.state().Secrets, "the run has expired")
		})
	}
}

func TestAWaitIsRecorded(t *testing.T) {
	t.Parallel()
	waits := 0
	b := newBench(t, &act{description: action.Description{Quick: true}, run: output(nil), wait: func() (time.Duration, error) {
		waits++
		return map[int]time.Duration{1: time.Hour}[waits], nil
	}}, eachStep)
	waiting := b.advance(engine.AdvanceRequest{})
	require.Equal(t, engine.NextWait, waiting.Kind)
	require.WithinDuration(t, time.Now().Add(time.Hour), waiting.Wait.Until, time.Minute)
	require.Equal(t, run.PhaseWaiting, b.get().Phase)
	require.WithinDuration(t, waiting.Wait.Until, b.step(0).WaitingUntil, time.Millisecond)
	again := b.advance(engine.AdvanceRequest{})
	require.WithinDuration(t, waiting.Wait.Until, again.Wait.Until, time.Millisecond, "a crash does not begin the wait anew")
	require.Equal(t, 1, waits)

	b.record(run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, WaitingUntil: time.Now().Add(-time.Second)}}})
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}), "the time is over, and the second iteration does not wait")
	require.Equal(t, run.PhaseDone, b.get().Phase)
	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One", `one  info: Running step each: {"key":"0","value":"a"}`,
		`one  info: Running step each: {"key":"1","value":"b"}`, "one completed Finished step One", "Run completed with status: completed"}, b.told())
}

// TestAStepLooksAgain: an action that waits for somebody is run again after a timer. That is no failure, holds no
// worker, and is logged once.
func TestAStepLooksAgain(t *testing.T) {
	t.Parallel()
	looks := 0
	b := newBench(t, &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		looks++
		require.WithinDuration(t, time.Now(), call.StartedAt, time.Minute)
		if looks <= 3 {
			return nil, action.NotYet(time.Hour, "Waiting for somebody to merge %s", secret)
		}
		call.Log.Info("It is merged")
		return action.Output{"merged": true}, nil
	}}, stepOne)
	for look := range 3 {
		require.Equal(t, engine.NextAction, b.advance(engine.AdvanceRequest{}).Kind)
		b.must("test:act", b.request(0))
		waiting := b.advance(engine.AdvanceRequest{})
		require.Equal(t, engine.NextWait, waiting.Kind, "look %d", look)
		require.WithinDuration(t, time.Now().Add(time.Hour), waiting.Wait.Until, time.Minute)
		require.Equal(t, run.PhaseWaiting, b.get().Phase)
		require.Zero(t, b.step(0).FailedAttempts)
		b.record(run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, WaitingUntil: time.Now().Add(-time.Second)}}})
	}
	require.Equal(t, engine.NextAction, b.advance(engine.AdvanceRequest{}).Kind)
	b.must("test:act", b.request(0))
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
	require.JSONEq(t, `{"merged":true}`, string(b.step(0).Output))
	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One", "one  info: Waiting for somebody to merge ***",
		"one  info: It is merged", "one completed Finished step One", "Run completed with status: completed"}, b.told())
}

// TestAWokenStepLooksAtOnce: a wake ends the wait of a step that looks again, and not that of one whose time is set.
func TestAWokenStepLooksAtOnce(t *testing.T) {
	t.Parallel()
	looks := newBench(t, &act{run: func(context.Context, *action.Call) (action.Output, error) {
		return nil, action.NotYet(time.Hour, "Waiting")
	}}, stepOne)
	require.Equal(t, engine.NextAction, looks.advance(engine.AdvanceRequest{}).Kind)
	looks.must("test:act", looks.request(0))
	require.Equal(t, engine.NextWait, looks.advance(engine.AdvanceRequest{}).Kind)
	require.Equal(t, engine.NextAction, looks.advance(engine.AdvanceRequest{Woken: true}).Kind)

	waits := newBench(t, &act{description: action.Description{Quick: true}, run: output(nil), wait: func() (time.Duration, error) { return time.Hour, nil }}, stepOne)
	require.Equal(t, engine.NextWait, waits.advance(engine.AdvanceRequest{}).Kind)
	require.Equal(t, engine.NextWait, waits.advance(engine.AdvanceRequest{Woken: true}).Kind)
}

func TestAWaitThatCannotBeReadFailsItsStep(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{wait: func() (time.Duration, error) { return 0, action.InputError("no such time") }}, stepOne)
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	require.Equal(t, "no such time", b.step(0).Failure.Message)
}

func TestARollback(t *testing.T) {
	t.Parallel()
	undoing := map[string]error{"undone": nil, "in use": &action.InUseError{Reason: "3 commits are not ours, see " + secret},
		"refused": action.Final(errors.New("403 with " + secret)), "unreachable": action.Transient(errors.New("502"), 0)}
	b := newBench(t, &act{undo: func(call *action.UndoCall) error {
		call.Log.Info("removing %s", call.Effect.Name)
		return undoing[call.Effect.Name]
	}}, stepOne)
	ledger := b.ledger()
	for _, name := range []string{"undone", "in use", "refused", "unreachable", "gone already"} {
		effect, err := ledger.Intend(t.Context(), action.Intent{Kind: "thing", Name: name, Key: name})
		require.NoError(t, err)
		if name == "gone already" {
			require.NoError(t, ledger.Abandon(t.Context(), effect.ID, "never made"))
		}
	}
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{Cancelled: true}))
	_, err := b.runs.Reopen(t.Context(), b.id, run.ReopenForRollback(0))
	require.NoError(t, err)
	rollback := b.advance(engine.AdvanceRequest{})
	require.Equal(t, rollback, b.advance(engine.AdvanceRequest{}), "repeated after a crash")
	require.Equal(t, engine.NextRollback, rollback.Kind)
	require.Equal(t, 1, rollback.Generation)
	var order []string
	for _, effect := range rollback.Effects {
		order = append(order, effect.Summary)
		_, err := b.environment.ExecuteActivity(engine.ActivityUndoEffect, engine.UndoRequest{RunID: b.id.String(), Generation: 1, EffectID: effect.ID})
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
	require.Equal(t, "403 with ***", effects[2].Note, "why it is still open")
	require.NotContains(t, strings.Join(b.told(), "\n"), secret)
	require.Contains(t, b.told(), "one  info: Undid thing undone")
	require.Contains(t, b.told(), "one  warn: Kept thing in use: 3 commits are not ours, see ***")
	require.Contains(t, b.told(), "one  error: Could not undo thing refused: 403 with ***")
}

// TestNoSecretInTheNameOfAnEffectIsShown: a location's name is its URL, which may hold a secret.
func TestNoSecretInTheNameOfAnEffectIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, stepOne)
	effect, err := b.ledger().Intend(t.Context(), action.Intent{Kind: "location", Name: "https://" + secret + "@x", Key: "x"})
	require.NoError(t, err)
	b.record(run.Entry{Rollback: &run.StepFailure{FailedStep: "one"}})
	require.Equal(t, []engine.EffectRef{{ID: effect.ID, Summary: "undo location https://***@x"}}, b.advance(engine.AdvanceRequest{}).Effects)

	b.record(run.Entry{LostWorkers: new(3)})
	_, err = does[any](b, engine.ActivityUndoEffect, engine.UndoRequest{RunID: b.id.String(), EffectID: effect.ID})
	require.ErrorContains(t, err, "lost over the undoing of location https://***@x")
	require.NotContains(t, err.Error(), secret)
}

func TestNoSecretInANoteOnAnEffectIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(ctx context.Context, call *action.Call) (action.Output, error) {
		effect, err := call.Ledger.Intend(ctx, action.Intent{Kind: "thing", Name: "x", Key: "x"})
		require.NoError(t, err)
		return nil, call.Ledger.Abandon(ctx, effect.ID, "refused "+secret+" and "+strings.ToUpper(secret))
	}}, `{"id":"one","name":"One","action":"test:act","input":{"up":"${{ secrets.token | upper }}"}}`)
	b.must("test:act", b.request(0))
	effects, err := b.runs.Effects(t.Context(), b.id)
	require.NoError(t, err)
	require.Equal(t, "refused *** and ***", effects[0].Note)
}

func TestHowARollbackEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state     action.EffectState
		remaining int
		note      string
		phase     run.Phase
		message   string
		next      string
		secrets   int
	}{
		"everything is undone": {action.EffectUndone, 0, "", run.PhaseRolledBack, "The run was rolled back: 1 undone, nothing is left of it", "", 0},
		"something is kept":    {action.EffectKept, 0, "", run.PhaseRolledBack, "The run was rolled back: 0 undone, 1 kept", "Look at what was kept, and remove it by hand if it is not needed.", 0},
		"something is left":    {action.EffectCreated, 1, "", run.PhaseParked, "The rollback undid 0; 1 thing is left, because 502", "Wait.", 1},
		"something cannot be seen": {action.EffectCreated, 1, "x cannot be seen", run.PhaseParked,
			"The rollback undid 0; 1 thing is left, because x cannot be seen", "Wait.", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{}, stepOne)
			effect, err := b.ledger().Intend(t.Context(), action.Intent{Kind: "thing", Name: "x", Key: "x"})
			require.NoError(t, err)
			b.record(run.Entry{Rollback: &run.StepFailure{FailedStep: "one"}, Effects: []run.EffectChange{{ID: effect.ID, State: test.state, Note: test.note}}})
			end := engine.RollbackResult{RunID: b.id.String(), Remaining: test.remaining}
			if test.remaining > 0 {
				end.Failure = &fault.Failure{Name: "Error", Message: "502", Advice: "Wait."}
			}
			b.must(engine.ActivityEndRollback, end)
			b.must(engine.ActivityEndRollback, end) // as after a crash
			require.Equal(t, run.StatusFailed, b.get().Status, "Backstage knows no better word")
			require.Equal(t, test.phase, b.get().Phase)
			require.Equal(t, test.message, b.get().Failure.Message)
			require.Equal(t, test.next, b.get().Failure.Advice)
			require.Len(t, b.state().Secrets, test.secrets)
		})
	}
}

func TestTheLogOfAnActionIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true}, run: func(_ context.Context, call *action.Call) (action.Output, error) {
		call.Log.Info("%s", strings.Repeat("é", 20<<10))
		for range 25_000 {
			call.Log.Info("again")
		}
		return nil, nil
	}}, stepOne)
	b.must("test:act", b.request(0))
	lines := b.told()
	require.Less(t, len(lines[1]), 33<<10)
	require.True(t, strings.HasSuffix(lines[1], "é … (cut)"))
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

func TestAMissingRunIsNotFound(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: output(nil)}, stepOne)
	for activity, request := range map[string]any{
		engine.ActivityAdvance:     engine.AdvanceRequest{RunID: "no uuid"},
		"test:act":                 engine.ActionRequest{RunID: uuid.NewString()},
		engine.ActivityEndRollback: engine.RollbackResult{RunID: uuid.NewString()},
		engine.ActivityExpireRun:   engine.Command{RunID: "no uuid"},
	} {
		_, err := b.environment.ExecuteActivity(activity, request)
		require.Error(t, err, activity)
	}
}

func TestARepeatedFailureDoesNotUndoADecision(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: fails(action.Final(errors.New("no")))}, `{"id":"one","name":"One","action":"test:act"}`)
	failed := engine.AdvanceRequest{Failed: &engine.FailedAction{Failure: fault.Failure{Name: "Error", Message: "no"}}}
	require.Equal(t, next(engine.NextPark), b.advance(failed))
	generation, err := b.runs.Reopen(t.Context(), b.id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, Recovered: true})
	require.NoError(t, err)
	require.Equal(t, 1, generation)

	again := b.advance(failed)
	require.Equal(t, engine.NextAction, again.Kind, "the run was reopened")
	require.Equal(t, 1, again.Generation)
	require.Equal(t, run.StatusOpen, b.step(0).Status)
	b.must("test:act", b.request(0))
	b.must(engine.ActivityEndRollback, engine.RollbackResult{RunID: b.id.String()})
	require.Equal(t, run.StatusProcessing, b.get().Status, "reports of an older generation are ignored")
	require.Zero(t, b.act.runs)
}

func TestOnFailureRollbackRollsARunBack(t *testing.T) {
	t.Parallel()
	b := newBenchWith(t, &act{description: action.Description{Quick: true}, run: fails(action.Final(errors.New("no"))), undo: func(*action.UndoCall) error { return nil }},
		func(spec *template.TaskSpec) { spec.OnFailure = template.RollBackOnFailure }, stepOne)
	_, err := b.ledger().Intend(t.Context(), action.Intent{Kind: "thing", Name: "x", Key: "x"})
	require.NoError(t, err)
	rollback := b.advance(engine.AdvanceRequest{})
	require.Equal(t, engine.NextRollback, rollback.Kind)
	require.Zero(t, rollback.Generation)
	require.Len(t, rollback.Effects, 1)
	require.Equal(t, run.PhaseRollingBack, b.get().Phase)
	require.Equal(t, rollback, b.advance(engine.AdvanceRequest{}), "repeated after a crash")
	require.Equal(t, "no", b.get().Failure.Message, "people see why while it is undone")
	require.Equal(t, []string{"Starting up task with 1 steps", "one processing Beginning step One",
		"one failed Error: no\n" + "Mend the cause and retry: the run goes on from this step. If it lies in the template or in a value, start a new run.",
		"error: Error: no", run.RollbackNote}, b.told(), "it has not ended")

	b.must(engine.ActivityUndoEffect, engine.UndoRequest{RunID: b.id.String(), EffectID: rollback.Effects[0].ID})
	b.must(engine.ActivityEndRollback, engine.RollbackResult{RunID: b.id.String()})
	require.Equal(t, []string{"one  info: Undid thing x", "The run was rolled back: 1 undone, nothing is left of it"}, b.told()[5:], "and ends once")
	require.Equal(t, run.PhaseRolledBack, b.get().Phase)
	require.Equal(t, "one", b.get().FailedStep)
	require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
}

func TestAPanicOfAnActionFailsItsStep(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: func(context.Context, *action.Call) (action.Output, error) { panic("at " + secret) }},
		`{"id":"one","name":"One","action":"test:act"}`)
	_, err := b.environment.ExecuteActivity("test:act", b.request(0))
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.NonRetryable())
	require.Equal(t, "action test:act panicked: at ***", failed.Message())
}

// TestCancellingASlowFirstAdvance: the workflow executes the next `advance run`, which ends the run, while
// the one that it gave up still runs.
func TestCancellingASlowFirstAdvance(t *testing.T) {
	t.Parallel()
	for _, interrupted := range []bool{true, false} {
		t.Run(fmt.Sprintf("interrupted %t", interrupted), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{description: action.Description{Quick: true}}, stepOne, stepTwo)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			b.environment.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
			var ended run.Run
			var lines []string
			b.act.run = func(ctx context.Context, _ *action.Call) (action.Output, error) {
				require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{Cancelled: true}))
				ended, lines = b.get(), b.told()
				if interrupted {
					interrupt()
				}
				return nil, ctx.Err()
			}
			_, err := b.environment.ExecuteActivity(engine.ActivityAdvance, engine.AdvanceRequest{RunID: b.id.String()})
			require.ErrorContains(t, err, "another worker took it over")
			require.Equal(t, run.StatusFailed, ended.Status)
			require.Equal(t, run.PhaseCancelled, ended.Phase)
			require.Equal(t, ended, b.get(), "the end stands")
			require.Equal(t, lines, b.told())
			require.Equal(t, run.StatusCancelled, b.step(0).Status)
			require.Equal(t, run.StatusSkipped, b.step(1).Status)
		})
	}
}

// TestALateWorkerStops: Temporal delivered its step to another worker, which has finished it.
func TestALateWorkerStops(t *testing.T) {
	t.Parallel()
	for name, lateWork := range map[string]func(ctx context.Context, call *action.Call) (action.Output, error){
		"when it has something to say": func(ctx context.Context, call *action.Call) (action.Output, error) {
			call.Log.Info("still here")
			<-ctx.Done() // nothing else ends it
			return nil, ctx.Err()
		},
		"when it makes something": func(ctx context.Context, call *action.Call) (action.Output, error) {
			_, err := call.Ledger.Intend(ctx, action.Intent{Kind: "thing", Name: "x", Key: "x"})
			return nil, err
		},
		"when it is done":    output(action.Output{"url": "late"}),
		"when it has failed": fails(action.Final(errors.New("no"))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{}, stepOne, stepTwo)
			var lines []string
			b.act.run = func(ctx context.Context, call *action.Call) (action.Output, error) {
				b.act.run = output(action.Output{"url": "prompt"})
				b.must("test:act", b.request(0))
				lines = b.told()
				return lateWork(ctx, call)
			}
			require.Equal(t, acts(0), b.advance(engine.AdvanceRequest{}))
			_, err := b.environment.ExecuteActivity("test:act", b.request(0))
			require.Error(t, err)
			require.Equal(t, lines, b.told())
			require.Equal(t, `{"url":"prompt"}`, string(b.step(0).Output)) //nolint:testifylint // as it is stored
			effects, err := b.runs.Effects(t.Context(), b.id)
			require.NoError(t, err)
			require.Empty(t, effects)
		})
	}
}

func TestAReplacedExecutionIsToldToEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: output(nil)}, stepOne)
	b.advance(engine.AdvanceRequest{})
	b.record(run.Entry{WorkflowRunID: "a later execution"})
	_, err := b.environment.ExecuteActivity(engine.ActivityAdvance, engine.AdvanceRequest{RunID: b.id.String(), Failed: &engine.FailedAction{}})
	failed, isFailure := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, isFailure)
	require.True(t, failed.NonRetryable(), "it would be refused for ever")
	require.Equal(t, "a later execution", b.get().WorkflowRunID)
}

// TestALargeInputHoldsItsMemoryUntilItIsRecorded: two steps, of which the first has a large input.
func TestALargeInputHoldsItsMemoryUntilItIsRecorded(t *testing.T) {
	t.Parallel()
	const large = 2 << 20
	for name, each := range map[string]string{"once": "", "each": `"each":["x"],`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := budget.NewPool(budget.Limits{Process: 8 * large, Account: 8 * large})
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			// A share is free if it is there without waiting.
			isFree := func() bool {
				account := pool.Open()
				defer account.Close()
				return account.Acquire(ended, large) == nil
			}
			var b *bench
			var free, recorded []bool
			b = newBench(t, &act{description: action.Description{Quick: true}, run: func(context.Context, *action.Call) (action.Output, error) {
				free, recorded = append(free, isFree()), append(recorded, b.step(0).Status == run.StatusCompleted)
				return nil, nil
			}, tune: func(_ *bench, o *templaterun.Options) {
				o.Planner = plan.NewPlanner(expression.New(expression.Options{Memory: pool}), plan.Environment{})
			}}, `{"id":"one","name":"One","action":"test:act",`+each+`"input":{"text":"${{ 'ab'.repeat(1048576) }}"}}`,
				`{"id":"two","name":"Two","action":"test:act"}`)
			require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
			require.Equal(t, []bool{false, true}, free)
			require.Equal(t, []bool{false, true}, recorded)
		})
	}
}
