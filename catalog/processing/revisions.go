package processing

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
)

const (
	// settling is the time after a change of an entity in which changes of what others say about it belong to that
	// change: a new group would otherwise get a version with each batch of its members.
	settling = time.Minute
	// maxRevisions bounds the versions of one reference that are kept.
	maxRevisions = 100
	// expiredAtOnce is the number of versions that are deleted in one transaction.
	expiredAtOnce = 500
)

// isNewVersion reports whether a stitched entity differs from the served one in a way that is kept.
func (p parts) isNewVersion(made stitched) bool {
	if withoutVersion(made.hash) == withoutVersion(p.ServedHash) {
		return false
	}
	return !p.Settling || made.ownHash != p.ServedOwnHash
}

// cause is who or what made a new version.
func (p parts) cause(made stitched) Cause {
	switch {
	case p.ServedHash == "" || made.ownHash != p.ServedOwnHash:
		return scheduledUnless(ParseCause(p.ProcessedFor))
	case stitchedBy(made.hash) != stitchedBy(p.ServedHash):
		return Cause{Kind: CauseRelease}
	default:
		return Cause{Kind: CauseRelations}
	}
}

func scheduledUnless(stated Cause) Cause {
	return Cause{Kind: cmp.Or(stated.Kind, CauseSchedule), By: stated.By}
}

// stitchedBy is the version in the hash of a served entity, withoutVersion the rest.
func stitchedBy(hash string) string {
	version, _, _ := strings.Cut(hash, ":")
	return version
}

func withoutVersion(hash string) string {
	_, digest, _ := strings.Cut(hash, ":")
	return digest
}

// keepRevisions keeps the served versions that are about to be replaced. A new entity costs nothing.
func (e *Engine) keepRevisions(ctx context.Context, tx pgx.Tx, served []stitched) error {
	var replaced []uuid.UUID
	for _, s := range served {
		if s.replaces {
			replaced = append(replaced, s.id)
		}
	}
	if len(replaced) == 0 {
		return nil
	}
	return wrapped(e.queries.CatalogKeepRevisions(ctx, tx, maxRevisions-1, replaced), "keep the versions that are replaced")
}

// DeleteRevisions deletes some of the versions that were replaced or removed before a moment, and reports whether
// there may be more.
func DeleteRevisions(ctx context.Context, tx db.DBTX, before time.Time) (more bool, err error) {
	deleted, err := db.New().CatalogDeleteRevisions(ctx, tx, before, expiredAtOnce)
	if err != nil {
		return false, fmt.Errorf("delete old versions of entities: %w", err)
	}
	return deleted == expiredAtOnce, nil
}
