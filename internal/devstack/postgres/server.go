package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

const (
	// pollInterval is the interval for checking a server that is starting or stopping.
	pollInterval = 5 * time.Millisecond
	// startTimeout includes the time for a crash recovery.
	startTimeout = time.Minute
	// portAttempts bounds the retries when another process takes the chosen port.
	portAttempts = 3
	// killDelay is how long an immediate shutdown may take before the server is killed.
	killDelay = 5 * time.Second
)

// Options are the settings of a server.
type Options struct {
	// DataDir contains the cluster and its password; it is created if missing. Only one process may use it:
	// the caller holds a lock. Required.
	DataDir string
	// CacheDir is for downloaded programs, when this machine has none. Required.
	CacheDir string
	// Port is the TCP port on 127.0.0.1; 0 takes a free one.
	Port int
	// Settings are server settings (postgresql.conf names) in addition to the package's own, which preserve
	// every committed transaction in a crash.
	Settings map[string]string
	// Log receives the server's own lines at debug level. Nil means slog.Default.
	Log *slog.Logger
}

// Server is a running PostgreSQL server.
type Server struct {
	cluster *cluster
	port    int
	command *exec.Cmd
	output  *serverLog

	// exited is closed when the process has ended; exitErr is set before.
	exited  chan struct{}
	exitErr error
}

// Start finds or downloads PostgreSQL, creates the cluster if there is none, and runs the server until Stop
// or the end of this process. ctx bounds the start only. The error says what to install if something is
// missing.
func Start(ctx context.Context, options Options) (*Server, error) {
	if options.Log == nil {
		options.Log = slog.Default()
	}
	owned, err := openCluster(options.DataDir)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	server, err := start(ctx, owned, options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL in %s: %w", options.DataDir, err), owned.handle.Close())
	}
	return server, nil
}

func start(ctx context.Context, owned *cluster, options Options) (*Server, error) {
	installed, err := prepare(ctx, owned, options)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		server, err := run(ctx, owned, installed, options)
		if err == nil || options.Port != 0 || attempt == portAttempts || ctx.Err() != nil {
			return server, err
		}
	}
}

// prepare creates or checks the cluster, and returns the programs to run it with.
func prepare(ctx context.Context, owned *cluster, options Options) (programs, error) {
	major, err := owned.major()
	if err != nil {
		return programs{}, err
	}
	installed, err := findPrograms(ctx, options.CacheDir, major, owned.account, options.Log)
	if err != nil {
		return programs{}, err
	}
	if major == 0 {
		return installed, owned.create(ctx, installed, options.Settings["fsync"] != "off")
	}
	return installed, owned.clearOrphan(ctx)
}

func run(ctx context.Context, owned *cluster, installed programs, options Options) (*Server, error) {
	port := options.Port
	if port == 0 {
		free, err := loopback.FreePorts(ctx, 1)
		if err != nil {
			return nil, err
		}
		port = free[0]
	}
	server := &Server{cluster: owned, port: port, output: &serverLog{log: options.Log}, exited: make(chan struct{})}

	// The process outlives ctx, which bounds the start only.
	server.command = owned.command(context.WithoutCancel(ctx), installed.path("postgres"), arguments(owned, port, options.Settings)...)
	server.command.Stderr = server.output
	server.command.WaitDelay = killDelay
	// The server has its own process group, because Ctrl-C at the terminal must reach only this process,
	// which stops the server after its users.
	server.command.SysProcAttr.Setpgid = true
	tieLifetime(server.command.SysProcAttr)

	if err := server.launch(); err != nil {
		return nil, err
	}
	if err := server.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
	}
	return server, nil
}

// launch starts the process from a goroutine that keeps its thread until the process has ended, because the
// kernel ties the server's life to that thread.
func (s *Server) launch() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.command.Start()
		started <- err
		if err == nil {
			s.exitErr = s.command.Wait()
			close(s.exited)
		}
	}()
	return <-started
}

// awaitReady waits until the server accepts statements. If the server ends, it returns the reason.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		connection, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return connection.Close(ctx)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended: %w: %s", s.exitErr, s.output.recent())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// DSN is the URL of a database of this server, including the superuser's password.
func (s *Server) DSN(database string) string {
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.cluster.password),
		Host:     loopback.Address(s.port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return dsn.String()
}

// LocalDSN is a DSN that works in this process only. If possible it uses a Unix socket, which saves an eighth
// of the time of a short run compared to TCP.
func (s *Server) LocalDSN(database string) string {
	sockets := s.cluster.socketDirectory()
	if sockets == "" {
		return s.DSN(database)
	}
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.cluster.password),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {sockets}, "port": {strconv.Itoa(s.port)}, "sslmode": {"disable"}}.Encode(),
	}
	return dsn.String()
}

// Exited is closed when the server has ended, for any reason.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// CreateDatabase creates a database if it does not exist.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	connection, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer connection.Close(context.WithoutCancel(ctx))

	var exists bool
	if err := connection.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&exists); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	if exists {
		return nil
	}
	if _, err := connection.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Stop shuts the server down: it rolls back open transactions and writes all committed data. When ctx ends
// first, the server is shut down immediately and recovers at its next start. Stopping a stopped server does
// nothing.
func (s *Server) Stop(ctx context.Context) error {
	defer s.cluster.handle.Close()
	if s.endedAfter(ctx, syscall.SIGINT) {
		return nil
	}
	impatient, cancel := context.WithTimeout(context.WithoutCancel(ctx), killDelay)
	defer cancel()
	if !s.endedAfter(impatient, syscall.SIGQUIT) {
		s.endedAfter(context.WithoutCancel(ctx), syscall.SIGKILL)
	}
	return fmt.Errorf("stop PostgreSQL cleanly: %w", ctx.Err())
}

// endedAfter sends a signal and waits for the end, until ctx ends.
func (s *Server) endedAfter(ctx context.Context, signal syscall.Signal) bool {
	select {
	case <-s.exited:
		return true
	default:
	}
	// Signal fails only if the process has ended meanwhile, which exited shows.
	_ = s.command.Process.Signal(signal)
	select {
	case <-s.exited:
		return true
	case <-ctx.Done():
		return false
	}
}

func arguments(owned *cluster, port int, overrides map[string]string) []string {
	settings := maps.Clone(defaultSettings)
	maps.Copy(settings, platformSettings)
	maps.Copy(settings, overrides)
	settings["port"], settings["unix_socket_directories"] = strconv.Itoa(port), owned.childSocketDirectory()

	arguments := []string{"-D", owned.childPath(clusterName)}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		arguments = append(arguments, "-c", name+"="+settings[name])
	}
	return arguments
}
