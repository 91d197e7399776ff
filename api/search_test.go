package api_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/identity"
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

// found are the titles of what somebody finds, by type.
func (b *searchBench) found(who, text string) map[string][]string {
	b.Helper()
	var answer struct {
		Groups []struct {
			Type    string
			Count   int
			Results []struct {
				Document struct{ Title, Location string }
			}
		}
	}
	b.send(who, http.StatusOK, http.MethodGet, "/portico/v1/search?q="+url.QueryEscape(text), "", &answer)
	titles := map[string][]string{}
	for _, group := range answer.Groups {
		for _, result := range group.Results {
			require.NotEmpty(b, result.Document.Location)
			titles[group.Type] = append(titles[group.Type], result.Document.Title)
		}
		require.Len(b, titles[group.Type], group.Count)
	}
	return titles
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

const ordersAPI = `"type":"openapi","definition":"openapi: 3.0.0\npaths:\n  /orders/{id}/refund:\n    post:\n      operationId: refundOrder\n      summary: Returns the money\ncomponents:\n  schemas:\n    RefundReceipt:\n      description: What the customer gets\n      properties: {amountReturned: {}}\n"`

func TestOperationsOfAPIsAreFound(t *testing.T) {
	t.Parallel()
	b := newSearchBench(t)
	b.serve("API:default/orders", "group:default/a", "", ordersAPI)
	b.serve("API:default/returns", "group:default/b", "", strings.ReplaceAll(ordersAPI, "/orders", "/returns"))
	b.catchUp()
	for text, expected := range map[string][]string{
		"POST /orders":        {"POST /orders/{id}/refund"},
		"refundOrder":         {"POST /orders/{id}/refund", "RefundReceipt"}, // the API is called orders
		"refund order":        {"POST /orders/{id}/refund", "RefundReceipt"},
		"returns the money":   {"POST /orders/{id}/refund"},
		"RefundReceipt":       {"RefundReceipt"},
		"receipt":             {"RefundReceipt"},
		"amountReturned":      {"RefundReceipt"},
		"customer kind:api":   {"RefundReceipt"},
		"customer kind:group": nil,
	} {
		require.Equal(t, expected, b.found("ada", text)[search.TypeAPI], text)
	}
	require.Equal(t, []string{"POST /returns/{id}/refund"}, b.found("grace", "refundOrder")[search.TypeAPI], "each sees what they may read")

	// Another definition is another list of operations; no definition is none.
	_, err := b.pool.Exec(t.Context(), `update catalog_entities set entity = replace(entity::text, '/refund', '/cancel')::json where entity_ref = 'api:default/orders'`)
	require.NoError(t, err)
	b.catchUp()
	require.Equal(t, []string{"POST /orders/{id}/cancel", "RefundReceipt"}, b.found("ada", "refundOrder")[search.TypeAPI])
	_, err = b.pool.Exec(t.Context(), `delete from catalog_entities where entity_ref = 'api:default/orders'`)
	require.NoError(t, err)
	require.Empty(t, b.found("ada", "refundOrder"))

	var page struct {
		Results []struct{ Document struct{ Title string } }
	}
	b.send("grace", http.StatusOK, http.MethodGet, "/search/query?types=api&term=refund", "", &page)
	require.Len(t, page.Results, 2, "programs find the operation and the schema")
}

func TestRunsAreFoundByThoseWhoMayReadThem(t *testing.T) {
	t.Parallel()
	b := newSearchBench(t)
	create := func(who, title, subject string) {
		n := run.New{ID: uuid.New(), TemplateRef: "template:default/new-service", Title: title, Subject: subject,
			Starter: identity.Principal{Kind: identity.KindUser, Subject: "user:default/" + who}}
		require.NoError(t, json.Unmarshal([]byte(`{"apiVersion":"scaffolder.backstage.io/v1beta3","steps":[{"id":"log","name":"Log","action":"debug:log"}],
			"output":{},"parameters":{},"templateInfo":{"entityRef":"template:default/new-service","entity":{"metadata":{"name":"new-service"}}}}`), &n.Spec))
		require.NoError(t, b.runs.Create(t.Context(), n))
	}
	create("ada", "Go service", "name: basket-api")
	create("grace", "Go service", "name: basket-web")
	for text, expected := range map[string][]string{
		"basket":                 {"Go service"},
		"basketApi":              {"Go service"},
		"basket-api":             {"Go service"},
		"go serv":                {"Go service"},
		"new-service":            {"Go service"},
		"ada":                    {"Go service"},
		"basket owner:me":        {"Go service"},
		"basket owner:grace":     nil,
		"basket state:running":   {"Go service"},
		"basket state:completed": nil,
		"basket kind:component":  nil,
		"grace":                  nil,
		"web":                    nil,
	} {
		require.Equal(t, expected, b.found("ada", text)[search.TypeRun], text)
	}
	require.Equal(t, []string{"Go service"}, b.found("grace", "web")[search.TypeRun])
}

func TestActionsAreFound(t *testing.T) {
	t.Parallel()
	b := newSearchBench(t)
	for text, expected := range map[string][]string{
		"publish:github":  {"publish:github"},
		"github":          {"publish:github"},
		"publ":            {"publish:github"},
		"organization":    {"publish:github"},
		"download files":  {"fetch:plain"},
		"fetch github":    nil,
		"github owner:me": nil,
	} {
		require.Equal(t, expected, b.found("ada", text)[search.TypeAction], text)
	}
}
