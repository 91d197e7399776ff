package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// defaultMaxConns is the pool's size when the DSN has no pool_max_conns: a few statements in flight per core of a small
	// server, with room for the long-lived listeners. Postgres allows 100 connections unless told otherwise.
	defaultMaxConns = 16

	connectTimeout  = 10 * time.Second
	maxConnLifetime = time.Hour
	maxConnIdleTime = 5 * time.Minute
)

// Open connects to the database of a DSN (a postgres:// URL or a keyword=value string; pgxpool's pool_* parameters are
// understood) and proves with one round trip that it answers: else it fails with an *OpenError. Nothing is migrated: see
// Migrate. Errors never show the password. The caller closes the pool.
func Open(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return OpenSized(ctx, dsn, defaultMaxConns)
}

// OpenSized is Open with a pool of at most maxConns connections, unless the DSN has a pool_max_conns of its own.
func OpenSized(ctx context.Context, dsn string, maxConns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database DSN: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = maxConns
	}
	config.MaxConnLifetime = maxConnLifetime
	config.MaxConnLifetimeJitter = maxConnLifetime / 10
	config.MaxConnIdleTime = maxConnIdleTime
	config.ConnConfig.ConnectTimeout = connectTimeout
	if config.ConnConfig.RuntimeParams["random_page_cost"] == "" {
		// Postgres's own 4 is that of a disk with a head; here it makes a statement on a large table read all of it.
		config.ConnConfig.RuntimeParams["random_page_cost"] = "1.1"
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
