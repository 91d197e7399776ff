package search_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/techdocs"
)

// facets are the facets of a query: "kind: *api 2, component 1", with a star before what is chosen, and + after counts that are the least.
func (b *bench) facets(decider policy.Decider, ask search.Ask) map[string]string {
	b.Helper()
	found, err := b.service(decider).Facets(b.Context(), ann, ask)
	require.NoError(b, err)
	shown := map[string]string{}
	for _, facet := range found {
		var values []string
		for _, one := range facet.Values {
			text := fmt.Sprintf("%s %d", one.Value, one.Count)
			if one.IsChosen {
				text = "*" + text
			}
			if facet.IsMore {
				text += "+"
			}
			values = append(values, text)
		}
		shown[facet.Field] = strings.Join(values, ", ")
	}
	return shown
}

const facetedEntities = `{"kind":"Component","metadata":{"name":"cart","description":"a shop","tags":["go","beta"]},"spec":{"type":"service","lifecycle":"production","owner":"payments"},"relations":[{"type":"ownedBy","targetRef":"group:default/payments"}]}
{"kind":"Component","metadata":{"name":"stock","description":"a shop","labels":{"example.com/language":"Go"}},"spec":{"type":"service","lifecycle":"experimental","owner":"others"},"relations":[{"type":"ownedBy","targetRef":"group:default/others"}]}
{"kind":"Component","metadata":{"name":"pages","description":"a shop","tags":["go"],"labels":{"language":"go"}},"spec":{"type":"website","lifecycle":"production","owner":"others"},"relations":[{"type":"ownedBy","targetRef":"group:default/others"}]}
{"kind":"API","metadata":{"name":"orders","description":"a shop"},"spec":{"type":"openapi","lifecycle":"production","owner":"payments","definition":"{\"paths\":{\"/shop\":{\"get\":{}}}}"},"relations":[{"type":"ownedBy","targetRef":"group:default/payments"}]}
{"kind":"Template","metadata":{"name":"starter","description":"makes a shop"},"spec":{"type":"service","owner":"others"},"relations":[{"type":"ownedBy","targetRef":"group:default/others"}]}
{"kind":"Component","metadata":{"name":"elsewhere","description":"nothing","tags":["other"]},"spec":{"type":"library"}}`

func facetedBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	for entity := range strings.Lines(facetedEntities) {
		b.serve(entity)
	}
	b.catchUp()
	b.replaceDocs("component:default/cart", techdocs.Section{Title: "Open the shop", Location: "open/"})
	return b
}

func TestFacetsCountWhatEachValueWouldFind(t *testing.T) {
	t.Parallel()
	b := facetedBench(t)
	shop := map[string]string{"kind": "component 4, api 2, template 1", "type": "service 4, openapi 2, website 1", "lifecycle": "production 5, experimental 1",
		"owner": "group:default/payments 4, group:default/others 3", "tag": "go 3, beta 2", "lang": "go 4"}
	require.Equal(t, shop, b.facets(policy.AllowKnown{}, search.Ask{Text: "shop"}))
	for text, expected := range map[string]map[string]string{
		// Of kind, the others can still be added: they are counted without the choice.
		"shop kind:api": {"kind": "*api 2, component 4, template 1", "type": "openapi 2", "lifecycle": "production 2", "owner": "group:default/payments 2"},
		"shop kind:api kind:template lifecycle:experimental": {"kind": "*api 0, *template 0, component 1", "lifecycle": "*experimental 0, production 2"},
		"shop owner:me": {"owner": "*me 4, group:default/others 3", "kind": "api 2, component 2", "type": "openapi 2, service 2", "lifecycle": "production 4",
			"tag": "beta 2, go 2"},
		"shop lang:go type:website": {"kind": "component 1", "type": "*website 1, service 3", "lifecycle": "production 1", "owner": "group:default/others 1", "tag": "go 1", "lang": "*go 1"},
		"shop state:failed":         {},
		"sho":                       shop,
		"hop":                       shop, // in a name
		`"open the shop"`:           {"kind": "component 1", "type": "service 1", "lifecycle": "production 1", "owner": "group:default/payments 1", "tag": "beta 1, go 1"},
		"elsewher":                  {"kind": "component 1", "type": "library 1", "tag": "other 1"},
		"elsewhree":                 {"kind": "component 1", "type": "library 1", "tag": "other 1"}, // as it was meant
		"zzzqqq kind:api":           {"kind": "*api 0"},
		"":                          {"kind": "component 5, api 2, template 1", "type": "service 4, openapi 2, library 1, website 1", "lifecycle": "production 5, experimental 1", "owner": "group:default/payments 4, group:default/others 3", "tag": "go 3, beta 2, other 1", "lang": "go 4"},
	} {
		require.Equal(t, expected, b.facets(policy.AllowKnown{}, search.Ask{Text: text}), text)
	}
	require.Equal(t, map[string]string{"kind": "component 1", "type": "service 1", "lifecycle": "production 1", "owner": "group:default/payments 1", "tag": "beta 1, go 1"},
		b.facets(policy.AllowKnown{}, search.Ask{Text: "shop", Types: []string{search.TypeDocs}}))
	require.Empty(t, b.facets(policy.AllowKnown{}, search.Ask{Text: "shop", Types: []string{search.TypeRun}}))
	_, err := b.service(policy.AllowKnown{}).Facets(t.Context(), ann, search.Ask{Text: "shop", Types: []string{"odd"}})
	require.Error(t, err)
}

// Each count is that of the results when the value is chosen.
func TestAFacetFindsSoManyResults(t *testing.T) {
	t.Parallel()
	b := facetedBench(t)
	service := b.service(policy.AllowKnown{})
	found, err := service.Facets(t.Context(), ann, search.Ask{Text: "shop"})
	require.NoError(t, err)
	for _, facet := range found {
		for _, one := range facet.Values {
			text := fmt.Sprintf("shop %s:%s", facet.Field, one.Value)
			answer, err := service.Search(t.Context(), ann, search.Ask{Text: text, Limit: 5})
			require.NoError(t, err)
			count := 0
			for _, group := range answer.Groups {
				count += group.Count
			}
			require.Equal(t, one.Count, count, text)
		}
	}
}

func TestFacetsCountNothingThatTheCallerMayNotRead(t *testing.T) {
	t.Parallel()
	b := facetedBench(t)
	mine := map[string]string{"kind": "api 2, component 2", "type": "openapi 2, service 2", "lifecycle": "production 4", "owner": "group:default/payments 4", "tag": "beta 2, go 2"}
	owned := policytest.Table{policy.CatalogEntityRead: policytest.Owned}
	require.Equal(t, mine, b.facets(owned, search.Ask{Text: "shop"}))
	require.Equal(t, mine, b.facets(owned, search.Ask{}))
	require.Equal(t, map[string]string{"owner": "*group:default/others 0, group:default/payments 4"}, b.facets(owned, search.Ask{Text: "shop owner:group:default/others"}))
	require.Empty(t, b.facets(policytest.Table{policy.CatalogEntityRead: policytest.Deny}, search.Ask{Text: "shop"}))

	// The catalog knows a new owner before the index does.
	_, err := b.pool.Exec(t.Context(), `update catalog_search set value = 'group:default/others', original_value = 'group:default/others'
		where key = 'relations.ownedby' and entity_id = (select entity_id from catalog_entities where entity_ref = 'component:default/cart')`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"kind": "api 2", "type": "openapi 2", "lifecycle": "production 2", "owner": "group:default/payments 2"}, b.facets(owned, search.Ask{Text: "shop"}))
}

// TestFacetsOfManyResultsSaySo: of a word that many documents have, a part is counted.
func TestFacetsOfManyResultsSaySo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, statement := range []string{
		`insert into catalog_entities (entity_id, entity_ref, hash, entity) select gen_random_uuid(), 'component:default/thing-' || n, '', '{}' from generate_series(1, 40000) n`,
		`insert into search_entities (type, entity_id, entity_ref, name, document, body, words, facets, digest)
			select 'software-catalog', entity_id, entity_ref, '', '{}', case when n % 100 = 0 then 'rare every'::tsvector else 'every'::tsvector end, '',
				array['kind:component', 'type:' || case when n > 39000 then 'late' when n % 3 = 0 then 'website' else 'service' end], ''
			from (select entity_id, entity_ref, row_number() over () as n from catalog_entities) numbered`,
	} {
		_, err := b.pool.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.Equal(t, map[string]string{"kind": "component 400", "type": "service 260, website 130, late 10"}, b.facets(policy.AllowKnown{}, search.Ask{Text: "rare"}))
	many := b.facets(policy.AllowKnown{}, search.Ask{Text: "every"})
	require.Regexp(t, `^component 3\d\d\+$`, many["kind"], "one of 128")
	require.Regexp(t, `^service \d+\+, website \d+\+, late \d+\+$`, many["type"])
	all := b.facets(policy.AllowKnown{}, search.Ask{})
	require.Regexp(t, `^service \d+\+, website \d+\+, late \d+\+$`, all["type"], "of documents of the whole table")
}
