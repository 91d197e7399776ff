// Package trail lets people search the audit log, if they may.
package trail

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// MaxPage bounds the events of a page.
const MaxPage = 500

// Service answers questions about the audit log. It is safe for concurrent use.
type Service struct {
	pool    *pgxpool.Pool
	decider policy.Decider
}

// New reads the audit log in the database of pool.
func New(pool *pgxpool.Pool, decider policy.Decider) *Service { return &Service{pool, decider} }

// Events returns the events of a query, the newest first, at most MaxPage.
func (s *Service) Events(ctx context.Context, principal identity.Principal, query audit.Query) ([]audit.Event, error) {
	if err := s.require(ctx, principal); err != nil {
		return nil, err
	}
	if query.Limit <= 0 || query.Limit > MaxPage {
		query.Limit = MaxPage
	}
	return audit.Find(ctx, s.pool, query)
}

// Actions returns what an event may be about, in order.
func (s *Service) Actions(ctx context.Context, principal identity.Principal) ([]audit.Action, error) {
	if err := s.require(ctx, principal); err != nil {
		return nil, err
	}
	return audit.Actions(), nil
}

func (s *Service) require(ctx context.Context, principal identity.Principal) error {
	return policy.Require(ctx, s.decider, principal, policy.AuditRead, "")
}
