// Package httpjson is a source of entities for systems that no other provider knows: their pages are JSON that an
// HTTP server answers, one GET for each page.
//
//	{"entities": [{"apiVersion": "backstage.io/v1alpha1", "kind": "Component", ...}], "next": "page-2", "total": 120}
//
// The next page is asked for with the query parameter cursor. The last one has no next.
package httpjson

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

// Reader reads a URL of a host that is configured, in bounds of size and time. *integration.Set implements it.
type Reader interface {
	ReadURL(ctx context.Context, url string, options integration.ReadOptions) (integration.Result, error)
}

// Kind is the key of these sources below catalog.providers.
const Kind = "json"

// Provider reads one source. Its entities are found at the URL of its first page.
type Provider struct {
	id     string
	target *url.URL
	reader Reader
}

var _ provider.Provider = (*Provider)(nil)

// Sources creates the configured sources, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.JSONProvider, reader Reader) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		parsed, err := url.Parse(configured[id].URL)
		if err != nil || parsed.Host == "" || parsed.User != nil {
			return nil, fault.New(fault.Input, "catalog.providers.json.%s.url is no address of a server without credentials in it", id)
		}
		sources = append(sources, provider.Source{Provider: &Provider{id: id, target: parsed, reader: reader},
			Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: parsed.Host + parsed.Path})
	}
	return sources, nil
}

// Name implements provider.Provider.
func (p *Provider) Name() string { return "json-provider:" + p.id }

// page is a page as servers answer it. Entities is nil when the answer is something else, such as an error with
// status 200: it must not look like a source that is empty.
type page struct {
	Entities *[]entity.Entity `json:"entities"`
	Next     string           `json:"next"`
	Total    int              `json:"total"`
}

// ReadPage implements provider.Provider.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	at := *p.target
	if cursor != "" {
		query := at.Query()
		query.Set("cursor", cursor)
		at.RawQuery = query.Encode()
	}
	answer, err := p.reader.ReadURL(ctx, at.String(), integration.ReadOptions{})
	if err != nil {
		return provider.Page{}, err
	}
	var read page
	if err := json.Unmarshal(answer.Body, &read); err != nil {
		return provider.Page{}, fmt.Errorf("%s answered no page as JSON: %w", p.target, err) // it may have been cut off
	}
	switch {
	case read.Entities == nil:
		return provider.Page{}, fault.New(fault.Input, "%s answered JSON without entities: a page needs them, and an empty source has []", p.target)
	case read.Next != "" && read.Next == cursor:
		return provider.Page{}, fault.New(fault.Input, "%s answered a page whose next is the page itself (%q)", p.target, cursor)
	}
	found := provider.Page{Next: read.Next, Total: max(read.Total, 0), Requests: 1}
	location := entity.LocationSpec{Type: provenance.URL, Target: p.target.String()}
	for _, each := range *read.Entities {
		found.Entities = append(found.Entities, provider.Entity{Entity: each, Location: location})
	}
	return found, nil
}
