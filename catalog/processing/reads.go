package processing

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/integration"
)

// RefreshReaders makes entities urgent by what they have read, and returns their number. is selects among the URLs that
// entities read in these repositories, which are named as integration.RepositoryKey does. Files that a sweep brought from
// there are forgotten, so that their hosts are asked.
func (s State) RefreshReaders(ctx context.Context, tx db.DBTX, repositories []string, is func(url string) bool) (int, error) {
	reads, err := s.queries.CatalogReadsOf(ctx, tx, repositories)
	if err != nil {
		return 0, fmt.Errorf("find what was read in repositories: %w", err)
	}
	var readers []uuid.UUID
	var urls []string
	for _, read := range reads {
		if is(read.Url) {
			readers, urls = append(readers, read.EntityID), append(urls, read.Url)
		}
	}
	if len(readers) == 0 {
		return 0, nil
	}
	if err := s.queries.CatalogForgetFilesAt(ctx, tx, urls); err != nil {
		return 0, fmt.Errorf("forget stored files of repositories: %w", err)
	}
	count, err := s.queries.CatalogMakeUrgent(ctx, tx, causeOf(ctx).String(), readers)
	if err != nil {
		return 0, fmt.Errorf("make the readers of repositories urgent: %w", err)
	}
	return int(count), s.notifyUrgent(ctx, tx)
}

// writeReads records what entities read on hosts, also where that failed: a file that is missing today may be pushed
// tomorrow. Entities that were processed for the first time and read nothing cost nothing.
func (s lane) writeReads(ctx context.Context, tx pgx.Tx, items []work) error {
	var entities []uuid.UUID
	var readers []uuid.UUID
	var urls, repositories []string
	for _, item := range items {
		if item.result.Unchanged || len(item.result.reads) == 0 && item.row.ResultHash == "" {
			continue
		}
		entities = append(entities, item.row.EntityID)
		for _, url := range item.result.reads {
			repository, known := s.pipeline.repositoryOf(url)
			if !known || len(url) > maxTarget {
				continue
			}
			readers, urls, repositories = append(readers, item.row.EntityID), append(urls, url), append(repositories, repository)
		}
	}
	if len(entities) == 0 {
		return nil
	}
	if err := s.queries.CatalogDropReads(ctx, tx, entities, readers, urls); err != nil {
		return fmt.Errorf("forget what entities do not read any more: %w", err)
	}
	if len(urls) == 0 {
		return nil
	}
	return wrapped(s.queries.CatalogAddReads(ctx, tx, readers, urls, repositories), "record what entities read")
}

// repositoryOf names the repository of a URL; false when it is in none.
func (p *Pipeline) repositoryOf(url string) (string, bool) {
	host, known := p.Reader.ByURL(url)
	if !known {
		return "", false
	}
	place, err := integration.PlaceOf(host, url)
	return integration.RepositoryKey(host.Name(), place.Repository), err == nil
}
