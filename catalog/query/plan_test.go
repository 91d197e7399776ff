package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/internal/testkit"
)

// manyEntities is a catalog of a size at which a sequential scan would be felt.
const manyEntities = 100_000

// fill writes entities of which 1 in 2 is a component, the others being APIs, resources, users and groups.
func fill(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	statements := []string{
		fmt.Sprintf(`create temporary table made as
		 select gen_random_uuid() as id, n, 'entity-' || n as name,
		     case when n %% 2 = 0 then 'component' else (array['api', 'resource', 'user', 'group'])[1 + n / 2 %% 4] end as kind
		 from generate_series(1, %d) n`, manyEntities),
		`insert into catalog_entities (entity_id, entity_ref, hash, entity)
		 select id, kind || ':default/' || name, '',
		     json_build_object('kind', kind, 'metadata', json_build_object('name', name, 'description', repeat(md5(name), 40)))
		 from made`,
		`insert into catalog_search (entity_id, key, value, original_value)
		 select id, key, value, value from made, lateral (values
		     ('kind', kind), ('metadata.name', name), ('metadata.uid', id::text), ('metadata.namespace', 'default'),
		     ('metadata.title', 'The ' || name), ('spec.type', (array['service', 'website', 'library'])[1 + n % 3]),
		     ('spec.lifecycle', (array['production', 'experimental'])[1 + n % 2]),
		     ('relations.ownedby', 'group:default/team-' || n % 500), ('metadata.tags', 'tag-' || n % 50),
		     ('metadata.annotations.backstage.io/managed-by-location', 'url:https://example.com/' || n / 10)
		 ) as rows (key, value)`,
		// What an autovacuum would have done meanwhile: index-only scans need it.
		`vacuum analyze catalog_entities, catalog_search`,
	}
	connection, err := pool.Acquire(ctx)
	require.NoError(t, err)
	defer connection.Release()
	for _, statement := range statements {
		_, err := connection.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
}

// plan is the part of EXPLAIN's answer that the test reads.
type plan struct {
	NodeType string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Time     float64 `json:"Actual Total Time"`
	Plans    []plan  `json:"Plans"`
}

func explain(t *testing.T, pool *pgxpool.Pool, statement query.Statement) plan {
	t.Helper()
	var document []byte
	err := pool.QueryRow(t.Context(), "explain (analyze, format json) "+statement.SQL, statement.Args...).Scan(&document)
	require.NoError(t, err, statement.SQL)
	var plans []struct {
		Plan plan `json:"Plan"`
	}
	require.NoError(t, json.Unmarshal(document, &plans))
	return plans[0].Plan
}

func (p plan) sequentialScans() []string {
	var found []string
	if p.NodeType == "Seq Scan" {
		found = append(found, p.Relation)
	}
	for _, child := range p.Plans {
		found = append(found, child.sequentialScans()...)
	}
	return found
}

func TestPlansUseIndexes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("fills a large table")
	}
	pool := testkit.Database(t)
	fill(t, pool)

	sets := func(parameters ...string) query.Filter {
		filter, err := query.ParseSets(parameters)
		require.NoError(t, err)
		return filter
	}
	byName := &query.Order{Key: "metadata.name"}
	components := sets("kind=component")
	owned := sets("kind=component,relations.ownedBy=group:default/team-1,relations.ownedBy=group:default/team-2")
	cases := map[string]query.Statement{
		"a page of components by name":  query.Page{Filter: components, Order: byName, Limit: 21}.Select(),
		"the same, backwards":           query.Page{Filter: components, Order: byName, Limit: 21, Backwards: true}.Select(),
		"a page of everything":          query.Page{Limit: 201}.Select(),
		"a page of owned components":    query.Page{Filter: owned, Order: byName, Limit: 21}.Select(),
		"a page of two kinds":           query.Page{Filter: sets("kind=user", "kind=group"), Order: byName, Limit: 21}.Select(),
		"a page of either of two sets":  query.Page{Filter: sets("kind=user,metadata.name=entity-7", "kind=group,metadata.tags=tag-3"), Limit: 21}.Select(),
		"a page of one name":            query.Page{Filter: sets("kind=component,metadata.name=entity-500"), Limit: 21}.Select(),
		"a page of one location":        query.Page{Filter: sets("metadata.annotations.backstage.io/managed-by-location=url:https://example.com/77"), Limit: 201}.Select(),
		"a page of text":                query.Page{FullText: query.FullText{Term: "entity-99"}, Order: byName, Limit: 21}.Select(),
		"a page of a prefix":            query.Page{Filter: query.Prefix{Key: "metadata.name", Prefix: "entity-12"}, Limit: 21}.Select(),
		"a count of components":         query.Page{Filter: components}.Count(),
		"a count of sorted components":  query.Page{Filter: components, Order: byName}.Count(),
		"a count of owned components":   query.Page{Filter: owned}.Count(),
		"a list of services":            query.List{Filter: sets("kind=api,spec.type=service,metadata.tags=tag-1"), ByRef: true, Limit: 21}.Select(),
		"a list by reference":           query.List{ByRef: true, Limit: 21, Offset: 40}.Select(),
		"facets of types of components": query.Facets([]string{"spec.type", "spec.lifecycle"}, components),
		"facets of the owners of APIs":  query.Facets([]string{"relations.ownedBy"}, sets("kind=api")),
		"entities by reference":         query.ByRefs([]string{"component:default/entity-4", "component:default/entity-8"}, components),
	}
	for name, statement := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := explain(t, pool, statement)
			t.Logf("%.1f ms", found.Time)
			require.Empty(t, found.sequentialScans(), statement.SQL)
		})
	}
}
