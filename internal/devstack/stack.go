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

// The parts, as Progress names them.
const (
	PartPostgres   = "PostgreSQL"
	PartTemporal   = "Temporal"
	PartTemporalUI = "Temporal Web UI"
)

// databaseName is Portico's database on a server of our own.
const databaseName = "portico"

// State is where a part is on its way up or down.
type State string

// The states, in the order in which a part goes through them.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Stopped  State = "stopped"
)

// Options says where the stack lives.
type Options struct {
	// DataDir keeps everything that must last; it is made when missing. One process at a time may use it.
	// Required.
	DataDir string
	// CacheDir keeps what can be fetched again. Required.
	CacheDir string
	// DSN is of a database on a running PostgreSQL server, by a role that may create databases: Portico uses
	// that database, and Temporal makes two beside it. "" starts a server in DataDir.
	DSN string
	// Namespace is Temporal's. "" means "default".
	Namespace string
	// SearchAttributes are the custom search attributes of the namespace.
	SearchAttributes map[string]enumspb.IndexedValueType
	// CodecEndpoint is the URL at which the Temporal Web UI has payloads decoded, "" when they are plain.
	CodecEndpoint string
	// Log is for what goes wrong. Nil means slog.Default.
	Log *slog.Logger
	// Progress is told of every step of every part. Nil is fine.
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

// Start brings the stack up and returns when all of it is ready. When a part fails, those that run are
// stopped again, and the error says what to do: an *db.OpenError when it is the given database. ctx bounds
// the start only; Stop ends the stack.
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

// start runs each part when the one it needs is ready. There is nothing to gain from more at once: the Web UI
// takes a few milliseconds, and would wait a second before it tried again a frontend that is not there yet.
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

// reach proves that a given database is there. Temporal, the first to use it, would otherwise be blamed for
// one that is not.
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
	})
	if err != nil {
		return err
	}
	s.options.Progress(PartTemporalUI, Ready)
	return nil
}

// DSN is of Portico's own database, which exists and may be empty.
func (s *Stack) DSN() string { return s.dsn }

// LocalDSN is DSN for this process alone, by the shortest way to the database.
func (s *Stack) LocalDSN() string { return s.localDSN }

// TemporalAddress is host:port of the Temporal frontend.
func (s *Stack) TemporalAddress() string { return s.temporal.FrontendAddress() }

// TemporalUI is the Temporal Web UI, for its links.
func (s *Stack) TemporalUI() *temporalui.Server { return s.ui }

// Ports remembers the ports of the stack; callers keep those of their own parts in it too, so that links stay
// valid.
func (s *Stack) Ports() *PortBook { return s.ports }

// Failed is closed when PostgreSQL ends without having been asked to; the stack is of no use then. Nil when
// the DSN was given.
func (s *Stack) Failed() <-chan struct{} {
	if s.postgres == nil {
		return nil
	}
	return s.postgres.Exited()
}

// Stop ends the parts in reverse order and gives the data directory free. When ctx ends first, what remains
// is ended hard; no committed data is lost.
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
