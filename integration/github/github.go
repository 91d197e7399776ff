// Package github implements a GitHub host (github.com or GitHub Enterprise): how its URLs are parsed, and how
// its files are read through the REST API. It also creates API clients for other purposes, with a token that
// is restricted to the purpose.
package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/details"
)

const publicHost = "github.com"

// Config is one entry of integrations.github.
type Config struct {
	// Host is the host as repository URLs contain it, with its port if any. "" is github.com.
	Host string
	// APIBaseURL is the URL of the REST API (https://ghe.example.com/api/v3), RawBaseURL the URL of raw
	// files. Both have defaults for github.com; any other host needs at least one of them.
	APIBaseURL, RawBaseURL string
	// Apps provide tokens. The first App that is installed at the owner is used.
	Apps []App
	// Token authenticates the requests for all other owners, "" for none.
	Token string
	// Budget is what all processes know about rate limits; nil knows nothing.
	Budget Budget
}

// String describes the integration without its secrets.
func (c Config) String() string {
	return fmt.Sprintf("github{host=%s,authed=%t}", c.Host, c.Token != "" || len(c.Apps) > 0)
}

// withDefaults fills in the addresses of github.com and checks the rest.
func (c Config) withDefaults() (Config, error) {
	c.Token = strings.TrimSpace(c.Token)
	c.APIBaseURL = strings.TrimRight(c.APIBaseURL, "/")
	c.RawBaseURL = strings.TrimRight(c.RawBaseURL, "/")
	if c.Host == "" {
		c.Host = publicHost
	}
	if !integration.IsHostName(c.Host) {
		return c, integration.InvalidConfig("GitHub", c.Host, "host")
	}
	if c.Host == publicHost && c.APIBaseURL == "" {
		c.APIBaseURL = "https://api.github.com"
	}
	if c.Host == publicHost && c.RawBaseURL == "" {
		c.RawBaseURL = "https://raw.githubusercontent.com"
	}
	if c.APIBaseURL == "" && c.RawBaseURL == "" {
		return c, fmt.Errorf("GitHub integration '%s' must configure an explicit apiBaseUrl or rawBaseUrl", c.Host)
	}
	for _, base := range []string{c.APIBaseURL, c.RawBaseURL} {
		if _, err := integration.ParseURL(base); base != "" && err != nil {
			return c, fmt.Errorf("GitHub integration '%s': '%s' is not a URL", c.Host, base)
		}
	}
	if c.APIBaseURL == "" && len(c.Apps) > 0 {
		return c, fmt.Errorf("GitHub integration '%s': apps need an apiBaseUrl", c.Host)
	}
	return c, nil
}

// Host is a configured GitHub host.
type Host struct {
	config    Config
	apps      []*app
	transport http.RoundTripper
	// reviews has what reviewers say about pull requests.
	reviews details.Cache[integration.ReviewState]
}

// New checks a configuration and creates a host. over carries its requests.
func New(config Config, over http.RoundTripper) (*Host, error) {
	complete, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	host := &Host{config: complete, transport: over}
	for _, configured := range complete.Apps {
		made, err := newApp(configured, complete, over)
		if err != nil {
			return nil, err
		}
		host.apps = append(host.apps, made)
	}
	return host, nil
}

// String describes the host without its secrets.
func (h *Host) String() string { return h.config.String() }

// Type is "github".
func (*Host) Type() string { return integration.TypeGitHub }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.config.Host }

var nameOnGitHub = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func isName(name string) bool { return nameOnGitHub.MatchString(name) && name != "." && name != ".." }

// HasCredentials implements integration.Host.
func (h *Host) HasCredentials() bool { return h.config.Token != "" || len(h.apps) > 0 }

// CheckRepo implements integration.Host.
func (*Host) CheckRepo(repo integration.Repo) error {
	if err := repo.Require("repo", "owner"); err != nil {
		return err
	}
	if !isName(repo.Owner) || !isName(repo.Repo) {
		return errors.New("owner and repo may hold letters, digits and any of [-_.]")
	}
	return nil
}

var errInvalidURL = &integration.URLError{Problem: "Invalid GitHub URL or file path"}

// views are the pages of a place in a repository.
var views = []string{"blob", "tree", "edit", "raw"}

// Parse reads https://host/owner/repo and https://host/owner/repo/(blob|tree|edit|raw)/ref/path.
func (h *Host) Parse(target *url.URL) (integration.Place, error) {
	segments, err := integration.Segments(target)
	if err != nil || len(segments) < 2 {
		return integration.Place{}, errInvalidURL
	}
	owner, name := segments[0], strings.TrimSuffix(segments[1], ".git")
	if !isName(owner) || !isName(name) {
		return integration.Place{}, errInvalidURL
	}
	return integration.PlaceAt(owner+"/"+name, segments[2:], views, errInvalidURL)
}

// Address implements integration.Host.
func (*Host) Address(place integration.Place) *url.URL {
	owner, name, _ := strings.Cut(place.Repository, "/")
	return integration.JoinPath(place.Path, owner, name, place.View, place.Ref)
}

var viewOfFile = regexp.MustCompile(`^(https?://[^/]+/[^/]+/[^/]+)/(?:blob|tree|edit)/`)

// Resolve implements integration.Host. Blob URLs become tree URLs, which work for files and directories.
func (*Host) Resolve(base *url.URL, ref string) (string, error) {
	resolved, err := integration.Resolve(base, ref, integration.RootOf(base, views, 2, 4))
	return viewOfFile.ReplaceAllString(resolved, "$1/tree/"), err
}

// EditURL implements integration.Host.
func (*Host) EditURL(target *url.URL) (string, bool) {
	return viewOfFile.ReplaceAllString(target.String(), "$1/edit/"), true
}
