package main

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSourcesAndSweepsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	var asked []string
	answers := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // a body that breaks off is not the one that is expected
			asked = append(asked, r.Method+" "+r.URL.Path+string(body))
			_, _ = w.Write([]byte(answer))
		}
	}
	const sweep = `{"id":"3f0c1f0e","state":"waiting","askedAt":"2026-11-30T10:00:00Z","pages":3,"requests":4,"entities":5,"added":6,"changed":7,"removed":30,
		"removals":["component:default/a\u001b"],"failure":{"name":"Error","message":"the host\u001b is gone"}}`
	base := portal(t, map[string]http.HandlerFunc{
		"GET " + sourcesPath: answers(`{"sources":[{"name":"github-provider:acme","place":"github.com/acme","everySeconds":1800,"entities":12,"last":` + sweep + `},
			{"name":"by-hand"},{"name":"at-night","cron":"0 4 * * *"},{"name":"held","paused":true},{"name":"gone","leftAt":"2026-11-30T10:00:00Z"}]}`),
		"GET " + sourcesPath + "/{name}":         answers(`{"sweeps":[` + sweep + `]}`),
		"POST " + sourcesPath + "/{name}/sweep":  answers(sweep),
		"GET " + sweepsPath + "{id}":             answers(sweep),
		"POST " + sweepsPath + "{id}/{decision}": answers(`{"state":"approved"}`),
	})
	for _, test := range []struct {
		args  []string
		asked string
		shown []string
	}{
		{[]string{"sources"}, "GET /api/portico/v1/catalog/sources",
			[]string{"github-provider:acme  github.com/acme  12        every 30m0s", "waiting", "by hand", "0 4 * * *", "paused", "not configured any more"}},
		{[]string{"sweeps", "github-provider:acme"}, "GET /api/portico/v1/catalog/sources/github-provider:acme", []string{"3f0c1f0e", `the host\u001b is gone`}},
		{[]string{"sweep", "github-provider:acme"}, "POST /api/portico/v1/catalog/sources/github-provider:acme/sweep{}", []string{"Asked for sweep 3f0c1f0e."}},
		{[]string{"sweep", "a", "--max-removals", "0"}, `POST /api/portico/v1/catalog/sources/a/sweep{"maxRemovals":0}`, []string{"Asked for"}},
		{[]string{"sweep", "show", "3f0c1f0e"}, "GET /api/portico/v1/catalog/sweeps/3f0c1f0e", []string{`would remove component:default/a\u001b`, "and 29 more"}},
		{[]string{"sweep", "approve", "3f0c1f0e"}, "POST /api/portico/v1/catalog/sweeps/3f0c1f0e/approve", []string{"The sweep is approved."}},
		{[]string{"sweep", "drop", "3f0c1f0e"}, "POST /api/portico/v1/catalog/sweeps/3f0c1f0e/drop", nil},
		{[]string{"sweep", "cancel", "3f0c1f0e"}, "POST /api/portico/v1/catalog/sweeps/3f0c1f0e/cancel", nil},
	} {
		asked = nil
		out, err := portico(t, base, append([]string{"catalog"}, test.args...)...)
		require.NoError(t, err, test.args)
		require.Equal(t, []string{test.asked}, asked)
		for _, shown := range test.shown {
			require.Contains(t, out, shown)
		}
	}
}
