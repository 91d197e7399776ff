// Package github finds descriptors in the repositories of a GitHub organization or user, or of everybody who has
// installed a GitHub App, and emits a Location for each. Configuration and entities are those of Backstage's
// catalog.providers.github. The descriptors are read along with the lists of repositories. Users and teams are
// the matter of package githuborg.
package github

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/githublists"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Kind is the key below catalog.providers.
const Kind = "github"

// Provider is one configured search.
type Provider struct {
	name   string
	lists  githublists.Reader
	filter filter
	// path is the path of the descriptor in each repository, without a slash at its beginning. It may be a glob.
	path string
	// branch is the branch to read, "" for each repository's default branch.
	branch string
	// mustExist leaves out repositories without the descriptor.
	mustExist bool
}

// Sources creates the configured searches, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.GitHubProvider, hosts *integration.Set) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		made, err := newProvider(id, configured[id], hosts)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.github.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: placeOf(configured[id]),
		})
	}
	return sources, nil
}

// placeOf is what people recognize a search by.
func placeOf(configured config.GitHubProvider) string {
	if configured.Organization == "" {
		return configured.Host + ", App " + strconv.FormatInt(configured.App, 10)
	}
	return configured.Host + "/" + configured.Organization
}

var globPattern = regexp.MustCompile(`[*?\[\]{}]`)

func newProvider(id string, configured config.GitHubProvider, hosts *integration.Set) (*Provider, error) {
	host, err := integration.HostOf[*githubhost.Host](hosts, configured.Host)
	if err != nil {
		return nil, err
	}
	isGlob := globPattern.MatchString(configured.CatalogPath)
	switch {
	case (configured.Organization == "") == (configured.App == 0):
		return nil, fault.New(fault.Input, "give either organization or app")
	case strings.Contains(configured.Filters.Branch, "/"):
		return nil, fault.New(fault.Input, "filters.branch %q has a slash, which the URL of a file cannot show", configured.Filters.Branch)
	case isGlob && configured.ValidateLocationsExist:
		return nil, fault.New(fault.Input, "validateLocationsExist needs a catalogPath without wildcards, not %s", configured.CatalogPath)
	case integration.HasTraversal(configured.CatalogPath):
		return nil, fault.New(fault.Input, "catalogPath %s leads out of the repository", configured.CatalogPath)
	}
	made := &Provider{
		name: "github-provider:" + id, branch: configured.Filters.Branch, mustExist: configured.ValidateLocationsExist,
		path:  strings.TrimPrefix(configured.CatalogPath, "/"),
		lists: githublists.Reader{Host: host, App: configured.App, Sizes: []int{configured.PageSizes.Repositories}},
	}
	if configured.Organization != "" {
		made.lists.Owners = []string{configured.Organization}
	}
	made.filter, err = newFilter(configured.Filters)
	return made, err
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its locations.
func (p *Provider) Name() string { return p.name }

// Concerned implements provider.Watcher: a repository of the search has changed, or its descriptor was pushed.
func (p *Provider) Concerned(event hostevents.Event) bool {
	if event.Kind.IsAboutPeople() || !p.lists.Has(event.Host, event.Owner) {
		return false
	}
	return event.Touches(integration.Place{Ref: p.branch, Path: p.path})
}

// isGlob reports whether the path names any number of files.
func (p *Provider) isGlob() bool { return globPattern.MatchString(p.path) }

// target is the URL of the descriptor of a repository.
func (p *Provider) target(found repository) (string, error) {
	page, err := integration.ParseURL(found.URL)
	if err != nil || page.Host != p.lists.Host.Name() {
		return "", fmt.Errorf("%s answered with a repository at %q, which is elsewhere", p.lists.Host.Name(), found.URL)
	}
	branch := p.branch
	if branch == "" {
		branch = found.DefaultBranchRef.Name
	}
	return strings.TrimRight(found.URL, "/") + "/blob/" + escapeBranch(branch) + "/" + p.path, nil
}

// escapeBranch escapes what would end the path of a URL, and keeps slashes, as Backstage does.
func escapeBranch(branch string) string { return (&url.URL{Path: branch}).EscapedPath() }
