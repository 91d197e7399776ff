package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChangedFilesArePreviewed: the files are sent, and the answer is printed. A refusal names the files.
func TestChangedFilesArePreviewed(t *testing.T) {
	t.Parallel()
	policies := filepath.Join(t.TempDir(), "policy.csv")
	require.NoError(t, os.WriteFile(policies, []byte("p, role:default/a, catalog-entity, delete, allow\n"), 0o600))
	var sent struct{ Files map[string]string }
	affected := `{"people":{"compared":340,"affected":2,"gain":1,"lose":1},"permissions":[{"permission":"catalog.entity.delete","gain":1,"lose":1}],
		"items":[{"user":"user:default/ada","changes":[{"permission":"catalog.entity.delete","resourceType":"catalog-entity","effect":"gains","before":"DENY","after":"CONDITIONAL",
		"resources":{"gained":8,"gainedExamples":["component:default/shop"],"onlyReadable":true}}]}],"nextCursor":"user:default/ada",
		"problems":[{"file":"policies","line":3,"reason":"role:default/b comes from the API"}],"incomplete":[]}`
	answer, status := affected, http.StatusOK
	base := portal(t, map[string]http.HandlerFunc{"POST /api/portico/v1/policy/preview": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "limit=1" || json.NewDecoder(r.Body).Decode(&sent) != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}})
	run := func(more ...string) (string, error) {
		return portico(t, base, append([]string{"policy", "preview", "--limit", "1", "--policies", policies}, more...)...)
	}
	out, err := run()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"policies": "p, role:default/a, catalog-entity, delete, allow\n"}, sent.Files)
	require.Equal(t, `2 of 340 people are affected: 1 gains, 1 loses.
  catalog.entity.delete: 1 gains, 1 loses
user:default/ada
  gains catalog.entity.delete (under conditions, before never): 8 gained, such as component:default/shop; and perhaps more that you may not read
and 1 more people
Problem: `+policies+`:3: role:default/b comes from the API
`, out)
	exitStatus := func() int {
		_, err := run("--exit-code")
		exit, _ := errors.AsType[*exitError](err)
		if exit == nil {
			require.NoError(t, err)
			return 0
		}
		return exit.code
	}
	require.Equal(t, 2, exitStatus())
	answer = `{"people":{"compared":340},"permissions":[],"items":[],"problems":[],"incomplete":["10 of 340 people were compared in time"]}`
	require.Equal(t, 2, exitStatus(), "there may be changes")
	answer = `{"people":{"compared":340},"permissions":[],"items":[],"problems":[],"incomplete":[]}`
	require.Equal(t, 0, exitStatus())

	answer, status = `{"error":{"name":"InputError","message":"The server would refuse these files, and keep its roles:\npolicies:1: a line is wrong"}}`, http.StatusBadRequest
	_, err = run()
	require.EqualError(t, err, "The server would refuse these files, and keep its roles:\n"+policies+":1: a line is wrong")
	_, err = portico(t, base, "policy", "preview")
	require.EqualError(t, err, "name the changed files with --policies and --conditions")
}
