package api_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
	"github.com/portico-dev/portico/search"
)

// searchBench is the API of the search. Ada and Grace read what they own and what they have started.
type searchBench struct {
	*ownThings

	index *search.Index
}

var knownActions = []action.Description{
	{ID: "publish:github", Description: "Creates a repository of an organization"},
	{ID: "fetch:plain", Description: "Downloads files"},
}

func newSearchBench(t *testing.T) *searchBench {
	t.Helper()
	b := &searchBench{ownThings: &ownThings{T: t, pool: testkit.Database(t)}}
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	b.runs = run.NewStore(b.pool, keys)
	decider := policytest.Table{policy.CatalogEntityRead: policytest.Owned, policy.ScaffolderTaskRead: policytest.Started}
	found := search.New(search.ServiceOptions{Pool: b.pool, Decider: decider, Runs: b.runs, Actions: func() []action.Description { return knownActions }})
	b.index = search.NewIndex(b.pool, slog.New(slog.DiscardHandler), search.IndexOptions{})
	b.http = newServer(t, io.Discard, func(options *api.Options) {
		options.Authenticator = people{"ada": "group:default/a", "grace": "group:default/b"}
		options.Plugins = append(options.Plugins, api.NewSearchPlugin(found), api.NewSearchEverythingPlugin(found))
	})
	return b
}

// serve serves an entity that a group owns.
func (b *searchBench) serve(ref, owner, metadata, spec string) {
	b.Helper()
	kind, rest, _ := strings.Cut(ref, ":")
	id := uuid.New()
	document := `{"kind":"` + kind + `","metadata":{"name":"` + strings.TrimPrefix(rest, "default/") + `"` + metadata + `},"spec":{` + spec + `},
		"relations":[{"type":"ownedBy","targetRef":"` + owner + `"}]}`
	_, err := b.pool.Exec(b.Context(), "insert into catalog_entities (entity_id, entity_ref, hash, entity) values ($1, $2, '', $3)", id, strings.ToLower(ref), document)
	require.NoError(b, err)
	_, err = b.pool.Exec(b.Context(), "insert into catalog_search (entity_id, kind, key, value, original_value) values ($1, $2, 'relations.ownedby', $3, $3)", id, strings.ToLower(kind), owner)
	require.NoError(b, err)
}

func (b *searchBench) catchUp() {
	b.Helper()
	for changes := 1; changes > 0; {
		var err error
		changes, err = b.index.CatchUp(b.Context())
		require.NoError(b, err)
	}
}

// TestFacetsAreOfWhatTheCallerMayRead: what somebody may not read counts nowhere, and its values are not listed.
func TestFacetsAreOfWhatTheCallerMayRead(t *testing.T) {
	t.Parallel()
	b := newSearchBench(t)
	b.serve("Component:default/cart", "group:default/a", `,"description":"of the shop","tags":["go"]`, `"type":"service","lifecycle":"production"`)
	b.serve("Component:default/stock", "group:default/a", `,"description":"of the shop"`, `"type":"service"`)
	b.serve("System:default/hidden", "group:default/b", `,"description":"of the shop","tags":["secret"]`, `"type":"odd","lifecycle":"confidential"`)
	b.catchUp()
	facets := func(who, query string) string {
		var answer json.RawMessage
		b.send(who, http.StatusOK, http.MethodGet, "/portico/v1/search/facets?"+query, "", &answer)
		return string(answer)
	}
	require.JSONEq(t, `{"facets":[
		{"field":"kind","isMore":false,"values":[{"value":"component","count":2,"isChosen":false}]},
		{"field":"type","isMore":false,"values":[{"value":"service","count":2,"isChosen":false}]},
		{"field":"owner","isMore":false,"values":[{"value":"group:default/a","count":2,"isChosen":false}]},
		{"field":"lifecycle","isMore":false,"values":[{"value":"production","count":1,"isChosen":false}]},
		{"field":"tag","isMore":false,"values":[{"value":"go","count":1,"isChosen":false}]}]}`, facets("ada", "q=shop"))
	require.JSONEq(t, facets("ada", "q=shop"), facets("ada", ""), "without a query, all that she may read is counted")
	require.JSONEq(t, facets("ada", "q=shop"), facets("ada", "q=shop&types=software-catalog"))
	require.JSONEq(t, `{"facets":[]}`, facets("ada", "q=shop&types=techdocs"))
	require.JSONEq(t, `{"facets":[
		{"field":"kind","isMore":false,"values":[{"value":"component","count":1,"isChosen":false}]},
		{"field":"type","isMore":false,"values":[{"value":"service","count":1,"isChosen":false}]},
		{"field":"owner","isMore":false,"values":[{"value":"group:default/a","count":1,"isChosen":false}]},
		{"field":"lifecycle","isMore":false,"values":[{"value":"production","count":1,"isChosen":true}]},
		{"field":"tag","isMore":false,"values":[{"value":"go","count":1,"isChosen":false}]}]}`, facets("ada", "q=shop+lifecycle:production"))
	// To ask for a value does not tell that somebody has it.
	require.JSONEq(t, `{"facets":[{"field":"tag","isMore":false,"values":[{"value":"secret","count":0,"isChosen":true},{"value":"go","count":1,"isChosen":false}]}]}`,
		facets("ada", "q=shop+tag:secret"))
	require.Contains(t, facets("grace", "q=shop"), `"confidential"`)
	require.NotContains(t, facets("grace", "q=shop"), `service`)
	b.send("ada", http.StatusBadRequest, http.MethodGet, "/portico/v1/search/facets?q=shop&types=odd", "", nil)
	b.send("ada", http.StatusBadRequest, http.MethodGet, "/portico/v1/search/facets?q="+strings.Repeat("a", search.MaxQuery+1), "", nil)
}
