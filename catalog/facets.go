package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
)

// FacetValue is one value of a facet and the number of entities that have it.
type FacetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Facets counts the values of each key among the entities that match the filter. The result has every key,
// spelled as in the request.
func (s *Service) Facets(ctx context.Context, principal identity.Principal, keys []string, asked query.Filter) (map[string][]FacetValue, error) {
	if err := query.CheckFacets(len(keys), asked); err != nil {
		return nil, err
	}
	facets := make(map[string][]FacetValue, len(keys))
	for _, key := range keys {
		facets[key] = []FacetValue{}
	}
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return facets, err
	}
	revision, err := s.revision(ctx)
	if err != nil {
		return nil, err
	}
	statement := query.Facets(readable, keys, asked)
	found, err := answered(ctx, s, question{revision: revision, statement: statement}, sizeOfFacets, func(ctx context.Context) ([]facetValue, error) {
		rows, err := s.query(ctx, statement)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[facetValue])
	})
	if err != nil {
		return nil, fmt.Errorf("facets: %w", err)
	}
	values := map[string][]FacetValue{}
	for _, one := range found {
		values[one.Key] = append(values[one.Key], FacetValue{one.Value, one.Count})
	}
	for _, key := range keys {
		if known := values[strings.ToLower(key)]; known != nil {
			facets[key] = known
		}
	}
	return facets, nil
}

// facetValueSize is the size of a facetValue without its texts.
const facetValueSize = 40

// facetValue is a row of query.Facets.
type facetValue struct {
	Key, Value string
	Count      int
}

func sizeOfFacets(values []facetValue) int {
	size := 0
	for _, one := range values {
		size += len(one.Key) + len(one.Value) + facetValueSize
	}
	return size
}
