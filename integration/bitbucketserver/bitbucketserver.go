// Package bitbucketserver is a host of Bitbucket Server or Data Center: what its URLs mean.
package bitbucketserver

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/integration"
)

// Config is one entry of integrations.bitbucketServer.
type Config struct {
	// Host is how the host stands in repository URLs, with its port where it has one.
	Host string
}

// Host is a configured Bitbucket Server.
type Host struct{ name string }

// New checks a configuration and makes a host of it.
func New(config Config, _ http.RoundTripper) (*Host, error) {
	if !integration.IsHostName(config.Host) {
		return nil, fmt.Errorf("Invalid Bitbucket Server integration config, '%s' is not a valid host", config.Host) //nolint:staticcheck // Backstage's words
	}
	return &Host{config.Host}, nil
}

// Type is "bitbucketServer".
func (*Host) Type() string { return integration.TypeBitbucketServer }

// Name is the host as it stands in URLs.
func (h *Host) Name() string { return h.name }

// HasCredentials implements integration.Host.
func (*Host) HasCredentials() bool { return false }

// CheckRepo implements integration.Host.
func (*Host) CheckRepo(repo integration.Repo) error { return repo.Require("project", "repo") }

var errInvalidURL = &integration.URLError{Problem: "Invalid Bitbucket Server URL or file path"}

// owners are the pages of what has repositories, and views those that show a place in a repository.
var (
	owners = []string{"projects", "users"}
	views  = []string{"browse", "raw"}
)

// Parse reads https://host/projects/KEY/repos/repo, https://host/users/name/repos/repo, and those with /(browse|raw)/path?at=ref.
// A repository is "projects/KEY/repos/repo", as the API has it too.
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
	if integration.HasTraversal(place.Ref) || integration.HasTraversal(place.Path) {
		return integration.Place{}, integration.ErrTraversal
	}
	return place, nil
}

// shortRef is the name of a branch or tag without what says which of them it is.
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
	segments := strings.Split(base.EscapedPath(), "/")
	root := strings.TrimRight(base.EscapedPath(), "/")
	if len(segments) > 5 && slices.Contains(views, segments[5]) {
		root = strings.Join(segments[:6], "/")
	}
	return integration.Resolve(base, ref, root)
}

// EditURL is the file's own page, from which it is edited.
func (h *Host) EditURL(target *url.URL) (string, bool) {
	_, err := h.Parse(target)
	return target.String(), err == nil
}
