package integration

import (
	"fmt"
	"net/http"
	"time"
)

// Integration is one configured host.
type Integration struct {
	Type, Host string
	// GitHub is set when Type is TypeGitHub.
	GitHub GitHub
	apps   []*app
}

// Set is all configured hosts. It is safe for concurrent use.
type Set struct {
	byHost map[string]Integration
	allow  []allowRule
	limits Limits
	// transport carries everything; fetch is the client for URLs that are no integration's.
	transport http.RoundTripper
	fetch     *http.Client
	// refs are the branches and tags with slashes that begin like a place's ref.
	refs cache[[]string]
}

// New checks the configuration and makes a Set of it.
func New(config Config, options Options) (*Set, error) {
	set := &Set{byHost: map[string]Integration{}, limits: options.Limits.withDefaults(), transport: options.Transport}
	if set.transport == nil {
		set.transport = newTransport()
	}
	set.transport = hostTransport{set.transport}
	for _, gitHub := range append(config.GitHub, GitHub{}) {
		integration, err := set.gitHubIntegration(gitHub)
		if err != nil {
			return nil, err
		}
		set.add(integration)
	}
	for _, host := range append(config.Others, publicHosts...) {
		set.add(Integration{Type: host.Type, Host: host.Host})
	}
	for _, rule := range options.ReadingAllow {
		parsed, err := parseAllowRule(rule)
		if err != nil {
			return nil, fmt.Errorf("backend.reading.allow: host %q: %w", rule.Host, err)
		}
		set.allow = append(set.allow, parsed)
	}
	set.fetch = &http.Client{Transport: set.transport, CheckRedirect: set.checkRedirect}
	return set, nil
}

func (s *Set) gitHubIntegration(config GitHub) (Integration, error) {
	complete, err := config.withDefaults()
	if err != nil {
		return Integration{}, err
	}
	integration := Integration{Type: TypeGitHub, Host: complete.Host, GitHub: complete}
	for _, configured := range complete.Apps {
		made, err := newApp(configured, complete, s.transport)
		if err != nil {
			return Integration{}, err
		}
		integration.apps = append(integration.apps, made)
	}
	return integration, nil
}

var publicHosts = []Host{
	{TypeGitLab, "gitlab.com"}, {TypeAzure, "dev.azure.com"}, {TypeBitbucketCloud, "bitbucket.org"},
}

// add keeps the first integration of a host, as Backstage does.
func (s *Set) add(integration Integration) {
	if _, taken := s.byHost[integration.Host]; !taken {
		s.byHost[integration.Host] = integration
	}
}

func newTransport() http.RoundTripper {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	}
	return transport
}

// ByHost finds a host as it stands in a URL, with its port where it has one.
func (s *Set) ByHost(host string) (Integration, bool) {
	integration, found := s.byHost[host]
	return integration, found
}

// ByURL finds the host that a URL is on.
func (s *Set) ByURL(rawURL string) (Integration, bool) {
	parsed, err := parseWebURL(rawURL)
	if err != nil {
		return Integration{}, false
	}
	return s.ByHost(parsed.Host)
}

// TypeOf is the type of a host.
func (s *Set) TypeOf(host string) (string, bool) {
	integration, found := s.byHost[host]
	return integration.Type, found
}
