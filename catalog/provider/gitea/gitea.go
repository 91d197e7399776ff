// Package gitea finds descriptors in the repositories of an organization on Gitea or Forgejo, and emits a Location for
// each. Configuration and entities are those of Backstage's catalog.providers.gitea. The descriptors are read along; those of
// repositories that have not changed since the last sweep are not read again.
package gitea

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	giteahost "github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/integration/rest"
)

// Kind is the key below catalog.providers.
const Kind = "gitea"

// Provider is one configured search.
type Provider struct {
	name         string
	host         *giteahost.Host
	api          *rest.Client
	organization string
	// branch is the branch to read, "" for each repository's default branch.
	branch string
	// path is the path of the descriptor in each repository.
	path string
	// size is how many repositories are asked for at once.
	size int
}

// Sources creates the configured searches, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.GiteaProvider, hosts *integration.Set) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		made, err := newProvider(id, configured[id], hosts)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.gitea.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: made.place(),
		})
	}
	return sources, nil
}

func newProvider(id string, configured config.GiteaProvider, hosts *integration.Set) (*Provider, error) {
	host, err := integration.HostOf[*giteahost.Host](hosts, configured.Host)
	if err != nil {
		return nil, err
	}
	path := strings.Trim(configured.CatalogPath, "/")
	switch {
	case strings.ContainsAny(configured.Organization, "/\\") || integration.HasTraversal(configured.Organization):
		return nil, fault.New(fault.Input, "organization %q is no name of an organization", configured.Organization)
	case path == "" || integration.HasTraversal(path):
		return nil, fault.New(fault.Input, "catalogPath %s is no file of a repository", configured.CatalogPath)
	case strings.ContainsAny(path, "*?[{"):
		return nil, fault.New(fault.Input, "catalogPath %s is a pattern, which needs the list of all files of each repository", configured.CatalogPath)
	}
	return &Provider{
		name: "gitea-provider:" + id, host: host, api: host.Background(), organization: configured.Organization, branch: configured.Branch,
		path: path, size: pageSize,
	}, nil
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its locations.
func (p *Provider) Name() string { return p.name }

// Concerned implements provider.Watcher: a repository of the organization has changed, or its descriptor was pushed.
func (p *Provider) Concerned(event hostevents.Event) bool {
	if event.Kind.IsAboutPeople() || event.Host != p.host.Name() || !p.isInside(event.Repository) && !p.isInside(event.Former) {
		return false
	}
	return event.Touches(integration.Place{Ref: p.branch, Path: p.path})
}

// isInside reports whether a repository is the organization's.
func (p *Provider) isInside(repository string) bool {
	owner, _, is := strings.Cut(repository, "/")
	return is && strings.EqualFold(owner, p.organization)
}

// place is what people recognize the search by.
func (p *Provider) place() string { return p.host.Name() + "/" + p.organization }

// target is the URL of the descriptor of a repository.
func (p *Provider) target(found repository) (string, error) {
	page, err := integration.ParseURL(found.HTMLURL)
	if err != nil || page.Host != p.host.Name() {
		return "", fmt.Errorf("%s answered with a repository at %q, which is elsewhere", p.host.Name(), found.HTMLURL)
	}
	return strings.TrimRight(found.HTMLURL, "/") + "/src/branch/" + escaped(p.branchOf(found)) + "/" + escaped(p.path), nil
}

func (p *Provider) branchOf(found repository) string {
	if p.branch != "" {
		return p.branch
	}
	return found.DefaultBranch
}

// escaped escapes what would end the path of a URL, and keeps slashes.
func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }
