// Package http holds http:backstage:request, with which a template asks Portico's API, the servers behind the proxy,
// and the plugins of a Backstage. Packages proxy and identity decide what a request may reach, and as whom. Actions
// for single systems have packages of their own.
package http

import (
	"context"
	_ "embed" // for the schemas
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/proxy"
	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/request.input.json
	requestInputSchema []byte
	//go:embed schema/request.output.json
	requestOutputSchema []byte
)

// actionID is the name of the action.
const actionID = "http:backstage:request"

// Plugin is where a plugin is.
type Plugin struct {
	// Base is the URL to which the rest of a path is added.
	Base *url.URL
	// IsOurs says that it is one of Portico's, which takes the tokens of runs.
	IsOurs bool
}

// Tokens makes the tokens with which a step asks plugins as the starter of its run. An identity.Issuer does.
type Tokens interface {
	// IssueRun makes a token for one of Portico's plugins.
	IssueRun(ctx context.Context, run string, starter identity.Principal, plugin string) (string, error)
	// IssueShort makes a token for another backend, "" where the starter cannot have one.
	IssueShort(ctx context.Context, user identity.Principal) (string, error)
}

// Options are what the action needs.
type Options struct {
	Proxy *proxy.Service
	// Plugins are the plugins that templates may ask, by their ids.
	Plugins map[string]Plugin
	Tokens  Tokens
	// Transport is for requests to plugins.
	Transport http.RoundTripper
	// AllowedMethods, when not empty, are the only methods: scaffolder.http.allowedMethods. AllowedHosts are
	// scaffolder.http.allowedHosts.
	AllowedMethods, AllowedHosts []string
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action { return []action.Action{&request{options}} }

// request is the action http:backstage:request.
type request struct{ Options }

// Describe lists the action with Backstage's schemas, and Portico's inputs find and undo.
func (*request) Describe() action.Description {
	return action.Description{
		ID: actionID,
		Description: "Sends a request to a plugin of Portico or Backstage as the person who started the run, or through the proxy to a server " +
			"that the configuration names.",
		Examples:       requestExamples,
		InputSchema:    requestInputSchema,
		OutputSchema:   requestOutputSchema,
		SupportsDryRun: true,
		Undoes: "Sends the request in the input `undo`. Without that input nothing is taken back: Portico does not know what the request " +
			"has made.",
		Needs: []string{
			"An entry of `proxy.endpoints` for each server, with the credentials as a header of it.",
			"`portico.http.plugins` for other plugins of Portico than the catalog and the scaffolder, and `discovery.endpoints` for the plugins " +
				"of a Backstage.",
		},
		Differences: requestDifferences,
	}
}

var requestDifferences = []string{
	"An object or a list as body is sent as JSON whatever the header Content-Type is, or as a form for " +
		"`application/x-www-form-urlencoded`. Backstage sends `[object Object]` unless the type has `json` in it.",
	"A query in the path and `params` are joined by `&`. Backstage writes a second question mark.",
	"An object or a list of objects in `params` is sent as JSON. Backstage sends `[object Object]`.",
	"`timeout: 0` is the default of one minute. In Backstage it fails every request. Ten minutes are the most.",
	"With `scaffolder.http.allowedHosts`, paths without a host are allowed. Backstage refuses them all.",
	"A request that runs out of time, that is not answered, or whose answer is not JSON, fails with Portico's words.",
	"The token is valid for two minutes, for the one plugin that is asked, and is not the session's. Templates reach the plugins of " +
		"`portico.http.plugins` only: their authors must not act with the roles of those who start runs.",
	"Redirects to another server are refused. In Backstage they are followed.",
	"The output has no headers `date` and `connection`, which differ in each attempt. Its `code` is a number, as Backstage's is, although the " +
		"schema there says text.",
	"An answer without a body, as to HEAD or with the status 204, may have the type JSON. In Backstage it fails the step.",
	"A path may begin with /api/, as in a browser. One that has the parts `.` or `..` is refused; Backstage resolves them.",
	"Headers that say where a request comes from or how it is sent (Host, Cookie, Content-Length, X-Forwarded-For and the like) are left out.",
	"An answer has at most 10 MiB.",
	"The inputs `expect`, `undo` and `find` are Portico's own. With `find`, the output has the code 200 and no headers, whichever attempt " +
		"has made the thing.",
	"`idempotencyKey` adds a header `Idempotency-Key`. Backstage keeps the answer of the first attempt instead.",
}

var requestExamples = []action.Example{
	{
		Description: "Read an entity of the catalog as the person who started the run",
		Example: `steps:
  - id: system
    name: Read the system
    action: http:backstage:request
    input:
      method: GET
      path: catalog/entities/by-name/system/default/${{ parameters.system }}
`,
	},
	{
		Description: "Create a PagerDuty service through the proxy endpoint /pagerduty, once, and delete it in a rollback",
		Example: `steps:
  - id: pagerduty
    name: Create the PagerDuty service
    action: http:backstage:request
    input:
      method: POST
      path: proxy/pagerduty/services
      headers:
        Content-Type: application/json
      body:
        service:
          type: service
          name: ${{ parameters.name }}
          escalation_policy:
            id: ${{ parameters.escalationPolicy }}
            type: escalation_policy_reference
      find:
        path: proxy/pagerduty/services
        params:
          query: ${{ parameters.name }}
        list: services
        match:
          name: ${{ parameters.name }}
        wrap: service
      undo:
        method: DELETE
        path: proxy/pagerduty/services/{body.service.id}
`,
	},
	{
		Description: "Ask a server that may not be there, and go on",
		Example: `steps:
  - id: licence
    name: Ask for a licence
    action: http:backstage:request
    input:
      method: GET
      path: proxy/licences/v1/free
      params:
        team: ${{ parameters.owner }}
      continueOnBadResponse: true
      timeout: 5000
`,
	},
}

// Run sends the request.
func (a *request) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	s, err := a.read(call)
	if err != nil {
		return nil, err
	}
	s.announce()
	if call.DryRun && !isHarmless(s.Method) {
		s.log.Info("Dry run mode. Skipping non dry-run safe method '%s' request to %s", s.Method, s.shown())
		return nil, nil
	}
	if s.Undo != nil && !call.DryRun {
		return s.once(ctx, call)
	}
	answer, err := s.ask(ctx)
	if err != nil {
		return nil, err
	}
	return s.output(answer)
}

// Undo sends the request that takes back what the step has made.
func (a *request) Undo(ctx context.Context, call *action.UndoCall) error {
	return a.takeBack(ctx, call)
}

// Plan says what would be sent.
func (a *request) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	s, err := a.read(call)
	if err != nil {
		return action.Plan{}, err
	}
	plan := action.Plan{Summary: fmt.Sprintf("send a %s request to %s", s.Method, s.place)}
	if s.Undo != nil {
		plan.Creates = []action.PlannedEffect{{Kind: effectKind, Name: s.effectName()}}
	}
	return plan, nil
}

// isHarmless reports whether a method changes nothing.
func isHarmless(method string) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, method)
}

// mayRepeat reports whether a method does the same when it is sent again.
func mayRepeat(method string) bool {
	return isHarmless(method) || method == http.MethodPut || method == http.MethodDelete
}
