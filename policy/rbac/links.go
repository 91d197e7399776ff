package rbac

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
)

// CatalogLinks finds links by the relations of the catalog.
func CatalogLinks(pool *pgxpool.Pool) LinksOf {
	queries := db.New()
	return func(ctx context.Context, user string, groups []string) ([]Link, error) {
		rows, err := queries.CatalogGroupLinks(ctx, pool, user, groups)
		links := make([]Link, len(rows))
		for i, row := range rows {
			links[i] = Link{row.SourceRef, row.TargetRef}
		}
		return links, err
	}
}
