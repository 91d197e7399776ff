// Package ldaporg makes the people and groups of an LDAP directory entities of kind User and Group. Configuration and
// entities are those of Backstage's catalog.providers.ldapOrg.
//
// Who is in which group is said at either end, by names that only other entries explain, so a page needs the whole
// directory: each is read on one connection, with the control for paged results. A cursor is the last entity of the page
// before; only a very large directory has more than one page.
package ldaporg

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/whole"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
)

// Kind is the key below catalog.providers.
const Kind = "ldapOrg"

const (
	// pageSize bounds the entities of a page.
	pageSize = 10_000
	// maxEntries bounds the entries of a directory, all of which are in memory.
	maxEntries = 200_000
)

// Provider reads one configured directory.
type Provider struct {
	name, id string
	server   server
	searches []search
	vendor   config.LDAPVendor
	size     int
}

// Sources creates the configured sources, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.LDAPProvider) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		made, err := newProvider(id, configured[id])
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.ldapOrg.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: made.server.address,
		})
	}
	return sources, nil
}

func newProvider(id string, configured config.LDAPProvider) (*Provider, error) {
	made := &Provider{name: "LdapOrgEntityProvider:" + id, id: id, vendor: configured.Vendor, size: pageSize}
	var err error
	if made.server, err = newServer(configured); err != nil {
		return nil, err
	}
	if len(configured.Users) == 0 && len(configured.Groups) == 0 {
		return nil, fault.New(fault.Input, "it has neither users nor groups to read")
	}
	for n, each := range configured.Users {
		one, err := newSearch("User", each.LDAPSearch, config.LDAPGroupNames{LDAPNames: each.Map})
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "users[%d]: %s", n, err)
		}
		made.searches = append(made.searches, one)
	}
	for n, each := range configured.Groups {
		one, err := newSearch("Group", each.LDAPSearch, each.Map)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "groups[%d]: %s", n, err)
		}
		made.searches = append(made.searches, one)
	}
	return made, nil
}

// Name implements provider.Provider: Backstage's name of the source.
func (p *Provider) Name() string { return p.name }

// ReadPage implements provider.Provider.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	page, err := whole.Page(cursor, p.size, func(page *provider.Page) ([]provider.Entity, error) { return p.read(ctx, page) })
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return page, nil
}

// read reads the whole source.
func (p *Provider) read(ctx context.Context, page *provider.Page) ([]provider.Entity, error) {
	found, err := p.readDirectory(ctx, page)
	if err != nil {
		return nil, err
	}
	resolve(found)
	return p.entitiesOf(found, page), nil
}

// entitiesOf are the entities in the order of their references, each once.
func (p *Provider) entitiesOf(found []*entry, page *provider.Page) []provider.Entity {
	var entities []provider.Entity
	for _, one := range found {
		if err := entity.Validate(one.entity); err != nil {
			page.Remark("%s is left out: %s", one.dn, err)
			continue
		}
		entities = append(entities, provider.Entity{Entity: one.entity, Location: p.location(one)})
	}
	return whole.Sorted(entities, func(left, _ provider.Entity) {
		page.Remark("%s names %s, which another entry does too", left.Location, left.Ref())
	})
}

// location is Backstage's: the distinguished name below the source's id.
func (p *Provider) location(of *entry) entity.LocationSpec {
	return entity.LocationSpec{Type: "ldap", Target: "//" + p.id + "/" + url.PathEscape(of.dn)}
}
