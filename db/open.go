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

// Open connects to the database of a DSN (a postgres:// URL or a keyword=value string, with pgxpool's pool_*
// parameters). It makes one round trip and fails with an *OpenError when the database does not answer. It
// migrates nothing: see Migrate. Errors never show the password. The caller closes the pool.
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

// OpenThroughPooler is OpenSized for a DSN of a connection pooler, such as PgBouncer in transaction mode,
// where consecutive statements may run on different connections. So it prepares no statements. A Listener
// receives nothing through a pooler: it needs a direct pool, and so does Migrate.
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
	config.ConnConfig.AfterNetConnect = wrapConnection
	isTuned := config.ConnConfig.RuntimeParams["random_page_cost"] != ""
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		encodeUUIDs(connection.TypeMap())
		if isTuned {
			return nil
		}
		return tune(ctx, connection)
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

// tune sets random_page_cost with a statement, because connection poolers refuse most startup parameters.
// Postgres' default of 4 is for rotating disks; with it the planner scans large tables sequentially.
func tune(ctx context.Context, connection *pgx.Conn) error {
	_, err := connection.Exec(ctx, "set random_page_cost = 1.1")
	return err
}
