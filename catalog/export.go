package catalog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
)

const (
	// exportedAtOnce is the number of entities of an export that are read at once.
	exportedAtOnce = 500
	// exportTimeout bounds the reading of one page of an export. An export may last as long as its reader reads.
	exportTimeout = time.Minute
)

// ExportEntities calls hand with each entity of a set, in the order of its cursor. No connection is held while
// the caller consumes them, and no more than a page is in memory. What the principal may read is asked for each
// page. An error of hand stops the iteration and is returned.
func (s *Service) ExportEntities(ctx context.Context, principal identity.Principal, cursor query.Cursor, fields query.Fields, hand func(json.RawMessage) error) error {
	page, err := cursor.Page(exportedAtOnce)
	if err != nil {
		return err
	}
	for {
		found, err := s.exportPage(ctx, principal, page, fields)
		if err != nil {
			return err
		}
		if err := handAll(found.items, hand); err != nil {
			return err
		}
		if !found.more {
			return nil
		}
		if page.After, err = query.PositionOf(found.last); err != nil {
			return err
		}
	}
}

func (s *Service) exportPage(ctx context.Context, principal identity.Principal, page query.Page, fields query.Fields) (foundPage, error) {
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return foundPage{}, err
	}
	return s.page(ctx, readable, page, fields)
}
