// Package bitbucketserver implements a Bitbucket Server or Data Center host: how its URLs are parsed, and how
// its files are read through version 1.0 of the REST API.
package bitbucketserver

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/integration"
)

// Config is one entry of integrations.bitbucketServer.
type Config struct {
	// Host is the host as repository URLs contain it, with its port if any.
	Host string
	// APIBaseURL is the URL of the REST API; "" is rest/api/1.0 below https:// and the host.
	APIBaseURL string
	// Token is an HTTP access token. A Username with its Password is the alternative.
	Token, Username, Password string
}

// Host is a configured Bitbucket Server.
type Host struct {
	config    Config
	transport http.RoundTripper
}

// New checks a configuration and creates a host. over carries its requests.
func New(config Config, over http.RoundTripper) (*Host, error) {
	if !integration.IsHostName(config.Host) {
		return nil, integration.InvalidConfig("Bitbucket Server", config.Host, "host")
	}
	config.APIBaseURL = strings.TrimRight(cmp.Or(config.APIBaseURL, "https://"+config.Host+"/rest/api/1.0"), "/")
	if _, err := integration.ParseURL(config.APIBaseURL); err != nil {
		return nil, integration.InvalidConfig("Bitbucket Server", config.APIBaseURL, "apiBaseUrl")
	}
	return &Host{config, over}, nil
}

// Type is "bitbucketServer".
func (*Host) Type() string { return integration.TypeBitbucketServer }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.config.Host }

// HasCredentials implements integration.Host.
func (h *Host) HasCredentials() bool { return h.config.Token != "" || h.config.Password != "" }

// CheckRepo implements integration.Host.
func (*Host) CheckRepo(repo integration.Repo) error { return repo.Require("project", "repo") }

var errInvalidURL = &integration.URLError{Problem: "Invalid Bitbucket Server URL or file path"}

// owners are the first path segments of projects and users. views are the pages of a place in a repository.
var (
	owners = []string{"projects", "users"}
	views  = []string{"browse", "raw"}
)

// Parse reads https://host/projects/KEY/repos/repo and https://host/users/name/repos/repo, optionally with
// /(browse|raw)/path?at=ref. The repository is "projects/KEY/repos/repo", as in the API.
func (*Host) Parse(target *url.URL) (integration.Place, error) {
	segments, err := integration.Segments(target)
	if err != nil || len(segments) < 4 || !slices.Contains(owners, segments[0]) || segments[2] != "repos" {
		return integration.Place{}, errInvalidURL
	}
	for _, name := range segments[:4] {
		if name == "" || strings.Contains(name, "/") || integration.HasTraversal(name) {
			return integration.Place{}, errInvalidURL
		}
	}
	place := integration.Place{
		Repository: strings.Join(segments[:4], "/"), Ref: shortRef(target.Query().Get("at")), RefIsWhole: true,
	}
	if len(segments) > 4 {
		place.View, place.Path = segments[4], strings.Join(segments[5:], "/")
		if !slices.Contains(views, place.View) {
			return integration.Place{}, errInvalidURL
		}
	}
	return place.Checked()
}

// shortRef removes the prefix refs/heads/ or refs/tags/ from a ref.
func shortRef(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
}

// Address implements integration.Host.
func (*Host) Address(place integration.Place) *url.URL {
	address := integration.JoinPath(place.Path, append(strings.Split(place.Repository, "/"), place.View)...)
	if place.Ref != "" {
		address.RawQuery = url.Values{"at": {place.Ref}}.Encode()
	}
	return address
}

// Resolve implements integration.Host.
func (*Host) Resolve(base *url.URL, ref string) (string, error) {
	return integration.Resolve(base, ref, integration.RootOf(base, views, 4, 5))
}

// EditURL is the file's own page, which has an editor.
func (h *Host) EditURL(target *url.URL) (string, bool) {
	_, err := h.Parse(target)
	return target.String(), err == nil
}
