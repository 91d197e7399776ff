package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/internal/cache"
)

// Set is all configured hosts. It is safe for concurrent use.
type Set struct {
	byHost map[string]Host
	// hosts are in the order of the configuration.
	hosts  []Host
	allow  []allowRule
	limits Limits
	// fetch is the client for URLs on hosts without an integration.
	fetch *http.Client
	// refs caches the branches and tags with slashes that begin with a place's ref.
	refs cache.Cache[[]string]
}

// New creates a Set of hosts. Of several hosts with one name it keeps the first, as Backstage does.
func New(hosts []Host, options Options) (*Set, error) {
	set := &Set{byHost: map[string]Host{}, limits: options.Limits.withDefaults()}
	for _, host := range hosts {
		if _, taken := set.byHost[host.Name()]; !taken {
			set.byHost[host.Name()] = host
			set.hosts = append(set.hosts, host)
		}
	}
	for _, rule := range options.ReadingAllow {
		parsed, err := parseAllowRule(rule)
		if err != nil {
			return nil, fmt.Errorf("backend.reading.allow: host %q: %w", rule.Host, err)
		}
		set.allow = append(set.allow, parsed)
	}
	transport := options.Transport
	if transport == nil {
		transport = NewTransport(nil)
	}
	set.fetch = &http.Client{Transport: transport, CheckRedirect: set.checkRedirect}
	return set, nil
}

// NewTransport wraps over (nil is DefaultTransport's), and converts network errors into HostErrors.
func NewTransport(over http.RoundTripper) http.RoundTripper {
	if over == nil {
		over = DefaultTransport()
	}
	return hostTransport{over}
}

// DefaultTransport creates a transport with timeouts.
func DefaultTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	}
}

// Hosts lists the hosts in the order of the configuration. Public hosts that are not configured come last.
func (s *Set) Hosts() []Host { return s.hosts }

// ByHost finds a host by its name in URLs, with its port if any.
func (s *Set) ByHost(name string) (Host, bool) {
	host, found := s.byHost[name]
	return host, found
}

// HostOf finds a host of one type by its name in URLs, with its port if any. A host of another type, or none, is an input
// fault.
func HostOf[H Host](s *Set, name string) (H, error) {
	found, _ := s.ByHost(name)
	host, is := found.(H)
	if !is {
		return host, unconfigured(name)
	}
	return host, nil
}

// unconfigured says in Backstage's words that no host is configured by a name.
func unconfigured(name string) error {
	return fault.New(fault.Input, "No matching integration configuration for host %s, please check your integrations config", name)
}

// ByURL finds the host of a URL.
func (s *Set) ByURL(rawURL string) (Host, bool) {
	host, _, found := s.hostOf(rawURL)
	return host, found
}

// hostOf finds the host of a URL and parses the URL.
func (s *Set) hostOf(rawURL string) (Host, *url.URL, bool) {
	parsed, err := ParseURL(rawURL)
	if err != nil {
		return nil, nil, false
	}
	host, found := s.ByHost(parsed.Host)
	return host, parsed, found
}

// TypeOf is the type of a host.
func (s *Set) TypeOf(name string) (string, bool) {
	host, found := s.byHost[name]
	if !found {
		return "", false
	}
	return host.Type(), true
}
