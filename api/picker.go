package api

import (
	"net/http"
	"slices"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/picker"
)

// NewHostsPlugin serves the part of /api/portico for the form's repository picker. The service allows it to
// principals who may start runs.
func NewHostsPlugin(service *picker.Service) Plugin {
	h := &hostsAPI{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/hosts", access: authenticated,
			summary: "Lists the source code hosts of the integrations", serve: ok("the hosts", h.list)},
		{method: http.MethodGet, path: "/v1/hosts/:host/parts/:part", access: authenticated, query: placeOfRepository,
			summary: "Lists the values of a part of a repository's address", serve: ok("the choices", h.choices), fails: missing},
		{method: http.MethodGet, path: "/v1/hosts/:host/branches", access: authenticated,
			query:   append(slices.Clone(placeOfRepository), text("repo", "the repository"), text("prefix", "only branches whose names begin so")),
			summary: "Lists branches of a repository", serve: ok("the branches", h.branches), fails: missing},
		{method: http.MethodGet, path: "/v1/hosts/:host/repositories/:owner/:name", access: authenticated,
			summary: "Checks whether a repository may be created", serve: ok("the availability", h.availability), fails: missing},
	}}
}

// placeOfRepository are the parts of a repository's address before its name.
var placeOfRepository = []parameter{
	text("owner", "the owner"), text("organization", "the organization on Azure"),
	text("workspace", "the workspace on Bitbucket Cloud"), text("project", "the project where a host has them"),
}

type hostsAPI struct{ service *picker.Service }

// hostList lists the hosts, the configured ones first.
type hostList struct {
	Hosts []picker.Host `json:"hosts"`
}

func (h *hostsAPI) list(c *call) (hostList, error) {
	hosts, err := h.service.Hosts(c.Request.Context(), c.principal)
	return hostList{orEmpty(hosts)}, err
}

func (h *hostsAPI) choices(c *call) (picker.Choices, error) {
	found, err := h.service.Choices(c.Request.Context(), c.principal, integration.Part(c.Param("part")), repositoryOf(c), "")
	found.Choices = orEmpty(found.Choices)
	return found, err
}

// repositoryOf is the repository, or the place for one, that a request names.
func repositoryOf(c *call) integration.Repo {
	return integration.Repo{Host: c.Param("host"), Owner: c.Query("owner"), Repo: c.Query("repo"),
		Organization: c.Query("organization"), Workspace: c.Query("workspace"), Project: c.Query("project")}
}

func (h *hostsAPI) availability(c *call) (integration.Availability, error) {
	return h.service.Availability(c.Request.Context(), c.principal, c.Param("host"), c.Param("owner"), c.Param("name"))
}

func (h *hostsAPI) branches(c *call) (picker.Branches, error) {
	found, err := h.service.Branches(c.Request.Context(), c.principal, repositoryOf(c), c.Query("prefix"), "")
	found.Branches = orEmpty(found.Branches)
	return found, err
}
