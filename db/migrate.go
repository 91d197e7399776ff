package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Waiting for another process that is migrating: one look a second, for five minutes.
const (
	lockPeriodSeconds = 1
	lockAttempts      = 300
)

// Migrations is the tree of migration files, NNNN_name.sql, in goose's form.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is a constant and valid
	}
	return sub
}

// Migrate brings the schema forward to what this build needs. A schema that is already there costs two short
// queries; a newer one is left as it is. Processes that start at once take turns under a session lock, which
// dies with its holder, so a crash in mid-migration leaves nothing to clean up: each file runs in its own
// transaction. There is no way down.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriodSeconds, lockAttempts))
	if err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	// The sql.DB borrows its connections from the pool; closing it closes none of them.
	database := stdlib.OpenDBFromPool(pool)
	defer database.Close()

	provider, err := goose.NewProvider(goose.DialectPostgres, database, Migrations(),
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if errors.Is(err, goose.ErrNoMigrations) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// undefinedTable is how Postgres says that a table is not there.
const undefinedTable = "42P01"

// CheckSchema fails where the schema is older than this build needs: its statements would fail one by one,
// each with words that only its author understands. A newer schema is fine, since a migration keeps the
// release before it working.
func CheckSchema(ctx context.Context, pool *pgxpool.Pool) error {
	files, err := fs.Glob(Migrations(), "*.sql")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	var applied int
	err = pool.QueryRow(ctx, "select coalesce(max(version_id), 0) from goose_db_version").Scan(&applied)
	if refused, is := errors.AsType[*pgconn.PgError](err); is && refused.Code == undefinedTable {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("version of the database's schema: %w", err)
	}
	if applied < len(files) {
		return fmt.Errorf("the database's schema is at version %d and this Portico needs %d: run `portico migrate` first",
			applied, len(files))
	}
	return nil
}
