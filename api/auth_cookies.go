package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-dev/portico/identity/signin"
)

// cookieJar reads and sets the cookies of sign-in. Their names and paths are Backstage's, so that a browser
// sends a provider's cookies to the routes of this provider only.
type cookieJar struct {
	// path is the path of /api/auth below the API's address.
	path     string
	secure   bool
	sameSite http.SameSite
}

// newCookieJar sets cookies for an API and a portal at these addresses. A portal on another host needs
// cookies that are sent across sites, which browsers permit over https only.
func newCookieJar(baseURL, portalURL string) cookieJar {
	base, _ := url.Parse(baseURL)     // the configuration has checked it
	portal, _ := url.Parse(portalURL) // as above
	jar := cookieJar{path: strings.TrimSuffix(base.Path, "/") + "/api/auth/", secure: base.Scheme == "https", sameSite: http.SameSiteLaxMode}
	if jar.secure && base.Hostname() != portal.Hostname() {
		jar.sameSite = http.SameSiteNoneMode
	}
	return jar
}

func flowCookie(id string) string    { return id + "-nonce" }
func sessionCookie(id string) string { return id + "-refresh-token" }

func (j cookieJar) flowPath(id string) string    { return j.path + id + "/handler" }
func (j cookieJar) sessionPath(id string) string { return j.path + id }

func (j cookieJar) set(c *call, name, value, path string, lifetime time.Duration) {
	//nolint:gosec // Secure is set over https. Over plain http, browsers would not keep a Secure cookie.
	cookie := &http.Cookie{Name: name, Value: value, Path: path, MaxAge: int(lifetime.Seconds()), HttpOnly: true, Secure: j.secure, SameSite: j.sameSite}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer, cookie)
}

// setFlow stores a sign-in on its way.
func (j cookieJar) setFlow(c *call, id, value string) {
	j.set(c, flowCookie(id), value, j.flowPath(id), signin.FlowLifetime)
}

// takeFlow returns the sign-in on its way, "" without one, and removes it: it may be finished once.
func (j cookieJar) takeFlow(c *call, id string) string {
	value := cookieValue(c, flowCookie(id))
	j.set(c, flowCookie(id), "", j.flowPath(id), 0)
	return value
}

// setSession stores the secret of a session; "" removes it.
func (j cookieJar) setSession(c *call, id, secret string, lifetime time.Duration) {
	j.set(c, sessionCookie(id), secret, j.sessionPath(id), lifetime)
}

// session is the secret of the browser's session, "" without one.
func (j cookieJar) session(c *call, id string) string { return cookieValue(c, sessionCookie(id)) }

// clear removes the session.
func (j cookieJar) clear(c *call, id string) { j.setSession(c, id, "", 0) }

func cookieValue(c *call, name string) string {
	cookie, err := c.Request.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}
