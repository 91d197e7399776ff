package external

import (
	"context"
	"fmt"
	"time"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
)

const (
	// deleteBatch bounds the documents that are deleted in one statement.
	deleteBatch = 1000
	// rememberDeletions is how long an older push cannot bring back what was deleted with a version.
	rememberDeletions = 30 * 24 * time.Hour
)

// Listed is a source, with what was pushed to it.
type Listed struct {
	search.AboutSource

	// IsConfigured says that the configuration has it. What another one has is found by nobody.
	IsConfigured bool
	// Pushed is nil for a source to which nothing was pushed, and for those who may not know.
	Pushed *Pushed
}

// Pushed is what was pushed to a source.
type Pushed struct {
	Documents int
	At        time.Time
	By        string
	// Incomplete is the name of a full push that has begun and was not completed, "" for none.
	Incomplete string
}

// List lists the sources that a principal may read, and everything about all to those with the permission.
func (s *Store) List(ctx context.Context, principal identity.Principal) ([]Listed, error) {
	decision, err := s.options.Decider.Decide(ctx, principal, policy.SearchSourceRead)
	if err != nil {
		return nil, fmt.Errorf("decide whether %s may read about sources: %w", principal.Subject, err)
	}
	isPermitted := decision.Result == policy.Allowed
	var list []Listed
	for _, config := range s.options.Sources {
		if isPermitted || config.CanRead(principal) {
			list = append(list, Listed{AboutSource: config.AboutSource, IsConfigured: true})
		}
	}
	if !isPermitted {
		return list, nil
	}
	pushes, err := s.queries.SearchSources(ctx, s.options.Pool)
	if err != nil {
		return nil, fmt.Errorf("list pushes: %w", err)
	}
	for _, push := range pushes {
		at := -1
		for i := range list {
			if list[i].Name == push.Source {
				at = i
			}
		}
		if at < 0 {
			list = append(list, Listed{AboutSource: search.AboutSource{Name: push.Source, Title: push.Source}})
			at = len(list) - 1
		}
		list[at].Pushed = &Pushed{Documents: int(push.Documents), At: push.PushedAt, By: push.PushedBy, Incomplete: push.Incomplete}
	}
	return list, nil
}

// DeleteOld deletes documents that were not pushed for as long as their sources keep them, and forgets old deletions.
func (s *Store) DeleteOld(ctx context.Context, now time.Time) error {
	for _, config := range s.options.Sources {
		if config.Retention <= 0 || config.IsLive {
			continue
		}
		for deleted := int64(deleteBatch); deleted == deleteBatch; {
			var err error
			if deleted, err = s.queries.SearchDeletePushedBefore(ctx, s.options.Pool, config.Name, now.Add(-config.Retention), deleteBatch); err != nil {
				return fmt.Errorf("delete old documents of %s: %w", config.Name, err)
			}
		}
	}
	if err := s.queries.SearchForgetDeletions(ctx, s.options.Pool, now.Add(-rememberDeletions)); err != nil {
		return fmt.Errorf("forget deletions: %w", err)
	}
	return nil
}
