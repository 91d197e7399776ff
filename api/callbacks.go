package api

import (
	"net/http"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/scaffolder/callback"
)

// NewCallbacksPlugin serves /api/portico/v1/callbacks: other systems tell runs there how something ended.
func NewCallbacksPlugin(service *callback.Service) Plugin {
	const reason = "whoever has the address may use it: it contains a secret of 256 bits"
	take := func(path, summary string, succeeded bool) route {
		return route{method: http.MethodPost, path: path, access: signsIn(reason), audit: records(audit.RunCallback), looseQuery: true,
			summary: summary, body: mayTake[map[string]any](), fails: missingOrConflicting,
			serve: empty(http.StatusNoContent, "the run knows", func(c *call) error {
				return service.Take(c.Request.Context(), c.Param("secret"), callback.Answer{Succeeded: succeeded, Body: c.body})
			})}
	}
	return plugin{id: "portico", routes: []route{
		take("/v1/callbacks/:secret", "Tells a run that what it waits for has succeeded", true),
		take("/v1/callbacks/:secret/failure", "Tells a run that what it waits for has failed", false),
	}}
}
