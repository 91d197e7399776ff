package httpjson_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/httpjson"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
)

// site answers pages by the cursor.
func site(t *testing.T, answer func(w http.ResponseWriter, cursor string)) provider.Source {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r.URL.Query().Get("cursor")) }))
	t.Cleanup(server.Close)
	reader, err := forges.New(forges.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: strings.TrimPrefix(server.URL, "http://")}}})
	require.NoError(t, err)
	sources, err := httpjson.Sources(map[string]config.JSONProvider{"people": {URL: server.URL + "/entities?team=a"}}, reader)
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

const user = `{"apiVersion":"backstage.io/v1alpha1","kind":"User","metadata":{"name":"%s","annotations":{"backstage.io/managed-by-location":"url:https://elsewhere"}},"spec":{"memberOf":[]}}`

func TestPagesAreReadByTheirCursors(t *testing.T) {
	t.Parallel()
	p := site(t, func(w http.ResponseWriter, cursor string) {
		switch cursor {
		case "":
			fmt.Fprintf(w, `{"entities":[`+user+`,`+user+`],"next":"a b&c","total":3}`, "ada", "bob")
		case "a b&c":
			fmt.Fprintf(w, `{"entities":[`+user+`]}`, "eve")
		default:
			http.Error(w, "what?", http.StatusBadRequest)
		}
	})
	require.Equal(t, "json-provider:people", p.Name())
	first, err := p.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []any{2, "a b&c", 3, 1}, []any{len(first.Entities), first.Next, first.Total, first.Requests})
	require.Equal(t, "ada", first.Entities[0].Entity.Name())
	require.True(t, strings.HasPrefix(first.Entities[0].Location.Target, "http://127.0.0.1"), "it is where it was found, and not where it says")
	again, err := p.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, first, again)
	last, err := p.ReadPage(t.Context(), first.Next)
	require.NoError(t, err)
	require.Equal(t, []any{"eve", "", 0}, []any{last.Entities[0].Entity.Name(), last.Next, last.Total})
	require.Equal(t, first.Entities[0].Location, last.Entities[0].Location)
}

func TestWhatIsNoPageIsAnError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter)
		kind   fault.Kind
		may    bool
		after  time.Duration
	}{
		"an error with status 200": {func(w http.ResponseWriter) { fmt.Fprint(w, `{"error":"sorry"}`) }, fault.Input, false, 0},
		"nothing":                  {func(w http.ResponseWriter) { fmt.Fprint(w, `null`) }, fault.Input, false, 0},
		"itself as the next page":  {func(w http.ResponseWriter) { fmt.Fprint(w, `{"entities":[],"next":"2"}`) }, fault.Input, false, 0},
		"half a page":              {func(w http.ResponseWriter) { fmt.Fprint(w, `{"entities":[{"kind":`) }, "", true, 0},
		"a body that is cut off": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"entities":[]}`)
		}, "", true, 0},
		"404": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, fault.NotFound, false, 0},
		"401": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, "", false, 0},
		"500": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, "", true, 0},
		"429": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "90")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "", true, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, err := site(t, func(w http.ResponseWriter, _ string) { test.answer(w) }).ReadPage(t.Context(), "2")
			require.Error(t, err)
			require.Empty(t, read, "never a part of a page")
			require.Equal(t, test.kind, fault.KindOf(err))
			after, may := integration.MayPass(err)
			require.Equal(t, []any{test.may, test.after}, []any{may, after})
		})
	}
}

func TestOnlyConfiguredHostsAreRead(t *testing.T) {
	t.Parallel()
	reader, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	configured := func(url string) map[string]config.JSONProvider {
		return map[string]config.JSONProvider{"x": {URL: url}}
	}
	sources, err := httpjson.Sources(configured("http://169.254.169.254/latest"), reader)
	require.NoError(t, err)
	require.Equal(t, []string{"json", "169.254.169.254/latest"}, []string{sources[0].Kind, sources[0].Place})
	_, err = sources[0].ReadPage(t.Context(), "")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	for _, bad := range []string{"", "entities", "https://ada:secret@example.com/x", "://"} {
		_, err := httpjson.Sources(configured(bad), reader)
		require.Equal(t, fault.Input, fault.KindOf(err))
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestEntitiesKeepTheirContent.
func TestEntitiesKeepTheirContent(t *testing.T) {
	t.Parallel()
	p := site(t, func(w http.ResponseWriter, _ string) { fmt.Fprintf(w, `{"entities":[`+user+`]}`, "ada") })
	read, err := p.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, entity.CheckEnvelope(read.Entities[0].Entity))
}
