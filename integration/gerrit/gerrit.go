// Package gerrit implements a Gerrit host: it parses repoUrls, and its account creates repositories and changes. Its
// files are read like those of any other host that backend.reading.allow allows.
package gerrit

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/integration"
)

// Config is one entry of integrations.gerrit.
type Config struct {
	// Host is the host as repository URLs contain it, with its port if any.
	Host string
	// BaseURL is the URL of Gerrit's pages; "" is https:// and the host. CloneURL is that of the repositories, and
	// GitilesBaseURL that of their files; "" is the BaseURL.
	BaseURL, CloneURL, GitilesBaseURL string
	// Username and Password are an account's HTTP credentials. They change the host; nothing is read with them.
	Username, Password string
}

// Host is a configured Gerrit host.
type Host struct {
	config    Config
	transport http.RoundTripper
}

// New checks a configuration and creates a host. over carries its requests.
func New(config Config, over http.RoundTripper) (*Host, error) {
	config.BaseURL = strings.TrimRight(cmp.Or(config.BaseURL, "https://"+config.Host), "/")
	config.CloneURL = strings.TrimRight(cmp.Or(config.CloneURL, config.BaseURL), "/")
	config.GitilesBaseURL = strings.TrimRight(cmp.Or(config.GitilesBaseURL, config.BaseURL), "/")
	for key, address := range map[string]string{"baseUrl": config.BaseURL, "cloneUrl": config.CloneURL, "gitilesBaseUrl": config.GitilesBaseURL} {
		if _, err := integration.ParseURL(address); err != nil {
			return nil, integration.InvalidConfig("Gerrit", address, key)
		}
	}
	return &Host{config, over}, nil
}

// Type is "gerrit".
func (*Host) Type() string { return integration.TypeGerrit }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.config.Host }

// HasCredentials implements integration.Host.
func (h *Host) HasCredentials() bool { return h.config.Password != "" }

// CheckRepo implements integration.Host.
func (*Host) CheckRepo(repo integration.Repo) error { return repo.Require("repo") }

// Parse implements integration.Host. It recognizes no repositories in URLs.
func (*Host) Parse(*url.URL) (integration.Place, error) {
	return integration.Place{}, &integration.URLError{Problem: "Repositories on Gerrit are not read"}
}

// Address implements integration.Host.
func (*Host) Address(place integration.Place) *url.URL {
	return integration.JoinPath(place.Path, place.Repository)
}

// Resolve implements integration.Host.
func (*Host) Resolve(base *url.URL, ref string) (string, error) {
	return integration.Resolve(base, ref, "")
}

// EditURL implements integration.Host.
func (*Host) EditURL(*url.URL) (string, bool) { return "", false }
