package discovery_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/fault"
)

const (
	// sourceName is the name of the scripted source.
	sourceName = "scripted-provider:acme"
	// pageCount and pageSize are its size.
	pageCount = 60
	pageSize  = 3
)

// script is a source of 60 pages. In its second version, a few entities are gone, some have changed, and some are
// new, on different pages.
type script struct {
	// version is 1 or 2.
	version func() int
	// fault has what happens when a page is read, nil for nothing.
	fault func(ctx context.Context, page int) error
	// repeats has each page bring the entities of the page before once more.
	repeats bool
}

func (s *script) Name() string { return sourceName }

// ReadPage implements provider.Provider.
func (s *script) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	page := 0
	if cursor != "" {
		var err error
		if page, err = strconv.Atoi(cursor); err != nil {
			return provider.Page{}, fault.New(fault.Input, "the cursor %q is none", cursor)
		}
	}
	if err := s.fault(ctx, page); err != nil {
		return provider.Page{}, err
	}
	read := provider.Page{Requests: 1, Total: pageCount * pageSize, Entities: entitiesOf(s.version(), page)}
	if s.repeats && page > 0 {
		read.Entities = append(entitiesOf(s.version(), page-1), read.Entities...)
	}
	if page < pageCount-1 {
		read.Next = strconv.Itoa(page + 1)
	}
	return read, nil
}

// entitiesOf are the entities of a page.
func entitiesOf(version, page int) []provider.Entity {
	var entities []provider.Entity
	for i := range pageSize {
		name, description := fmt.Sprintf("c-%02d-%d", page, i), "first"
		switch {
		case version == 2 && i == 0 && page%20 == 7:
			continue // gone
		case version == 2 && i == 1 && page%15 == 4:
			description = "second"
		case version == 2 && i == 2 && page%30 == 11:
			name += "-new"
		}
		entities = append(entities, provider.Entity{Location: entity.LocationSpec{Type: "url", Target: "https://example.com/acme"},
			Entity: entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": map[string]any{"name": name, "description": description},
				"spec": map[string]any{"type": "service", "lifecycle": "production", "owner": "team"}}})
	}
	return entities
}

// expected is the whole catalog of a version: names with descriptions.
func expected(version int) []string {
	var names []string
	for page := range pageCount {
		for _, e := range entitiesOf(version, page) {
			names = append(names, e.Entity.Name()+"="+e.Entity.Description())
		}
	}
	return names
}

// configured is the source with its schedule.
func (s *script) configured() []provider.Source {
	return []provider.Source{{Provider: s, Kind: "scripted", Place: "example.com/acme", Schedule: provider.Schedule{Timeout: 6 * time.Hour}}}
}

// none is a fault that never happens.
func none(context.Context, int) error { return nil }
