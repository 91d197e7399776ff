// Package msgraphorg reads people and groups of a Microsoft Entra tenant by Microsoft Graph, and emits Users and Groups.
// Configuration and entities are those of Backstage's catalog.providers.microsoftGraphOrg. Who is in which group is asked for twenty
// groups at once.
package msgraphorg

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/whole"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// Kind is the key below catalog.providers.
const Kind = "microsoftGraphOrg"

const (
	// pageSize bounds the entities of a page.
	pageSize = 10_000
)

// Provider reads one tenant.
type Provider struct {
	id         string
	configured config.MicrosoftGraphProvider
	graph      *graph
	size       int
}

// Sources creates the configured sources, in the order of their ids. A configuration that cannot work is an input
// fault that names its key. transport carries the requests.
func Sources(configured map[string]config.MicrosoftGraphProvider, transport http.RoundTripper) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		made, err := newProvider(id, configured[id], transport)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.microsoftGraphOrg.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: made.graph.host + "/" + configured[id].TenantID,
		})
	}
	return sources, nil
}

func newProvider(id string, configured config.MicrosoftGraphProvider, transport http.RoundTripper) (*Provider, error) {
	byGroups := configured.UserGroupMember.Filter != "" || configured.UserGroupMember.Search != "" || configured.UserGroupMember.Path != ""
	switch {
	case configured.ClientID == "" || configured.ClientSecret == "":
		return nil, fault.New(fault.Input, "it needs clientId and clientSecret: identities that Azure manages are not supported")
	case configured.User.Filter != "" && byGroups:
		return nil, fault.New(fault.Input, "user.filter and userGroupMember exclude each other")
	case strings.ContainsAny(configured.TenantID, "/\\?#") || integration.HasTraversal(configured.TenantID):
		return nil, fault.New(fault.Input, "tenantId %q is no id of a tenant", configured.TenantID)
	}
	reader, err := newGraph(configured, transport)
	return &Provider{id: id, configured: configured, graph: reader, size: pageSize}, err
}

// Name implements provider.Provider: Backstage's name of the source.
func (p *Provider) Name() string { return "MicrosoftGraphOrgEntityProvider:" + p.id }

// ReadPage implements provider.Provider. The whole tenant is read for each page, because a group's parent may be anywhere.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	page, err := whole.Page(cursor, p.size, func(page *provider.Page) ([]provider.Entity, error) { return p.read(ctx, page) })
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.Name(), err)
	}
	return page, nil
}

// read reads the whole source.
func (p *Provider) read(ctx context.Context, page *provider.Page) ([]provider.Entity, error) {
	reading := p.graph.begin()
	found, err := p.readTenant(ctx, reading)
	if err != nil {
		return nil, err
	}
	page.Requests = reading.requests
	return p.entitiesOf(found, page), nil
}

// tenant is what was read.
type tenant struct {
	organization object
	users        []object
	groups       []object
	// members are the ids of the members of each group.
	members map[string][]string
}

// readTenant reads all that becomes entities.
func (p *Provider) readTenant(ctx context.Context, read *reading) (found tenant, err error) {
	if err = read.get(ctx, "/organization/"+p.configured.TenantID, nil, &found.organization); err != nil {
		return found, err
	}
	if found.organization.ID == "" || found.organization.DisplayName == "" {
		return found, fmt.Errorf("%s answered with something other than the organization %s", p.graph.host, p.configured.TenantID)
	}
	if found.groups, err = p.groups(ctx, read); err != nil {
		return found, err
	}
	if found.users, err = p.users(ctx, read); err != nil {
		return found, err
	}
	found.members, err = p.membersOf(ctx, read, &found)
	return found, err
}

func (p *Provider) groups(ctx context.Context, read *reading) ([]object, error) {
	of := p.configured.Group
	return read.list(ctx, question{path: of.Path, filter: of.Filter, search: of.Search, expand: of.Expand, fields: withAll(of.Select, groupFields)})
}

// The fields of which entities are made.
var (
	userFields  = []string{"id", "displayName", "mail"}
	groupFields = []string{"id", "displayName", "description", "mail", "mailNickname", "securityEnabled"}
)

// withAll are the fields that are asked for, with those that are needed. None are Microsoft Graph's usual ones.
func withAll(asked, needed []string) []string {
	if len(asked) == 0 {
		return nil
	}
	missing := slices.DeleteFunc(slices.Clone(needed), func(field string) bool { return slices.Contains(asked, field) })
	return append(slices.Clone(asked), missing...)
}

// users are all users, or those in groups.
func (p *Provider) users(ctx context.Context, read *reading) ([]object, error) {
	of, by := p.configured.User, p.configured.UserGroupMember
	if by.Filter == "" && by.Search == "" && by.Path == "" {
		return read.list(ctx, question{path: of.Path, filter: of.Filter, expand: of.Expand, fields: withAll(of.Select, userFields)})
	}
	path := by.Path
	if path == "" {
		path = "groups"
	}
	groups, err := read.list(ctx, question{path: path, filter: by.Filter, search: by.Search, fields: []string{"id", "displayName"}})
	if err != nil {
		return nil, err
	}
	var users []object
	seen := map[string]bool{}
	for _, group := range groups {
		members, err := read.list(ctx, question{path: "groups/" + group.ID + "/members/microsoft.graph.user", expand: of.Expand, fields: withAll(of.Select, userFields)})
		if err != nil {
			return nil, err
		}
		for _, one := range members {
			if !seen[one.ID] {
				seen[one.ID] = true
				users = append(users, one)
			}
		}
	}
	return users, nil
}

// maxDepth bounds how deep groups that are members of groups are followed.
const maxDepth = 50

// membersOf reads the members of all groups. With includeSubGroups, it adds the groups among them.
func (p *Provider) membersOf(ctx context.Context, read *reading, found *tenant) (map[string][]string, error) {
	members, known := map[string][]string{}, map[string]bool{}
	for _, group := range found.groups {
		known[group.ID] = true
	}
	for next, depth := found.groups, 0; len(next) > 0; depth++ {
		if depth > maxDepth {
			return nil, fault.New(fault.Input, "groups are in groups more than %d times", maxDepth)
		}
		lists, err := read.members(ctx, next)
		if err != nil {
			return nil, err
		}
		further := collect(lists, members, known)
		if !p.configured.Group.IncludeSubGroups {
			break
		}
		if next, err = read.groups(ctx, further); err != nil {
			return nil, err
		}
		found.groups = append(found.groups, next...)
	}
	return members, nil
}

// collect adds lists of members to all members, and returns the ids of the groups among them that are not known yet.
func collect(lists map[string][]object, members map[string][]string, known map[string]bool) (further []string) {
	for id, list := range lists {
		for _, one := range list {
			members[id] = append(members[id], one.ID)
			if one.Type == typeGroup && !known[one.ID] {
				known[one.ID] = true
				further = append(further, one.ID)
			}
		}
	}
	slices.Sort(further)
	return further
}
