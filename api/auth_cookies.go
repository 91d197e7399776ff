package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-dev/portico/identity/signin"
)

// cookieJar reads and sets the cookies of sign-in. Over plain http, their names and paths are Backstage's. Over
// https the names have a prefix, by which browsers accept a cookie from this host over https alone: a page of
// a neighbouring host, or somebody on the network, cannot plant one.
type cookieJar struct {
	// prefix is __Host-, or __Secure- where the API is below a path: __Host- requires the path "/", and then two
	// installations on one host would share their cookies.
	prefix string
	// root is the path of the API's address, without a slash at its end.
	root     string
	secure   bool
	sameSite http.SameSite
}

const (
	hostPrefix   = "__Host-"
	securePrefix = "__Secure-"
)

// newCookieJar sets cookies for an API and a portal at these addresses. A portal on another host needs
// cookies that are sent across sites, which browsers permit over https only.
func newCookieJar(baseURL, portalURL string) cookieJar {
	base, _ := url.Parse(baseURL)     // the configuration has checked it
	portal, _ := url.Parse(portalURL) // as above
	below := strings.TrimSuffix(base.Path, "/")
	jar := cookieJar{root: below, secure: base.Scheme == "https", sameSite: http.SameSiteLaxMode}
	switch {
	case jar.secure && below == "":
		jar.prefix = hostPrefix
	case jar.secure:
		jar.prefix = securePrefix
	}
	if jar.secure && base.Hostname() != portal.Hostname() {
		jar.sameSite = http.SameSiteNoneMode
	}
	return jar
}

// plainSession is the name of a session's cookie over plain http, and in Backstage.
func plainSession(id string) string { return id + "-refresh-token" }

func (j cookieJar) flowCookie(id string) string    { return j.prefix + id + "-nonce" }
func (j cookieJar) sessionCookie(id string) string { return j.prefix + plainSession(id) }

func (j cookieJar) flowPath(id string) string {
	return j.pathOr(j.pluginPath("auth") + "/" + id + "/handler")
}
func (j cookieJar) sessionPath(id string) string { return j.pathOr(j.pluginPath("auth") + "/" + id) }

// pluginPath lets the browser send a cookie to one plugin only.
func (j cookieJar) pluginPath(id string) string { return j.root + "/api/" + id }

func (j cookieJar) pathOr(path string) string {
	if j.prefix == hostPrefix {
		return "/"
	}
	return path
}

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
	j.set(c, j.flowCookie(id), value, j.flowPath(id), signin.FlowLifetime)
}

// takeFlow returns the sign-in on its way, "" without one, and removes it: it may be finished once.
func (j cookieJar) takeFlow(c *call, id string) string {
	value := cookieValue(c, j.flowCookie(id))
	j.set(c, j.flowCookie(id), "", j.flowPath(id), 0)
	return value
}

// setSession stores the secret of a session; "" removes it.
func (j cookieJar) setSession(c *call, id, secret string, lifetime time.Duration) {
	j.set(c, j.sessionCookie(id), secret, j.sessionPath(id), lifetime)
}

// session is the secret of the browser's session, "" without one.
func (j cookieJar) session(c *call, id string) string { return cookieValue(c, j.sessionCookie(id)) }

// clear removes the session.
func (j cookieJar) clear(c *call, id string) { j.setSession(c, id, "", 0) }

// setUser stores a limited user token for what the browser loads from a plugin; "" removes it.
func (j cookieJar) setUser(c *call, plugin, token string, lifetime time.Duration) {
	j.set(c, userCookieName, token, j.pluginPath(plugin), lifetime)
}

// takePlain removes a cookie without the prefix, and returns its value. Such a cookie is from an earlier
// release, from Backstage, or planted, so it is no session.
func (j cookieJar) takePlain(c *call, id string) string {
	if j.prefix == "" {
		return ""
	}
	value := cookieValue(c, plainSession(id))
	if value != "" {
		j.set(c, plainSession(id), "", j.pluginPath("auth")+"/"+id, 0)
	}
	return value
}

func cookieValue(c *call, name string) string {
	cookie, err := c.Request.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}
