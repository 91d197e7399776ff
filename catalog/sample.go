package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// sample is the result of query.Sample.
type sample struct {
	Count int
	Refs  []string
}

// SampleEntities counts the entities that the principal may read and that meet the criteria, which are conditions
// over query.Rules, and names some of them. Nil criteria are met by all.
func (s *Service) SampleEntities(ctx context.Context, principal identity.Principal, criteria *policy.Criteria, size int) (count int, refs []string, err error) {
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return 0, nil, err
	}
	var filter query.Filter
	if criteria != nil {
		if filter, err = query.Rules.Filter(*criteria); err != nil {
			return 0, nil, err
		}
	}
	found, err := queryRow(ctx, s, query.Sample(readable, filter, size), pgx.RowToStructByPos[sample])
	if err != nil {
		return 0, nil, fmt.Errorf("count the entities that meet conditions: %w", err)
	}
	return found.Count, found.Refs, nil
}
