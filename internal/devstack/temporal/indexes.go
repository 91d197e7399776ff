package temporal

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Temporal indexes every search attribute that anybody might use: over 70 indexes, all of them written twice
// for each run. That was four fifths of what PostgreSQL wrote and half of its CPU time. The few thousand runs
// of a developer's machine are found as well by the time they started, so all indexes but that of the Web
// UI's list are set aside: dropped, but remembered in setAsideTable for the day when a new version of
// Temporal wants to change them.
const setAsideTable = "portico_set_aside_indexes"

// setIndexesAside drops the indexes that are not kept.
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

// restoreIndexes makes the indexes again that were set aside.
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
