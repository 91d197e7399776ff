package elastic_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/opensearchtest"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/search/elastic"
)

// config is a source at an address.
func config(url string) elastic.Config {
	return elastic.Config{AboutSource: search.AboutSource{Name: "wiki", Title: "Wiki"}, URL: url, Index: "wiki-*,old wiki", Timeout: 5 * time.Second, Kind: "page",
		Fields: elastic.Fields{Title: "title", Text: "body.plain", Location: "url", Kind: "kind", Owner: "space.owner", Tags: "labels"}}
}

func ask(t *testing.T, text string, facets ...[]string) search.SourceAsk {
	t.Helper()
	q, err := search.Parse(text)
	require.NoError(t, err)
	return search.SourceAsk{Query: q, Facets: facets, Limit: 5}
}

// answering is a server that gives one answer, and what it was asked.
func answering(t *testing.T, status int, answer string) (url string, asked *http.Request, body *string) {
	t.Helper()
	asked, body = &http.Request{}, new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body) // a body that breaks off is not the one that is expected
		*asked, *body = *r, string(content)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/es/", asked, body
}

func documents(t *testing.T, hits search.Hits) (all []map[string]string) {
	t.Helper()
	for _, encoded := range hits.Documents {
		var document map[string]string
		require.NoError(t, json.Unmarshal(encoded, &document))
		all = append(all, document)
	}
	return all
}

func TestAnIndexIsAskedAndItsHitsAreRead(t *testing.T) {
	t.Parallel()
	url, asked, body := answering(t, http.StatusOK, `{"timed_out":false,"_shards":{"total":2,"failed":1},"hits":{"total":{"value":1001,"relation":"gte"},"hits":[
		{"_index":"wiki-1","_id":"a/b","_source":{"title":"On\u0000 call\n handbook","url":"https://wiki.example.com/1","space":{"owner":["group:default/ops","x"]},"kind":"runbook"},"highlight":{"body.plain":["restarts the gateway"]}},
		{"_index":"wiki-1","_id":"2","_source":{"title":"A link","url":"javascript:alert(1)"}},
		{"_index":"wiki-1","_id":"3","_source":{"title":"A link","url":"https://u:p@wiki.example.com"}},
		{"_index":"wiki-1","_id":"4","_source":{"url":"https://wiki.example.com/4"}},
		{"_index":"wiki-1","_id":"5","_source":{"title":"Number","url":"http://wiki.example.com/5","space.owner":7}}]}}`)
	of := config(url)
	of.APIKey, of.Filter = "key", json.RawMessage(`{"term":{"public":true}}`)
	hits, err := elastic.New(of, nil).Find(t.Context(), ask(t, `onCall "the gateway"`, []string{"tag:howto"}))
	require.NoError(t, err)
	require.Equal(t, []map[string]string{
		{"title": "On\uFFFD call handbook", "text": "restarts the gateway", "location": "https://wiki.example.com/1", "documentType": "runbook", "owner": "group:default/ops, x", "source": "wiki"},
		{"title": "Number", "text": "", "location": "http://wiki.example.com/5", "documentType": "page", "owner": "7", "source": "wiki"},
	}, documents(t, hits))
	require.Equal(t, 1000, hits.Count)
	require.True(t, hits.IsMore)
	require.Equal(t, "/es/wiki-*,old%20wiki/_search", asked.URL.EscapedPath())
	require.Equal(t, "ApiKey key", asked.Header.Get("Authorization"))
	require.JSONEq(t, `{"from":0,"size":5,"timeout":"5000ms","track_total_hits":1001,"_source":["title","url","kind","space.owner"],
		"highlight":{"pre_tags":[""],"post_tags":[""],"number_of_fragments":1,"fragment_size":240,"no_match_size":240,"require_field_match":false,"fields":{"body.plain":{}}},
		"query":{"bool":{"must":[
			{"bool":{"minimum_should_match":1,"should":[
				{"multi_match":{"query":"oncall","type":"best_fields","operator":"and","zero_terms_query":"all","fields":["title^3","body.plain"]}},
				{"multi_match":{"query":"on call","type":"best_fields","operator":"and","zero_terms_query":"all","fields":["title^3","body.plain"]}},
				{"multi_match":{"query":"oncall","type":"bool_prefix","operator":"and","fields":["title^3","body.plain"]}}]}},
			{"multi_match":{"query":"the gateway","type":"phrase","fields":["title^3","body.plain"]}}],
		"filter":[{"bool":{"minimum_should_match":1,"should":[{"match":{"labels":{"query":"howto","operator":"and"}}}]}},{"term":{"public":true}}]}}}`, *body)

	of.LocationTemplate = "https://wiki.example.com/{index}/{id}?t={title}"
	hits, err = elastic.New(of, nil).Find(t.Context(), ask(t, "a"))
	require.NoError(t, err)
	require.Equal(t, "https://wiki.example.com/wiki-1/a%2Fb?t=On%00%20call%0A%20handbook", documents(t, hits)[0]["location"], "a value stays in its place")
	hits, err = elastic.New(of, nil).Find(t.Context(), ask(t, "a", []string{"kind:component"}))
	require.NoError(t, err)
	require.Empty(t, hits.Documents, "it has no such field")
}

func TestAServerThatFailsSaysWhyToThoseWhoCanMendIt(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		status       int
		answer, says string
		kind         fault.Kind
	}{
		{http.StatusUnauthorized, `{}`, "It refuses the credentials in portico.search.sources.wiki.elasticsearch of the configuration", fault.BadGateway},
		{http.StatusNotFound, `{"error":{"type":"index_not_found_exception"}}`, "It has no index as in portico.search.sources.wiki.elasticsearch.index", fault.BadGateway},
		{http.StatusTooManyRequests, ``, "It is busy", fault.Unavailable},
		{http.StatusInternalServerError, `secret internals`, "It answers with status 500: the server's log says why", fault.BadGateway},
		{http.StatusFound, ``, "It answers with status 302", fault.BadGateway},
		{http.StatusOK, `<html>`, "Its answer is not that of an Elasticsearch or OpenSearch", fault.BadGateway},
		{http.StatusOK, `{"_shards":{"total":2,"failed":2},"hits":{"hits":[]}}`, "It could not search its index", fault.BadGateway},
		{http.StatusOK, `{"x":"` + strings.Repeat("x", 5<<20) + `"}`, "Its answer is larger than 4 MB", fault.BadGateway},
	} {
		url, _, _ := answering(t, of.status, of.answer)
		_, err := elastic.New(config(url), nil).Find(t.Context(), ask(t, "a"))
		require.ErrorContains(t, err, of.says)
		require.Equal(t, of.kind, fault.KindOf(err))
		require.NotContains(t, err.Error(), "internals")
	}
	_, err := elastic.New(config("http://127.0.0.1:1"), nil).Find(t.Context(), ask(t, "a"))
	require.EqualError(t, err, "It does not answer")
}

// TestASlowServerIsGivenUp: the search has an own deadline for each server.
func TestASlowServerIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	of := config(server.URL)
	of.Timeout = 50 * time.Millisecond
	_, err := elastic.New(of, nil).Find(t.Context(), ask(t, "a"))
	require.EqualError(t, err, "It did not answer within 50ms")
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}

// TestAnOpenSearchAnswers asks a real server.
func TestAnOpenSearchAnswers(t *testing.T) {
	t.Parallel()
	url := opensearchtest.Start(t)
	put := func(path, body string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Less(t, response.StatusCode, 300, string(content))
	}
	put("/wiki-1", `{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":{"properties":{"title":{"type":"text"},"kind":{"type":"keyword"},"labels":{"type":"keyword"},
		"body":{"properties":{"plain":{"type":"text","analyzer":"english"}}},"public":{"type":"boolean"}}}}`)
	page := func(id int, title, body, more string) {
		put(fmt.Sprintf("/wiki-1/_doc/%d?refresh=true", id), fmt.Sprintf(`{"title":%q,"body":{"plain":%q},"url":"https://wiki.example.com/%d"%s}`, title, body, id, more))
	}
	page(1, "On-call handbook", strings.Repeat("Filler. ", 200)+"Whoever is on call restarts the payment gateway first.", `,"public":true,"labels":["howto"],"kind":"runbook"`)
	page(2, "Payment gateway", "An overview", `,"public":true`)
	page(3, "Payment secrets", "Not for everybody", `,"public":false`)
	of := config(url)
	of.Index, of.Filter = "wiki-*", json.RawMessage(`{"term":{"public":true}}`)
	source := elastic.New(of, nil)
	for text, expected := range map[string][]string{
		"payment gateway":   {"Payment gateway", "On-call handbook"},
		"handbook restart":  {"On-call handbook"},
		"payment gatew":     {"Payment gateway", "On-call handbook"},
		"the handbook":      {"On-call handbook"},
		`"payment gateway"`: {"Payment gateway", "On-call handbook"},
		`"gateway payment"`: nil,
		"secrets":           nil,
		`a'b:*|!(&<->"`:     nil,
	} {
		hits, err := source.Find(t.Context(), ask(t, text))
		require.NoError(t, err, text)
		var titles []string
		for _, document := range documents(t, hits) {
			titles = append(titles, document["title"])
		}
		require.Equal(t, expected, titles, text)
		require.Equal(t, len(expected), hits.Count, text)
	}
	hits, err := source.Find(t.Context(), ask(t, "payment", []string{"tag:howto"}, []string{"type:runbook"}))
	require.NoError(t, err)
	found := documents(t, hits)
	require.Len(t, found, 1)
	require.Contains(t, found[0]["text"], "restarts the payment gateway first", "the piece around the words, not the beginning")
	require.Less(t, len(found[0]["text"]), 400)
	of.Index = "none"
	_, err = elastic.New(of, nil).Find(t.Context(), ask(t, "payment"))
	require.ErrorContains(t, err, "It has no index")
}
