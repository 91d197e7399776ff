// Package githuborg makes the users and teams of GitHub organizations entities of kind User and Group. Configuration
// and entities are those of Backstage's catalog.providers.githubOrg, with one difference: who is in a team is said by
// the Group alone, in spec.members, and a User's spec.memberOf is empty. The relations are the same. Repositories are
// the matter of package github.
package githuborg

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/githublists"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Kind is the key below catalog.providers.
const Kind = "githubOrg"

// The lists of an organization, in the order in which they are read.
const (
	listOfMembers = iota
	listOfTeams
)

// Provider reads the configured organizations of a host.
type Provider struct {
	name  string
	lists githublists.Reader
	// teamMembers is how many members of a team are asked for at once.
	teamMembers int
	// onlyDefaultNamespace puts the groups into the namespace default, which is right for one organization only.
	onlyDefaultNamespace bool
	excludeSuspended     bool
	verifiedEmails       bool
}

// Sources creates the configured sources, in their order. A configuration that cannot work is an input fault that names
// its key.
func Sources(configured []config.GitHubOrgProvider, hosts *integration.Set) ([]provider.Source, error) {
	var sources []provider.Source
	for n, each := range configured {
		made, err := newProvider(each, hosts)
		if slices.ContainsFunc(configured[:n], func(other config.GitHubOrgProvider) bool { return other.ID == each.ID }) {
			err = fault.New(fault.Input, "another source has the same id")
		}
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.githubOrg.%s: %s", each.ID, err)
		}
		made.onlyDefaultNamespace = len(configured) == 1 && len(each.Orgs) == 1
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(each.Schedule), Kind: Kind, Place: placeOf(each, made.lists.Host.Name()),
		})
	}
	return sources, nil
}

// placeOf is what people recognize a source by.
func placeOf(configured config.GitHubOrgProvider, host string) string {
	if len(configured.Orgs) == 0 {
		return host + ", all organizations of its Apps"
	}
	return host + "/" + strings.Join(configured.Orgs, ", ")
}

func newProvider(configured config.GitHubOrgProvider, hosts *integration.Set) (*Provider, error) {
	address, err := url.Parse(configured.GitHubURL)
	if err != nil {
		return nil, fault.New(fault.Input, "githubUrl %q is not a URL", configured.GitHubURL)
	}
	host, err := integration.HostOf[*githubhost.Host](hosts, strings.ToLower(address.Host))
	if err != nil {
		return nil, err
	}
	sizes := configured.PageSizes
	return &Provider{
		name: "github-multi-org-provider:" + configured.ID, teamMembers: sizes.TeamMembers,
		excludeSuspended: configured.ExcludeSuspendedUsers, verifiedEmails: configured.DefaultUserTransformer.UseVerifiedEmails,
		lists: githublists.Reader{
			Host: host, Owners: configured.Orgs, OrganizationsOnly: true, Permissions: map[string]string{"members": "read"},
			Sizes: []int{listOfMembers: sizes.OrganizationMembers, listOfTeams: sizes.Teams},
		},
	}, nil
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its entities.
func (p *Provider) Name() string { return p.name }

// Concerned implements provider.Watcher: the members or the teams of an organization have changed.
func (p *Provider) Concerned(event hostevents.Event) bool {
	return event.Kind.IsAboutPeople() && p.lists.Has(event.Host, event.Owner)
}

// ReadPage implements provider.Provider: a page of the members of an organization, or of its teams.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	var users []userEdge
	var teams []teamEdge
	more := 0
	step, err := p.lists.Read(ctx, cursor, func(ctx context.Context, client *githubhost.Client, at githublists.Position) (list githublists.List, err error) {
		if at.List == listOfMembers {
			users, list, err = p.askMembers(ctx, client, at)
			return list, err
		}
		var requests int
		teams, list, requests, err = p.askTeams(ctx, client, at)
		more += requests
		return list, err
	})
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	page := provider.Page{Next: step.Next, Requests: step.Requests + more}
	if step.List == listOfMembers {
		for _, one := range users[min(step.Skip, len(users)):] {
			if !p.excludeSuspended || one.Node.SuspendedAt == "" {
				add(&page, p.user(*one.Node))
			}
		}
		return page, nil
	}
	for _, one := range teams[min(step.Skip, len(teams)):] {
		add(&page, p.group(*one.Node, step.Owner))
	}
	return page, nil
}

// add adds an entity to a page, or remarks that GitHub allows a name that the catalog does not.
func add(page *provider.Page, made provider.Entity) {
	if err := entity.Validate(made.Entity); err != nil {
		page.Remark("%s %s is left out: %s", made.Kind(), made.Name(), err)
		return
	}
	page.Entities = append(page.Entities, made)
}
