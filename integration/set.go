package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
)

// Integration is one configured host.
type Integration struct {
	Type, Host string
	// GitHub is set when Type is TypeGitHub.
	GitHub GitHub
}

// Set is all configured hosts. It is safe for concurrent use.
type Set struct {
	byHost map[string]Integration
	allow  []allowRule
	limits Limits
	// transport carries everything; fetch is the client for URLs that are no integration's.
	transport http.RoundTripper
	fetch     *http.Client
}

// New checks the configuration and makes a Set of it.
func New(config Config, options Options) (*Set, error) {
	set := &Set{byHost: map[string]Integration{}, limits: options.Limits.withDefaults(), transport: options.Transport}
	for _, gitHub := range append(config.GitHub, GitHub{}) {
		complete, err := gitHub.withDefaults()
		if err != nil {
			return nil, err
		}
		set.add(Integration{Type: TypeGitHub, Host: complete.Host, GitHub: complete})
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
	if set.transport == nil {
		set.transport = newTransport()
	}
	set.fetch = &http.Client{Transport: set.transport, CheckRedirect: set.checkRedirect}
	return set, nil
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

// GitHub makes a client for a GitHub host's API. token takes the place of the configured one; "" leaves it. The client
// sends the token to the API's own host only, follows redirects only within that GitHub, and bounds the answers it
// reads.
func (s *Set) GitHub(host, token string) (*github.Client, error) {
	integration, found := s.byHost[host]
	if !found || integration.Type != TypeGitHub {
		return nil, fault.New(fault.Input,
			"There is no GitHub integration that matches %s. Please add a configuration for an integration.", host)
	}
	if integration.GitHub.APIBaseURL == "" {
		return nil, fault.New(fault.Input, "The GitHub integration for %s has no apiBaseUrl. Please add it to its configuration.", host)
	}
	return s.gitHubClient(integration.GitHub, token)
}

func (s *Set) gitHubClient(config GitHub, token string) (*github.Client, error) {
	if token == "" {
		token = config.Token
	}
	base, err := url.Parse(config.APIBaseURL + "/")
	if err != nil {
		return nil, fmt.Errorf("GitHub integration '%s': %w", config.Host, err)
	}
	client := github.NewClient(&http.Client{
		Transport:     &gitHubTransport{next: s.transport, apiHost: base.Host, token: token},
		CheckRedirect: config.checkRedirect,
	})
	client.BaseURL = base
	client.UserAgent = "portico"
	return client, nil
}
