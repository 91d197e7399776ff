package api

import (
	"net"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/portico-dev/portico/fault"
)

// probePrefix is the path of the probes. They accept any Host header, because load balancers use various
// names and the probes reveal only up or down.
const probePrefix = "/.backstage/health/"

// hostGuard rejects requests for other hosts than these, localhost and IP addresses. It prevents DNS
// rebinding: a page elsewhere whose name was rebound to our address is of our origin to a browser, and only
// its Host header shows the foreign name. A host is a name without a port, and may begin with "*." for every
// name below it.
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

// isOurs reports whether a Host header names this server. A request without one is not from a browser.
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

// siteGuard rejects writes from pages of other sites (CSRF). Pages of these origins and of those that CORS
// allows may write. Requests that are not from a browser name no site and pass.
//
// A write that a cookie authenticates is held to more, because a browser adds the cookie whichever page sends
// the request: CORS must allow its page to send cookies, and a request that names no site must have a header
// that no page of another site can set.
func (s *Server) siteGuard(own, allowed []originPattern, cookies bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		page, byCookie := c.GetHeader("Origin"), hasCookieOnly(c.Request)
		mayWrite := !isForeign(c.Request) || anyMatches(own, page) || anyMatches(allowed, page) && (cookies || !byCookie)
		if byCookie && isWrite(c.Request) && namesNoSite(c.Request) && c.GetHeader(scriptHeader) == "" {
			mayWrite = false
		}
		if mayWrite {
			c.Next()
			return
		}
		s.fail(&call{Context: c}, "", fault.New(fault.NotAllowed,
			"A page of another site may not change anything here. If it should, name its origin in backend.cors.origin"))
		c.Abort()
	}
}

// scriptHeader is what Backstage's clients send with a cookie. A page of another origin cannot send it without
// a preflight.
const scriptHeader = "X-Requested-With"

// hasCookieOnly reports whether cookies are the only credentials of a request.
func hasCookieOnly(r *http.Request) bool {
	return r.Header.Get("Authorization") == "" && r.Header.Get("Cookie") != ""
}

// namesNoSite reports whether a request does not say which page sent it.
func namesNoSite(r *http.Request) bool {
	return r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == ""
}

// isWrite reports whether a request may change something.
func isWrite(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

// isForeign reports whether a page of another origin sent a request that may write.
func isForeign(r *http.Request) bool {
	if !isWrite(r) {
		return false
	}
	origin := r.Header.Get("Origin")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "": // an older browser, or no browser
		parsed, isOrigin := parseOrigin(origin)
		return origin != "" && !(isOrigin && parsed.host == hostName(r.Host))
	default:
		return true
	}
}
