// Package bookmarks stores the entities that a person starred and visited last, for all their browsers.
package bookmarks

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// List is one of a person's lists.
type List string

// The lists that every person has.
const (
	// Starred has the entities that the person starred.
	Starred List = "starred"
	// Recent has the entities that the person visited, the latest first. The oldest are dropped
	// automatically.
	Recent List = "recent"
)

// The bounds of the lists.
const (
	MaxStarred = 500
	MaxRecent  = 20
)

// maxRef bounds a reference, in bytes: three names of 63 characters, and room for kinds of other portals.
const maxRef = 500

// Service stores the lists. It is safe for concurrent use.
type Service struct {
	pool    *pgxpool.Pool
	queries *db.Queries
}

// New stores the lists in the database of pool.
func New(pool *pgxpool.Pool) *Service { return &Service{pool: pool, queries: db.New()} }

// References are the entities in a list of the principal, the latest first.
func (s *Service) References(ctx context.Context, principal identity.Principal, list List) ([]string, error) {
	user, err := person(principal)
	if err != nil {
		return nil, err
	}
	refs, err := s.queries.Bookmarks(ctx, s.pool, user, string(list), MaxStarred)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", list, user, err)
	}
	return refs, nil
}

// Add puts an entity at the front of a list of the principal. A full list of stars is a fault of kind
// Conflict.
func (s *Service) Add(ctx context.Context, principal identity.Principal, list List, ref string) error {
	user, ref, err := mark(principal, ref)
	if err != nil {
		return err
	}
	added, err := s.queries.AddBookmark(ctx, s.pool, db.AddBookmarkParams{UserRef: user, List: string(list), EntityRef: ref, Most: MaxStarred})
	if err != nil {
		return fmt.Errorf("add %s to %s of %s: %w", ref, list, user, err)
	}
	if added == 0 {
		return fault.New(fault.Conflict, "%d entities are starred, which is as many as can be: remove one first", MaxStarred)
	}
	if list != Recent {
		return nil
	}
	if err := s.queries.TrimBookmarks(ctx, s.pool, user, string(list), MaxRecent); err != nil {
		return fmt.Errorf("trim %s of %s: %w", list, user, err)
	}
	return nil
}

// Remove removes an entity from a list of the principal, if it is there.
func (s *Service) Remove(ctx context.Context, principal identity.Principal, list List, ref string) error {
	user, ref, err := mark(principal, ref)
	if err != nil {
		return err
	}
	if err := s.queries.RemoveBookmark(ctx, s.pool, user, string(list), ref); err != nil {
		return fmt.Errorf("remove %s from %s of %s: %w", ref, list, user, err)
	}
	return nil
}

func mark(principal identity.Principal, ref string) (user, lower string, err error) {
	if user, err = person(principal); err != nil {
		return "", "", err
	}
	if len(ref) > maxRef {
		return "", "", fault.New(fault.Input, "Invalid entityRef, it is longer than %d bytes", maxRef)
	}
	parsed, err := entity.ParseRef(ref, entity.Ref{})
	if err != nil {
		return "", "", fault.New(fault.Input, "Invalid entityRef: %s", err)
	}
	return user, parsed.String(), nil
}

// person is the principal's user reference. Machines have no lists.
func person(principal identity.Principal) (string, error) {
	if ref := principal.UserRef(); ref != "" {
		return ref, nil
	}
	return "", fault.New(fault.NotAllowed, "Only a signed-in person has bookmarks")
}
