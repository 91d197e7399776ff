package rbac

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
)

// CatalogGroups finds groups by the relations of the catalog. A user who is not in the catalog has none.
func CatalogGroups(pool *pgxpool.Pool) GroupsOf {
	queries := db.New()
	return func(ctx context.Context, user string, levels, limit int) ([]string, error) {
		return queries.CatalogGroupsOf(ctx, pool, int32(limit), user, int32(levels)+1)
	}
}
