// Package sentry holds the actions on projects of Sentry: sentry:project:create and sentry:fetch:dsn.
package sentry

import (
	"cmp"
	_ "embed" // for the schemas
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// publicURL is the API of the Sentry of everybody.
const publicURL = "https://sentry.io/api/0"

var (
	//go:embed schema/create.input.json
	createInput json.RawMessage
	//go:embed schema/create.output.json
	createOutput json.RawMessage
	//go:embed schema/dsn.input.json
	dsnInput json.RawMessage
	//go:embed schema/dsn.output.json
	dsnOutput json.RawMessage
)

// Options are the settings of the actions.
type Options struct {
	// APIBaseURL is the API of the company's own Sentry, "" for sentry.io.
	APIBaseURL string
	// Token is for steps that bring none.
	Token     string
	Transport http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	return []action.Action{createProject{options}, fetchDSN{options: options}}
}

// credentials are what the steps of both actions say of Sentry itself.
type credentials struct {
	AuthToken  string  `json:"authToken"`
	APIBaseURL *string `json:"apiBaseUrl"`
}

// connect checks what a step says of Sentry, in the plugin's words.
func (o Options) connect(given credentials) (hostapi.API, error) {
	token := cmp.Or(given.AuthToken, o.Token)
	if token == "" {
		return hostapi.API{}, action.Advise(action.InputError("No valid sentry token given"),
			"Pass authToken from a secret, or ask an operator to set scaffolder.sentry.token.")
	}
	base := strings.TrimRight(cmp.Or(o.APIBaseURL, publicURL), "/")
	if given.APIBaseURL != nil && strings.TrimRight(*given.APIBaseURL, "/") != base {
		return hostapi.API{}, action.Advise(action.InputError("apiBaseUrl must match the effective Sentry API base URL"),
			"Leave apiBaseUrl out, or ask an operator to set scaffolder.sentry.apiBaseUrl to it.")
	}
	return o.system(base, token), nil
}

func (o Options) system(base, token string) hostapi.API {
	return hostapi.New(rest.Options{Name: "Sentry", Key: "scaffolder.sentry", BaseURL: base, Authenticate: rest.Bearer(token), Transport: o.Transport},
		"Give the token this scope in Sentry, then retry.").In(words)
}

// words are those of the plugin.
func words(refusal *rest.RefusalError) string {
	return fmt.Sprintf("Sentry API request failed with status %d", refusal.Status)
}

// path is made of names and of what is between them.
func path(parts ...string) string {
	for i := 1; i < len(parts); i += 2 {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "")
}
