// Package gitea implements a Gitea or Forgejo host: how its URLs are parsed, and how its files are read
// through version 1 of the REST API.
package gitea

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/integration"
)

// Config is one entry of integrations.gitea.
type Config struct {
	// Host is the host as repository URLs contain it, with its port if any.
	Host string
	// BaseURL is the URL of Gitea's pages; "" is https:// and the host.
	BaseURL string
	// Username and Password authenticate the requests; a Password without a Username is an access token.
	Username, Password string
	// Budget is shared with other processes, nil for none.
	Budget integration.Budget
}

// Host is a configured Gitea host.
type Host struct {
	config Config
	// below is the path of the base URL, without a slash at its end.
	below     string
	transport http.RoundTripper
}

// New checks a configuration and creates a host. over carries its requests.
func New(config Config, over http.RoundTripper) (*Host, error) {
	if !integration.IsHostName(config.Host) {
		return nil, integration.InvalidConfig("Gitea", config.Host, "host")
	}
	config.BaseURL = strings.TrimRight(config.BaseURL, "/")
	if config.BaseURL == "" {
		config.BaseURL = "https://" + config.Host
	}
	base, err := integration.ParseURL(config.BaseURL)
	if err != nil {
		return nil, integration.InvalidConfig("Gitea", config.BaseURL, "baseUrl")
	}
	return &Host{config: config, below: base.Path, transport: over}, nil
}

// Type is "gitea".
func (*Host) Type() string { return integration.TypeGitea }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.config.Host }

// HasCredentials implements integration.Host.
func (h *Host) HasCredentials() bool { return h.config.Password != "" }

// CheckRepo implements integration.Host.
func (*Host) CheckRepo(repo integration.Repo) error { return repo.Require("repo") }

var errInvalidURL = &integration.URLError{Problem: "Invalid Gitea URL or file path"}

// views are the pages of a place, and kinds the sorts of ref that may follow.
var (
	views = []string{"src", "raw"}
	kinds = []string{"branch", "tag", "commit"}
)

// Parse reads https://host/owner/repo and https://host/owner/repo/(src|raw)/(branch|tag|commit)/ref/path.
func (h *Host) Parse(target *url.URL) (integration.Place, error) {
	segments, err := integration.Segments(integration.Below(target, h.below))
	if err != nil || len(segments) != 2 && len(segments) < 5 {
		return integration.Place{}, errInvalidURL
	}
	for _, name := range segments[:2] {
		if name == "" || strings.Contains(name, "/") || integration.HasTraversal(name) {
			return integration.Place{}, errInvalidURL
		}
	}
	place := integration.Place{Repository: segments[0] + "/" + strings.TrimSuffix(segments[1], ".git")}
	if len(segments) == 2 {
		return place, nil
	}
	if !slices.Contains(views, segments[2]) || !slices.Contains(kinds, segments[3]) || segments[4] == "" {
		return integration.Place{}, errInvalidURL
	}
	place.View, place.Ref, place.Path = segments[2]+"/"+segments[3], segments[4], strings.Join(segments[5:], "/")
	place.RefIsWhole = segments[3] == "commit"
	return place.Checked()
}

// Address implements integration.Host.
func (h *Host) Address(place integration.Place) *url.URL {
	names := strings.Split(h.below+"/"+place.Repository+"/"+place.View, "/")
	return integration.JoinPath(place.Path, append(names, place.Ref)...)
}

// Resolve implements integration.Host.
func (h *Host) Resolve(base *url.URL, ref string) (string, error) {
	depth := strings.Count(h.below, "/")
	return integration.Resolve(base, ref, integration.RootOf(base, views, depth+2, depth+5))
}

// EditURL implements integration.Host. Only files on a branch can be edited.
func (h *Host) EditURL(target *url.URL) (string, bool) {
	place, err := h.Parse(target)
	if err != nil || place.Path == "" || !strings.HasSuffix(place.View, "/branch") {
		return "", false
	}
	place.View = "_edit"
	address := h.Address(place)
	address.Scheme, address.Host = target.Scheme, target.Host
	return address.String(), true
}
