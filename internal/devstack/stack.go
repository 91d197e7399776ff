package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/devstack/postgres"
	"github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/devstack/temporalui"
)

// The names of the parts for Progress.
const (
	PartPostgres   = "PostgreSQL"
	PartTemporal   = "Temporal"
	PartTemporalUI = "Temporal Web UI"
)

// databaseName is Portico's database on a server that the stack starts.
const databaseName = "portico"

// State is the state of a part during start and stop.
type State string

// The states, in the order in which a part goes through them.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Stopped  State = "stopped"
)

// Options are the settings of the stack.
type Options struct {
	// DataDir contains all persistent data; it is created if missing. Only one process may use it. Required.
	DataDir string
	// CacheDir is for data that can be downloaded again. Required.
	CacheDir string
	// DSN is a database on a running PostgreSQL server, for a role that may create databases: Portico uses
	// that database, and Temporal creates two more. "" starts a server in DataDir.
	DSN string
	// Namespace is the Temporal namespace. "" means "default".
	Namespace string
	// SearchAttributes are the custom search attributes of the namespace.
	SearchAttributes map[string]enumspb.IndexedValueType
	// CodecEndpoint is the URL at which the Temporal Web UI decodes payloads, "" when they are not encoded.
	CodecEndpoint string
	// TemporalUIPath and TemporalUIPassword are for a proxy in front of the Temporal Web UI, "" without one.
	TemporalUIPath, TemporalUIPassword string
	// Log receives problems. Nil means slog.Default.
	Log *slog.Logger
	// Progress is called for every state of every part. Nil is allowed.
	Progress func(part string, state State)
}

// Stack is a running development stack.
type Stack struct {
	options       Options
	lock          *dataLock
	ports         *PortBook
	postgres      *postgres.Server // nil when the DSN was given
	temporal      *temporal.Server
	ui            *temporalui.Server
	dsn, localDSN string
}

// Start starts the stack and returns when all of it is ready. When a part fails, it stops the others. The
// error says what to do; it is a *db.OpenError for the given database. ctx bounds the start only; Stop ends
// the stack.
func Start(ctx context.Context, options Options) (*Stack, error) {
	options = withDefaults(options)
	if err := os.MkdirAll(options.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := lockData(options.DataDir)
	if err != nil {
		return nil, err
	}
	stack := &Stack{options: options, lock: lock, ports: openPortBook(options.DataDir)}
	if err := stack.start(ctx); err != nil {
		return nil, errors.Join(err, stack.Stop(context.WithoutCancel(ctx)))
	}
	return stack, nil
}

func withDefaults(options Options) Options {
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.Progress == nil {
		options.Progress = func(string, State) {}
	}
	return options
}

// start starts the parts one after another, each when the part it needs is ready. Starting more at once saves
// nothing: the Web UI takes a few milliseconds, and waits a second before it retries a frontend that is not
// ready.
func (s *Stack) start(ctx context.Context) error {
	for _, start := range []func(context.Context) error{s.startPostgres, s.startTemporal, s.startUI} {
		if err := start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) startPostgres(ctx context.Context) error {
	if s.options.DSN != "" {
		s.dsn, s.localDSN = s.options.DSN, s.options.DSN
		return reach(ctx, s.options.DSN)
	}
	s.options.Progress(PartPostgres, Starting)
	port, err := s.ports.Port(ctx, "postgres")
	if err != nil {
		return err
	}
	s.postgres, err = postgres.Start(ctx, postgres.Options{
		DataDir:  filepath.Join(s.options.DataDir, "postgres"),
		CacheDir: s.options.CacheDir,
		Port:     port,
		Log:      s.options.Log,
	})
	if err != nil {
		return err
	}
	if err := s.postgres.CreateDatabase(ctx, databaseName); err != nil {
		return err
	}
	s.dsn, s.localDSN = s.postgres.DSN(databaseName), s.postgres.LocalDSN(databaseName)
	s.options.Progress(PartPostgres, Ready)
	return nil
}

// reach checks that a given database is reachable. Otherwise Temporal, its first user, would report the error
// as its own.
func reach(ctx context.Context, dsn string) error {
	pool, err := db.Open(ctx, dsn)
	if err != nil {
		return err
	}
	pool.Close()
	return nil
}

func (s *Stack) startTemporal(ctx context.Context) error {
	s.options.Progress(PartTemporal, Starting)
	port, err := s.ports.Port(ctx, "temporal")
	if err != nil {
		return err
	}
	beside, err := pgx.ParseConfig(s.localDSN)
	if err != nil {
		return fmt.Errorf("database DSN: %w", err)
	}
	s.temporal, err = temporal.Start(ctx, temporal.Options{
		DSN:              s.localDSN,
		Database:         beside.Database + "_temporal",
		Namespace:        s.options.Namespace,
		SearchAttributes: s.options.SearchAttributes,
		FrontendPort:     port,
		Log:              s.options.Log,
	})
	if err != nil {
		return err
	}
	s.options.Progress(PartTemporal, Ready)
	return nil
}

func (s *Stack) startUI(ctx context.Context) error {
	s.options.Progress(PartTemporalUI, Starting)
	port, err := s.ports.Port(ctx, "temporal-ui")
	if err != nil {
		return err
	}
	s.ui, err = temporalui.Start(ctx, temporalui.Options{
		FrontendAddress: s.temporal.FrontendAddress(),
		Namespace:       s.options.Namespace,
		Port:            port,
		CodecEndpoint:   s.options.CodecEndpoint,
		PublicPath:      s.options.TemporalUIPath,
		Password:        s.options.TemporalUIPassword,
	})
	if err != nil {
		return err
	}
	s.options.Progress(PartTemporalUI, Ready)
	return nil
}

// DSN is Portico's own database, which exists and may be empty.
func (s *Stack) DSN() string { return s.dsn }

// LocalDSN is a DSN that works in this process only, by the fastest connection.
func (s *Stack) LocalDSN() string { return s.localDSN }

// TemporalAddress is host:port of the Temporal frontend.
func (s *Stack) TemporalAddress() string { return s.temporal.FrontendAddress() }

// TemporalUI is the Temporal Web UI, which builds links to its pages.
func (s *Stack) TemporalUI() *temporalui.Server { return s.ui }

// Ports stores the ports of the stack. Callers store those of their own parts in it too, so that links stay
// valid.
func (s *Stack) Ports() *PortBook { return s.ports }

// Failed is closed when PostgreSQL ends unexpectedly; the stack is unusable then. It is nil when the DSN was
// given.
func (s *Stack) Failed() <-chan struct{} {
	if s.postgres == nil {
		return nil
	}
	return s.postgres.Exited()
}

// Stop stops the parts in reverse order and releases the data directory. When ctx ends first, it kills the
// remaining parts; no committed data is lost.
func (s *Stack) Stop(ctx context.Context) error {
	var failures []error
	if s.ui != nil {
		failures = append(failures, s.ui.Stop(ctx))
		s.options.Progress(PartTemporalUI, Stopped)
	}
	if s.temporal != nil {
		failures = append(failures, s.temporal.Stop(ctx))
		s.options.Progress(PartTemporal, Stopped)
	}
	if s.postgres != nil {
		failures = append(failures, s.postgres.Stop(ctx))
		s.options.Progress(PartPostgres, Stopped)
	}
	return errors.Join(append(failures, s.lock.release())...)
}
