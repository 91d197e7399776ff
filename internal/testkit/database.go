package testkit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
)

const (
	setUpTimeout    = 3 * time.Minute // the first one on a machine may have to fetch PostgreSQL
	databaseTimeout = time.Minute
)

// Database gives the test an empty, migrated database of its own, dropped when the test ends. Its DSN, for a
// process that the test starts, is pool.Config().ConnString(). Tests that use it can run in parallel.
func Database(t testing.TB) *pgxpool.Pool {
	t.Helper()
	server, err := sharedServer()
	require.NoError(t, err, "the PostgreSQL server for tests")

	ctx, cancel := context.WithTimeout(t.Context(), databaseTimeout)
	defer cancel()
	name := "test_" + strings.ToLower(rand.Text())
	_, err = server.admin.Exec(ctx, fmt.Sprintf("create database %s template %s", name, server.template))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), databaseTimeout)
		defer cancel()
		_, err := server.admin.Exec(ctx, fmt.Sprintf("drop database %s with (force)", name))
		require.NoError(t, err)
	})

	pool, err := db.Open(ctx, databaseDSN(server.dsn, name))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// Digest is a checksum of all rows of a database: any change changes it.
func Digest(t testing.TB, pool *pgxpool.Pool) string {
	t.Helper()
	var digest string
	require.NoError(t, pool.QueryRow(t.Context(), //nolint:unqueryvet // It reads every column of every table.
		`
		select md5(string_agg(query_to_xml(format('select * from %I r order by r::text', tablename), true, false, '')::text, '' order by tablename))
		from pg_tables where schemaname = 'public'`).Scan(&digest))
	return digest
}

// server is this process's connection to the shared server.
type server struct {
	// dsn is the DSN of the maintenance database.
	dsn string
	// admin stays connected until this process ends, which keeps the keeper running.
	admin *pgxpool.Pool
	// template is the database that is cloned for each test, with this build's migrations.
	template string
}

// sharedServer connects to the shared server once per process, and starts it if it does not run.
var sharedServer = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), setUpTimeout)
	defer cancel()
	directory, err := stateDirectory()
	if err != nil {
		return nil, err
	}
	unlock, err := lockState(ctx, directory)
	if err != nil {
		return nil, err
	}
	shared, err := prepareServer(ctx, directory)
	return shared, errors.Join(err, unlock())
})

// prepareServer ensures a running server with this build's template. The caller holds the state's lock.
func prepareServer(ctx context.Context, directory string) (*server, error) {
	shared, err := connect(ctx, directory)
	if err != nil { // it does not run, then
		if err := startKeeper(ctx, directory); err != nil {
			return nil, err
		}
		if shared, err = connect(ctx, directory); err != nil {
			return nil, err
		}
	}
	return shared, shared.makeTemplate(ctx)
}

// makeTemplate creates the database to clone, unless another process with the same migrations has. The caller
// holds the state's lock.
func (s *server) makeTemplate(ctx context.Context) error {
	fingerprint, err := migrationsFingerprint()
	if err != nil {
		return err
	}
	s.template = "template_" + fingerprint
	var exists bool
	if err := s.admin.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", s.template).Scan(&exists); err != nil || exists {
		return err
	}

	// Migrate under another name first, so that a database with the final name is complete.
	unfinished := s.template + "_unfinished"
	for _, statement := range []string{"drop database if exists " + unfinished, "create database " + unfinished} {
		if _, err := s.admin.Exec(ctx, statement); err != nil {
			return err
		}
	}
	pool, err := db.Open(ctx, databaseDSN(s.dsn, unfinished))
	if err != nil {
		return err
	}
	err = db.Migrate(ctx, pool)
	pool.Close()
	if err != nil {
		return err
	}
	_, err = s.admin.Exec(ctx, fmt.Sprintf("alter database %s rename to %s", unfinished, s.template))
	return err
}

// migrationsFingerprint identifies the schema: a hash of the names and contents of all migrations.
func migrationsFingerprint() (string, error) {
	files, err := fs.Glob(db.Migrations(), "*.sql")
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	for _, name := range files {
		content, err := fs.ReadFile(db.Migrations(), name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(digest, "%s %d\n%s", name, len(content), content)
	}
	return hex.EncodeToString(digest.Sum(nil)[:8]), nil
}

// databaseDSN is the DSN of another database on the same server.
func databaseDSN(dsn, database string) string {
	return strings.Replace(dsn, "/"+maintenanceDatabase+"?", "/"+database+"?", 1)
}

// connect connects this process to the server in the state directory.
func connect(ctx context.Context, directory string) (*server, error) {
	dsn, err := readDSN(directory)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MinConns = 1
	config.MaxConns = 4
	// Names of databases cannot be parameters, so there is nothing to prepare.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	admin, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, err
	}
	if err := admin.Ping(ctx); err != nil {
		admin.Close()
		return nil, err
	}
	return &server{dsn: dsn, admin: admin}, nil
}
