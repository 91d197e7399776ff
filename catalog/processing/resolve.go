package processing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

// turn is how long the others wait until a claimant that was given a reference has been read: whoever is read first
// keeps it.
const turn = 30

// GiveTo gives a reference to the location that claims it too, and returns the location that had it. The entity is
// removed, the claimant is read at once, and the former holder and the other claimants after it: they find the reference
// taken. If the claimant does not emit the entity any more, the former holder gets it back. A claim that does not exist
// is a fault of kind NotFound; one of a source that emits entities without a Location, or against one, is a Conflict.
func (s State) GiveTo(ctx context.Context, tx db.DBTX, ref, claimantKey string) (holderKey string, err error) {
	claim, err := s.queries.CatalogConflict(ctx, tx, ref, claimantKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.New(fault.NotFound, "%s is not claimed by %s: the conflict is over, or was never there", ref, claimantKey)
	}
	if err != nil {
		return "", fmt.Errorf("the claim of %s to %s: %w", claimantKey, ref, err)
	}
	sources, err := s.queries.CatalogSourcesOf(ctx, tx, ref)
	if err != nil {
		return "", fmt.Errorf("find the sources of %s: %w", ref, err)
	}
	if len(sources) > 0 || strings.HasPrefix(claim.ClaimantRef, EmitterOf("")) {
		return "", fault.New(fault.Conflict, "%s is from a source that no Location stands for, and would claim it again: remove it there", ref)
	}
	claimants, err := s.queries.CatalogClaimants(ctx, tx, []string{ref})
	if err != nil {
		return "", fmt.Errorf("find who claims %s: %w", ref, err)
	}
	holders, err := s.queries.CatalogParents(ctx, tx, []string{ref})
	if err != nil {
		return "", fmt.Errorf("find who holds %s: %w", ref, err)
	}
	if _, err := s.queries.CatalogLockStates(ctx, tx, slices.Concat([]string{ref}, claimants, holders)); err != nil {
		return "", fmt.Errorf("lock %s and who claims it: %w", ref, err)
	}
	if err := s.Remove(ctx, tx, []string{ref}); err != nil {
		return "", err
	}
	others := slices.DeleteFunc(slices.Concat(claimants, holders), func(other string) bool { return other == claim.ClaimantRef })
	if err := s.queries.CatalogMakeDueLater(ctx, tx, turn, others); err != nil {
		return "", fmt.Errorf("let the others wait: %w", err)
	}
	return claim.HolderKey, nil
}
