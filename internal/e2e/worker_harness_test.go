package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/debug"
	"github.com/portico-dev/portico/activities/templaterun"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/seal"
	"github.com/portico-dev/portico/workflows"
)

// asWorker is the variable that makes this test binary a worker with the test actions.
const asWorker = "PORTICO_E2E_WORKER"

// workerConfig is the configuration of a worker process.
type workerConfig struct{ DSN, Temporal, Queue, Dir string }

// workerHarness has a database, a task queue and worker processes with test actions. It has no server: the
// test starts the runs.
type workerHarness struct {
	t *testing.T
	workerConfig
	runs    *run.Store
	service *scaffolder.Service
	sweeper *scaffolder.Sweeper
	engine  *workflows.Client
	pool    *pgxpool.Pool
	client  client.Client
	// deaths counts the workers that have died.
	deaths atomic.Int32
}

func newWorkerHarness(t *testing.T) *workerHarness {
	t.Helper()
	name, dsn := shared.newDatabase(t)
	h := &workerHarness{t: t, workerConfig: workerConfig{DSN: dsn, Temporal: shared.get(t).TemporalAddress(), Queue: name, Dir: t.TempDir()}}
	pool, err := db.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.NoError(t, db.Migrate(t.Context(), pool))
	h.pool, h.runs = pool, run.NewStore(pool, harnessKeys())
	h.client, err = client.DialContext(t.Context(), client.Options{HostPort: h.Temporal, Logger: silent{}})
	require.NoError(t, err)
	t.Cleanup(h.client.Close)
	h.engine = workflows.NewClient(workflows.ClientOptions{Temporal: h.client, TaskQueue: h.Queue, Searchable: true,
		Log: slog.New(slog.DiscardHandler)})
	h.service = scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Runs: h.runs,
		Engine: h.engine, Decider: policy.AllowKnown{}})
	h.sweeper = scaffolder.NewSweeper(slog.New(slog.DiscardHandler), h.runs, h.engine)
	return h
}

func harnessKeys() *seal.Keyring {
	keys, err := seal.NewKeyring(seal.Key{ID: "e2e", Secret: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		panic(err)
	}
	return keys
}

// keepWorker keeps one worker running until the test ends: it replaces each that dies.
func (h *workerHarness) keepWorker() (stop func()) {
	h.t.Helper()
	encoded, err := json.Marshal(h.workerConfig)
	require.NoError(h.t, err)
	itself, err := os.Executable()
	require.NoError(h.t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	var supervising sync.WaitGroup
	var output lockedBuffer
	supervising.Go(func() {
		for ctx.Err() == nil {
			command := exec.CommandContext(ctx, itself)
			command.Env = append(os.Environ(), asWorker+"="+string(encoded))
			command.Stdout, command.Stderr = &output, &output
			if command.Run() != nil && ctx.Err() == nil {
				h.deaths.Add(1)
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		supervising.Wait()
	})
	h.t.Cleanup(func() {
		stop()
		if h.t.Failed() {
			h.t.Logf("the log of the workers:\n%s", output.String())
		}
	})
	return stop
}

// start starts a run of these steps.
func (h *workerHarness) start(steps string, secrets map[string]string) uuid.UUID {
	h.t.Helper()
	n := run.New{ID: uuid.New(), TemplateRef: "template:default/t", Title: "T", Secrets: secrets}
	require.NoError(h.t, json.Unmarshal([]byte(`{"steps":[`+steps+`],"output":{},"parameters":{}}`), &n.Spec))
	require.NoError(h.t, h.runs.Create(h.t.Context(), n))
	require.NoError(h.t, h.engine.Start(h.t.Context(), engine.Command{RunID: n.ID.String(), Summary: "T"}))
	return n.ID
}

// awaitPhase waits until a run is in the phase.
func (h *workerHarness) awaitPhase(id uuid.UUID, phase run.Phase, patience time.Duration) run.Run {
	h.t.Helper()
	var got run.Run
	require.Eventually(h.t, func() bool {
		var err error
		got, err = h.runs.Get(h.t.Context(), run.Rules.Everything(), id)
		return err == nil && got.Phase == phase
	}, patience, 20*time.Millisecond, "the run should be %s", phase)
	return got
}

// operator is the principal that retries and rolls back.
var operator = identity.Principal{Kind: identity.KindUser, Subject: "user:default/operator"}

func (h *workerHarness) retry(id uuid.UUID) {
	h.t.Helper()
	require.NoError(h.t, h.service.Retry(h.t.Context(), operator, id.String(), scaffolder.Command{}))
}

// runWorker is the main function of a worker process.
func runWorker(encoded string) int {
	if err := serveWorker(encoded); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveWorker(encoded string) error {
	var at workerConfig
	if err := json.Unmarshal([]byte(encoded), &at); err != nil {
		return err
	}
	ctx := context.Background()
	logs := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, err := db.Open(ctx, at.DSN)
	if err != nil {
		return err
	}
	budget := crash.NewBudget(logs)
	connected, err := client.DialContext(ctx, client.Options{HostPort: at.Temporal, Logger: log.NewStructuredLogger(logs),
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(budget.Intercept)}}})
	if err != nil {
		return err
	}
	actions, err := action.NewRegistry(append(debug.Actions(), testActions(at.Dir)...)...)
	if err != nil {
		return err
	}
	bucket, err := workspace.OpenBucket(ctx, "file://"+at.Dir)
	if err != nil {
		return err
	}
	workspaces, err := workspace.New(workspace.Options{Bucket: bucket, Directory: at.Dir})
	if err != nil {
		return err
	}
	running := worker.New(connected, at.Queue, worker.Options{})
	workflows.Register(running, workflows.QueueRuns)
	templaterun.New(templaterun.Options{Log: logs, CrashBudget: budget, Runs: run.NewStore(pool, harnessKeys()), Actions: actions,
		Workspaces: workspaces, Planner: plan.NewPlanner(expression.New(expression.Options{}), plan.Environment{}), StuckTimeout: 5 * time.Second,
		Settings: engine.Settings{StepTimeout: time.Hour, HeartbeatTimeout: 2 * time.Second, InitialInterval: 100 * time.Millisecond,
			MaximumInterval: time.Second, MaximumAttempts: 3, ParkedExpiry: time.Hour}}).Register(running)
	if err := running.Start(); err != nil {
		return err
	}
	select {}
}

// testAction is an action of these tests.
type testAction struct {
	id    string
	quick bool
	run   func(ctx context.Context, call *action.Call) error
	undo  func(call *action.UndoCall) error
}

func testActions(dir string) []action.Action {
	die := func() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	dieUnlessFixed := func(context.Context, *action.Call) error {
		if exists("fixed") {
			return nil
		}
		return die()
	}
	return []action.Action{
		&testAction{id: "test:die", run: dieUnlessFixed},
		&testAction{id: "test:die-quickly", quick: true, run: dieUnlessFixed},
		&testAction{id: "test:act"},
		&testAction{id: "test:last", run: func(ctx context.Context, _ *action.Call) error {
			for !exists("enough") {
				select {
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}},
		&testAction{id: "test:make", run: func(ctx context.Context, call *action.Call) error {
			for _, name := range []string{"first", "deadly", "last"} {
				if _, err := call.Ledger.Intend(ctx, action.Intent{Kind: "thing", Name: name, Key: name}); err != nil {
					return err
				}
			}
			return nil
		}, undo: func(call *action.UndoCall) error {
			if call.Effect.Name == "deadly" && !exists("fixed") {
				return die()
			}
			return nil
		}},
	}
}

func (a *testAction) Describe() action.Description {
	return action.Description{ID: a.id, Description: "An action of a test.", Quick: a.quick}
}

func (a *testAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	if a.run == nil {
		return action.Output{"n": call.Iteration}, nil
	}
	return nil, a.run(ctx, call)
}

func (a *testAction) Undo(_ context.Context, call *action.UndoCall) error { return a.undo(call) }

func (a *testAction) Plan(context.Context, *action.Call) (action.Plan, error) {
	return action.Plan{}, nil
}
