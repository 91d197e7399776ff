package api

import (
	"net/http"
	"strings"
)

const probe = "a load balancer asks, and the answer says nothing but up or down"

// health is the response of a probe.
type health struct {
	Message string `json:"message,omitempty"`
	Status  string `json:"status"            jsonschema:"enum=ok,enum=error"`
}

// rootPlugin has the routes outside any plugin: the probes and the OpenAPI document.
func (s *Server) rootPlugin() plugin {
	return plugin{routes: []route{
		{method: http.MethodGet, path: "/.backstage/health/v1/liveness", access: open(probe), looseQuery: true,
			summary: "Says that the process is alive", serve: ok("alive", s.liveness)},
		{method: http.MethodGet, path: "/.backstage/health/v1/readiness", access: open(probe), looseQuery: true,
			summary: "Says whether requests are served", serve: writes[health]("ready", s.readiness),
			also: []answer{asJSON[health](http.StatusServiceUnavailable, "shutting down, or without its database")}},
		{method: http.MethodGet, path: "/api/openapi.json", access: open("the description of the API holds no data"),
			summary: "Describes every route, as OpenAPI 3.1", serve: writes[object]("the document", s.openAPIDocument)},
	}}
}

func (s *Server) liveness(*call) (health, error) { return health{Status: "ok"}, nil }

func (s *Server) readiness(c *call) error {
	if s.draining.Load() {
		return c.json(http.StatusServiceUnavailable, health{"Backend is shutting down", "error"})
	}
	if !s.pinger.answers(c.Request.Context()) {
		return c.json(http.StatusServiceUnavailable, health{"The database does not answer", "error"})
	}
	return c.json(http.StatusOK, health{strings.Join(s.problems(), "; "), "ok"})
}

func (s *Server) openAPIDocument(c *call) error {
	c.Data(http.StatusOK, jsonAnswer, s.openAPI)
	return nil
}
