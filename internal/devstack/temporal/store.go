package temporal

import (
	"context"
	"fmt"
	"time"

	"github.com/iancoleman/strcase"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	postgresschema "go.temporal.io/server/schema/postgresql/v12"
	schematool "go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"
	"golang.org/x/sync/errgroup"
)

// schema is one of Temporal's two sets of tables, each in its own database.
type schema struct {
	// source is the path of the schema in Temporal's embedded sources, version the one that this build of the
	// server needs.
	source, version string
	// conns bounds the pool, which Temporal's four services share instead of opening their own.
	conns int32
	// trim is the table that keeps only the indexes in kept; see indexes.go. "" keeps all.
	trim string
	kept []string
}

var (
	executionSchema  = schema{source: "postgresql/v12/temporal", version: postgresschema.Version, conns: 8}
	visibilitySchema = schema{source: "postgresql/v12/visibility", version: postgresschema.VisibilityVersion, conns: 4,
		trim: "executions_visibility",
		kept: []string{"executions_visibility_pkey", "default_idx"},
	}
)

// store is a database with a schema, ready for the server.
type store struct {
	database string
	pool     *pgxpool.Pool
}

// stores are the two databases of one server.
type stores struct {
	executions, visibility *store
}

// openStores creates or upgrades both databases concurrently.
func openStores(ctx context.Context, options Options) (*stores, error) {
	var opened stores
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		opened.executions, err = openStore(ctx, options.DSN, options.Database, executionSchema)
		return err
	})
	group.Go(func() (err error) {
		opened.visibility, err = openStore(ctx, options.DSN, options.Database+"_visibility", visibilitySchema)
		return err
	})
	if err := group.Wait(); err != nil {
		opened.close()
		return nil, err
	}
	return &opened, nil
}

func (s *stores) close() {
	for _, one := range []*store{s.executions, s.visibility} {
		if one != nil {
			one.pool.Close()
		}
	}
}

// openStore connects to a database, creates it if it does not exist, and upgrades an older schema.
func openStore(ctx context.Context, dsn, database string, tables schema) (*store, error) {
	if err := createStore(ctx, dsn, database, tables); err != nil {
		return nil, fmt.Errorf("create database %s: %w", database, err)
	}
	pool, err := openPool(ctx, dsn, database, tables.conns)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", database, err)
	}
	opened := &store{database: database, pool: pool}
	if err := opened.upgrade(ctx, tables); err != nil {
		pool.Close()
		return nil, fmt.Errorf("upgrade database %s: %w", database, err)
	}
	return opened, nil
}

// createStore creates the database with its tables unless it exists. It creates it under another name first,
// so that a database with the final name is complete even if this process is killed.
func createStore(ctx context.Context, dsn, database string, tables schema) error {
	maintenance, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer maintenance.Close(context.WithoutCancel(ctx))

	var exists bool
	err = maintenance.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	unfinished := database + "_unfinished"
	for _, statement := range []string{
		"drop database if exists " + quote(unfinished) + " with (force)",
		"create database " + quote(unfinished),
	} {
		if _, err := maintenance.Exec(ctx, statement); err != nil {
			return err
		}
	}
	pool, err := openPool(ctx, dsn, unfinished, 1)
	if err != nil {
		return err
	}
	err = (&store{database: database, pool: pool}).createTables(ctx, tables)
	pool.Close()
	if err != nil {
		return err
	}
	_, err = maintenance.Exec(ctx, fmt.Sprintf("alter database %s rename to %s", quote(unfinished), quote(database)))
	return err
}

func quote(identifier string) string { return pgx.Identifier{identifier}.Sanitize() }

func (s *store) createTables(ctx context.Context, tables schema) error {
	err := s.withSchemaTool(func(connection *sqltool.Connection) error {
		setup := &schematool.SetupConfig{SchemaName: tables.source, InitialVersion: tables.version}
		return schematool.NewSetupSchemaTask(connection, setup, log.NewNoopLogger()).Run()
	})
	if err != nil {
		return err
	}
	return s.setIndexesAside(ctx, tables)
}

// upgrade applies the missing schema versions; usually none. They expect all indexes to exist.
func (s *store) upgrade(ctx context.Context, tables schema) error {
	return s.withSchemaTool(func(connection *sqltool.Connection) error {
		version, err := connection.ReadSchemaVersion()
		if err != nil || version == tables.version {
			return err
		}
		if err := s.restoreIndexes(ctx, tables); err != nil {
			return err
		}
		update := &schematool.UpdateConfig{SchemaName: tables.source}
		if err := schematool.NewUpdateSchemaTask(connection, update, log.NewNoopLogger()).Run(); err != nil {
			return err
		}
		return s.setIndexesAside(ctx, tables)
	})
}

func (s *store) withSchemaTool(use func(*sqltool.Connection) error) error {
	connection, err := sqltool.NewConnection(s.config(), log.NewNoopLogger())
	if err != nil {
		return err
	}
	defer connection.Close()
	return use(connection)
}

// config is Temporal's configuration of the store, which uses our pool. Temporal may close what Connect
// returns at any time; that closes a thin wrapper, never the pool.
func (s *store) config() *config.SQL {
	return &config.SQL{
		PluginName:   postgresql.PluginNamePGX,
		DatabaseName: s.database,
		Connect: func(*config.SQL) (*sqlx.DB, error) {
			wrapper := sqlx.NewDb(stdlib.OpenDBFromPool(s.pool), "pgx")
			wrapper.MapperFunc(strcase.ToSnake) // Temporal's rows name no columns
			return wrapper, nil
		},
	}
}

func openPool(ctx context.Context, dsn, database string, conns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.Database = database
	config.ConnConfig.RuntimeParams["application_name"] = "temporal"
	// Temporal's queries use primary keys, so one plan is good for all values. By default, the first five
	// executions of each of forty statements on each connection are planned again.
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	// Temporal's commits do not wait for the disk. Portico's record, on the same server, does: see decision
	// 0009.
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	config.MaxConns = conns
	config.AfterConnect = registerTypes
	return pgxpool.NewWithConfig(ctx, config)
}

// registerTypes stores durations as nanoseconds, as Temporal's own connections do; pgx would store intervals.
func registerTypes(_ context.Context, connection *pgx.Conn) error {
	connection.TypeMap().RegisterDefaultPgType(time.Duration(0), "int8")
	connection.TypeMap().RegisterDefaultPgType((*time.Duration)(nil), "int8")
	return nil
}
