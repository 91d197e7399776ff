package temporal

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Temporal indexes every possible search attribute: over 70 indexes, which are written twice for each run.
// They were four fifths of what PostgreSQL wrote and half of its CPU time. On a developer's machine, the
// start time finds a few thousand runs as well. So all indexes but that of the Web UI's list are dropped.
// setAsideTable stores their definitions, because a new version of Temporal may want to change them.
const setAsideTable = "portico_set_aside_indexes"

// setIndexesAside drops the indexes that are not kept, and stores their definitions.
func (s *store) setIndexesAside(ctx context.Context, tables schema) error {
	if tables.trim == "" {
		return nil
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "create table if not exists "+setAsideTable+" (name text primary key, definition text not null)"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `insert into `+setAsideTable+` (name, definition)
			select indexname, indexdef from pg_indexes
			where schemaname = current_schema() and tablename = $1 and indexname <> all ($2)
			on conflict (name) do update set definition = excluded.definition
			returning name`, tables.trim, tables.kept)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := tx.Exec(ctx, "drop index "+quote(name)); err != nil {
				return fmt.Errorf("set index %s aside: %w", name, err)
			}
		}
		return nil
	})
}

// restoreIndexes creates the dropped indexes again.
func (s *store) restoreIndexes(ctx context.Context, tables schema) error {
	if tables.trim == "" {
		return nil
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "delete from "+setAsideTable+" returning definition")
		if err != nil {
			return err
		}
		definitions, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, definition := range definitions {
			if _, err := tx.Exec(ctx, definition); err != nil {
				return fmt.Errorf("restore %s: %w", definition, err)
			}
		}
		return nil
	})
}
