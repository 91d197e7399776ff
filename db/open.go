package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// defaultMaxConns is the pool's size when the DSN has no pool_max_conns: a few statements in flight per
	// core of a small server, with room for the long-lived listeners. Postgres allows 100 connections unless
	// told otherwise.
	defaultMaxConns = 16

	connectTimeout  = 10 * time.Second
	maxConnLifetime = time.Hour
	maxConnIdleTime = 5 * time.Minute
)

// Open connects to the database of a DSN (a postgres:// URL or a keyword=value string; pgxpool's pool_*
// parameters are understood) and proves with one round trip that it answers: else it fails with an
// *OpenError. Nothing is migrated: see Migrate. Errors never show the password. The caller closes the pool.
func Open(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return OpenSized(ctx, dsn, defaultMaxConns)
}

// OpenSized is Open with a pool of at most maxConns connections, unless the DSN has a pool_max_conns of its
// own.
func OpenSized(ctx context.Context, dsn string, maxConns int32) (*pgxpool.Pool, error) {
	config, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	return open(ctx, dsn, config, maxConns)
}

// OpenThroughPooler is OpenSized for a DSN that leads to a connection pooler, such as PgBouncer in
// transaction mode: a statement may find itself on another connection than the one before. Nothing is
// prepared there, then, and a Listener hears nothing: it needs a pool that does not go through it, as Migrate
// does.
func OpenThroughPooler(ctx context.Context, dsn string, maxConns int32) (*pgxpool.Pool, error) {
	config, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(dsn, "default_query_exec_mode") {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return open(ctx, dsn, config, maxConns)
}

func parse(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database DSN: %w", err)
	}
	return config, nil
}

func open(ctx context.Context, dsn string, config *pgxpool.Config, maxConns int32) (*pgxpool.Pool, error) {
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = maxConns
	}
	config.MaxConnLifetime = maxConnLifetime
	config.MaxConnLifetimeJitter = maxConnLifetime / 10
	config.MaxConnIdleTime = maxConnIdleTime
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.AfterNetConnect = watch
	if config.ConnConfig.RuntimeParams["random_page_cost"] == "" {
		config.AfterConnect = tune
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "portico"
	}

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	pingCtx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := pool.Ping(pingCtx); err != nil {
		pool.Close()
		return nil, &OpenError{config: &config.ConnConfig.Config, cause: err}
	}
	return pool, nil
}

// tune sets what Postgres is to reckon with. It is a statement and no parameter of the connection's start,
// most of which a connection pooler refuses. Postgres's own 4 is that of a disk with a head; here it makes a
// statement on a large table read all of it.
func tune(ctx context.Context, connection *pgx.Conn) error {
	_, err := connection.Exec(ctx, "set random_page_cost = 1.1")
	return err
}
