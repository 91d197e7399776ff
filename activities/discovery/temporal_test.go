package discovery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/discovery"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/internal/testkit/temporaltest"
	"github.com/portico-dev/portico/workflows"
)

const (
	// workerVariable has the configuration of a worker process that the test starts of itself.
	workerVariable = "PORTICO_TEST_SWEEP_WORKER"
	// recordVariable has the histories of this test stored, for the tests of package workflows to replay.
	recordVariable = "PORTICO_RECORD_HISTORIES"
	taskQueue      = "test"
	// patience bounds the wait for a sweep.
	patience = 2 * time.Minute
)

func TestMain(m *testing.M) {
	if encoded := os.Getenv(workerVariable); encoded != "" {
		if err := serveWorker(encoded); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// workerConfig is the configuration of a worker process. What its source does is said by files in Dir.
type workerConfig struct{ DSN, Temporal, Dir string }

// has reports whether there is a file of this name.
func (c workerConfig) has(name string) bool {
	_, err := os.Stat(filepath.Join(c.Dir, name))
	return err == nil
}

// dieOnce kills the process unless that was done before.
func (c workerConfig) dieOnce(name string) error {
	if !c.has("die " + name) {
		return nil
	}
	if err := os.Remove(filepath.Join(c.Dir, "die "+name)); err != nil {
		return err
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func (c workerConfig) source() *script {
	return &script{
		version: func() int {
			if c.has("version 2") {
				return 2
			}
			return 1
		},
		fault: func(_ context.Context, page int) error {
			switch {
			case page == 5 && c.has("revoked"):
				return &integration.ResponseError{Status: http.StatusUnauthorized, Problem: "could not read the page, 401 Unauthorized"}
			case page == 5 && c.has("limited"):
				return &integration.ResponseError{Status: http.StatusTooManyRequests, RateLimited: true, RetryAfter: time.Hour, Problem: "429"}
			default:
				return c.dieOnce("before " + strconv.Itoa(page))
			}
		},
	}
}

func serveWorker(encoded string) error {
	var at workerConfig
	if err := json.Unmarshal([]byte(encoded), &at); err != nil {
		return err
	}
	logs := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, err := db.Open(context.Background(), at.DSN)
	if err != nil {
		return err
	}
	budget := crash.NewBudget(logs)
	connected, err := client.Dial(client.Options{HostPort: at.Temporal, Logger: log.NewStructuredLogger(logs),
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(budget.Intercept, at.dieBeforeReport)}}})
	if err != nil {
		return err
	}
	running := worker.New(connected, workflows.QueueBackground.TaskQueue(taskQueue), worker.Options{})
	workflows.Register(running, workflows.QueueBackground)
	discovery.New(discovery.Options{Log: logs, CrashBudget: budget, Sweeps: sweep.NewStore(sweep.StoreOptions{Pool: pool}),
		Sources: at.source().configured()}).Register(running)
	if err := running.Start(); err != nil {
		return err
	}
	select {}
}

// dieBeforeReport kills the process when it is about to say that an activity has ended.
func (c workerConfig) dieBeforeReport(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	if strings.HasSuffix(method, "/RespondActivityTaskCompleted") {
		if err := c.dieOnce("before the report"); err != nil {
			return err
		}
	}
	return invoke(ctx, method, request, reply, connection, options...)
}

// system is a real Temporal with workers in processes of their own.
type system struct {
	*testing.T
	field     *field
	at        workerConfig
	connected client.Client
	schedules *workflows.Schedules
	service   *sweep.Service
}

var operator = identity.Principal{Kind: identity.KindUser, Subject: "user:default/operator"}

func newSystem(t *testing.T) *system {
	t.Helper()
	pool := testkit.Database(t)
	server := temporaltest.Serve(t, temporal.Options{})
	s := &system{T: t, at: workerConfig{DSN: pool.Config().ConnString(), Temporal: server.FrontendAddress(), Dir: t.TempDir()},
		connected: temporaltest.Dial(t, server)}
	s.field = &field{T: t, pool: pool, store: sweep.NewStore(sweep.StoreOptions{Pool: pool}), source: s.at.source()}
	s.schedules = workflows.NewSchedules(workflows.ClientOptions{Temporal: s.connected, TaskQueue: taskQueue, Log: slog.New(slog.DiscardHandler)})
	s.service = sweep.NewService(sweep.ServiceOptions{Pool: pool, Decider: policytest.Table{}, Engine: s.schedules, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, s.field.store.Configure(t.Context(), s.field.source.configured()))
	s.sync()
	s.work()
	return s
}

func (s *system) sync() {
	s.Helper()
	require.NoError(s, s.field.store.Sync(s.Context(), s.schedules, false))
}

// work keeps one worker process running until the test ends.
func (s *system) work() {
	encoded, err := json.Marshal(s.at)
	require.NoError(s, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(s.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			process := exec.CommandContext(ctx, os.Args[0])
			process.Env = append(os.Environ(), workerVariable+"="+string(encoded))
			process.Stderr = os.Stderr
			_ = process.Run() // it was killed, and another one takes over
		}
	}()
	s.Cleanup(func() {
		stop()
		<-ended
	})
}

// say makes a file that the source reads; forget removes it.
func (s *system) say(name string) {
	s.Helper()
	require.NoError(s, os.WriteFile(filepath.Join(s.at.Dir, name), nil, 0o600))
}

func (s *system) forget(name string) {
	s.Helper()
	require.NoError(s, os.Remove(filepath.Join(s.at.Dir, name)))
}

// start asks for a sweep.
func (s *system) start() uuid.UUID {
	s.Helper()
	asked, err := s.service.Start(s.Context(), operator, sourceName, nil)
	require.NoError(s, err)
	return asked.ID
}

// await waits until a sweep is in a state and, when it has ended, until its workflow has, too.
func (s *system) await(id uuid.UUID, state sweep.State) sweep.Sweep {
	s.Helper()
	var got sweep.Sweep
	require.Eventually(s, func() bool {
		var err error
		got, err = s.service.Sweep(s.Context(), operator, id)
		return err == nil && got.State == state
	}, patience, 50*time.Millisecond, "the sweep should be %s", state)
	if state.HasEnded() {
		require.Eventually(s, func() bool {
			described, err := s.connected.DescribeWorkflowExecution(s.Context(), got.WorkflowID, "")
			return err == nil && described.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		}, patience, 50*time.Millisecond, "the workflow should end")
	}
	return got
}

// record stores the history of a sweep, if that is asked for.
func (s *system) record(kind string, of sweep.Sweep) {
	s.Helper()
	if os.Getenv(recordVariable) == "" {
		return
	}
	events := s.connected.GetWorkflowHistory(s.Context(), of.WorkflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var recorded history.History
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s, err)
		recorded.Events = append(recorded.Events, event)
	}
	encoded, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&recorded)
	require.NoError(s, err)
	require.NoError(s, os.WriteFile(filepath.Join("../../workflows/testdata", "sweep-"+kind+".json"), append(encoded, '\n'), 0o600))
}

// TestSweepsInTemporal goes through the ends of a sweep with a real Temporal, its schedule, and workers that are
// killed: before they have staged a page, and after that but before Temporal has heard of it.
func TestSweepsInTemporal(t *testing.T) {
	t.Parallel()
	s := newSystem(t)

	s.say("die before 20")
	s.say("die before the report")
	done := s.await(s.start(), sweep.Committed)
	s.record("committed", done)
	require.Equal(t, []int{pageCount, pageCount, pageCount * pageSize}, []int{done.Pages, done.Requests, done.Entities})
	require.False(t, s.at.has("die before 20") || s.at.has("die before the report"), "two workers died")
	s.field.requireCatalog(1)

	s.say("version 2")
	s.say("revoked")
	failed := s.await(s.start(), sweep.Failed)
	s.record("failed", failed)
	require.Contains(t, failed.Failure.Message, "401 Unauthorized")
	require.Equal(t, 5, failed.Pages)
	s.field.requireCatalog(1)
	s.forget("revoked")

	s.say("limited")
	id := s.start()
	require.Eventually(t, func() bool {
		reading, err := s.service.Sweep(t.Context(), operator, id)
		return err == nil && reading.Pages == 5
	}, patience, 50*time.Millisecond)
	_, err := s.service.Start(t.Context(), operator, sourceName, nil)
	require.Equal(t, fault.Conflict, fault.KindOf(err), "one sweep at a time")
	_, err = s.service.Cancel(t.Context(), operator, id)
	require.NoError(t, err)
	s.record("cancelled", s.await(id, sweep.Cancelled))
	s.field.requireCatalog(1)
	s.forget("limited")

	// A change of the configuration changes the schedule, too.
	_, err = s.field.pool.Exec(t.Context(), "update catalog_sources set place = 'example.com/acme (moved)'")
	require.NoError(t, err)
	s.sync()
	strict := 0
	asked, err := s.service.Start(t.Context(), operator, sourceName, &strict)
	require.NoError(t, err)
	waiting := s.await(asked.ID, sweep.Waiting)
	require.Equal(t, 5, waiting.Removed, "three are gone, and two have another name")
	s.field.requireEntities(1)
	_, err = s.service.Approve(t.Context(), operator, asked.ID)
	require.NoError(t, err)
	s.record("approved", s.await(asked.ID, sweep.Committed))
	s.field.requireCatalog(2)
}

// TestSchedulesInTemporal: what the record says, what the Temporal Web UI does, and what is left afterwards.
func TestSchedulesInTemporal(t *testing.T) {
	t.Parallel()
	server := temporaltest.Serve(t, temporal.Options{})
	connected := temporaltest.Dial(t, server)
	schedules := workflows.NewSchedules(workflows.ClientOptions{Temporal: connected, TaskQueue: taskQueue, Log: slog.New(slog.DiscardHandler)})
	first := time.Now().Add(time.Hour)
	handle := connected.ScheduleClient().GetHandle(t.Context(), sweep.WorkflowID(sourceName))
	for _, plan := range []sweep.Plan{
		{Source: sourceName, Every: 30 * time.Minute, FirstAt: first},
		{Source: sourceName, Every: 2 * time.Hour, FirstAt: first},
		{Source: sourceName, Cron: "0 4 * * *", FirstAt: first},
		{Source: sourceName},
	} {
		scheduled, err := schedules.Ensure(t.Context(), plan)
		require.NoError(t, err)
		require.False(t, scheduled.Paused)
		switch {
		case plan.Every > 0:
			require.WithinDuration(t, first, scheduled.Next, 2*time.Minute, "the first one is due then, with a jitter")
			require.InDelta(t, plan.Every, scheduled.Period, float64(2*time.Minute))
		case plan.Cron != "":
			require.Equal(t, 4, scheduled.Next.UTC().Hour())
			require.Equal(t, 24*time.Hour, scheduled.Period)
		default:
			require.Zero(t, scheduled.Next)
		}
		require.NoError(t, handle.Pause(t.Context(), client.SchedulePauseOptions{Note: "in the Web UI"}))
		again, err := schedules.Ensure(t.Context(), plan)
		require.NoError(t, err)
		require.True(t, again.Paused, "what somebody did in the Temporal Web UI stays")
		require.NoError(t, schedules.Resume(t.Context(), sourceName, "by a test"))
		described, err := handle.Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, enums.SCHEDULE_OVERLAP_POLICY_SKIP, described.Schedule.Policy.Overlap)
		require.NoError(t, schedules.Pause(t.Context(), sourceName, "by a test"))
		require.NoError(t, schedules.Resume(t.Context(), sourceName, "by a test"))
	}
	require.NoError(t, schedules.Remove(t.Context(), sourceName))
	require.NoError(t, schedules.Remove(t.Context(), sourceName), "without one it does nothing")
	require.Error(t, schedules.Trigger(t.Context(), sourceName))
	require.NoError(t, schedules.Wake(t.Context(), "sweep/none"), "a workflow that is gone needs no waking")
}

// TestTheFirstSweepOfANewSource is due when the source is configured, and not an interval later.
func TestTheFirstSweepOfANewSource(t *testing.T) {
	t.Parallel()
	server := temporaltest.Serve(t, temporal.Options{})
	connected := temporaltest.Dial(t, server)
	schedules := workflows.NewSchedules(workflows.ClientOptions{Temporal: connected, TaskQueue: taskQueue, Log: slog.New(slog.DiscardHandler)})
	for source, test := range map[string]struct {
		plan   sweep.Plan
		starts bool
	}{
		"due":     {sweep.Plan{Every: time.Hour, FirstAt: time.Now()}, true},
		"delayed": {sweep.Plan{Every: time.Hour, FirstAt: time.Now().Add(time.Hour)}, false},
		"at 4":    {sweep.Plan{Cron: "0 4 * * *", FirstAt: time.Now()}, false},
		"by hand": {sweep.Plan{FirstAt: time.Now()}, false},
	} {
		test.plan.Source = source
		for range 2 { // a new start of the process sweeps nothing
			_, err := schedules.Ensure(t.Context(), test.plan)
			require.NoError(t, err)
		}
		handle := connected.ScheduleClient().GetHandle(t.Context(), sweep.WorkflowID(source))
		if test.starts {
			require.Eventually(t, func() bool {
				described, err := handle.Describe(t.Context())
				return err == nil && described.Info.NumActions == 1
			}, 10*time.Second, 50*time.Millisecond, source)
			continue
		}
		described, err := handle.Describe(t.Context())
		require.NoError(t, err)
		require.Zero(t, described.Info.NumActions, source)
	}
}
