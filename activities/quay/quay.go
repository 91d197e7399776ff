// Package quay holds the action on the container registry Quay: quay:create-repository.
package quay

import (
	"cmp"
	_ "embed" // for the schemas
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// publicURL is the Quay of everybody.
const publicURL = "https://quay.io"

var (
	//go:embed schema/create.input.json
	createInput json.RawMessage
	//go:embed schema/create.output.json
	createOutput json.RawMessage
)

// Options are the settings of the action.
type Options struct {
	// URL is the address of the company's own Quay, "" when there is only quay.io.
	URL       string
	Transport http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action { return []action.Action{createRepository{options}} }

// connection makes requests with the token of one step.
type connection struct {
	hostapi.API

	base string
}

// connect refuses an address that is not configured: it is the template's author who writes it, and the token would
// go there.
func (o Options) connect(base, token string) (connection, error) {
	base = strings.TrimSuffix(cmp.Or(base, publicURL), "/")
	if base != publicURL && base != strings.TrimSuffix(o.URL, "/") {
		return connection{}, action.Advise(action.InputError("baseUrl %s is no Quay that is configured", base),
			"Ask an operator to set quay.uiUrl to it, or leave baseUrl out for quay.io.")
	}
	client := rest.Options{Name: base, Key: "quay", BaseURL: base + "/api/v1", Authenticate: rest.Bearer(token), Transport: o.Transport}
	return connection{base: base, API: hostapi.New(client, "Give the token's application the right to create repositories, then retry.")}, nil
}

// pathOf is the API's path of a repository.
func pathOf(namespace, name string) string {
	return "/repository/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
}
