// Package gitlab finds descriptors in the projects of a GitLab group, or of a whole GitLab, and emits a Location for
// each. Configuration and entities are those of Backstage's catalog.providers.gitlab. The descriptors are read along with
// the lists of projects. Users and groups are the matter of package gitlaborg.
package gitlab

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
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Kind is the key below catalog.providers.
const Kind = "gitlab"

// Provider is one configured search.
type Provider struct {
	name   string
	host   *gitlabhost.Host
	reader *gitlabhost.Reader
	// group is the path of the group whose projects are read with those of its subgroups, "" for all of the host.
	group  string
	filter filter
	// path is the path of the descriptor in each project.
	path string
	// branch is the branch to read, "" for each project's default branch, and fallback what stands for that of a project
	// without one.
	branch, fallback string
	// size is how many projects are asked for at once.
	size int
}

// Sources creates the configured searches, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.GitLabProvider, hosts *integration.Set) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		made, err := newProvider(id, configured[id], hosts)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.gitlab.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: placeOf(configured[id]),
		})
	}
	return sources, nil
}

// placeOf is what people recognize a search by.
func placeOf(configured config.GitLabProvider) string {
	if configured.Group == "" {
		return configured.Host
	}
	return configured.Host + "/" + configured.Group
}

func newProvider(id string, configured config.GitLabProvider, hosts *integration.Set) (*Provider, error) {
	host, err := integration.HostOf[*gitlabhost.Host](hosts, configured.Host)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.Trim(configured.Group, "/") != configured.Group:
		return nil, fault.New(fault.Input, "group %q begins or ends with a slash", configured.Group)
	case configured.Membership && configured.Group != "":
		return nil, fault.New(fault.Input, "membership needs a source without group: GitLab does not filter the projects of a group by it")
	case len(configured.Rules) > 0 && !configured.OrgEnabled:
		return nil, fault.New(fault.Input, "rules are for a source with orgEnabled: what a descriptor may have is said by catalog.rules")
	case integration.HasTraversal(configured.EntityFilename):
		return nil, fault.New(fault.Input, "entityFilename %s leads out of the repository", configured.EntityFilename)
	}
	made := &Provider{
		name: "GitlabDiscoveryEntityProvider:" + id, host: host, reader: host.Reader(), group: configured.Group, size: pageSize,
		path: strings.TrimPrefix(configured.EntityFilename, "/"), branch: configured.Branch, fallback: configured.FallbackBranch,
	}
	made.filter, err = newFilter(configured)
	return made, err
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its locations.
func (p *Provider) Name() string { return p.name }

// Concerned implements provider.Watcher: a project of the search has changed, or its descriptor was pushed.
func (p *Provider) Concerned(event hostevents.Event) bool {
	if event.Kind.IsAboutPeople() || event.Host != p.host.Name() || !p.isInside(event.Repository) && !p.isInside(event.Former) {
		return false
	}
	return event.Touches(integration.Place{Ref: p.branch, Path: p.path})
}

// isInside reports whether a project is in the group.
func (p *Provider) isInside(project string) bool {
	return project != "" && (p.group == "" || isBelow(project, p.group))
}

// target is the URL of the descriptor of a project.
func (p *Provider) target(found project) (string, error) {
	page, err := integration.ParseURL(found.WebURL)
	if err != nil || page.Host != p.host.Name() {
		return "", fmt.Errorf("%s answered with a project at %q, which is elsewhere", p.host.Name(), found.WebURL)
	}
	branch := p.branch
	if branch == "" {
		branch = found.Repository.RootRef
	}
	if branch == "" {
		branch = p.fallback
	}
	return strings.TrimRight(found.WebURL, "/") + "/-/blob/" + escaped(branch) + "/" + escaped(p.path), nil
}

// escaped escapes what would end the path of a URL, and keeps slashes.
func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }
