package githubapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/githubapi"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	topics := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		answer             string
		wrong              string
	}{
		"right":             {"PUT", "/repos/a/b/topics", `{"names": ["x"]}`, 200, `{"names": ["x"]}`, ""},
		"unknown path":      {"GET", "/nothing", ``, 200, `{}`, "no operation"},
		"wrong type":        {"PUT", "/repos/a/b/topics", `{"names": "x"}`, 200, `{"names": ["x"]}`, "request"},
		"missing field":     {"PUT", "/repos/a/b/topics", `{}`, 200, `{"names": ["x"]}`, "request"},
		"unknown field":     {"PUT", "/repos/a/b/topics", `{"names": [], "more": 1}`, 200, `{"names": []}`, `"more"`},
		"unknown parameter": {"PUT", "/repos/a/b/topics?more=1", `{"names": []}`, 200, `{"names": []}`, `"more"`},
		"wrong answer":      {"PUT", "/repos/a/b/topics", `{"names": []}`, 200, `{"topics": []}`, "response"},
		"unknown status":    {"PUT", "/repos/a/b/topics", `{"names": []}`, 418, `{}`, "response"},
		"not signed in":     {"PUT", "/repos/a/b/topics", `{"names": []}`, 401, `{"message": "Bad credentials"}`, ""},
		"ref with slashes":  {"GET", "/repos/a/b/tarball/refs/heads/main", ``, 302, ``, ""},
		"a commit":          {"GET", "/repos/a/b/commits/main", ``, 200, `{}`, "response"},
		"token of an App":   {"POST", "/app/installations/7/access_tokens", `{"repositories": ["b"]}`, 201, `{"token": "t"}`, "expires_at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(test.method, githubapi.Prefix+test.path, strings.NewReader(test.body))
			request.Header.Set("Content-Type", "application/json")
			err := githubapi.Check(githubapi.Exchange{
				Request: request, RequestBody: []byte(test.body), Status: test.status, Header: topics, ResponseBody: []byte(test.answer),
			})
			if test.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.wrong)
		})
	}
}
