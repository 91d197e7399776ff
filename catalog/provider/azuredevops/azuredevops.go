// Package azuredevops finds descriptors in the repositories of projects on Azure DevOps, and emits a Location for each.
// Configuration and entities are those of Backstage's catalog.providers.azureDevOps. Backstage asks the extension Code Search, which
// finds some of the files; here, all repositories are listed and asked for the file. It is read along.
package azuredevops

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	azurehost "github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/integration/rest"
)

// Kind is the key below catalog.providers.
const Kind = "azureDevOps"

// Provider is one configured search.
type Provider struct {
	name         string
	host         *azurehost.Host
	api          *rest.Client
	organization string
	// address is the address of the organization.
	address string
	// only is the project of the search, "" for all that match the pattern.
	only                string
	project, repository *regexp.Regexp
	// branch is the branch to read, "" for each repository's default branch.
	branch string
	// path is the path of the descriptor in each repository. It may be a glob.
	path   string
	isGlob bool
	// size is how many repositories a page has.
	size int
}

// Sources creates the configured searches, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.AzureDevOpsProvider, hosts *integration.Set) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		made, err := newProvider(id, configured[id], hosts)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.azureDevOps.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: made.place() + "/" + configured[id].Project,
		})
	}
	return sources, nil
}

// wildcard stands for any letters in the names of projects and repositories.
const wildcard = "*"

func newProvider(id string, configured config.AzureDevOpsProvider, hosts *integration.Set) (*Provider, error) {
	host, err := integration.HostOf[*azurehost.Host](hosts, configured.Host)
	if err != nil {
		return nil, err
	}
	path := strings.Trim(configured.Path, "/")
	switch {
	case strings.Contains(configured.Organization, "\\") || integration.HasTraversal(configured.Organization):
		return nil, fault.New(fault.Input, "organization %q is no name of an organization", configured.Organization)
	case strings.ContainsAny(configured.Project, "/\\") || integration.HasTraversal(configured.Project):
		return nil, fault.New(fault.Input, "project %q is no name of a project", configured.Project)
	case path == "" || integration.HasTraversal(path):
		return nil, fault.New(fault.Input, "path %s is no file of a repository", configured.Path)
	case !doublestar.ValidatePattern(path):
		return nil, fault.New(fault.Input, "path %s is no glob", configured.Path)
	}
	made := &Provider{
		name: "AzureDevOpsEntityProvider:" + id, host: host, api: host.Background(configured.Organization), organization: configured.Organization,
		address: host.Account(configured.Organization, "").URL, project: named(configured.Project), repository: named(configured.Repository),
		branch: configured.Branch, path: path, isGlob: strings.ContainsAny(path, "*?[{"), size: pageSize,
	}
	if !strings.Contains(configured.Project, wildcard) {
		made.only = configured.Project
	}
	return made, nil
}

// named matches the names that a pattern stands for. Azure DevOps ignores the case of names.
func named(pattern string) *regexp.Regexp {
	return regexp.MustCompile("(?i)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), regexp.QuoteMeta(wildcard), ".*") + "$")
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its locations.
func (p *Provider) Name() string { return p.name }

// Concerned implements provider.Watcher: a repository of the search has changed, or its descriptor may have been pushed.
func (p *Provider) Concerned(event hostevents.Event) bool {
	if event.Kind.IsAboutPeople() || event.Host != p.host.Name() || !p.isInside(event.Repository) && !p.isInside(event.Former) {
		return false
	}
	return event.Touches(integration.Place{Ref: p.branch, RefIsWhole: true, Path: p.path})
}

// isInside reports whether a repository, organization/project/repository, is one of the search.
func (p *Provider) isInside(name string) bool {
	names := strings.Split(name, "/")
	last := len(names) - 1
	return last >= 2 && strings.EqualFold(strings.Join(names[:last-1], "/"), p.organization) &&
		p.project.MatchString(names[last-1]) && p.repository.MatchString(names[last])
}

// selects reports whether a repository is searched. One without a branch, or that is disabled, has no files.
func (p *Provider) selects(found repository) bool {
	return !found.IsDisabled && found.DefaultBranch != "" && p.project.MatchString(found.Project.Name) && p.repository.MatchString(found.Name)
}

// place is what people recognize the organization by.
func (p *Provider) place() string { return p.host.Name() + "/" + p.organization }

// target is the URL of a file, as Backstage writes it. Its browser's function leaves the marks of queries as they are; here, they are
// escaped where they are a part of a name.
func (p *Provider) target(found repository, path string) string {
	target := fmt.Sprintf("%s/%s/_git/%s?path=/%s", p.address, url.PathEscape(found.Project.Name), url.PathEscape(found.Name), inQuery(path))
	if p.branch != "" {
		target += "&version=GB" + inQuery(p.branch)
	}
	return target
}

// inQuery escapes a part of a query, and keeps slashes.
func inQuery(text string) string {
	escaped := strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	return strings.ReplaceAll(escaped, "%2F", "/")
}
