// Package bookmarks keeps what people starred and what they saw last, for every browser that they sign in
// from.
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

// The lists that everybody has.
const (
	// Starred is what a person put there.
	Starred List = "starred"
	// Recent is what a person looked at, the latest first. It forgets the oldest by itself.
	Recent List = "recent"
)

// How long the lists are.
const (
	MaxStarred = 500
	MaxRecent  = 20
)

// maxRef bounds a reference, in bytes: three names of 63 characters, and room for kinds of other portals.
const maxRef = 500

// Service keeps the lists. It is safe for concurrent use.
type Service struct {
	pool    *pgxpool.Pool
	queries *db.Queries
}

// New keeps the lists in the database of pool.
func New(pool *pgxpool.Pool) *Service { return &Service{pool: pool, queries: db.New()} }

// References are the entities of a list of who asks, the latest first.
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

// Add puts an entity at the front of a list of who asks. A full list of stars refuses another one: kind
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

// Remove takes an entity out of a list of who asks. It need not be there.
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

// person is the user who asks. Machines have no lists.
func person(principal identity.Principal) (string, error) {
	if ref := principal.UserRef(); ref != "" {
		return ref, nil
	}
	return "", fault.New(fault.NotAllowed, "Only a signed-in person has bookmarks")
}
