package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/scaffolder/action"
)

// TestAHostThatFailsIsNamed: another host's failure is neither the database's nor an internal error, for
// example in a dry run that fetches.
func TestAHostThatFailsIsNamed(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	host := strings.TrimPrefix(gone.URL, "http://")
	set, err := forges.New(forges.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: host}}})
	require.NoError(t, err)
	reads := func(c *call) (int, error) {
		_, err := set.ReadURL(c.Request.Context(), gone.URL+"/a.yaml", integration.ReadOptions{})
		return 0, fmt.Errorf("step take: %w", action.Transient(err, 0))
	}
	ill := func(*call) (int, error) {
		return 0, action.Transient(&integration.ResponseError{Status: http.StatusInternalServerError, Problem: "could not read " + gone.URL + ", 500"}, 0)
	}
	refuses := func(*call) (int, error) {
		return 0, fault.Wrap(fault.Input, &integration.ResponseError{Status: http.StatusForbidden}, "could not read %s, 403", gone.URL)
	}
	server, err := NewServer(Options{Log: slog.New(slog.DiscardHandler), Database: Database{Unreachable: db.Unreachable}, Plugins: []Plugin{plugin{id: "x", routes: []route{
		{method: http.MethodGet, path: "/gone", access: open("a test"), summary: "Reads a host that is gone", serve: ok("a number", reads)},
		{method: http.MethodGet, path: "/ill", access: open("a test"), summary: "Reads a host that is ill", serve: ok("a number", ill)},
		{method: http.MethodGet, path: "/refuses", access: open("a test"), summary: "Reads a host that refuses", serve: ok("a number", refuses)},
		{method: http.MethodGet, path: "/internal", access: open("a test"), summary: "Breaks", serve: ok("a number", func(*call) (int, error) {
			return 0, errors.New("out of cheese")
		})},
	}}}})
	require.NoError(t, err)
	for path, expected := range map[string]struct {
		status        int
		name, message string
	}{
		"/gone":     {http.StatusBadGateway, "ResponseError", "step take: Unable to read " + gone.URL + "/a.yaml, dial tcp"},
		"/ill":      {http.StatusBadGateway, "ResponseError", "could not read " + gone.URL + ", 500"},
		"/refuses":  {http.StatusBadRequest, "InputError", "could not read " + gone.URL + ", 403"},
		"/internal": {http.StatusInternalServerError, "Error", "An internal error occurred"},
	} {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/x"+path, nil))
		var told errorEnvelope
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &told), path)
		require.Equal(t, expected.status, answer.Code, path)
		require.Equal(t, expected.name, told.Error.Name)
		require.Contains(t, told.Error.Message, expected.message)
	}
}

// TestTheOuterErrorIsShown: a malformed reference is a 500, as in Backstage, unless a fault around it says what it
// means.
func TestTheOuterErrorIsShown(t *testing.T) {
	t.Parallel()
	_, malformed := entity.ParseRef("component:", entity.Ref{})
	require.Error(t, malformed)
	for name, test := range map[string]struct {
		err    error
		status int
		detail errorDetail
	}{
		"by itself":        {malformed, http.StatusInternalServerError, errorDetail{"TypeError", malformed.Error()}},
		"with context":     {fmt.Errorf("the owner: %w", malformed), http.StatusInternalServerError, errorDetail{"TypeError", malformed.Error()}},
		"in a fault":       {fault.Wrap(fault.Input, malformed, "the owner is no reference"), http.StatusBadRequest, errorDetail{"InputError", "the owner is no reference"}},
		"in an inner one":  {fmt.Errorf("create: %w", fault.Wrap(fault.Input, malformed, "no reference")), http.StatusBadRequest, errorDetail{"InputError", "no reference"}},
		"an invalid field": {&entity.Error{Name: "InputError", Message: "no kind"}, http.StatusBadRequest, errorDetail{"InputError", "no kind"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, detail := (&Server{}).describe(nil, test.err)
			require.Equal(t, test.status, status)
			require.Equal(t, test.detail, detail)
		})
	}
}
