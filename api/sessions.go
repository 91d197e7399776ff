package api

import (
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/mileusna/useragent"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/sessions"
	"github.com/portico-dev/portico/identity/signin"
)

// sessionPageSize is the page size of sessions.
var sessionPageSize = pageSize{preset: 100, most: sessions.MaxPage}

// NewSessionsPlugin serves the part of /api/portico in which people see and end the sessions of their browsers,
// and administrators those of everybody.
func NewSessionsPlugin(service *sessions.Service) Plugin {
	s := sessionRoutes{service}
	ends := records(audit.SessionEnd)
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/me/sessions", access: authenticated,
			summary: "Lists the caller's sessions, the latest first", serve: ok("the sessions", s.own)},
		{method: http.MethodDelete, path: "/v1/me/sessions", access: authenticated, audit: ends, command: true,
			summary: "Ends the caller's sessions except this one", serve: ok("how many", s.endOthers)},
		{method: http.MethodDelete, path: "/v1/me/sessions/:id", access: authenticated, audit: ends, command: true,
			summary: "Ends one of the caller's sessions", serve: empty(http.StatusNoContent, "it has ended", s.endOwn), fails: missing},
		{method: http.MethodGet, path: "/v1/sessions", access: authenticated, query: []parameter{
			text("user", "only the sessions of this user"), text("cursor", "the nextCursor of the page before"), limit(sessionPageSize)},
			summary: "Lists the sessions of everybody, the latest first", serve: ok("a page of sessions", s.list)},
		{method: http.MethodDelete, path: "/v1/sessions", access: authenticated, audit: ends, command: true,
			query:   []parameter{required(text("user", "whose sessions"))},
			summary: "Ends all sessions of a user", serve: ok("how many", s.endAllOf)},
		{method: http.MethodDelete, path: "/v1/sessions/:id", access: authenticated, audit: ends, command: true,
			summary: "Ends anybody's session", serve: empty(http.StatusNoContent, "it has ended", s.end), fails: missing},
	}}
}

type sessionRoutes struct{ service *sessions.Service }

// browserSession is a signin.Stored.
type browserSession struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	// User is the person as a user of the catalog.
	User      string `json:"user"`
	StartedAt string `json:"startedAt" jsonschema:"format=date-time"`
	RenewedAt string `json:"renewedAt" jsonschema:"format=date-time"`
	ExpiresAt string `json:"expiresAt" jsonschema:"format=date-time"`
	// Address is where the last request came from that began or renewed it.
	Address string `json:"address,omitempty"`
	// Browser is the program that sent it, in words, and UserAgent what it said about itself.
	Browser   string `json:"browser,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
	// Current means that the caller's token belongs to it.
	Current bool `json:"current"`
	// RefusedAt and Refusal are since when it is not renewed, and why. Its tokens are not valid then.
	RefusedAt string `json:"refusedAt,omitempty" jsonschema:"format=date-time"`
	Refusal   string `json:"refusal,omitempty"`
	// InCatalog says that the catalog has the user.
	InCatalog bool `json:"inCatalog"`
}

// browserSessions is a list of sessions.
type browserSessions struct {
	Sessions []browserSession `json:"sessions"`
	// NextCursor is the cursor of the next page, if there may be one.
	NextCursor string `json:"nextCursor,omitempty"`
}

// endedSessions says how many sessions were ended.
type endedSessions struct {
	Ended int `json:"ended"`
}

func (s sessionRoutes) own(c *call) (browserSessions, error) {
	stored, err := s.service.Own(c.Request.Context(), c.principal)
	return browserSessions{Sessions: shownSessions(c, stored)}, err
}

func (s sessionRoutes) endOwn(c *call) error {
	id, err := sessionID(c)
	if err != nil {
		return err
	}
	return s.service.EndOwn(c.Request.Context(), c.principal, id)
}

func (s sessionRoutes) endOthers(c *call) (endedSessions, error) {
	ended, err := s.service.EndOthers(c.Request.Context(), c.principal)
	return endedSessions{ended}, err
}

func (s sessionRoutes) list(c *call) (browserSessions, error) {
	query := sessions.Query{User: c.Query("user"), Limit: max(c.limit(), 1)}
	if cursor := c.Query("cursor"); cursor != "" {
		var err error
		if query.Before, err = uuid.Parse(cursor); err != nil {
			return browserSessions{}, fault.New(fault.Input, "Invalid cursor: it is not the nextCursor of a page")
		}
	}
	stored, err := s.service.List(c.Request.Context(), c.principal, query)
	if err != nil {
		return browserSessions{}, err
	}
	page := browserSessions{Sessions: shownSessions(c, stored)}
	if len(stored) == query.Limit {
		page.NextCursor = stored[len(stored)-1].ID.String()
	}
	return page, nil
}

func (s sessionRoutes) end(c *call) error {
	id, err := sessionID(c)
	if err != nil {
		return err
	}
	return s.service.End(c.Request.Context(), c.principal, id)
}

func (s sessionRoutes) endAllOf(c *call) (endedSessions, error) {
	ended, err := s.service.EndAllOf(c.Request.Context(), c.principal, c.Query("user"))
	return endedSessions{ended}, err
}

// sessionID is the session of the path.
func sessionID(c *call) (uuid.UUID, error) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return uuid.Nil, fault.New(fault.NotFound, "There is no session '%s'", c.Param("id"))
	}
	return id, nil
}

func shownSessions(c *call, stored []signin.Stored) []browserSession {
	shown := make([]browserSession, len(stored))
	for i, one := range stored {
		shown[i] = browserSession{ID: one.ID.String(), Provider: one.Provider, User: one.UserRef, StartedAt: isoTime(one.StartedAt),
			RenewedAt: isoTime(one.RenewedAt), ExpiresAt: isoTime(one.ExpiresAt), Address: one.Address, Browser: browserOf(one.UserAgent),
			UserAgent: one.UserAgent, Current: one.ID == c.principal.Session, RefusedAt: isoTime(one.RefusedAt), Refusal: one.Refusal, InCatalog: one.InCatalog}
	}
	return shown
}

// browserOf is a browser with its system in words: "Firefox 140 on Linux". It is "" if the user agent does not
// say.
func browserOf(userAgent string) string {
	read := useragent.Parse(userAgent)
	if read.Name == "" {
		return ""
	}
	name := read.Name
	if major, _, _ := strings.Cut(read.Version, "."); major != "" {
		name += " " + major
	}
	if read.OS != "" {
		name += " on " + read.OS
	}
	return name
}
