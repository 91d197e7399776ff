package http_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	activitieshttp "github.com/portico-dev/portico/activities/http"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/proxy"
	"github.com/portico-dev/portico/scaffolder/action"
)

// tokens issues the token TOKEN, as the recordings have it.
type tokens struct{}

func (tokens) IssueRun(context.Context, string, identity.Principal, string) (string, error) {
	return "TOKEN", nil
}

func (tokens) IssueShort(context.Context, identity.Principal) (string, error) { return "TOKEN", nil }

func parseURL(t testing.TB, text string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(text)
	require.NoError(t, err)
	return parsed
}

// published are runs of the published package, recorded for what the first recording does not show.
const published = "testdata/published.json"

// recordedAction is the action of a case. The plugin echo is at the stubs.
func recordedAction(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
	t.Helper()
	passing, err := proxy.New(proxy.Options{})
	require.NoError(t, err)
	var config struct {
		Scaffolder struct {
			HTTP struct{ AllowedMethods, AllowedHosts []string }
		}
	}
	if recorded.Config != nil {
		require.NoError(t, json.Unmarshal(recorded.Config, &config))
	}
	return activitieshttp.Actions(activitieshttp.Options{Proxy: passing, Tokens: tokens{}, Transport: http.DefaultTransport,
		Plugins:        map[string]activitieshttp.Plugin{"echo": {Base: parseURL(t, "http://"+stubs.Host+"/api/echo")}},
		AllowedMethods: config.Scaffolder.HTTP.AllowedMethods, AllowedHosts: config.Scaffolder.HTTP.AllowedHosts})[0]
}

func TestTheActionEqualsThePublishedOne(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, published, recordedtest.Suite{Action: recordedAction})
}

func TestTheActionEqualsBackstages(t *testing.T) {
	t.Parallel()
	const words, inOurWords = "error", "the text is the JavaScript client's; ours says what happened"
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Action:      recordedAction,
		// The queries that differ on purpose: the second part follows an ampersand, and an object is JSON.
		Unrecorded: func(_, target string) (int, string) {
			if slices.Contains([]string{"/api/echo/json", "/api/echo/json?a=1&b=2", "/api/echo/json?a=x%2Cy&o=%7B%22k%22%3A1%7D&n=null"}, target) {
				return http.StatusOK, `{"ok": true}`
			}
			return http.StatusNotFound, "{}"
		},
		Deviations: map[string]recordedtest.Deviation{
			"http-post-object-no-type": {In: []string{"requests"}, Why: "an object without a type is sent as JSON, not as [object Object]"},
			"http-timeout":             {In: []string{words}, Why: inOurWords},
			"http-timeout-zero":        {In: []string{"status"}, Why: "0 is the default, not a time-out of nothing"},
			"http-bad-json":            {In: []string{words}, Why: inOurWords},
			"http-empty-json":          {In: []string{words}, Why: inOurWords},
			"http-drop":                {In: []string{words}, Why: inOurWords},
			"cfg-host-relative":        {In: []string{"status"}, Why: "a path without a host goes to a plugin, whatever hosts are allowed"},
		},
	})
}
