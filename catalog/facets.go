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
	rows, err := s.query(ctx, query.Facets(readable, keys, asked))
	if err != nil {
		return nil, fmt.Errorf("facets: %w", err)
	}
	counted := map[string][]FacetValue{}
	var key string
	var value FacetValue
	_, err = pgx.ForEachRow(rows, []any{&key, &value.Value, &value.Count}, func() error {
		counted[key] = append(counted[key], value)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("facets: %w", err)
	}
	for _, key := range keys {
		if values := counted[strings.ToLower(key)]; values != nil {
			facets[key] = values
		}
	}
	return facets, nil
}
