package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// userCookieName is Backstage's name for the cookie with a limited user token.
const userCookieName = "backstage-auth"

// cookieKept is how long a browser's cookie must still be valid for not getting a new one.
const cookieKept = 5 * time.Minute

// backendPlugin has the routes that each of Backstage's plugins has, for all of them.
func (s *Server) backendPlugin() plugin {
	notThere := []fault.Kind{fault.NotFound}
	return plugin{routes: []route{
		{method: http.MethodGet, path: "/api/:plugin/.backstage/auth/v1/jwks.json", access: open("public keys are public"), looseQuery: true,
			summary: "Lists the keys with which a plugin signs its requests to others: none", serve: ok("a JSON Web Key Set", s.pluginKeys), fails: notThere},
		{method: http.MethodGet, path: "/api/:plugin/.backstage/auth/v1/cookie", access: authenticated, looseQuery: true,
			summary: "Sets a cookie with which the browser may load what a page of the plugin shows", serve: ok("until when", s.issueCookie), fails: notThere},
		{method: http.MethodDelete, path: "/api/:plugin/.backstage/auth/v1/cookie", access: open("a browser may drop its cookie whenever it wants"), looseQuery: true,
			audit: unrecorded("it removes the browser's own cookie"), summary: "Removes the cookie", serve: empty(http.StatusNoContent, "removed", s.dropCookie), fails: notThere},
	}}
}

// cookiesOf sets cookies for the addresses of the API and of the portal. Either may be missing in a test.
func cookiesOf(baseURLs []string) cookieJar {
	urls := slices.Concat(baseURLs, []string{"", ""})
	if urls[1] == "" {
		urls[1] = urls[0]
	}
	return newCookieJar(urls[0], urls[1])
}

// pluginOf is the plugin of the path, or Backstage's empty 404.
func pluginOf(c *call) (string, error) {
	id := c.Param("plugin")
	if slices.Contains(c.plugins, id) {
		return id, nil
	}
	return "", &presentedError{err: fault.New(fault.NotFound, "There is no plugin '%s'", id), present: func(c *call, _ errorDetail) error {
		c.Status(http.StatusNotFound)
		return nil
	}}
}

// pluginKeySet is the key set of a plugin. Portico's plugins send no requests, so it is empty.
type pluginKeySet struct {
	Keys []publicKey `json:"keys"`
}

func (s *Server) pluginKeys(c *call) (pluginKeySet, error) {
	_, err := pluginOf(c)
	return pluginKeySet{Keys: []publicKey{}}, err
}

// cookieExpiry says until when a cookie is valid.
type cookieExpiry struct {
	ExpiresAt string `json:"expiresAt" jsonschema:"format=date-time"`
}

// issueCookie gives the browser a limited token of the caller's token. It keeps the browser's cookie while it is
// the same user's, and valid for some minutes.
func (s *Server) issueCookie(c *call) (cookieExpiry, error) {
	id, err := pluginOf(c)
	if err != nil {
		return cookieExpiry{}, err
	}
	if c.principal.Kind != identity.KindUser {
		return cookieExpiry{}, fault.New(fault.NotAllowed, "This endpoint does not allow '%s' credentials", c.principal.Kind)
	}
	c.Header("Cache-Control", "no-store")
	limited, isKept := s.keptCookie(c)
	if !isKept {
		if limited, err = identity.Limit(c.principal.Token); err != nil {
			return cookieExpiry{}, err
		}
		s.cookies.setUser(c, id, limited.Token, time.Until(limited.ExpiresAt))
	}
	return cookieExpiry{isoTime(limited.ExpiresAt)}, nil
}

// keptCookie is the token in the browser's cookie, if it may stay.
func (s *Server) keptCookie(c *call) (identity.Limited, bool) {
	token := cookieValue(c, userCookieName)
	if token == "" || s.limited == nil {
		return identity.Limited{}, false
	}
	whose, err := s.limited(c.Request.Context(), token)
	if err != nil || whose.Kind != identity.KindUser || whose.Subject != c.principal.Subject {
		return identity.Limited{}, false
	}
	limited, err := identity.Limit(token)
	return limited, err == nil && limited.Token == token && time.Until(limited.ExpiresAt) > cookieKept
}

func (s *Server) dropCookie(c *call) error {
	id, err := pluginOf(c)
	if err != nil {
		return err
	}
	s.cookies.setUser(c, id, "", 0)
	return nil
}
