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

// asWorker turns this test binary into a worker, with actions that no other binary should have.
const asWorker = "PORTICO_E2E_WORKER"

// post is the configuration of a colony's worker.
type post struct{ DSN, Temporal, Queue, Dir string }

// colony is a database, a task queue, and worker processes. It needs no server: the test starts the runs.
type colony struct {
	t *testing.T
	post
	runs    *run.Store
	service *scaffolder.Service
	sweeper *scaffolder.Sweeper
	engine  *workflows.Client
	pool    *pgxpool.Pool
	client  client.Client
	// deaths counts the workers that have died.
	deaths atomic.Int32
}

func newColony(t *testing.T) *colony {
	t.Helper()
	name, dsn := shared.newDatabase(t)
	c := &colony{t: t, post: post{DSN: dsn, Temporal: shared.get(t).TemporalAddress(), Queue: name, Dir: t.TempDir()}}
	pool, err := db.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.NoError(t, db.Migrate(t.Context(), pool))
	c.pool, c.runs = pool, run.NewStore(pool, colonyKeys())
	c.client, err = client.DialContext(t.Context(), client.Options{HostPort: c.Temporal, Logger: silent{}})
	require.NoError(t, err)
	t.Cleanup(c.client.Close)
	c.engine = workflows.NewClient(workflows.ClientOptions{Temporal: c.client, TaskQueue: c.Queue, Searchable: true,
		Log: slog.New(slog.DiscardHandler)})
	c.service = scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Runs: c.runs,
		Engine: c.engine, Decider: policy.AllowKnown{}})
	c.sweeper = scaffolder.NewSweeper(slog.New(slog.DiscardHandler), c.runs, c.engine)
	return c
}

func colonyKeys() *seal.Keyring {
	keys, err := seal.NewKeyring(seal.Key{ID: "colony", Secret: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		panic(err)
	}
	return keys
}

// keep keeps one worker running until the test ends: it replaces each that dies.
func (c *colony) keep() (stop func()) {
	c.t.Helper()
	encoded, err := json.Marshal(c.post)
	require.NoError(c.t, err)
	itself, err := os.Executable()
	require.NoError(c.t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	var keeping sync.WaitGroup
	var output lockedBuffer
	keeping.Go(func() {
		for ctx.Err() == nil {
			command := exec.CommandContext(ctx, itself)
			command.Env = append(os.Environ(), asWorker+"="+string(encoded))
			command.Stdout, command.Stderr = &output, &output
			if command.Run() != nil && ctx.Err() == nil { // how it ended is the test's own doing
				c.deaths.Add(1)
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		keeping.Wait()
	})
	c.t.Cleanup(func() {
		stop()
		if c.t.Failed() {
			c.t.Logf("the log of the workers:\n%s", output.String())
		}
	})
	return stop
}

// start starts a run of these steps.
func (c *colony) start(steps string, secrets map[string]string) uuid.UUID {
	c.t.Helper()
	n := run.New{ID: uuid.New(), TemplateRef: "template:default/t", Title: "T", Secrets: secrets}
	require.NoError(c.t, json.Unmarshal([]byte(`{"steps":[`+steps+`],"output":{},"parameters":{}}`), &n.Spec))
	require.NoError(c.t, c.runs.Create(c.t.Context(), n))
	require.NoError(c.t, c.engine.Start(c.t.Context(), engine.Command{RunID: n.ID.String(), Summary: "T"}))
	return n.ID
}

// comesTo waits until a run is in one of the phases.
func (c *colony) comesTo(id uuid.UUID, phase run.Phase, patience time.Duration) run.Run {
	c.t.Helper()
	var got run.Run
	require.Eventually(c.t, func() bool {
		var err error
		got, err = c.runs.Get(c.t.Context(), run.Rules.Everything(), id)
		return err == nil && got.Phase == phase
	}, patience, 20*time.Millisecond, "the run should come to %s", phase)
	return got
}

// operator is the principal that retries and rolls back.
var operator = identity.Principal{Kind: identity.KindUser, Subject: "user:default/operator"}

func (c *colony) retry(id uuid.UUID) {
	c.t.Helper()
	require.NoError(c.t, c.service.Retry(c.t.Context(), operator, id.String(), scaffolder.Command{}))
}

// work is the main of a worker process.
func work(encoded string) int {
	if err := workAt(encoded); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func workAt(encoded string) error {
	var at post
	if err := json.Unmarshal([]byte(encoded), &at); err != nil {
		return err
	}
	ctx := context.Background()
	logs := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, err := db.Open(ctx, at.DSN)
	if err != nil {
		return err
	}
	redeliveries := &templaterun.Redeliveries{}
	connected, err := client.DialContext(ctx, client.Options{HostPort: at.Temporal, Logger: log.NewStructuredLogger(logs),
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(redeliveries.Intercept)}}})
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
	templaterun.New(templaterun.Options{Log: logs, Redeliveries: redeliveries, Runs: run.NewStore(pool, colonyKeys()), Actions: actions,
		Workspaces: workspaces, Planner: plan.NewPlanner(expression.New(expression.Options{}), plan.Environment{}), StuckTimeout: 5 * time.Second,
		Settings: engine.Settings{StepTimeout: time.Hour, HeartbeatTimeout: 2 * time.Second, InitialInterval: 100 * time.Millisecond,
			MaximumInterval: time.Second, MaximumAttempts: 3, ParkedExpiry: time.Hour}}).Register(running)
	if err := running.Start(); err != nil {
		return err
	}
	select {}
}

// testAction is an action that only these tests have.
type testAction struct {
	id    string
	quick bool
	run   func(ctx context.Context, call *action.Call) error
	undo  func(call *action.UndoCall) error
}

func testActions(dir string) []action.Action {
	die := func() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	isThere := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	dieOrNot := func(context.Context, *action.Call) error {
		if isThere("mended") {
			return nil
		}
		return die()
	}
	return []action.Action{
		&testAction{id: "test:die", run: dieOrNot},
		&testAction{id: "test:die-quickly", quick: true, run: dieOrNot},
		&testAction{id: "test:act"},
		&testAction{id: "test:last", run: func(ctx context.Context, _ *action.Call) error {
			for !isThere("enough") {
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
			if call.Effect.Name == "deadly" && !isThere("mended") {
				return die()
			}
			return nil
		}},
	}
}

func (a *testAction) Describe() action.Description {
	return action.Description{ID: a.id, Description: "A test's.", Quick: a.quick}
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
