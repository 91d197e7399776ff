// Package api serves Portico over HTTP: Backstage's routes and Portico's own, one file per Backstage plugin
// path. A handler decodes, calls one command or query of a domain package, and encodes. Rules and SQL are in
// other packages. Every route states its policy.
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/idempotency"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/telemetry"
)

// Authenticator turns a bearer token into a principal. An unknown token is a fault of kind Authentication.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (identity.Principal, error)
}

// Options are the dependencies and settings of a Server. Every field is required unless it says otherwise.
type Options struct {
	Log           *slog.Logger
	Authenticator Authenticator
	// Limited authenticates like Authenticator, and accepts limited user tokens too. Nil accepts none, and no
	// cookies.
	Limited  func(ctx context.Context, token string) (identity.Principal, error)
	Database Database
	// Problems are what an operator should know, although requests are served: readiness says so. Nil has
	// none.
	Problems func() []string
	// Keys stores the responses to commands with an Idempotency-Key.
	Keys *idempotency.Keys
	// Refusals records refused attempts in the audit log. Nil records none.
	Refusals *audit.Attempts
	// Plugins are the mounted groups of routes: CatalogPlugin, ScaffolderPlugin, ...
	Plugins []Plugin
	// Portal serves everything outside /api and /.backstage. Nil answers 404 there.
	Portal http.Handler
	// Version is printed in the OpenAPI document.
	Version string
	// BaseURLs are the addresses of the server and, after it, of its portal: their hosts are accepted, and
	// their pages may write.
	BaseURLs []string
	// Hosts are further accepted host names; "*.example.com" matches all its subdomains, and "*" any name.
	// localhost and IP addresses are always accepted.
	Hosts []string
	// CORS allows the pages of other origins; the zero value allows none, and sends no CORS headers.
	CORS CORS
	// WrongTokensPerMinute is how many wrong tokens an address may send before it is refused for a while; 0
	// means 30.
	WrongTokensPerMinute int
	// Limits are for each caller; the zero value has none.
	Limits Limits
	// RateLimits are for each address, by the id of the plugin that it asks; "" is for all requests. None limits
	// nothing.
	RateLimits map[string]RateLimit
	// Proxies are trusted to say where a request comes from; the zero value trusts none.
	Proxies Proxies
	// Telemetry records a span and the duration of every request. Nil records nothing.
	Telemetry *telemetry.Telemetry
	// StreamsPerCaller is how many runs one principal may follow at once; 0 means 100.
	StreamsPerCaller int
}

// Plugin is a group of routes, made by the New...Plugin functions of this package.
type Plugin interface{ group() plugin }

func (p plugin) group() plugin { return p }

// Server is Portico's http.Handler.
type Server struct {
	log           *slog.Logger
	authenticator Authenticator
	limited       func(ctx context.Context, token string) (identity.Principal, error)
	cookies       cookieJar
	// unreachable is Database.Unreachable.
	unreachable func(error) bool
	pinger      pinger
	problems    func() []string
	keys        *idempotency.Keys
	attempts    *tokenAttempts
	limits      limits
	streams     *openStreams
	refusals    *audit.Attempts
	plugins     []plugin
	handler     http.Handler
	openAPI     []byte
	draining    atomic.Bool
	// leaving is closed by Dismiss.
	leaving chan struct{}
	leave   sync.Once
}

// NewServer builds the router. A route without a stated policy is an error.
func NewServer(options Options) (*Server, error) {
	s := &Server{log: options.Log, refusals: options.Refusals, authenticator: options.Authenticator, keys: options.Keys, leaving: make(chan struct{}),
		unreachable: options.Database.Unreachable, pinger: pinger{ping: options.Database.Ping, log: options.Log},
		attempts: newTokenAttempts(cmp.Or(options.WrongTokensPerMinute, 30), options.Log), limits: newLimits(options.Limits), streams: newOpenStreams(cmp.Or(options.StreamsPerCaller, 100))}
	s.limited, s.cookies = options.Limited, cookiesOf(options.BaseURLs)
	if s.problems = options.Problems; s.problems == nil {
		s.problems = func() []string { return nil }
	}
	s.plugins = append(s.plugins, s.rootPlugin(), s.backendPlugin())
	for _, p := range options.Plugins {
		s.plugins = append(s.plugins, p.group())
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.RedirectFixedPath = false
	engine.HandleMethodNotAllowed = false
	engine.UseRawPath = true
	engine.UnescapePathValues = true
	s.guard(engine, options)
	ids := idsOf(s.plugins)
	for _, p := range s.plugins {
		for _, r := range p.routes {
			if err := s.mount(engine, p, r, ids); err != nil {
				return nil, err
			}
		}
	}
	engine.NoRoute(s.elsewhere(options.Portal))
	document, err := describeOpenAPI(s.plugins, options.Version)
	if err != nil {
		return nil, err
	}
	s.openAPI = document
	s.handler = engine
	return s, nil
}

// guard adds the middleware of all requests.
func (s *Server) guard(engine *gin.Engine, options Options) {
	hosts := slices.Clone(options.Hosts)
	var own []originPattern
	isSecure := len(options.BaseURLs) > 0 && strings.HasPrefix(options.BaseURLs[0], "https:")
	for _, base := range options.BaseURLs {
		if page, isOrigin := originOf(base); isOrigin {
			hosts, own = append(hosts, page.host), append(own, originPattern(page))
		}
	}
	var allowed []originPattern
	for _, text := range options.CORS.Origins {
		pattern, valid := parseOriginPattern(text)
		if !valid {
			s.log.Warn("backend.cors.origin: this lets nobody in: write scheme://host", "origin", text)
			continue
		}
		allowed = append(allowed, pattern)
	}
	engine.Use(observe(options.Telemetry), options.Proxies.resolve, withOrigin, s.recoverPanics, secureHeaders(isSecure), s.hostGuard(hosts),
		crossOrigin(options.CORS, allowed), s.siteGuard(own, allowed, options.CORS.Credentials))
	for _, plugin := range sortedKeys(options.RateLimits) {
		engine.Use(s.rateLimit(plugin, options.RateLimits[plugin]))
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handler.ServeHTTP(withDeadlines(w), r)
}

// Drain makes readiness return 503, so that a load balancer stops sending requests. Requests are still
// served.
func (s *Server) Drain() { s.draining.Store(true) }

// Dismiss ends the requests that wait for events of a run. Their clients reconnect to another server.
func (s *Server) Dismiss() { s.leave.Do(func() { close(s.leaving) }) }

// idsOf are the ids of plugins, each once.
func idsOf(plugins []plugin) []string {
	var ids []string
	for _, p := range plugins {
		if p.id != "" && !slices.Contains(ids, p.id) {
			ids = append(ids, p.id)
		}
	}
	return ids
}

func (s *Server) mount(engine *gin.Engine, p plugin, r route, ids []string) error {
	if r.access.kind == accessUnstated || (r.access.kind == accessOpen && r.access.reason == "") {
		return fmt.Errorf("route %s %s%s states no policy", r.method, p.mount(), r.path)
	}
	if !r.audit.isStated(r.method) {
		return fmt.Errorf("route %s %s%s does not state what the audit log gets of it: see records and unrecorded", r.method, p.mount(), r.path)
	}
	if r.access.cookie && r.method != http.MethodGet && r.method != http.MethodHead {
		return fmt.Errorf("route %s %s%s accepts a cookie and does not only read", r.method, p.mount(), r.path)
	}
	if r.command && r.access.kind != accessAuthenticated {
		return fmt.Errorf("route %s %s%s is a command that anybody may give", r.method, p.mount(), r.path)
	}
	handler := func(c *gin.Context) {
		s.serve(&call{Context: c, route: &r, leaving: s.leaving, streams: s.streams, plugins: ids}, p)
	}
	methods := []string{r.method}
	// Like Express, answer HEAD as GET, but not with a stream, which would not end.
	if r.method == http.MethodGet && r.serve.content != eventContent && !p.has(http.MethodHead, r.path) {
		methods = append(methods, http.MethodHead)
	}
	path := p.mount() + r.path
	for _, method := range methods {
		engine.Handle(method, path, handler)
		// Like Express, serve a trailing slash as the same route.
		if !strings.HasSuffix(path, "/") && !strings.Contains(path, "*") {
			engine.Handle(method, path+"/", handler)
		}
	}
	return nil
}

func (p plugin) has(method, path string) bool {
	return slices.ContainsFunc(p.routes, func(r route) bool { return r.method == method && r.path == path })
}

func (s *Server) serve(c *call, p plugin) {
	err := s.admit(c, p)
	if err != nil {
		s.conclude(c, p, err)
		return
	}
	key, err := c.idempotencyKey()
	switch {
	case err != nil:
	case key != "":
		err = s.serveOnce(c, p, key)
	default:
		err = s.answer(c, c.route.serve)
	}
	s.conclude(c, p, err)
}

// conclude responds with the handler's error, if any.
func (s *Server) conclude(c *call, p plugin, err error) {
	if err == nil {
		return
	}
	if c.Writer.Written() {
		s.recordRefusal(c, err, internalError)
		s.breakOff(c, err)
	}
	s.recordRefusal(c, err, s.fail(c, p.mount(), err))
}

// admit authenticates the caller and checks the request against the route's declaration.
func (s *Server) admit(c *call, p plugin) error {
	if c.route.access.signsIn {
		if err := s.limits.signIn(c.Request); err != nil {
			return err
		}
	}
	opens := c.route.access.opens
	if c.route.access.kind == accessAuthenticated && (opens == nil || !opens(c.Request)) {
		principal, err := s.authenticate(c)
		if err != nil {
			return err
		}
		if err := s.limits.caller(principal); err != nil {
			return err
		}
		c.principal = principal
		if principal, err = principal.At(p.id); err != nil {
			return err // as an attempt of who it was
		}
		c.principal = principal
		if c.route.access.isForUsers && principal.Kind != identity.KindUser {
			return fault.New(fault.NotAllowed, "This endpoint does not allow 'service' credentials")
		}
	}
	return c.check(p)
}

// check reads the request, and holds it to the route's declaration.
func (c *call) check(p plugin) error {
	if err := checkPath(c.Params); err != nil {
		return err
	}
	c.Request.URL.RawQuery = asDeclared(c.Request.URL.RawQuery, c.route)
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return fault.Wrap(fault.Input, err, "malformed query string: %s", err.Error())
	}
	if err := checkValues(query); err != nil {
		return err
	}
	problems, err := checkQuery(c.route, query)
	if err != nil {
		return err
	}
	if err := p.asFault(problems); err != nil {
		return err
	}
	if c.body, problems, err = readBody(c.route, c.Request, c.Writer); err != nil {
		return err
	}
	return p.asFault(problems)
}

func (s *Server) authenticate(c *call) (identity.Principal, error) {
	token, authenticate := s.credentials(c)
	if token == "" {
		return identity.Principal{}, fault.New(fault.Authentication, "Missing credentials")
	}
	if err := s.attempts.tooMany(c.Request, token); err != nil {
		return identity.Principal{}, err
	}
	principal, err := authenticate(c.Request.Context(), token)
	if fault.KindOf(err) == fault.Authentication && !errors.Is(err, identity.ErrExpired) {
		err = cmp.Or(s.attempts.wrong(c.Request), err)
	}
	if err != nil {
		return identity.Principal{}, err
	}
	s.attempts.right(token)
	return principal, nil
}

// credentials are the token of a request, "" without one, and what authenticates it. A token in the header
// wins over a cookie, as in Backstage.
func (s *Server) credentials(c *call) (token string, authenticate func(context.Context, string) (identity.Principal, error)) {
	authenticate = s.authenticator.Authenticate
	takesCookie := c.route.access.cookie && s.limited != nil
	if takesCookie {
		authenticate = s.limited
	}
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "bearer") && token != "":
		return token, authenticate
	case takesCookie && scheme == "":
		return cookieValue(c, userCookieName), authenticate
	default:
		return "", authenticate
	}
}

// noRoute stands for the routes that a plugin does not have.
var noRoute = route{access: authenticated, audit: unrecorded("there is nothing")}

// barred is why a caller does not learn that a plugin has no such route, nil when the answer is Backstage's empty 404:
// there, credentials are looked at first.
func (s *Server) barred(c *call, p plugin) error {
	if p.id == "auth" { // open, and whatever is in place of a provider's id is taken for one
		provider, _, _ := strings.Cut(strings.TrimPrefix(c.Request.URL.Path, p.mount()+"/"), "/")
		if provider == "" || provider == ".well-known" || strings.HasPrefix(c.Request.URL.Path, p.mount()+"/.backstage/") {
			return nil
		}
		return fault.New(fault.NotFound, "Unknown auth provider '%s'", provider)
	}
	principal, err := s.authenticate(c)
	if err == nil {
		_, err = principal.At(p.id)
	}
	return err
}

// elsewhere handles requests without a route: the portal's pages, or Backstage's empty 404.
func (s *Server) elsewhere(portal http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		path := c.Request.URL.Path
		i := slices.IndexFunc(s.plugins, func(p plugin) bool {
			return p.id != "" && (path == p.mount() || strings.HasPrefix(path, p.mount()+"/"))
		})
		if i >= 0 {
			if err := s.barred(&call{Context: c, route: &noRoute}, s.plugins[i]); err != nil {
				s.fail(&call{Context: c, route: &noRoute}, s.plugins[i].mount(), err)
				c.Abort()
				return
			}
		}
		isPage := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
		if portal == nil || !isPage || strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/.backstage/") {
			c.AbortWithStatus(http.StatusNotFound)
			c.Writer.WriteHeaderNow()
			return
		}
		c.Status(http.StatusOK)
		portal.ServeHTTP(c.Writer, c.Request)
		c.Writer.WriteHeaderNow() // otherwise gin adds its own text to an empty 404
	}
}
