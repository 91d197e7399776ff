package api

import (
	"net/http"

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
		{method: http.MethodGet, path: "/v1/hosts/:host/owners", access: authenticated,
			summary: "Lists the owners that the configured credentials may create repositories for", serve: ok("the owners", h.owners), fails: missing},
		{method: http.MethodGet, path: "/v1/hosts/:host/repositories/:owner/:name", access: authenticated,
			summary: "Checks whether a repository may be created", serve: ok("the availability", h.availability), fails: missing},
	}}
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

func (h *hostsAPI) owners(c *call) (picker.Owners, error) {
	found, err := h.service.Owners(c.Request.Context(), c.principal, c.Param("host"))
	found.Owners = orEmpty(found.Owners)
	return found, err
}

func (h *hostsAPI) availability(c *call) (integration.Availability, error) {
	return h.service.Availability(c.Request.Context(), c.principal, c.Param("host"), c.Param("owner"), c.Param("name"))
}
