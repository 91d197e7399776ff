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
	"sort"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
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
	// maxRemarks bounds the remarks of a page.
	maxRemarks = 20
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
	page, err := p.readPage(ctx, cursor)
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return page, nil
}

func (p *Provider) readPage(ctx context.Context, cursor string) (provider.Page, error) {
	if cursor != "" {
		if _, err := entity.ParseRef(cursor, entity.Ref{}); err != nil {
			return provider.Page{}, fault.New(fault.Input, "%q is not a cursor of this source", cursor)
		}
	}
	var page provider.Page
	found, err := p.readDirectory(ctx, &page)
	if err != nil {
		return provider.Page{}, err
	}
	resolve(found)
	entities := p.entitiesOf(found, &page)
	page.Total = len(entities)
	start := sort.Search(len(entities), func(i int) bool { return cursor == "" || entities[i].Ref().String() > cursor })
	end := min(start+p.size, len(entities))
	page.Entities = entities[start:end:end]
	if end < len(entities) {
		page.Next = entities[end-1].Ref().String()
	}
	if cursor != "" {
		page.Remarks = nil // The first page has them.
	}
	return page, nil
}

// entitiesOf are the entities in the order of their references, each once.
func (p *Provider) entitiesOf(found []*entry, page *provider.Page) []provider.Entity {
	var entities []provider.Entity
	for _, one := range found {
		if err := entity.Validate(one.entity); err != nil {
			remark(page, "%s is left out: %s", one.dn, err)
			continue
		}
		entities = append(entities, provider.Entity{Entity: one.entity, Location: p.location(one)})
	}
	slices.SortStableFunc(entities, func(a, b provider.Entity) int { return strings.Compare(a.Ref().String(), b.Ref().String()) })
	return slices.CompactFunc(entities, func(a, b provider.Entity) bool {
		if a.Ref() != b.Ref() {
			return false
		}
		remark(page, "%s names %s, which another entry does too", b.Location, b.Ref())
		return true
	})
}

// location is Backstage's: the distinguished name below the source's id.
func (p *Provider) location(of *entry) entity.LocationSpec {
	return entity.LocationSpec{Type: "ldap", Target: "//" + p.id + "/" + url.PathEscape(of.dn)}
}

func remark(page *provider.Page, format string, args ...any) {
	if len(page.Remarks) < maxRemarks {
		page.Remarks = append(page.Remarks, fmt.Sprintf(format, args...))
	}
}
