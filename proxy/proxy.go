// Package proxy passes requests on to the servers that the configuration names, with the headers that it has for
// them: Backstage's proxy-backend. The HTTP API and actions of templates use it alike. It decides which headers
// pass, where a redirect may lead, and what the audit log gets; it neither listens nor reads a caller's token.
package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// Prefix is the path at which the proxy is served.
const Prefix = "/api/proxy"

const (
	// defaultSilence is how long a target may say nothing, before its answer or within it.
	defaultSilence = 2 * time.Minute
	// maxRedirects bounds the redirects that are followed.
	maxRedirects = 5
)

// Options configure a Service.
type Options struct {
	Log       *slog.Logger
	Endpoints []Endpoint
	// SkipInvalid leaves out the endpoints that are not valid, and logs them. Otherwise New fails.
	SkipInvalid bool
	// Record writes to the audit log that a request which may change something is passed on. Nothing is sent
	// unless it succeeds. Nil records nothing.
	Record func(ctx context.Context, actor audit.Actor, resource string, changes ...audit.Change) error
	// Transport makes the connections; nil is a copy of the default one.
	Transport *http.Transport
	// Wrap, when not nil, wraps each transport, to observe it.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Silence replaces how long a target may say nothing.
	Silence time.Duration
}

// Service is the proxy. It is safe for concurrent use.
type Service struct {
	Options

	endpoints []*endpoint
}

// New checks the endpoints. Where several cover a path, the longest route wins.
func New(options Options) (*Service, error) {
	s := &Service{Options: options}
	s.Silence = cmp.Or(s.Silence, defaultSilence)
	for _, each := range options.Endpoints {
		checked, err := each.check(Prefix)
		if err != nil {
			err = fmt.Errorf("proxy endpoint '%s': %w", each.Route, err)
			if !options.SkipInvalid {
				return nil, err
			}
			options.Log.Warn("an endpoint of the proxy is left out", "error", err)
			continue
		}
		checked.client = &http.Client{Transport: s.transport(each), CheckRedirect: redirects(each.FollowRedirects, checked.target)}
		s.endpoints = append(s.endpoints, checked)
	}
	slices.SortStableFunc(s.endpoints, func(a, b *endpoint) int { return len(b.Route) - len(a.Route) })
	return s, nil
}

func (s *Service) transport(of Endpoint) http.RoundTripper {
	base := s.Options.Transport
	if base == nil {
		base = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second}
	}
	own := base.Clone()
	own.DisableCompression = true // a body passes as it is
	own.ResponseHeaderTimeout = s.Silence
	if of.SkipTLSVerify {
		own.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // The configuration says secure: false.
	}
	if s.Wrap == nil {
		return own
	}
	return s.Wrap(own)
}

// ErrElsewhere is in the chain of the error for a redirect to another place than the target.
var ErrElsewhere = errors.New("it redirects to another server")

// redirects returns the policy of redirects. One that is not followed is the answer. One that leaves the target's
// origin would send the headers of the configuration elsewhere, or reach what only Portico reaches.
func redirects(follow bool, target *url.URL) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		switch {
		case !follow:
			return http.ErrUseLastResponse
		case next.URL.Scheme != target.Scheme || next.URL.Host != target.Host:
			return ErrElsewhere
		case len(via) >= maxRedirects:
			return fmt.Errorf("it redirects more than %d times", maxRedirects)
		}
		return nil
	}
}

// Request is a request to an endpoint.
type Request struct {
	Method string
	// Path is the path below Prefix, escaped as in a URL. It begins with a slash.
	Path string
	// Query is the query, escaped, without its question mark.
	Query string
	// Host is the host that the caller has named, "" for none.
	Host   string
	Header http.Header
	// Body is nil for a request without a body. Length is -1 where it is not known.
	Body   io.Reader
	Length int64
}

// IsOpen reports whether a path is at an endpoint that needs no credentials.
func (s *Service) IsOpen(path string) bool {
	found := s.find(path)
	return found != nil && found.Credentials == Unauthenticated
}

// Forwards reports whether a path is at an endpoint whose target gets the caller's token.
func (s *Service) Forwards(path string) bool {
	found := s.find(path)
	return found != nil && found.Credentials == Forward
}

// find returns the endpoint of a path, nil when there is none.
func (s *Service) find(path string) *endpoint {
	if i := slices.IndexFunc(s.endpoints, func(e *endpoint) bool { return e.covers(path) }); i >= 0 {
		return s.endpoints[i]
	}
	return nil
}

// Send passes a request on, and returns the target's answer without the headers that must not pass. The caller
// reads its body, of any size, and closes it. An unknown path or method is a fault of kind NotFound. A target that
// fails to answer is one of kind BadGateway.
func (s *Service) Send(ctx context.Context, principal identity.Principal, request Request) (*http.Response, error) {
	at := s.find(request.Path)
	if at == nil || !at.takes(request.Method) {
		return nil, fault.New(fault.NotFound, "The proxy has no endpoint for %s %s", request.Method, request.Path)
	}
	if at.Credentials != Unauthenticated && principal.Kind == identity.KindNone {
		return nil, fault.New(fault.Authentication, "Missing credentials")
	}
	if err := checkSegments(request.Path); err != nil {
		return nil, err
	}
	address, err := at.address(Prefix, request.Path, request.Query)
	if err != nil {
		return nil, fault.Wrap(fault.Input, err, "%s", err)
	}
	if err := s.record(ctx, principal, at, request); err != nil {
		return nil, err
	}
	return s.send(ctx, at, address, request)
}

// checkSegments refuses a path that leaves the endpoint.
func checkSegments(path string) error {
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return fault.Wrap(fault.Input, err, "The path is not escaped as in a URL")
	}
	isSeparator := func(r rune) bool { return r == '/' || r == '\\' }
	if slices.Contains(strings.FieldsFunc(decoded, isSeparator), "..") {
		return fault.New(fault.Input, "The path must not contain '..'")
	}
	return nil
}

// harmless are the methods that change nothing.
var harmless = []string{http.MethodGet, http.MethodHead, http.MethodOptions}

// record writes a request that may change something to the audit log. A query may hold a secret, and is left out.
func (s *Service) record(ctx context.Context, principal identity.Principal, at *endpoint, request Request) error {
	if s.Record == nil || slices.Contains(harmless, request.Method) {
		return nil
	}
	return s.Record(ctx, principal.Actor(), request.Path, audit.Changed("method", nil, request.Method), audit.Changed("endpoint", nil, at.Route))
}

func (s *Service) send(ctx context.Context, at *endpoint, address *url.URL, request Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	outgoing, err := http.NewRequestWithContext(ctx, request.Method, address.String(), request.Body)
	if err != nil {
		cancel(nil)
		return nil, fault.Wrap(fault.Input, err, "The request cannot be sent")
	}
	if request.Body != nil {
		outgoing.ContentLength = request.Length
	}
	at.setHeaders(outgoing, request)
	answer, err := at.client.Do(outgoing)
	if err != nil {
		err = at.explain(ctx, err)
		cancel(nil)
		return nil, err
	}
	kept := http.Header{}
	for name, values := range answer.Header {
		if at.back[name] {
			kept[name] = values
		}
	}
	answer.Header = kept
	answer.Body = newPatient(ctx, answer.Body, s.Silence, cancel)
	return answer, nil
}

// setHeaders sends the caller's headers that pass, and those of the configuration.
func (e *endpoint) setHeaders(outgoing *http.Request, request Request) {
	for name, values := range request.Header {
		if e.out[http.CanonicalHeaderKey(name)] {
			outgoing.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	outgoing.Header.Del("Content-Length") // net/http writes it
	if e.KeepHost && request.Host != "" {
		outgoing.Host = request.Host
	}
	for name, value := range e.Headers {
		if strings.EqualFold(name, "host") {
			if e.KeepHost {
				outgoing.Host = value
			}
			continue
		}
		outgoing.Header.Set(name, value)
	}
	if outgoing.Header.Get("User-Agent") == "" {
		outgoing.Header.Set("User-Agent", "Portico")
	}
}

// explain says why a target did not answer. The address may hold a secret, and is left out.
func (e *endpoint) explain(ctx context.Context, err error) error {
	if failed, is := errors.AsType[*url.Error](err); is {
		err = failed.Err
	}
	switch {
	case errors.Is(err, ErrElsewhere):
		return fault.Wrap(fault.BadGateway, err, "The target of the proxy endpoint '%s' redirects to another server, which is not followed", e.Route)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fault.Wrap(fault.BadGateway, err, "The target of the proxy endpoint '%s' does not answer: %s", e.Route, err)
}
