package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack"
	"github.com/portico-dev/portico/workflows"
)

// stopPatience is how long the shared servers may take to stop.
const stopPatience = 30 * time.Second

// testsPerCore is how many tests run at once for each core, unless -parallel says how many: most of the time a test waits
// for processes that start, and for runs that wait.
const testsPerCore = 2

// TestMain stops the shared servers. The worker processes of a workerHarness run this binary too: see
// asWorker.
func TestMain(m *testing.M) {
	if at := os.Getenv(asWorker); at != "" {
		os.Exit(runWorker(at))
	}
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if parallel.Value.String() == parallel.DefValue {
		err := parallel.Value.Set(strconv.Itoa(testsPerCore * runtime.GOMAXPROCS(0)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// shared has the PostgreSQL and the Temporal server of all tests, because starting them takes most of the
// time of a test. Each system has its own database and task queue on them.
var shared sharedStack

type sharedStack struct {
	mu    sync.Mutex
	dir   string
	stack *devstack.Stack
	// systems counts the databases that were created.
	systems int
}

// directory is the directory of the shared files.
func (s *sharedStack) directory() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makeDirectory()
}

func (s *sharedStack) makeDirectory() (string, error) {
	if s.dir != "" {
		return s.dir, nil
	}
	dir, err := os.MkdirTemp(os.Getenv("PORTICO_TEST_DATA"), "e2e-stack-")
	if err != nil {
		return "", err
	}
	s.dir = dir
	// A PostgreSQL that is started as root drops its rights and must be able to enter its directory.
	return dir, os.Chmod(dir, 0o755)
}

func (s *sharedStack) start(ctx context.Context) (*devstack.Stack, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stack != nil {
		return s.stack, nil
	}
	dir, err := s.makeDirectory()
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	s.stack, err = devstack.Start(context.WithoutCancel(ctx), devstack.Options{
		DataDir: filepath.Join(dir, "stack"), CacheDir: filepath.Join(cache, "portico"), SearchAttributes: workflows.SearchAttributes()})
	return s.stack, err
}

func (s *sharedStack) stop() error {
	defer os.RemoveAll(s.dir)
	if s.stack == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	return s.stack.Stop(ctx)
}

// get is the running stack.
func (s *sharedStack) get(t testing.TB) *devstack.Stack {
	t.Helper()
	stack, err := s.start(t.Context())
	require.NoError(t, err)
	return stack
}

// newDatabase creates an empty database and returns its name and its DSN.
func (s *sharedStack) newDatabase(t testing.TB) (name, dsn string) {
	t.Helper()
	stack := s.get(t)
	s.mu.Lock()
	s.systems++
	name = fmt.Sprintf("e2e_%d", s.systems)
	s.mu.Unlock()
	connection, err := pgx.Connect(t.Context(), stack.DSN())
	require.NoError(t, err)
	defer connection.Close(t.Context())
	_, err = connection.Exec(t.Context(), "create database "+name)
	require.NoError(t, err)
	return name, databaseDSN(t, stack.DSN(), name)
}

// databaseDSN is the DSN of another database on the same server.
func databaseDSN(t testing.TB, dsn, database string) string {
	t.Helper()
	parsed, err := url.Parse(dsn)
	require.NoError(t, err)
	parsed.Path = "/" + database
	return parsed.String()
}
