package api

import "net/http"

const probe = "a load balancer asks, and the answer says nothing but up or down"

// rootPlugin holds the routes outside any plugin: the probes and the description of all the others.
func (s *Server) rootPlugin() plugin {
	return plugin{routes: []route{
		{method: http.MethodGet, path: "/.backstage/health/v1/liveness", access: open(probe), looseQuery: true,
			summary: "Says that the process is alive", answers: ok("alive"), handle: s.liveness},
		{method: http.MethodGet, path: "/.backstage/health/v1/readiness", access: open(probe), looseQuery: true,
			summary: "Says whether requests are served", answers: ok("ready"), handle: s.readiness},
		{method: http.MethodGet, path: "/api/openapi.json", access: open("the description of the API holds no data"),
			summary: "Describes every route, as OpenAPI 3.1", answers: ok("the document"), handle: s.openAPIDocument},
	}}
}

func (s *Server) liveness(c *call) error {
	return c.json(http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) readiness(c *call) error {
	if s.draining.Load() {
		return c.json(http.StatusServiceUnavailable, map[string]string{"message": "Backend is shutting down", "status": "error"})
	}
	return c.json(http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) openAPIDocument(c *call) error {
	c.Data(http.StatusOK, "application/json; charset=utf-8", s.openAPI)
	return nil
}
