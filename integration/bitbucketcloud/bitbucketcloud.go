// Package bitbucketcloud implements the host bitbucket.org: how its URLs are parsed, and how its files are
// read through version 2.0 of the REST API.
package bitbucketcloud

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/integration"
)

const publicHost = "bitbucket.org"

// Config is one entry of integrations.bitbucketCloud.
type Config struct {
	// Host is the host as repository URLs contain it; "" is bitbucket.org.
	Host string
	// APIBaseURL is the URL of the REST API, and BaseURL the URL of the pages and archives; "" is
	// bitbucket.org's.
	APIBaseURL, BaseURL string
	// Username belongs to a Token, or to an AppPassword, Bitbucket's older form. A Token without a Username
	// is an access token.
	Username, AppPassword, Token string
	// Budget is shared with other processes, nil for none.
	Budget integration.Budget
}

// Host is Bitbucket Cloud.
type Host struct {
	config    Config
	transport http.RoundTripper
}

// New creates a host from a configuration. over carries its requests.
func New(config Config, over http.RoundTripper) (*Host, error) {
	config.Host = cmp.Or(config.Host, publicHost)
	if !integration.IsHostName(config.Host) {
		return nil, integration.InvalidConfig("Bitbucket Cloud", config.Host, "host")
	}
	config.APIBaseURL = cmp.Or(config.APIBaseURL, "https://api."+config.Host+"/2.0")
	config.BaseURL = cmp.Or(config.BaseURL, "https://"+config.Host)
	return &Host{config, over}, nil
}

// Type is "bitbucketCloud".
func (*Host) Type() string { return integration.TypeBitbucketCloud }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.config.Host }

// HasCredentials implements integration.Host.
func (h *Host) HasCredentials() bool { return h.config.Token != "" || h.config.AppPassword != "" }

// CheckRepo implements integration.Host.
func (*Host) CheckRepo(repo integration.Repo) error {
	return repo.Require("workspace", "project", "repo")
}

var errInvalidURL = &integration.URLError{Problem: "Invalid Bitbucket Cloud URL or file path"}

var views = []string{"src", "raw"}

// Parse reads https://host/workspace/repo and https://host/workspace/repo/(src|raw)/ref/path.
func (*Host) Parse(target *url.URL) (integration.Place, error) {
	segments, err := integration.Segments(target)
	if err != nil || len(segments) < 2 || segments[0] == "" || segments[1] == "" {
		return integration.Place{}, errInvalidURL
	}
	repository := segments[0] + "/" + strings.TrimSuffix(segments[1], ".git")
	if integration.HasTraversal(repository) || strings.Count(repository, "/") > 1 {
		return integration.Place{}, errInvalidURL
	}
	return integration.PlaceAt(repository, segments[2:], views, errInvalidURL)
}

// Address implements integration.Host.
func (*Host) Address(place integration.Place) *url.URL {
	workspace, name, _ := strings.Cut(place.Repository, "/")
	return integration.JoinPath(place.Path, workspace, name, place.View, place.Ref)
}

// Resolve implements integration.Host.
func (*Host) Resolve(base *url.URL, ref string) (string, error) {
	return integration.Resolve(base, ref, integration.RootOf(base, views, 2, 4))
}

// EditURL implements integration.Host.
func (h *Host) EditURL(target *url.URL) (string, bool) {
	place, err := h.Parse(target)
	if err != nil || place.Path == "" {
		return "", false
	}
	edited := *target
	edited.RawQuery = url.Values{"mode": {"edit"}, "at": {place.Ref}}.Encode()
	return edited.String(), true
}
