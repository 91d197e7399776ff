package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
)

const catalogFile = `apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: Shop
  tags: [web, go]
spec: {type: service, owner: team-a, lifecycle: production}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: till, title: A drawer of money}
spec: {type: library, owner: team-a, lifecycle: production}
`

// oneToken is an authenticator with one valid token.
type oneToken struct{}

func (oneToken) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	if token != "good" {
		return identity.Principal{}, fault.New(fault.Authentication, "Illegal token")
	}
	return identity.Principal{Kind: identity.KindService, Subject: "test"}, nil
}

// remarkOnOdd is a linter with a remark about entities that are called odd.
func remarkOnOdd(_ context.Context, _ string, document json.RawMessage) []processing.Remark {
	if !strings.Contains(string(document), `"name":"odd"`) {
		return nil
	}
	return []processing.Remark{{Level: processing.LevelError, Message: "this is odd"}}
}

// catalogServer is the API over a catalog that reads one file.
type catalogServer struct {
	*testing.T
	api, site *httptest.Server
}

func newCatalogServer(t *testing.T) *catalogServer {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/catalog-info.yaml" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, catalogFile)
	}))
	t.Cleanup(site.Close)
	reader, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: strings.TrimPrefix(site.URL, "http://")}}})
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	pool := testkit.Database(t)
	pipeline := &processing.Pipeline{Reader: reader, Rules: entity.DefaultRules(), LocationTypes: []string{"url"}, Linter: processing.Linter{Remarks: remarkOnOdd}}
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}, Pipeline: pipeline})

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- processing.NewEngine(pool, pipeline, processing.Options{}, log).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	server, err := api.NewServer(api.Options{Log: log, Hosts: []string{"example.com"}, Authenticator: oneToken{}, Plugins: []api.Plugin{api.NewCatalogPlugin(service)}})
	require.NoError(t, err)
	s := &catalogServer{T: t, api: httptest.NewServer(server), site: site}
	t.Cleanup(s.api.Close)
	return s
}

// reply is a response with its body.
type reply struct {
	status int
	header http.Header
}

// send makes a request below /api/catalog and returns the response with its body.
func (s *catalogServer) send(method, path, body string) (reply, string) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, s.api.URL+"/api/catalog"+path, strings.NewReader(body))
	require.NoError(s, err)
	request.Header.Set("Authorization", "Bearer good")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	requireDescribed(s.T, request, response.StatusCode, response.Header.Get("Content-Type"), content)
	return reply{response.StatusCode, response.Header}, string(content)
}

// register registers the file and waits until both components and the location are served.
func (s *catalogServer) register() {
	s.Helper()
	response, body := s.send(http.MethodPost, "/locations", `{"type":"url","target":"`+s.site.URL+`/catalog-info.yaml"}`)
	require.Equal(s, http.StatusCreated, response.status, body)
	require.Contains(s, body, `"entities":[]`)
	require.NotContains(s, body, "exists")
	deadline, ticker := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer ticker.Stop()
	for {
		if _, body := s.send(http.MethodGet, "/entities/by-query?limit=0&filter=kind=component,relations.ownedby", ""); strings.Contains(body, `"totalItems":2`) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			require.FailNow(s, "the registered components were never served")
		}
	}
}

func TestCatalogResponses(t *testing.T) {
	t.Parallel()
	s := newCatalogServer(t)
	s.register()
	cases := map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"a list": {"GET", "/entities?filter=kind=COMPONENT&fields=kind,metadata.name&order=desc:metadata.name", "", 200,
			`[{"kind":"Component","metadata":{"name":"till"}},{"kind":"Component","metadata":{"name":"Shop"}}]`},
		"an empty list":                  {"GET", "/entities?filter=kind=nope", "", 200, `[]`},
		"a trailing slash":               {"GET", "/entities/?filter=kind=nope", "", 200, `[]`},
		"a page":                         {"GET", "/entities/by-query?filter=kind=component&orderField=metadata.name&fields=metadata.name", "", 200, `{"items":[{"metadata":{"name":"Shop"}},{"metadata":{"name":"till"}}],"totalItems":2,"pageInfo":{}}`},
		"a page in the order of reading": {"GET", "/entities/by-query?filter=kind=component&orderField=portico:title&fields=metadata.name", "", 200, `{"items":[{"metadata":{"name":"till"}},{"metadata":{"name":"Shop"}}],"totalItems":2,"pageInfo":{}}`},
		"a count left out":               {"GET", "/entities/by-query?limit=0&totalItems=exclude", "", 200, `{"items":[],"totalItems":0,"pageInfo":{}}`},
		"a predicate":                    {"POST", "/entities/by-query", `{"query":{"kind":"component","metadata.tags":"web"},"fields":["metadata.name"]}`, 200, `{"items":[{"metadata":{"name":"Shop"}}],"totalItems":1,"pageInfo":{}}`},
		"references":                     {"POST", "/entities/by-refs", `{"entityRefs":["component:default/nope","Component:default/SHOP"],"fields":["kind"]}`, 200, `{"items":[null,{"kind":"Component"}]}`},
		"facets":                         {"GET", "/entity-facets?facet=metadata.tags&facet=KIND&filter=kind=component", "", 200, `{"facets":{"KIND":[{"value":"Component","count":2}],"metadata.tags":[{"value":"go","count":1},{"value":"web","count":1}]}}`},
		"facets of a text":               {"GET", "/entity-facets?facet=spec.type&filter=kind=component&fullTextFilterTerm=drawer&fullTextFilterFields=metadata.name,metadata.title", "", 200, `{"facets":{"spec.type":[{"value":"library","count":1}]}}`},
		"facets by body":                 {"POST", "/entity-facets", `{"facets":["spec.type"],"query":{"metadata.name":"till"}}`, 200, `{"facets":{"spec.type":[{"value":"library","count":1}]}}`},
		"a refresh":                      {"POST", "/refresh", `{"entityRef":"component:default/shop"}`, 200, ``},
		"an unknown uid":                 {"DELETE", "/entities/by-uid/nope", "", 204, ``},
		"a valid entity":                 {"POST", "/validate-entity", `{"location":"url:http://x/a.yaml","entity":{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"x"},"spec":{"type":"a","lifecycle":"b","owner":"c"}}}`, 200, ``},
		"an unknown route":               {"GET", "/nope", "", 404, ``},
		"a wrong method":                 {"PUT", "/entities", `{}`, 404, ``},
		"an odd entity":                  {"POST", "/validate-entity", `{"location":"url:http://x/a.yaml","entity":{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"odd"},"spec":{"type":"a","lifecycle":"b","owner":"c"}}}`, 200, `{"remarks":[{"level":"error","message":"this is odd"}]}`},
		"an invalid entity":              {"POST", "/validate-entity", `{"location":"url:http://x/a.yaml","entity":{"kind":"Component","metadata":{"name":"x"}}}`, 400, `{"errors":[{"name":"TypeError","message":"<root> must have required property 'apiVersion' - missingProperty: apiVersion"}]}`},
		"a file to validate":             {"POST", "/validate-entity", `{"location":"file:/x","entity":{"apiVersion":"a","kind":"Component","metadata":{"name":"x"}}}`, 400, `{"errors":[{"name":"TypeError","message":"Invalid location ref file:/x, only 'url:<target>' is supported, e.g. url:https://host/path"}]}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body := s.send(c.method, c.path, c.body)
			require.Equal(t, c.status, response.status, body)
			require.Equal(t, c.want, body)
			if body != "" {
				require.Equal(t, "application/json; charset=utf-8", response.header.Get("Content-Type"))
			}
		})
	}
}

func TestCatalogErrors(t *testing.T) {
	t.Parallel()
	s := newCatalogServer(t)
	cases := map[string]struct {
		method, path, body string
		status             int
		message            string
	}{
		"unknown parameter":   {"GET", "/entities?foo=1", "", 400, "Unknown query parameter 'foo'"},
		"empty parameter":     {"GET", "/entities?filter=", "", 400, "Empty value found for query parameter 'filter'"},
		"negative limit":      {"GET", "/entities/by-query?limit=-1", "", 400, "request/query/limit must be >= 0"},
		"limit of text":       {"GET", "/entities?limit=abc", "", 400, "request/query/limit must be integer"},
		"limit of zero":       {"GET", "/entities?limit=0", "", 400, "Invalid limit, must be greater than zero"},
		"order":               {"GET", "/entities?order=sideways:kind", "", 400, `Invalid order parameter "sideways:kind", expected "<asc or desc>:<field name>"`},
		"order field":         {"GET", "/entities/by-query?orderField=kind,up", "", 400, "Invalid order field order, must be asc or desc"},
		"total items":         {"GET", "/entities/by-query?totalItems=maybe", "", 400, "request/query/totalItems must be equal to one of the allowed values: include, exclude"},
		"after":               {"GET", "/entities?after=zzz", "", 400, "Malformed after cursor, could not be parsed"},
		"array field":         {"GET", "/entities?fields=metadata.tags[0]", "", 400, `Invalid field "metadata.tags[0]", array type fields are not supported`},
		"no facet":            {"GET", "/entity-facets", "", 400, "request/query must have required property 'facet'"},
		"no facets":           {"POST", "/entity-facets", `{"facets":[]}`, 400, "Missing or empty facets parameter"},
		"an empty facet":      {"POST", "/entity-facets", `{"facets":[""]}`, 400, "Missing or empty facets parameter"},
		"no references":       {"POST", "/entities/by-refs", `{}`, 400, "request/body must have required property 'entityRefs'"},
		"references of text":  {"POST", "/entities/by-refs", `{"entityRefs":"x"}`, 400, "request/body/entityRefs must be array"},
		"query of text":       {"POST", "/entities/by-query", `{"query":"x"}`, 400, "request/body/query must be object"},
		"strange refresh":     {"POST", "/refresh", `{"entityRef":"component:default/x","a":1}`, 400, "request/body must NOT have additional properties"},
		"unknown refresh":     {"POST", "/refresh", `{"entityRef":"component:default/x"}`, 404, "Entity component:default/x not found"},
		"unknown name":        {"GET", "/entities/by-name/Component/Default/Nope", "", 404, "No entity named 'Nope' found, with kind 'Component' in namespace 'Default'"},
		"unknown uid":         {"GET", "/entities/by-uid/nope", "", 404, "No entity with uid nope"},
		"unknown ancestry":    {"GET", "/entities/by-name/component/default/nope/ancestry", "", 404, "No such entity component:default/nope"},
		"unknown location":    {"GET", "/locations/nope", "", 404, "Found no location with ID nope"},
		"location's type":     {"POST", "/locations", `{"type":"file","target":"/etc/passwd"}`, 400, `Registered locations must be of an allowed type ["url"]`},
		"location's missing":  {"POST", "/locations", `{"target":"x"}`, 400, "request/body must have required property 'type'"},
		"location's conflict": {"POST", "/locations?onConflict=maybe", `{"type":"url","target":"x"}`, 400, "request/query/onConflict must be equal to one of the allowed values: refresh, reject"},
		"location's stranger": {"POST", "/locations", `{"type":"url","target":"x","foo":1}`, 400, "Malformed request: [\n  {\n    \"code\": \"unrecognized_keys\",\n" +
			"    \"keys\": [\n      \"foo\"\n    ],\n    \"path\": [],\n    \"message\": \"Unrecognized key(s) in object: 'foo'\"\n  }\n]"},
		"moved stranger":      {"PUT", "/locations/x", `{"type":"url","target":"x","foo":1}`, 400, "request/body must NOT have additional properties"},
		"dry run of nothing":  {"POST", "/locations?dryRun=yes", `{"type":"url","target":"` + s.site.URL + `/none.yaml"}`, 400, "NotFoundError: Unable to read url, no matching files found for " + s.site.URL + "/none.yaml"},
		"analysis of no URL":  {"POST", "/analyze-location", `{"location":{"type":"url","target":"nope"}}`, 400, "The given location.target is not a URL"},
		"limit of no integer": {"POST", "/entities/by-query", `{"limit":1.5}`, 400, "Invalid limit, must be a whole number that is not negative"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body := s.send(c.method, c.path, c.body)
			var envelope struct {
				Error    struct{ Name, Message string }
				Request  struct{ Method, URL string }
				Response struct{ StatusCode int }
			}
			require.NoError(t, json.Unmarshal([]byte(body), &envelope), body)
			require.Equal(t, c.message, envelope.Error.Message)
			require.Equal(t, c.status, response.status)
			require.Equal(t, c.status, envelope.Response.StatusCode)
			require.Equal(t, c.method, envelope.Request.Method)
			require.Equal(t, c.path, envelope.Request.URL)
		})
	}
}

func TestCatalogIsExported(t *testing.T) {
	t.Parallel()
	s := newCatalogServer(t)
	s.register()
	const query = "?filter=kind=component&orderField=metadata.name,desc&fields=metadata.name,relations.ownedBy"
	const table = "\"metadata.name\",\"relations.ownedBy\"\r\n\"till\",\"group:default/team-a\"\r\n\"Shop\",\"group:default/team-a\"\r\n"
	response, body := s.send(http.MethodGet, "/entities/export"+query, "")
	require.Equal(t, http.StatusOK, response.status)
	require.Equal(t, table, body)
	require.Equal(t, "text/csv; charset=utf-8", response.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="catalog.csv"`, response.header.Get("Content-Disposition"))

	_, body = s.send(http.MethodPost, "/entities/export", `{"query":{"kind":"component"},"orderBy":[{"field":"metadata.name","order":"desc"}],"fields":["metadata.name","relations.ownedBy"]}`)
	require.Equal(t, table, body)

	response, body = s.send(http.MethodGet, "/entities/export?format=json&filter=kind=component&fields=metadata.name&fullTextFilterTerm=drawer&fullTextFilterFields=metadata.title", "")
	require.JSONEq(t, `[{"metadata":{"name":"till"}}]`, body)
	require.Equal(t, `attachment; filename="catalog.json"`, response.header.Get("Content-Disposition"))

	for _, wrong := range [][3]string{
		{http.MethodGet, "/entities/export?format=xml", ""}, {http.MethodPost, "/entities/export", `{"format":"xml"}`},
		{http.MethodGet, "/entities/export?limit=1", ""}, {http.MethodGet, "/entities/export?fields=a[0]", ""}, {http.MethodPost, "/entities/export", `{"query":{"$and":[]}}`},
	} {
		response, body = s.send(wrong[0], wrong[1], wrong[2])
		require.Equal(t, http.StatusBadRequest, response.status, "%s: %s", wrong, body)
		require.Empty(t, response.header.Get("Content-Disposition"), "a failure is no file")
	}
}

func TestCatalogPagesAreLinked(t *testing.T) {
	t.Parallel()
	s := newCatalogServer(t)
	s.register()
	var found []string
	path := "/entities?filter=kind=component&offset=0&limit=1&order=asc:metadata.name&fields=metadata.name"
	for path != "" {
		response, body := s.send(http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, response.status, body)
		found = append(found, body)
		link := response.header.Get("Link")
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if len(found) == 1 {
			require.Equal(t, `</entities?filter=kind%3Dcomponent&limit=1&order=asc%3Ametadata.name&fields=metadata.name&after=eyJsaW1pdCI6MSwib2Zmc2V0IjoxfQ%3D%3D>; rel="next"`, link)
		}
	}
	require.Equal(t, []string{`[{"metadata":{"name":"Shop"}}]`, `[{"metadata":{"name":"till"}}]`}, found)
}

func TestCatalogLocations(t *testing.T) {
	t.Parallel()
	s := newCatalogServer(t)
	target := s.site.URL + "/catalog-info.yaml"
	response, body := s.send(http.MethodPost, "/locations?dryRun=true", `{"type":"url","target":"`+target+`"}`)
	require.Equal(t, http.StatusCreated, response.status)
	require.Contains(t, body, `{"exists":false,"location":{"id":"url:`+target+`"`)
	require.Contains(t, body, `"name":"Shop","tags":["web","go"]`, "the author's order is kept")

	s.register()
	_, body = s.send(http.MethodGet, "/locations", "")
	var listed []struct{ Data catalog.Location }
	require.NoError(t, json.Unmarshal([]byte(body), &listed))
	require.Len(t, listed, 1)
	require.Equal(t, target, listed[0].Data.Target)
	response, body = s.send(http.MethodPost, "/locations", `{"type":"url","target":"`+target+`"}`)
	require.Equal(t, http.StatusConflict, response.status)
	require.Contains(t, body, "Location url:"+target+" already exists")
	_, body = s.send(http.MethodGet, "/locations/by-entity/component/default/shop", "")
	require.Contains(t, body, listed[0].Data.ID)
	_, body = s.send(http.MethodPost, "/locations/by-query", `{"limit":1}`)
	require.Contains(t, body, `"totalItems":1,"pageInfo":{}}`)
	_, body = s.send(http.MethodGet, "/entities/by-name/component/default/shop/ancestry", "")
	require.Contains(t, body, `"parentEntityRefs":["`+listed[0].Data.EntityRef+`"]`)

	response, _ = s.send(http.MethodDelete, "/locations/"+listed[0].Data.ID, "")
	require.Equal(t, http.StatusNoContent, response.status)
	response, _ = s.send(http.MethodGet, "/entities/by-name/component/default/shop", "")
	require.Equal(t, http.StatusNotFound, response.status)
}

func TestPagesOfAnySize(t *testing.T) {
	t.Parallel()
	s := newCatalogServer(t)
	s.register()
	const most = "9223372036854775807"
	cursor := base64.StdEncoding.EncodeToString([]byte(`{"limit":` + most + `}`))
	for _, ask := range [][3]string{
		{http.MethodGet, "/entities?limit=" + most, ""}, {http.MethodGet, "/entities?limit=1&offset=" + most, ""},
		{http.MethodGet, "/entities/by-query?limit=" + most, ""}, {http.MethodGet, "/entities/by-query?offset=" + most, ""},
		{http.MethodPost, "/locations/by-query", `{"cursor":"` + cursor + `"}`}, {http.MethodPost, "/locations/by-query", `{"limit":1e18}`},
	} {
		response, body := s.send(ask[0], ask[1], ask[2])
		require.Equal(t, http.StatusOK, response.status, "%s: %s", ask, body)
	}
}

func TestUnprocessedEntitiesAreListed(t *testing.T) {
	t.Parallel()
	s := newCatalogServer(t)
	_, body := s.send(http.MethodGet, "/entities/unprocessed/failed", "")
	require.JSONEq(t, `{"type":"failed","entities":[]}`, body)
	response, body := s.send(http.MethodPost, "/locations", `{"type":"url","target":"`+s.site.URL+`/none.yaml"}`)
	require.Equal(t, http.StatusCreated, response.status, body)
	var listed struct {
		Type     string
		Entities []struct {
			EntityID    string `json:"entity_id"`
			LocationKey string `json:"location_key"`
			Errors      []struct{ Message string }
		}
	}
	require.Eventually(t, func() bool {
		response, body = s.send(http.MethodGet, "/entities/unprocessed/failed?limit=5", "")
		require.Equal(t, http.StatusOK, response.status, body)
		require.NoError(t, json.Unmarshal([]byte(body), &listed))
		return len(listed.Entities) == 1
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, "failed", listed.Type)
	require.Equal(t, "url:"+s.site.URL+"/none.yaml", listed.Entities[0].LocationKey)
	require.Equal(t, "Unable to read url, no matching files found for "+s.site.URL+"/none.yaml", listed.Entities[0].Errors[0].Message)
	_, body = s.send(http.MethodGet, "/entities/unprocessed/pending?owner=", "")
	require.Contains(t, body, `{"type":"pending","entities":[`)
	response, _ = s.send(http.MethodDelete, "/entities/unprocessed/delete/none", "")
	require.Equal(t, http.StatusNotFound, response.status)
}
