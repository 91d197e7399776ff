package build

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/techdocs"
)

const (
	// syncAgain is how long readers are not looked for news again, as in Backstage.
	syncAgain = time.Minute
	// syncVersionAgain is how long those of a version are not: it changes seldom, and a push tells of it.
	syncVersionAgain = time.Hour
	// syncTimeout bounds how long a reader follows a build. The build goes on.
	syncTimeout = 10 * time.Minute
)

// Sync builds the site of an entity when its sources have changed, for somebody who reads it. Readers who come within a minute share what
// the first one found. Where sites are built elsewhere, it does nothing.
func (s *Service) Sync(ctx context.Context, principal identity.Principal, ref techdocs.Ref, log func(line string)) (updated bool, err error) {
	named := entity.Ref{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
	e, err := s.Catalog.EntityByRef(ctx, principal, named)
	if err != nil {
		return false, err
	}
	if s.External || e.Annotation(AnnotationRef) == "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	id, err := s.askForReader(ctx, versionOf(siteOf(named), ref.Version), principal)
	if err != nil || id == uuid.Nil {
		return false, err
	}
	ended, err := s.follow(ctx, id, log)
	switch {
	case err != nil:
		return false, err
	case ended.State == Failed && ended.Failure != nil:
		return false, fault.New(fault.Input, "Failed to build the docs of %s: %s", named, ended.Failure.Message)
	case ended.State == Failed:
		return false, fmt.Errorf("the build %s failed", id)
	}
	return ended.State == Published, nil
}

// askForReader asks for a build, or returns the one that is under way. It returns no build when the site was looked at a moment ago.
func (s *Service) askForReader(ctx context.Context, site string, principal identity.Principal) (uuid.UUID, error) {
	var id uuid.UUID
	var isNew bool
	err := s.Store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, version, _ := techdocs.SplitVersion(site)
		again := syncAgain
		if version != "" {
			again = syncVersionAgain
		} else if err := s.queries.TechDocsEnsureSite(ctx, tx, site); err != nil {
			return fmt.Errorf("record the site of %s: %w", site, err)
		}
		row, err := s.queries.TechDocsLockSite(ctx, tx, site)
		if version != "" && (errors.Is(err, pgx.ErrNoRows) || err == nil && row.GoneAt != nil) {
			return fault.New(fault.NotFound, "There is no version '%s' of this documentation", version)
		}
		if err != nil {
			return fmt.Errorf("read the site of %s: %w", site, err)
		}
		active, err := s.queries.TechDocsUnendedBuild(ctx, tx, site)
		switch {
		case err == nil:
			id = active.ID
			return nil
		case !errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("find the build of %s: %w", site, err)
		case row.CheckedAt != nil && time.Since(*row.CheckedAt) < again:
			return nil
		}
		asked, err := s.Store.ask(ctx, tx, site, request{cause: ByRead, askedBy: principal.Subject})
		id, isNew = asked.ID, true
		return err
	})
	if err == nil && isNew {
		s.wake(ctx, site, ByRead)
	}
	return id, err
}
