// Package bitbucketcloud finds descriptors in the repositories of a workspace on Bitbucket Cloud, and emits a Location for
// each. Configuration and entities are those of Backstage's catalog.providers.bitbucketCloud. Backstage asks Bitbucket's search,
// which finds some of the files; here, all repositories are listed. The descriptors are read along; those of repositories that have
// not changed since the last sweep are not read again.
package bitbucketcloud

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	bitbuckethost "github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/integration/rest"
)

// Kind is the key below catalog.providers.
const Kind = "bitbucketCloud"

// annotationRepo is Backstage's annotation of a Location.
const annotationRepo = "bitbucket.org/repo-url"

// Provider is one configured search.
type Provider struct {
	name      string
	host      *bitbuckethost.Host
	api       *rest.Client
	workspace string
	// path is the path of the descriptor in each repository.
	path string
	// slug and project must match the whole names; nil matches all.
	slug, project *regexp.Regexp
	// size is how many repositories are asked for at once.
	size int
}

// Sources creates the configured searches, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.BitbucketCloudProvider, hosts *integration.Set) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		made, err := newProvider(id, configured[id], hosts)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.bitbucketCloud.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: made.place(),
		})
	}
	return sources, nil
}

func newProvider(id string, configured config.BitbucketCloudProvider, hosts *integration.Set) (*Provider, error) {
	host, err := hostOf(hosts)
	if err != nil {
		return nil, err
	}
	path := strings.Trim(configured.CatalogPath, "/")
	switch {
	case strings.ContainsAny(configured.Workspace, "/\\") || integration.HasTraversal(configured.Workspace):
		return nil, fault.New(fault.Input, "workspace %q is no name of a workspace", configured.Workspace)
	case path == "" || integration.HasTraversal(path):
		return nil, fault.New(fault.Input, "catalogPath %s is no file of a repository", configured.CatalogPath)
	case strings.ContainsAny(path, `*?[{"`):
		return nil, fault.New(fault.Input, "catalogPath %s is a pattern, for which Bitbucket does not list enough", configured.CatalogPath)
	}
	made := &Provider{
		name: "bitbucketCloud-provider:" + id, host: host, api: host.Background(), workspace: configured.Workspace, path: path, size: pageSize,
	}
	if made.slug, err = compile("filters.repoSlug", configured.Filters.RepoSlug); err == nil {
		made.project, err = compile("filters.projectKey", configured.Filters.ProjectKey)
	}
	return made, err
}

// hostOf is bitbucket.org, or what the configuration has in its place.
func hostOf(hosts *integration.Set) (*bitbuckethost.Host, error) {
	for _, one := range hosts.Hosts() {
		if host, is := one.(*bitbuckethost.Host); is {
			return host, nil
		}
	}
	return nil, fault.New(fault.Input, "integrations.bitbucketCloud has no host")
}

// compile compiles a pattern of a whole name. "" is nil.
func compile(key, pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil // all match
	}
	compiled, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, fault.New(fault.Input, "%s is not a regular expression of RE2, which has no lookahead and no backreferences: %s", key, err)
	}
	return compiled, nil
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its locations.
func (p *Provider) Name() string { return p.name }

// Concerned implements provider.Watcher: a repository of the workspace has changed, or its main branch was pushed to.
func (p *Provider) Concerned(event hostevents.Event) bool {
	if event.Kind.IsAboutPeople() || event.Host != p.host.Name() || !p.isInside(event.Repository) && !p.isInside(event.Former) {
		return false
	}
	return event.Touches(integration.Place{Path: p.path})
}

// isInside reports whether a repository is one of the workspace that the filter lets in.
func (p *Provider) isInside(name string) bool {
	workspace, slug, is := strings.Cut(name, "/")
	return is && strings.EqualFold(workspace, p.workspace) && matches(p.slug, slug)
}

func matches(pattern *regexp.Regexp, name string) bool {
	return pattern == nil || pattern.MatchString(name)
}

// selects reports whether the filters let a repository in.
func (p *Provider) selects(found repository) bool {
	return matches(p.slug, found.Slug) && matches(p.project, found.Project.Key)
}

// place is what people recognize the search by.
func (p *Provider) place() string { return p.host.Name() + "/" + p.workspace }

// page is the address of a repository.
func (p *Provider) page(found repository) (string, error) {
	page, err := integration.ParseURL(found.Links.HTML.Href)
	if err != nil || page.Host != p.host.Name() {
		return "", fmt.Errorf("%s answered with a repository at %q, which is elsewhere", p.host.Name(), found.Links.HTML.Href)
	}
	return strings.TrimRight(found.Links.HTML.Href, "/"), nil
}

// escaped escapes what would end the path of a URL, and keeps slashes.
func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }
