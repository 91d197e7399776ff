package api

import (
	"net/http"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/rbac"
)

// NewExplainPlugin serves the part of /api/portico that explains decisions, and who the caller is.
func NewExplainPlugin(service *explain.Service) Plugin {
	p := explainRoutes{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/me", access: authenticated,
			summary: "Says who the caller is: groups, roles, and what these permit", serve: ok("the caller", p.self)},
		{method: http.MethodGet, path: "/v1/policy/explain", access: authenticated, query: []parameter{
			text("user", "the reference of a user, the caller if absent; others need policy.entity.read"),
			required(text("permission", "the name of a permission")),
			text("resource", "an entity reference, the id of a run, or the reference of a role"),
			text("action", "the action of a permission that Portico does not know"),
			text("resourceType", "the resource type of such a permission")},
			summary: "Says why a user may do something or may not, and what would change it", serve: ok("the explanation", p.explain)},
	}}
}

type explainRoutes struct{ service *explain.Service }

func (p explainRoutes) self(c *call) (explain.Self, error) {
	return p.service.Self(c.Request.Context(), c.principal)
}

func (p explainRoutes) explain(c *call) (explain.Explanation, error) {
	return p.service.Explain(c.Request.Context(), c.principal, explain.Question{User: c.Query("user"), Resource: c.Query("resource"),
		Query: rbac.Query{Permission: c.Query("permission"), Action: c.Query("action"), ResourceType: policy.ResourceType(c.Query("resourceType"))}})
}
