package testkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/internal/devstack/postgres"
)

const (
	// keeperVariable turns a test binary into the keeper. Its value is the state directory.
	keeperVariable = "PORTICO_TESTKIT_KEEPER"

	maintenanceDatabase = "postgres"
	dataPrefix          = "data-"
	readyMessage        = "ready"

	idleLimit    = time.Minute
	idleInterval = 5 * time.Second
	stopTimeout  = 10 * time.Second
)

// throwawaySettings give up durability for speed: the data does not outlive the server.
var throwawaySettings = map[string]string{
	"fsync":              "off",
	"synchronous_commit": "off",
	"full_page_writes":   "off",
	"max_wal_size":       "4GB",
	"checkpoint_timeout": "1h",
	"max_connections":    "500",
}

// A test binary has no main of its own: init runs the keeper before the tests start.
func init() { //nolint:gochecknoinits // as said above
	directory := os.Getenv(keeperVariable)
	if directory == "" {
		return
	}
	status := 0
	if err := keep(directory); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status) //nolint:forbidigo // this is the keeper's main
}

// startKeeper starts the keeper and waits for its server. The caller holds the state's lock.
func startKeeper(ctx context.Context, directory string) error {
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(directory, "keeper.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	ready, announce, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()

	keeper := exec.CommandContext(context.WithoutCancel(ctx), executable)
	keeper.Dir = directory
	keeper.Env = append(os.Environ(), keeperVariable+"="+directory)
	keeper.Stdout, keeper.Stderr = log, log
	keeper.ExtraFiles = []*os.File{announce}
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C ends only the tests; the keeper ends by itself
	err = errors.Join(keeper.Start(), announce.Close())
	if err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}

	defer context.AfterFunc(ctx, func() { ready.Close() })()
	message, err := io.ReadAll(ready)
	if err != nil {
		return fmt.Errorf("wait for the keeper: %w", err)
	}
	if string(message) != readyMessage {
		return fmt.Errorf("the keeper started no server: see %s", log.Name())
	}
	return keeper.Process.Release()
}

// keep is the keeper's main: it runs the server, reports on descriptor 3 that it is ready, and ends after
// some time without users.
func keep(directory string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	announce := os.NewFile(3, "announce")
	defer announce.Close()

	if err := removeLeftovers(directory); err != nil {
		return err
	}
	data, err := os.MkdirTemp(directory, dataPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	server, err := postgres.Start(ctx, postgres.Options{
		DataDir:  data,
		CacheDir: filepath.Dir(directory),
		Settings: throwawaySettings,
		Log:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, dsnName), []byte(server.DSN(maintenanceDatabase)), 0o600); err != nil {
		return errors.Join(err, stopServer(server))
	}
	if _, err := announce.WriteString(readyMessage); err != nil {
		return errors.Join(err, stopServer(server))
	}
	announce.Close()
	return stopWhenIdle(ctx, directory, server)
}

// stopWhenIdle waits until nobody has been connected for idleLimit, then stops the server under the state's
// lock, so that no test process can connect meanwhile.
func stopWhenIdle(ctx context.Context, directory string, server *postgres.Server) error {
	tick := time.NewTicker(idleInterval)
	defer tick.Stop()
	lastUse := time.Now()
	for {
		select {
		case <-server.Exited():
			return errors.New("the server ended by itself")
		case <-ctx.Done():
			return stopServer(server)
		case <-tick.C:
		}
		if !unused(ctx, server) {
			lastUse = time.Now()
			continue
		}
		if time.Since(lastUse) < idleLimit {
			continue
		}
		unlock, err := lockState(ctx, directory)
		if err != nil {
			continue // a test process is connecting
		}
		if unused(ctx, server) {
			return errors.Join(os.Remove(filepath.Join(directory, dsnName)), stopServer(server), unlock())
		}
		lastUse = time.Now()
		if err := unlock(); err != nil {
			return errors.Join(err, stopServer(server))
		}
	}
}

// unused reports whether no test process is connected.
func unused(ctx context.Context, server *postgres.Server) bool {
	ctx, cancel := context.WithTimeout(ctx, idleInterval)
	defer cancel()
	connection, err := pgx.Connect(ctx, server.DSN(maintenanceDatabase))
	if err != nil {
		return false
	}
	defer connection.Close(ctx)
	var clients int
	err = connection.QueryRow(ctx,
		"select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()").Scan(&clients)
	return err == nil && clients == 0
}

func stopServer(server *postgres.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return server.Stop(ctx)
}

// removeLeftovers deletes the data of keepers that were killed; their servers ended with them.
func removeLeftovers(directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), dataPrefix) {
			if err := os.RemoveAll(filepath.Join(directory, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
