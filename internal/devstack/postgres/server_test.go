package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/loopback"
	"github.com/portico-dev/portico/internal/devstack/postgres"
)

// childVariable makes the test binary start a server on the directory that it names, print that, and wait to
// be killed.
const childVariable = "PORTICO_TEST_POSTGRES_CHILD"

func TestMain(m *testing.M) {
	if directory := os.Getenv(childVariable); directory != "" {
		server, err := postgres.Start(context.Background(), postgres.Options{DataDir: directory, CacheDir: directory})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(server.DSN("postgres"))
		select {}
	}
	os.Exit(m.Run())
}

func TestServerKeepsItsDataThroughARestart(t *testing.T) {
	t.Parallel()
	// The path is too long for a Unix socket, has spaces, and is in directories that only this user may
	// enter.
	directory := filepath.Join(t.TempDir(), "a project with spaces", strings.Repeat("deep ", 30)+"down")

	first := start(t, postgres.Options{DataDir: directory})
	require.NoError(t, first.CreateDatabase(t.Context(), "notes"))
	require.NoError(t, first.CreateDatabase(t.Context(), "notes"), "an existing database is accepted")
	execute(t, first.DSN("notes"), "create table note as select 'kept' as text")
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, first.Stop(t.Context()), "stopping twice does nothing")

	config, err := pgx.ParseConfig(first.DSN("notes"))
	require.NoError(t, err)
	second := start(t, postgres.Options{DataDir: directory, Port: int(config.Port)})
	require.Equal(t, first.DSN("notes"), second.DSN("notes"))
	require.Equal(t, "kept", queryText(t, second.DSN("notes"), "select text from note"))
	require.Equal(t, "kept", queryText(t, second.LocalDSN("notes"), "select text from note"))
}

func TestServerAsksForThePassword(t *testing.T) {
	t.Parallel()
	server := start(t, postgres.Options{DataDir: t.TempDir()})
	config, err := pgx.ParseConfig(server.DSN("postgres"))
	require.NoError(t, err)
	config.Password = "guess"
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.ErrorContains(t, err, "password authentication failed")
}

func TestSettingsOverrideTheDefaults(t *testing.T) {
	t.Parallel()
	server := start(t, postgres.Options{DataDir: t.TempDir(), Settings: map[string]string{"fsync": "off", "max_connections": "20"}})
	require.Equal(t, "off", queryText(t, server.DSN("postgres"), "show fsync"))
	require.Equal(t, "20", queryText(t, server.DSN("postgres"), "show max_connections"))
	require.Equal(t, "on", queryText(t, server.DSN("postgres"), "show synchronous_commit"))
}

func TestInvalidSettingReturnsTheServersError(t *testing.T) {
	t.Parallel()
	_, err := postgres.Start(t.Context(), postgres.Options{
		DataDir: t.TempDir(), CacheDir: t.TempDir(), Settings: map[string]string{"shared_buffers": "enormous"},
	})
	require.ErrorContains(t, err, `invalid value for parameter "shared_buffers": "enormous"`)
}

func TestCommittedDataSurvivesAKilledServer(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first := start(t, postgres.Options{DataDir: directory})
	execute(t, first.DSN("postgres"), "create table note as select 'kept' as text")
	require.NoError(t, syscall.Kill(postmaster(t, directory), syscall.SIGKILL))
	<-first.Exited()

	second := start(t, postgres.Options{DataDir: directory})
	require.Equal(t, "kept", queryText(t, second.DSN("postgres"), "select text from note"))
}

func TestStalePIDFileOfAnotherProcessIsIgnored(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, start(t, postgres.Options{DataDir: directory}).Stop(t.Context()))

	// After a SIGKILL, a pid file and a socket lock may name a process id that another process has now, here
	// that of this test.
	content := fmt.Sprintf("%d\n%s\n%d\n5432\n\n127.0.0.1\n", os.Getpid(), directory, time.Now().Unix())
	require.NoError(t, os.WriteFile(filepath.Join(directory, "cluster", "postmaster.pid"), []byte(content), 0o644))
	port, err := loopback.FreePorts(t.Context(), 1)
	require.NoError(t, err)
	lock := fmt.Sprintf(".s.PGSQL.%d.lock", port[0])
	require.NoError(t, os.WriteFile(filepath.Join(directory, lock), []byte(content), 0o644))

	server := start(t, postgres.Options{DataDir: directory, Port: port[0]})
	require.NotEmpty(t, queryText(t, server.DSN("postgres"), "select version()"))
}

func TestServerOfAKilledParentIsReplaced(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), childVariable+"="+directory)
	output, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	dsn, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	execute(t, strings.TrimSpace(dsn), "create table note as select 'kept' as text")
	require.NoError(t, parent.Process.Kill())

	server := start(t, postgres.Options{DataDir: directory})
	require.Equal(t, "kept", queryText(t, server.DSN("postgres"), "select text from note"))
	require.Error(t, parent.Wait())
}

func TestIncompleteClusterIsCreatedAgain(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(directory, "cluster.new", "base"), 0o700))
	server := start(t, postgres.Options{DataDir: directory})
	require.NotEmpty(t, queryText(t, server.DSN("postgres"), "select version()"))
}

// TestDataOfAnUnknownVersionIsNotChanged: the programs that wrote the data are missing, and others must not
// be used.
func TestDataOfAnUnknownVersionIsNotChanged(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(directory, "cluster"), 0o700))
	version := filepath.Join(directory, "cluster", "PG_VERSION")
	require.NoError(t, os.WriteFile(version, []byte(strconv.Itoa(9)+"\n"), 0o600))
	_, err := postgres.Start(t.Context(), postgres.Options{DataDir: directory, CacheDir: t.TempDir()})
	require.ErrorContains(t, err, "written by PostgreSQL 9")
	require.FileExists(t, version)
}

func start(t *testing.T, options postgres.Options) *postgres.Server {
	t.Helper()
	options.CacheDir = cacheDirectory(t)
	server, err := postgres.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	return server
}

// cacheDirectory is the user's, so that PostgreSQL is downloaded only once if none is installed.
func cacheDirectory(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	return filepath.Join(cache, "portico")
}

func execute(t *testing.T, dsn, statement string) {
	t.Helper()
	connection := connect(t, dsn)
	_, err := connection.Exec(t.Context(), statement)
	require.NoError(t, err)
}

func queryText(t *testing.T, dsn, query string) string {
	t.Helper()
	var text string
	require.NoError(t, connect(t, dsn).QueryRow(t.Context(), query).Scan(&text))
	return text
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close(context.Background()) })
	return connection
}

// postmaster is the process id of the server on this data.
func postmaster(t *testing.T, directory string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory, "cluster", "postmaster.pid"))
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	require.NoError(t, err)
	return pid
}
