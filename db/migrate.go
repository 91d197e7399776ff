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

// Waiting for another process that is migrating: one attempt a second, for five minutes.
const (
	lockPeriodSeconds = 1
	lockAttempts      = 300
)

// Migrations returns the migration files, NNNN_name.sql, in goose's format.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // cannot happen: the name is constant and valid
	}
	return sub
}

// Migrate migrates the schema forward to what this build needs. For an up-to-date schema it runs two short
// queries. A newer schema is not changed. Processes that start at once wait for each other with a session
// lock, which ends with its holder. Each file runs in its own transaction, so a crash leaves nothing to clean
// up. There are no down migrations.
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

// undefinedTable is Postgres' error code for a table that does not exist.
const undefinedTable = "42P01"

// CheckSchema fails when the schema is older than this build needs. Otherwise single statements would fail
// later, with errors that do not name the cause. A newer schema is accepted, because a migration keeps the
// previous release working.
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
