// Package gitlab implements a GitLab host (gitlab.com or a self-managed one): how its URLs are parsed, and
// how its files are read through version 4 of the REST API.
package gitlab

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/details"
)

const publicHost = "gitlab.com"

// Config is one entry of integrations.gitlab.
type Config struct {
	// Host is the host as repository URLs contain it, with its port if any. "" is gitlab.com.
	Host string
	// APIBaseURL is the URL of the REST API; "" is api/v4 below BaseURL.
	APIBaseURL string
	// BaseURL is the URL of GitLab's pages; "" is https:// and the host.
	BaseURL string
	// Token is a personal, group, project or OAuth access token, "" for none.
	Token string
	// Budget is shared with other processes, nil for none.
	Budget integration.Budget
}

// String describes the integration without its secrets.
func (c Config) String() string {
	return fmt.Sprintf("gitlab{host=%s,authed=%t}", c.Host, c.Token != "")
}

// withDefaults fills in the values that derive from the host, and checks the rest.
func (c Config) withDefaults() (Config, error) {
	c.Token = strings.TrimSpace(c.Token)
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	c.APIBaseURL = strings.TrimRight(c.APIBaseURL, "/")
	if c.Host == "" {
		c.Host = publicHost
	}
	if !integration.IsHostName(c.Host) {
		return c, integration.InvalidConfig("GitLab", c.Host, "host")
	}
	if c.BaseURL == "" {
		c.BaseURL = "https://" + c.Host
	}
	if c.APIBaseURL == "" {
		c.APIBaseURL = c.BaseURL + "/api/v4"
	}
	for name, value := range map[string]string{"apiBaseUrl": c.APIBaseURL, "baseUrl": c.BaseURL} {
		if _, err := integration.ParseURL(value); err != nil {
			return c, integration.InvalidConfig("GitLab", value, name)
		}
	}
	return c, nil
}

// Host is a configured GitLab host.
type Host struct {
	config Config
	// below is the path of the base URL, without a slash at its end; "" is the host's root.
	below     string
	transport http.RoundTripper
	// pipelines and approvals have what lists of pipelines and merge requests lack.
	pipelines details.Cache[pipeline]
	approvals details.Cache[bool]
}

// New checks a configuration and creates a host. over carries its requests.
func New(config Config, over http.RoundTripper) (*Host, error) {
	complete, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	base, err := integration.ParseURL(complete.BaseURL)
	if err != nil {
		return nil, err
	}
	return &Host{config: complete, below: base.Path, transport: over}, nil
}

// String describes the host without its secrets.
func (h *Host) String() string { return h.config.String() }

// Type is "gitlab".
func (*Host) Type() string { return integration.TypeGitLab }

// Name is the host as URLs contain it.
func (h *Host) Name() string { return h.config.Host }

// Page is the URL of GitLab's page at a path.
func (h *Host) Page(path string) string {
	return h.config.BaseURL + "/" + strings.TrimPrefix(path, "/")
}

// HasCredentials implements integration.Host.
func (h *Host) HasCredentials() bool { return h.config.Token != "" }

// CheckRepo implements integration.Host. A project may be named by its number alone.
func (*Host) CheckRepo(repo integration.Repo) error {
	if repo.Project != "" {
		return nil
	}
	return repo.Require("owner", "repo")
}

var errInvalidURL = &integration.URLError{Problem: "Invalid GitLab URL or file path"}

// views are the pages of a place in a project. GitLab reserves these names, so no group or project has them.
var views = []string{"blob", "tree", "edit", "raw"}

// Parse reads https://host/group/subgroup/project, optionally with /-/(blob|tree|edit|raw)/ref/path. GitLab
// before version 11 had no dash.
func (h *Host) Parse(target *url.URL) (integration.Place, error) {
	segments, err := integration.Segments(integration.Below(target, h.below))
	if err != nil {
		return integration.Place{}, errInvalidURL
	}
	project, rest := cutProject(segments)
	if len(project) < 2 || slices.ContainsFunc(project, isNoName) {
		return integration.Place{}, errInvalidURL
	}
	return integration.PlaceAt(strings.TrimSuffix(strings.Join(project, "/"), ".git"), rest, views, errInvalidURL)
}

// cutProject splits the segments of a path into those of the project, and the rest: view, ref and path.
func cutProject(segments []string) (project, rest []string) {
	if dash := slices.Index(segments, "-"); dash >= 0 {
		return segments[:dash], segments[dash+1:]
	}
	if view := slices.IndexFunc(segments, func(segment string) bool { return slices.Contains(views, segment) }); view >= 2 {
		return segments[:view], segments[view:]
	}
	return segments, nil
}

var nameOnGitLab = regexp.MustCompile(`^[\pL\pN_.][\pL\pN\pM_. +-]*$`)

func isNoName(name string) bool {
	return !nameOnGitLab.MatchString(name) || name == "." || name == ".."
}

// Address implements integration.Host.
func (h *Host) Address(place integration.Place) *url.URL {
	names := strings.Split(h.below+"/"+place.Repository, "/")
	if place.View != "" {
		names = append(names, "-", place.View, place.Ref)
	}
	return integration.JoinPath(place.Path, names...)
}

// Resolve implements integration.Host.
func (h *Host) Resolve(base *url.URL, ref string) (string, error) {
	return integration.Resolve(base, ref, root(base))
}

// root is the escaped path of the project's root: of https://host/group/project/-/blob/main/docs/index.md it
// is /group/project/-/blob/main.
func root(base *url.URL) string {
	segments := strings.Split(base.EscapedPath(), "/")
	_, rest := cutProject(segments)
	if len(rest) < 2 {
		return strings.TrimRight(base.EscapedPath(), "/")
	}
	return strings.Join(segments[:len(segments)-len(rest)+2], "/")
}

var viewOfFile = regexp.MustCompile(`/-/(?:blob|tree|edit)/`)

// EditURL implements integration.Host.
func (*Host) EditURL(target *url.URL) (string, bool) {
	return viewOfFile.ReplaceAllString(target.String(), "/-/edit/"), true
}
