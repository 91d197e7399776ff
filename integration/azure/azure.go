// Package azure implements an Azure DevOps host (dev.azure.com or a server): how its URLs are parsed, and how
// its files are read through the REST API of Azure Repos.
package azure

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/integration"
)

const publicHost = "dev.azure.com"

// Config is one entry of integrations.azure.
type Config struct {
	// Host is the host as repository URLs contain it, with its port if any. "" is dev.azure.com.
	Host string
	// BaseURL is the URL of the pages and the API; "" is https:// and the host.
	BaseURL string
	// Credentials are per organization. The first that names the organization is used, else the first that
	// names none.
	Credentials []Credential
	// Budget is shared with other processes, nil for none.
	Budget integration.Budget
}

// Credential is a personal access token for some organizations. Without Organizations, it is for all that no
// other credential names.
type Credential struct {
	Organizations []string
	// PersonalAccessToken is a secret.
	PersonalAccessToken string
}

// Host is a configured host of Azure DevOps.
type Host struct {
	config    Config
	transport http.RoundTripper
}

// New checks a configuration and creates a host. over carries its requests.
func New(config Config, over http.RoundTripper) (*Host, error) {
	config.Host = cmp.Or(config.Host, publicHost)
	if !integration.IsHostName(config.Host) {
		return nil, integration.InvalidConfig("Azure", config.Host, "host")
	}
	config.BaseURL = cmp.Or(config.BaseURL, "https://"+config.Host)
	return &Host{config, over}, nil
}

// Type is "azure".
func (*Host) Type() string { return integration.TypeAzure }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.config.Host }

// HasCredentials implements integration.Host.
func (h *Host) HasCredentials() bool {
	return slices.ContainsFunc(h.config.Credentials, func(credential Credential) bool { return credential.PersonalAccessToken != "" })
}

// CheckRepo implements integration.Host.
func (*Host) CheckRepo(repo integration.Repo) error { return repo.Require("project", "repo") }

var errInvalidURL = &integration.URLError{Problem: "Azure URL must point to a git repository"}

// branchView is the prefix of a version that is a branch.
const branchView = "GB"

// versions maps the prefix of a version in a URL to the API's version type.
var versions = map[string]string{branchView: "branch", "GT": "tag", "GC": "commit"}

// Parse reads https://host/organization/project/_git/repo?path=/path&version=GBbranch. The URL may omit the
// project if the repository has the same name. An organization on a server may have two parts. The repository
// is "organization/project/repo", and the view is the version's prefix.
func (*Host) Parse(target *url.URL) (integration.Place, error) {
	segments, err := integration.Segments(target)
	git := slices.Index(segments, "_git")
	if err != nil || git < 1 || git > 3 || len(segments) != git+2 {
		return integration.Place{}, errInvalidURL
	}
	names := append(slices.Clone(segments[:git]), segments[git+1])
	if git == 1 {
		names = []string{names[0], names[1], names[1]}
	}
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, `/\`) || integration.HasTraversal(name) {
			return integration.Place{}, errInvalidURL
		}
	}
	query := target.Query()
	place := integration.Place{Repository: strings.Join(names, "/"), RefIsWhole: true, Path: strings.Trim(query.Get("path"), "/")}
	if version := query.Get("version"); version != "" {
		if len(version) < 3 || versions[version[:2]] == "" {
			return integration.Place{}, &integration.URLError{Problem: "Azure URL version must point to a git branch, tag or commit"}
		}
		place.View, place.Ref = version[:2], version[2:]
	}
	return place.Checked()
}

// Address implements integration.Host.
func (*Host) Address(place integration.Place) *url.URL {
	names := strings.Split(place.Repository, "/")
	project, repo := names[:len(names)-1], names[len(names)-1]
	address := integration.JoinPath("", append(slices.Clone(project), "_git", repo)...)
	query := url.Values{}
	if place.Path != "" {
		query.Set("path", "/"+place.Path)
	}
	if place.View != "" && place.Ref != "" {
		query.Set("version", place.View+place.Ref)
	}
	address.RawQuery = query.Encode()
	return address
}

// Resolve resolves ref as a link relative to the path in the URL's query.
func (h *Host) Resolve(base *url.URL, ref string) (string, error) {
	place, err := h.Parse(base)
	if err != nil {
		return integration.Resolve(base, ref, "")
	}
	reference, err := url.Parse(ref)
	if err == nil && reference.IsAbs() {
		return ref, nil
	}
	at := url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/" + place.Path}
	resolved, err := integration.Resolve(&at, ref, "")
	if err != nil {
		return "", err
	}
	target, err := url.Parse(resolved)
	if err != nil {
		return "", err
	}
	query := base.Query()
	query.Set("path", target.Path)
	found := *base
	found.RawQuery = query.Encode()
	return found.String(), nil
}

// EditURL is the file's own page, which has an editor.
func (h *Host) EditURL(target *url.URL) (string, bool) {
	_, err := h.Parse(target)
	return target.String(), err == nil
}
