package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

const (
	// sitesAtOnce is the number of sites that are taken at once, and sitePeriod the time between looks for sites that are due.
	sitesAtOnce = 20
	sitePeriod  = 500 * time.Millisecond
	// siteTimeout bounds the reading of one site.
	siteTimeout = time.Minute
	// DefaultSiteInterval is how often the search index of each site is looked at, as often as Backstage does.
	DefaultSiteInterval = 10 * time.Minute
)

// Sites keeps the sections of documentation right that others publish: it looks at the search index of each site when its entity comes or
// changes, and periodically. What Portico publishes itself is found at once, by ReplaceDocs.
type Sites struct {
	Index *Index
	Store *store.Store
	// Every is how often a site is looked at. 0 is DefaultSiteInterval.
	Every time.Duration
}

// Run looks at sites until the context ends. Any number of processes may run it: each site is looked at by one.
func (s Sites) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		done, err := s.CatchUp(ctx)
		if err != nil && ctx.Err() == nil {
			s.Index.log.WarnContext(ctx, "search: could not look at sites of documentation; this is tried again", "error", err)
		}
		if done == sitesAtOnce {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(sitePeriod):
		}
	}
	return nil
}

// CatchUp looks at the sites that are due first, and returns how many these were. A site that cannot be read keeps its sections.
func (s Sites) CatchUp(ctx context.Context) (int, error) {
	every := s.Every
	if every == 0 {
		every = DefaultSiteInterval
	}
	due, err := s.Index.queries.SearchTakeSites(ctx, s.Index.pool, every.Seconds(), sitesAtOnce)
	if err != nil {
		return 0, fmt.Errorf("take sites of documentation: %w", err)
	}
	for _, site := range due {
		if err := s.read(ctx, site); err != nil && ctx.Err() == nil {
			s.Index.log.WarnContext(ctx, "search: the documentation of an entity is not found as it is now", "entity", site.EntityRef, "error", err)
		}
	}
	return len(due), nil
}

// read replaces the sections of a site if its search index is another one than before.
func (s Sites) read(ctx context.Context, site db.SearchTakeSitesRow) error {
	ctx, cancel := context.WithTimeout(ctx, siteTimeout)
	defer cancel()
	version, sections, err := s.sections(ctx, site)
	if err != nil || version == site.Version {
		return err
	}
	return pgx.BeginFunc(ctx, s.Index.pool, func(tx pgx.Tx) error {
		if err := s.Index.ReplaceDocs(ctx, tx, site.EntityRef, sections); err != nil {
			return err
		}
		return s.Index.queries.SearchSetSiteVersion(ctx, tx, version, site.EntityID)
	})
}

// sections reads the search index of a site, unless it is the one that was read before. A site without one has no sections.
func (s Sites) sections(ctx context.Context, site db.SearchTakeSitesRow) (version string, sections []techdocs.Section, err error) {
	ref, err := entity.ParseRef(site.EntityRef, entity.Ref{})
	if err != nil {
		return "", nil, err
	}
	file, err := s.Store.Open(ctx, techdocs.Ref{Namespace: ref.Namespace, Kind: ref.Kind, Name: ref.Name}, store.IndexFile)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	version = fmt.Sprintf("%s %d %d", file.ETag, file.Size, file.Modified.UnixNano())
	if version == site.Version {
		return version, nil, nil
	}
	sections, err = store.ReadIndex(file)
	return version, sections, err
}
