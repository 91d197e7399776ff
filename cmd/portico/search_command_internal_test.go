package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDocumentsArePushedInBatches(t *testing.T) {
	t.Parallel()
	var asked []string
	fails := ""
	base := portal(t, map[string]http.HandlerFunc{
		"PUT " + searchSourcesPath + "/{name}/documents": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // a body that breaks off is not the one that is expected
			replace, _, _ := strings.Cut(r.URL.Query().Get("replace"), " ")
			asked = append(asked, fmt.Sprintf("%s %d %t %s", r.PathValue("name"), strings.Count(string(body), `"n"`), replace != "", r.URL.Query().Get("complete")))
			if fails != "" && strings.Contains(string(body), fails) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"error":{"name":"InputError","message":"document 7 (x): title is missing"}}`))
				return
			}
			fmt.Fprintf(w, `{"received":%d,"written":1,"unchanged":1,"outdated":1,"removed":1,"documents":9}`, strings.Count(string(body), `"n"`))
		},
	})
	directory := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(directory, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	var lines strings.Builder
	for n := range pushBatch + 1 {
		fmt.Fprintf(&lines, `{"n":%d}`+"\n", n)
	}
	many, array := write("many.ndjson", lines.String()), write("few.json", "\uFEFF [ {\"n\": 1},\n {\"n\": 2} ]")

	out, err := portico(t, base, "search", "push", "wiki", many, array)
	require.NoError(t, err)
	require.Equal(t, []string{"wiki 500 false ", "wiki 1 false ", "wiki 2 false "}, asked)
	require.Contains(t, out, "Pushed 503 documents: 3 are new or changed, 3 were there already, 3 are older than what is there; 3 others were deleted. The source has 9.")

	asked = nil
	_, err = portico(t, base, "search", "push", "wiki", "--full", array)
	require.NoError(t, err)
	require.Equal(t, []string{"wiki 2 true ", "wiki 0 true true"}, asked)

	asked, fails = nil, `"n":500`
	_, err = portico(t, base, "search", "push", "wiki", "--full", many)
	require.ErrorContains(t, err, "many.ndjson, documents 501 to 501: document 7 (x): title is missing")
	require.Len(t, asked, 2, "what failed is not completed")
	fails = ""
	for content, says := range map[string]string{`[{"n":1}`: "the array does not end", `[] []`: "something after the end", `{"n":1}` + "\n{": "document 2 is no JSON"} {
		asked = nil
		_, err = portico(t, base, "search", "push", "wiki", "--full", write("broken.json", content))
		require.ErrorContains(t, err, says)
		require.NotContains(t, asked, "wiki 0 true true", "a file that breaks off deletes nothing")
	}
	_, err = portico(t, base, "search", "push", "wiki", filepath.Join(directory, "none"))
	require.ErrorContains(t, err, "no such file")
}

func TestSourcesOfTheSearchOnTheCommandLine(t *testing.T) {
	t.Parallel()
	var deleted []string
	base := portal(t, map[string]http.HandlerFunc{
		"GET " + searchSourcesPath: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"sources":[{"name":"wiki","title":"The \u001bwiki","documents":12,"pushedAt":"2026-11-30T10:00:00Z","pushedBy":"external:wiki","incomplete":"a","isConfigured":true},
				{"name":"live","title":"Live","isLive":true,"isConfigured":true},{"name":"old","title":"old"}]}`))
		},
		"DELETE " + searchSourcesPath + "/{name}/documents": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			deleted = append(deleted, string(body))
			_, _ = w.Write([]byte(`{"removed":2,"documents":10}`))
		},
	})
	out, err := portico(t, base, "search", "sources")
	require.NoError(t, err)
	for _, shown := range []string{`The \u001bwiki`, "external:wiki", "the full push a was not completed", "asked live", "not configured any more"} {
		require.Contains(t, out, shown)
	}
	out, err = portico(t, base, "search", "delete", "wiki", "a", "b")
	require.NoError(t, err)
	require.Contains(t, out, "Deleted 2 documents. The source has 10.")
	_, err = portico(t, base, "search", "delete", "wiki", "--all")
	require.NoError(t, err)
	require.Equal(t, []string{`{"ids":["a","b"]}`, `{"all":true}`}, deleted)
	for _, args := range [][]string{{"delete", "wiki"}, {"delete", "wiki", "a", "--all"}} {
		_, err = portico(t, base, append([]string{"search"}, args...)...)
		require.ErrorContains(t, err, "give the ids of documents, or --all")
	}
}

func TestTheCommandWaitsForTheEndOfARebuild(t *testing.T) {
	t.Parallel()
	begun := 0
	states := []string{
		`{"isRunning":true,"begunAt":"2026-11-30T10:00:00Z","entities":900,"runs":100,"done":400}`,
		`{"isRunning":true,"begunAt":"2026-11-30T10:00:00Z","endedAt":"2026-11-30T10:01:30Z","entities":900,"runs":100,"done":1000,"sites":3}`,
		`{"isRunning":false,"begunAt":"2026-11-30T10:00:00Z","endedAt":"2026-11-30T10:01:30Z","entities":900,"runs":100,"done":1000}`,
	}
	base := portal(t, map[string]http.HandlerFunc{
		"POST " + searchRebuildPath: func(w http.ResponseWriter, _ *http.Request) {
			begun++
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `{"isRunning":true,"isNew":%t,"begunAt":"2026-11-30T10:00:00Z","entities":900,"runs":100,"done":200}`, begun == 1)
		},
		"GET " + searchRebuildPath: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(states[0]))
			states = states[1:]
		},
	})
	out, err := portico(t, base, "search", "rebuild", "--detach")
	require.NoError(t, err)
	require.Equal(t, "The index of the search is written anew: 200 of 1000 entities and runs.\n", out)
	require.Len(t, states, 3, "it is not asked again")
	out, err = portico(t, base, "search", "rebuild")
	require.NoError(t, err)
	require.Equal(t, "The index of the search was written anew in 1m30s: 900 entities, 100 runs.\n", out)
	require.Empty(t, states)
}

func TestProgressOfARebuild(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	begun := time.Now()
	p := rebuildProgress{out: &out, since: begun}
	for _, at := range []struct {
		after time.Duration
		done  int64
	}{{0, 0}, {time.Second, 10}, {3 * time.Second, 20}, {4 * time.Second, 20}, {14 * time.Second, 20}, {15 * time.Second, 20}, {16 * time.Second, 30}} {
		p.tell(searchRebuild{Entities: 90, Runs: 10, Done: at.done}, begun.Add(at.after))
	}
	require.Equal(t, "0 of 100 entities and runs\n20 of 100 entities and runs\n"+
		"nothing happened for 10s; is a worker running? See `portico worker --help`\n30 of 100 entities and runs\n", out.String())
}
