package techdocs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"github.com/portico-dev/portico/activities/crash"
	activities "github.com/portico-dev/portico/activities/techdocs"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/temporaltest"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/techdocs/store"
	"github.com/portico-dev/portico/workflows"
)

const (
	// workerVariable has the configuration of a worker process that the test starts of itself.
	workerVariable = "PORTICO_TEST_DOCS_WORKER"
	// recordVariable has the histories of this test stored, for the tests of package workflows to replay.
	recordVariable = "PORTICO_RECORD_HISTORIES"
	taskQueue      = "test"
	// patience bounds the wait for a build.
	patience = 2 * time.Minute
	site     = "component:default/shop"
)

var (
	writer = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}
	shop   = entity.Ref{Kind: "component", Namespace: "default", Name: "shop"}
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

// workerConfig is the configuration of a worker process. The sources of the shop's documentation are in Dir, and what the worker does
// besides is said by files beside them.
type workerConfig struct{ DSN, Temporal, Dir string }

func (c workerConfig) sources() string { return filepath.Join(c.Dir, "sources") }

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

// Generate implements techdocs.Generator: it copies pages. One that says "broken" is the author's mistake.
func (c workerConfig) Generate(ctx context.Context, source, output string, options techdocs.Options) (techdocs.Report, error) {
	if err := c.dieOnce("while rendering"); err != nil {
		return techdocs.Report{}, err
	}
	for c.has("hold") && ctx.Err() == nil {
		<-time.After(10 * time.Millisecond)
	}
	text, err := os.ReadFile(filepath.Join(source, "docs", "index.md"))
	if err != nil {
		return techdocs.Report{}, err
	}
	if strings.Contains(string(text), "broken") {
		return techdocs.Report{Engine: "test", Problems: []techdocs.Problem{{Severity: techdocs.Error, File: "docs/index.md", Line: 1, Message: "it is broken"}}},
			fault.New(fault.Input, "The site has 1 error")
	}
	metadata := fmt.Sprintf(`{"site_name":%q,"etag":%q}`, options.SiteName, options.ETag)
	return techdocs.Report{Engine: "test", Pages: 1, Files: 2}, errors.Join(os.WriteFile(filepath.Join(output, "index.html"), text, 0o600),
		os.WriteFile(filepath.Join(output, "techdocs_metadata.json"), []byte(metadata), 0o600))
}

// Replace implements build.Index.
func (c workerConfig) Replace(context.Context, pgx.Tx, string, []techdocs.Section) error {
	return c.dieOnce("while indexing")
}

// entities is a catalog with the shop.
type entities struct{ at workerConfig }

func (e entities) EntityByRef(context.Context, identity.Principal, entity.Ref) (entity.Entity, error) {
	return entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": map[string]any{build.AnnotationRef: "dir:."}}}, nil
}

func (e entities) LocatedEntity(ctx context.Context, by identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	found, err := e.EntityByRef(ctx, by, ref)
	if err != nil {
		return nil, provenance.Place{}, err
	}
	document, err := json.Marshal(found)
	return document, provenance.At(provenance.File, filepath.Join(e.at.sources(), "catalog-info.yaml")), err
}

func (entities) EntitiesByRefs(context.Context, identity.Principal, []string, query.Filter, query.Fields) ([]json.RawMessage, error) {
	return nil, nil
}

func (entities) MayRefresh(context.Context, identity.Principal, entity.Ref) error { return nil }

func (c workerConfig) builder(pool *pgxpool.Pool, engine build.Engine, logs *slog.Logger) (*build.Builder, error) {
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	if err != nil {
		return nil, err
	}
	files, err := integration.NewFiles([]string{c.sources()}, integration.Limits{})
	if err != nil {
		return nil, err
	}
	sites, err := store.NewFolder(filepath.Join(c.Dir, "published"), store.Options{})
	if err != nil {
		return nil, err
	}
	return build.NewBuilder(build.BuilderOptions{Log: logs, Store: build.NewStore(build.StoreOptions{Pool: pool, Engine: engine, Hosts: hosts, Interval: time.Hour}),
		Entities: entities{c}, Hosts: hosts, Trees: hosts, Folders: files, Generator: c, Maker: "test", Sites: sites, Index: c, Directory: filepath.Join(c.Dir, "builds")}), nil
}

func serveWorker(encoded string) error {
	var at workerConfig
	if err := json.Unmarshal([]byte(encoded), &at); err != nil {
		return err
	}
	logs := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
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
	builder, err := at.builder(pool, workflows.NewDocs(workflows.ClientOptions{Temporal: connected, TaskQueue: taskQueue, Log: logs}), logs)
	if err != nil {
		return err
	}
	running := worker.New(connected, workflows.QueueDocs.TaskQueue(taskQueue), worker.Options{})
	workflows.Register(running, workflows.QueueDocs)
	activities.New(activities.Options{CrashBudget: budget, Builder: builder}).Register(running)
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

// system is a real Temporal with a worker in a process of its own.
type system struct {
	*testing.T
	at        workerConfig
	connected client.Client
	service   *build.Service
}

func newSystem(t *testing.T) *system {
	t.Helper()
	pool := testkit.Database(t)
	server := temporaltest.Serve(t, temporal.Options{})
	s := &system{T: t, at: workerConfig{DSN: pool.Config().ConnString(), Temporal: server.FrontendAddress(), Dir: t.TempDir()},
		connected: temporaltest.Dial(t, server)}
	require.NoError(t, os.MkdirAll(filepath.Join(s.at.sources(), "docs"), 0o700))
	quiet := slog.New(slog.DiscardHandler)
	builder, err := s.at.builder(pool, workflows.NewDocs(workflows.ClientOptions{Temporal: s.connected, TaskQueue: taskQueue, Log: quiet}), quiet)
	require.NoError(t, err)
	s.service = build.NewService(build.ServiceOptions{Store: builder.Store, Catalog: entities{s.at}, Log: quiet})
	s.work()
	return s
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

func (s *system) write(text string) {
	s.Helper()
	require.NoError(s, os.WriteFile(filepath.Join(s.at.sources(), "docs", "index.md"), []byte(text), 0o600))
}

// say makes a file that the worker looks for; forget removes it.
func (s *system) say(name string) {
	s.Helper()
	require.NoError(s, os.WriteFile(filepath.Join(s.at.Dir, name), nil, 0o600))
}

func (s *system) forget(name string) {
	s.Helper()
	require.NoError(s, os.Remove(filepath.Join(s.at.Dir, name)))
}

func (s *system) page() string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.at.Dir, "published", "default", "component", "shop", "index.html"))
	require.NoError(s, err)
	return string(text)
}

func (s *system) start() uuid.UUID {
	s.Helper()
	asked, err := s.service.Start(s.Context(), writer, shop, false)
	require.NoError(s, err)
	return asked.ID
}

// await waits until a build is in a state.
func (s *system) await(id uuid.UUID, state build.State) build.Build {
	s.Helper()
	var got build.Build
	require.Eventually(s, func() bool {
		var err error
		got, _, err = s.service.Build(s.Context(), writer, id, 0)
		return err == nil && got.State == state
	}, patience, 20*time.Millisecond, "the build should be %s", state)
	return got
}

// record waits for the end of the workflow, and stores its history if that is asked for.
func (s *system) record(kind string) {
	s.Helper()
	require.Eventually(s, func() bool {
		described, err := s.connected.DescribeWorkflowExecution(s.Context(), build.WorkflowID(site), "")
		return err == nil && described.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	}, patience, 20*time.Millisecond, "the workflow should end")
	if os.Getenv(recordVariable) == "" {
		return
	}
	events := s.connected.GetWorkflowHistory(s.Context(), build.WorkflowID(site), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var recorded history.History
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s, err)
		recorded.Events = append(recorded.Events, event)
	}
	encoded, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&recorded)
	require.NoError(s, err)
	require.NoError(s, os.WriteFile(filepath.Join("../../workflows/testdata", "docs-"+kind+".json"), append(encoded, '\n'), 0o600))
}

// TestBuildsInTemporal goes through the ends of a build with a real Temporal, and workers that are killed: while they render, after they
// have published but before Temporal has heard of it, and while they index.
func TestBuildsInTemporal(t *testing.T) {
	t.Parallel()
	s := newSystem(t)

	s.write("# One")
	for _, at := range []string{"while rendering", "before the report", "while indexing"} {
		s.say("die " + at)
	}
	done := s.await(s.start(), build.Published)
	s.record("published")
	require.Equal(t, "# One", s.page())
	require.Equal(t, []any{1, "test"}, []any{done.Pages, done.Engine})
	for _, at := range []string{"while rendering", "before the report", "while indexing"} {
		require.False(t, s.at.has("die "+at), "a worker died %s", at)
	}

	s.await(s.start(), build.Unchanged)
	s.record("unchanged")

	s.write("# broken")
	failed := s.await(s.start(), build.Failed)
	s.record("failed")
	require.Contains(t, failed.Failure.Message, "docs/index.md:1: it is broken")
	require.Equal(t, "# One", s.page(), "the last good site stays")

	// Five requests while a build is under way are one more build, of what is there when it begins.
	s.write("# Two")
	s.say("hold")
	first := s.start()
	s.await(first, build.Building)
	require.Eventually(t, func() bool {
		_, lines, err := s.service.Build(t.Context(), writer, first, 0)
		return err == nil && strings.Contains(fmt.Sprint(lines), "Step 2 of 3")
	}, patience, 20*time.Millisecond)
	s.write("# Three")
	next := s.start()
	for range 4 {
		require.Equal(t, next, s.start())
	}
	s.forget("hold")
	s.await(first, build.Published)
	last := s.await(next, build.Published)
	require.Equal(t, 5, last.Requests)
	s.record("newest-wins")
	require.Equal(t, "# Three", s.page())
	_, builds, err := s.service.Builds(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Len(t, builds, 5, "no more than these")
}
