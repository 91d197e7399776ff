package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	var asked []string
	answers := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method+" "+r.URL.String())
			_, _ = w.Write([]byte(answer))
		}
	}
	list := answers(`{"sessions":[{"id":"0199c0de","provider":"oidc","user":"user:default/ada","startedAt":"2026-11-22T10:00:00Z","renewedAt":"2026-11-22T11:00:00Z",
		"address":"192.0.2.7","browser":"Fire\u001bfox 140","refusal":"the provider refused to renew it"}]}`)
	base := portal(t, map[string]http.HandlerFunc{"GET /api/portico/v1/sessions": list, "GET /api/portico/v1/me/sessions": list,
		"DELETE /api/portico/v1/sessions": answers(`{"ended":2}`), "DELETE /api/portico/v1/me/sessions": answers(`{"ended":1}`),
		"DELETE /api/portico/v1/sessions/{id}": answers("")})
	for _, test := range []struct {
		args         []string
		asked, shown string
	}{
		{[]string{"list"}, "GET /api/portico/v1/sessions", "192.0.2.7  Fire\\u001bfox 140  not valid: the provider refused to renew it"},
		{[]string{"list", "ada"}, "GET /api/portico/v1/sessions?user=ada", "user:default/ada"},
		{[]string{"list", "me"}, "GET /api/portico/v1/me/sessions", "0199c0de"},
		{[]string{"end", "0199c0de"}, "DELETE /api/portico/v1/sessions/0199c0de", "Ended 1."},
		{[]string{"end", "--user", "ada"}, "DELETE /api/portico/v1/sessions?user=ada", "Ended 2."},
		{[]string{"end", "--user", "me"}, "DELETE /api/portico/v1/me/sessions", "Ended 1."},
	} {
		asked = nil
		out, err := portico(t, base, append([]string{"sessions"}, test.args...)...)
		require.NoError(t, err, test.args)
		require.Equal(t, []string{test.asked}, asked)
		require.Contains(t, out, test.shown)
	}
	_, err := portico(t, base, "sessions", "end")
	require.EqualError(t, err, "name sessions, or a user with --user")
}
