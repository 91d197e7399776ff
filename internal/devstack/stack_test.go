package devstack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/internal/devstack"
	"github.com/portico-dev/portico/internal/testkit"
)

// childVariable makes the test binary start a stack on the directory that it names, start a run on it, and
// wait to be killed.
const childVariable = "PORTICO_TEST_STACK_CHILD"

const (
	taskQueue = "test"
	runID     = "the-run"
)

func TestMain(m *testing.M) {
	if directory := os.Getenv(childVariable); directory != "" {
		if err := startRunAndWait(directory); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// startRunAndWait is the child's main function: it prints "started" when the run waits for its signal.
func startRunAndWait(directory string) error {
	stack, err := devstack.Start(context.Background(), devstack.Options{DataDir: directory, CacheDir: directory})
	if err != nil {
		return err
	}
	connected, err := client.Dial(client.Options{HostPort: stack.TemporalAddress(), Logger: quiet})
	if err != nil {
		return err
	}
	running := worker.New(connected, taskQueue, worker.Options{})
	running.RegisterWorkflow(greet)
	running.RegisterActivity(compose)
	if err := running.Start(); err != nil {
		return err
	}
	run, err := connected.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: runID, TaskQueue: taskQueue}, greet)
	if err != nil {
		return err
	}
	for { // a query is answered when the first workflow task has been done
		if _, err := connected.QueryWorkflow(context.Background(), run.GetID(), "", client.QueryTypeStackTrace); err == nil {
			break
		}
	}
	fmt.Println("started")
	select {}
}

// greet composes a greeting for the name that a signal brings. requireGuarded holds the Temporal Web UI to
// who may ask it: a page whose name was rebound to loopback reads and ends nothing.
func requireGuarded(t *testing.T, ui string) {
	t.Helper()
	terminate := "/api/v1/namespaces/default/workflows/" + runID + "/terminate"
	for _, test := range []struct {
		method, path, host, site string
		status                   int
	}{
		{http.MethodGet, "/", "", "", http.StatusOK},
		{http.MethodGet, "/api/v1/namespaces/default/workflows", "", "", http.StatusOK},
		{http.MethodGet, "/", "evil.example", "", http.StatusMisdirectedRequest},
		{http.MethodGet, "/api/v1/namespaces/default/workflows", "evil.example:8233", "same-origin", http.StatusMisdirectedRequest},
		{http.MethodPost, terminate, "evil.example:8233", "same-origin", http.StatusMisdirectedRequest},
		{http.MethodPost, terminate, "", "cross-site", http.StatusForbidden},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, ui+test.path, http.NoBody)
		require.NoError(t, err)
		request.Host = test.host
		if test.site != "" {
			request.Header.Set("Sec-Fetch-Site", test.site)
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, test.status, answer.StatusCode, "%s %s for %s", test.method, test.path, test.host)
	}
}

func greet(ctx workflow.Context) (string, error) {
	var name string
	workflow.GetSignalChannel(ctx, "name").Receive(ctx, &name)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var greeting string
	err := workflow.ExecuteActivity(ctx, compose, name).Get(ctx, &greeting)
	return greeting, err
}

func compose(_ context.Context, name string) (string, error) { return "hello " + name, nil }

func TestStackRunsWorkflowsAndKeepsThemThroughARestart(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "data of a project")
	var progress []string
	first := start(t, devstack.Options{DataDir: directory, Progress: func(part string, state devstack.State) {
		progress = append(progress, part+" "+string(state))
	}})
	connected := dial(t, first, "default")
	serve(t, connected)
	run, err := connected.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: runID, TaskQueue: taskQueue}, greet)
	require.NoError(t, err)
	require.NoError(t, connected.SignalWorkflow(t.Context(), runID, "", "name", "Ada"))
	requireResult(t, run, "hello Ada")
	requireGuarded(t, first.TemporalUI().URL())

	require.NoError(t, connect(t, first.DSN()).Ping(t.Context()))
	require.NoError(t, first.Stop(t.Context()))
	require.Equal(t, []string{
		"PostgreSQL starting", "PostgreSQL ready", "Temporal starting", "Temporal ready", "Temporal Web UI starting", "Temporal Web UI ready",
		"Temporal Web UI stopped", "Temporal stopped", "PostgreSQL stopped",
	}, progress)

	second := start(t, devstack.Options{DataDir: directory})
	require.Equal(t, first.DSN(), second.DSN())
	require.Equal(t, first.TemporalAddress(), second.TemporalAddress())
	require.Equal(t, first.TemporalUI().URL(), second.TemporalUI().URL())
	requireResult(t, dial(t, second, "default").GetWorkflow(t.Context(), runID, ""), "hello Ada")
}

func TestRunOfAKilledProcessContinuesInTheNext(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), childVariable+"="+directory)
	output, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", line)

	_, err = devstack.Start(t.Context(), devstack.Options{DataDir: directory, CacheDir: directory})
	var inUse *devstack.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, process.Process.Pid, inUse.PID)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", process.Process.Pid))

	require.NoError(t, process.Process.Kill())
	require.Error(t, process.Wait())
	connected := dial(t, start(t, devstack.Options{DataDir: directory}), "default")
	serve(t, connected)
	require.NoError(t, connected.SignalWorkflow(t.Context(), runID, "", "name", "Grace"))
	requireResult(t, connected.GetWorkflow(t.Context(), runID, ""), "hello Grace")
}

func TestStackOnAGivenServer(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	t.Cleanup(func() { dropTemporalDatabases(t, pool.Config().ConnString()) })

	attribute := temporal.NewSearchAttributeKeyKeyword("PorticoTemplate")
	stack := start(t, devstack.Options{
		DSN:              pool.Config().ConnString(),
		Namespace:        "portico",
		SearchAttributes: map[string]enumspb.IndexedValueType{attribute.GetName(): enumspb.INDEXED_VALUE_TYPE_KEYWORD},
	})
	require.Nil(t, stack.Failed())
	connected := dial(t, stack, "portico")
	_, err := connected.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: runID, TaskQueue: taskQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(attribute.ValueSet("golden-path")),
	}, greet)
	require.NoError(t, err)
}

// TestOlderSchemaIsMigrated: the migrations of later versions expect the removed indexes. They are created
// for the migration, and removed again.
func TestOlderSchemaIsMigrated(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first := start(t, devstack.Options{DataDir: directory})
	visibility := connect(t, strings.Replace(first.DSN(), "/portico?", "/portico_temporal_visibility?", 1))
	version, indexes := schemaVersion(t, visibility), countIndexes(t, visibility)
	_, err := visibility.Exec(t.Context(), "update schema_version set curr_version = '1.13'")
	require.NoError(t, err)
	require.NoError(t, first.Stop(t.Context()))

	second := start(t, devstack.Options{DataDir: directory})
	visibility = connect(t, strings.Replace(second.DSN(), "/portico?", "/portico_temporal_visibility?", 1))
	require.Equal(t, version, schemaVersion(t, visibility))
	require.Equal(t, indexes, countIndexes(t, visibility))
	dial(t, second, "default")
}

func TestWebUIShowsTheNamespace(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Options{})
	require.Equal(t, stack.TemporalUI().URL()+"/namespaces/default/workflows/a%20run", stack.TemporalUI().WorkflowURL("a run"))

	status, contentType, _ := get(t, stack.TemporalUI().WorkflowURL(runID))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, contentType, "text/html")

	var namespace struct{ NamespaceInfo struct{ Name string } }
	_, _, answer := get(t, stack.TemporalUI().URL()+"/api/v1/namespaces/default")
	require.NoError(t, json.Unmarshal(answer, &namespace))
	require.Equal(t, "default", namespace.NamespaceInfo.Name)
}

func TestTakenPortIsReplaced(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first := start(t, devstack.Options{DataDir: directory})
	require.NoError(t, first.Stop(t.Context()))

	listener, err := net.Listen("tcp", first.TemporalAddress())
	require.NoError(t, err)
	defer listener.Close()
	second := start(t, devstack.Options{DataDir: directory})
	require.NotEqual(t, first.TemporalAddress(), second.TemporalAddress())
	dial(t, second, "default")
}

func TestAnUnreachableDatabaseIsNamed(t *testing.T) {
	t.Parallel()
	_, err := devstack.Start(t.Context(), devstack.Options{
		DataDir: t.TempDir(), CacheDir: t.TempDir(), DSN: "postgres://someone:hunter2@127.0.0.1:1/portico",
	})
	require.EqualError(t, err, "database portico at 127.0.0.1:1: connection refused; is PostgreSQL running there?")
}

var quiet = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))

func start(t testing.TB, options devstack.Options) *devstack.Stack {
	t.Helper()
	if options.DataDir == "" {
		options.DataDir = t.TempDir()
	}
	cache, err := os.UserCacheDir() // where PostgreSQL is fetched once, if none is installed
	require.NoError(t, err)
	options.CacheDir = filepath.Join(cache, "portico")
	stack, err := devstack.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, stack.Stop(ctx))
	})
	return stack
}

func dial(t testing.TB, stack *devstack.Stack, namespace string) client.Client {
	t.Helper()
	connected, err := client.DialContext(t.Context(), client.Options{
		HostPort: stack.TemporalAddress(), Namespace: namespace, Logger: quiet,
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}, // it is the same machine
	})
	require.NoError(t, err)
	t.Cleanup(connected.Close)
	return connected
}

func serve(t testing.TB, connected client.Client) {
	t.Helper()
	running := worker.New(connected, taskQueue, worker.Options{})
	running.RegisterWorkflow(greet)
	running.RegisterActivity(compose)
	require.NoError(t, running.Start())
	t.Cleanup(running.Stop)
}

func requireResult(t *testing.T, run client.WorkflowRun, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got string
	require.NoError(t, run.Get(ctx, &got))
	require.Equal(t, want, got)
}

func get(t *testing.T, url string) (status int, contentType string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header.Get("Content-Type"), body
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close(context.Background()) })
	return connection
}

func schemaVersion(t *testing.T, connection *pgx.Conn) (version string) {
	t.Helper()
	require.NoError(t, connection.QueryRow(t.Context(), "select curr_version from schema_version").Scan(&version))
	return version
}

func countIndexes(t *testing.T, connection *pgx.Conn) (count int) {
	t.Helper()
	err := connection.QueryRow(t.Context(), "select count(*) from pg_indexes where tablename = 'executions_visibility'").Scan(&count)
	require.NoError(t, err)
	return count
}

func dropTemporalDatabases(t *testing.T, dsn string) {
	t.Helper()
	connection, err := pgx.Connect(context.Background(), dsn)
	require.NoError(t, err)
	defer connection.Close(context.Background())
	for _, suffix := range []string{"_temporal", "_temporal_visibility"} {
		name := pgx.Identifier{connection.Config().Database + suffix}.Sanitize()
		_, err := connection.Exec(context.Background(), "drop database "+name+" with (force)")
		require.NoError(t, err)
	}
}
