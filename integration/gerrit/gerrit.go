// Package gerrit implements a Gerrit host. It can parse repoUrls only. Its files are read like those of any
// other host that backend.reading.allow allows.
package gerrit

import (
	"net/http"
	"net/url"

	"github.com/portico-dev/portico/integration"
)

// Config is one entry of integrations.gerrit.
type Config struct {
	// Host is the host as repository URLs contain it, with its port if any.
	Host string
}

// Host is a configured Gerrit host.
type Host struct{ name string }

// New creates a host from a configuration.
func New(config Config, _ http.RoundTripper) (*Host, error) { return &Host{config.Host}, nil }

// Type is "gerrit".
func (*Host) Type() string { return integration.TypeGerrit }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.name }

// HasCredentials implements integration.Host.
func (*Host) HasCredentials() bool { return false }

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
