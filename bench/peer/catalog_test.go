package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServeCatalog(t *testing.T) {
	t.Parallel()

	files, err := serveCatalog(t.Context(), t.TempDir(), 14_650)
	require.NoError(t, err)
	defer files.stop()
	require.Len(t, files.urls, 2)
	require.Equal(t, 14_654, files.Entities)
	require.Equal(t, 13_550, files.Owned)
	require.Equal(t, "{ host: '"+files.host+"' }", options{catalog: files}.readable())
	require.Empty(t, options{}.readable())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, files.urls[1], http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestReadsAreDifferent(t *testing.T) {
	t.Parallel()

	seen := map[string]bool{}
	for _, read := range reads(14_650) {
		require.NotEmpty(t, read.paths, read.title)
		for _, path := range read.paths {
			require.False(t, seen[path], path)
			seen[path] = true
		}
	}
}

func TestAgree(t *testing.T) {
	t.Parallel()

	three, four := map[string]answer{"/x": {TotalItems: 3}}, map[string]answer{"/x": {TotalItems: 4}}
	require.NoError(t, agree([]result{{system: "A", answers: three}, {system: "B", answers: three}}))
	require.NoError(t, agree([]result{{system: "A", answers: three}, {system: "B"}}), "not asked yet")
	require.NoError(t, agree([]result{{system: "A"}}))
	require.ErrorContains(t, agree([]result{{system: "A", answers: three}, {system: "B", answers: four}}), "/x: A answered {TotalItems:3")
}

func TestSend(t *testing.T) {
	t.Parallel()

	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/short":
			fmt.Fprint(w, "{}")
		case "/empty":
		case "/long": // longer than any buffer, and so in chunks
			fmt.Fprint(w, strings.Repeat("many words ", 30_000))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s := &system{name: "test", base: server.URL}

	got, err := s.send(t.Context(), []string{"/short", "/long", "/empty"}, 3, 50*time.Millisecond)
	require.NoError(t, err)
	require.Len(t, got.latencies, int(asked.Load()))
	require.GreaterOrEqual(t, len(got.latencies), 3)
	require.LessOrEqual(t, got.quantile(0.5), got.quantile(0.95))
	require.Positive(t, got.perSecond())

	_, err = s.send(t.Context(), []string{"/short", "/nowhere"}, 2, 50*time.Millisecond)
	require.ErrorContains(t, err, "/nowhere was answered with HTTP/1.1 404")
}

func TestReportOfTheCatalog(t *testing.T) {
	t.Parallel()

	o := options{what: "catalog", entities: 14_650}
	of := func(took time.Duration, perSecond int) result {
		r := result{ingest: sample{took: took}, loads: map[string][]loaded{}}
		for _, read := range reads(o.entities) {
			r.loads[read.title] = []loaded{{latencies: make([]time.Duration, perSecond), took: time.Second}}
		}
		return r
	}
	var out strings.Builder
	require.NoError(t, report(&out, o, []result{of(400*time.Second, 10), of(4*time.Second, 600)}))
	require.Regexp(t, `ingest of 14650 entities +400\.00 s +4\.00 s +100\.0 x +at least 100 x`, out.String())
	require.Regexp(t, `one entity by name +10/s +600/s +60\.0 x +at least 60 x`, out.String())
	require.NotContains(t, out.String(), "three logs")
	require.ErrorContains(t, report(&out, o, []result{of(400*time.Second, 10), of(4*time.Second, 599)}), "not as promised: one entity by name")
}
