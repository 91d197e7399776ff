package api

import (
	"net"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/portico-dev/portico/fault"
)

// probePrefix is where the probes are: a load balancer asks by whatever name it has, and learns no more than
// up or down.
const probePrefix = "/.backstage/health/"

// hostGuard refuses requests for other hosts than these, localhost and IP addresses. To a browser a page
// elsewhere whose name was rebound to our address (DNS rebinding) is a page of ours: only the name that it
// asks for gives it away. A host is a name without a port, and may begin with "*." for every name below it.
func (s *Server) hostGuard(hosts []string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if strings.HasPrefix(c.Request.URL.Path, probePrefix) || isOurs(hosts, c.Request.Host) {
			c.Next()
			return
		}
		s.fail(&call{Context: c}, "", &statusError{status: http.StatusMisdirectedRequest, name: "MisdirectedRequestError",
			message: "This server does not go by the name '" + hostName(c.Request.Host) + "'. If it should, add the name to portico.server.allowedHosts"})
		c.Abort()
	}
}

// isOurs says whether a Host header names us. None at all is of no browser.
func isOurs(hosts []string, host string) bool {
	name := hostName(host)
	if name == "" || name == "localhost" || net.ParseIP(name) != nil {
		return true
	}
	for _, known := range hosts {
		known = strings.ToLower(known)
		parent, isWildcard := strings.CutPrefix(known, "*")
		if name == known || isWildcard && strings.HasSuffix(name, parent) {
			return true
		}
	}
	return false
}

// hostName is a Host header without its port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// siteGuard refuses what a page of another site would write through its visitor's browser, which may be let
// in where the page is not. Pages of these origins, and those that CORS lets in, may. What no browser sends
// says nothing of a site, and passes.
func (s *Server) siteGuard(own, allowed []originPattern) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !isForeign(c.Request) || anyMatches(own, c.GetHeader("Origin")) || anyMatches(allowed, c.GetHeader("Origin")) {
			c.Next()
			return
		}
		s.fail(&call{Context: c}, "", fault.New(fault.NotAllowed,
			"A page of another site may not change anything here. If it should, name its origin in backend.cors.origin"))
		c.Abort()
	}
}

// isForeign says whether a page of another origin sent a request that is not only for reading.
func isForeign(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	origin := r.Header.Get("Origin")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "": // an older browser, or none
		parsed, isOrigin := parseOrigin(origin)
		return origin != "" && !(isOrigin && parsed.host == hostName(r.Host))
	default:
		return true
	}
}
