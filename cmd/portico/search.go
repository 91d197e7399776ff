package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/search/elastic"
	"github.com/portico-dev/portico/search/external"
)

// search answers queries.
func (p *platform) search(pushed *external.Store) (*search.Service, error) {
	sources := pushed.Sources()
	asked, err := askedSources(p.config.Portico.Search.Sources)
	if err != nil {
		return nil, err
	}
	for _, one := range asked {
		sources = append(sources, elastic.New(one, p.telemetry.Transport(integration.DefaultTransport())))
	}
	configured := p.config.Search
	highlight := configured.PG.HighlightOptions
	return search.New(search.ServiceOptions{Pool: p.pool, Decider: p.decider, Runs: p.runs, Actions: p.scaffolder.Actions, Language: p.config.Portico.Search.Language,
		Log: p.log, Sources: sources,
		MaxTerm: configured.MaxTermLength, MaxPage: configured.MaxPageLimit,
		Highlight: search.Highlighting{Off: !highlight.UseHighlight, MaxWords: highlight.MaxWords, MinWords: highlight.MinWords, ShortWord: highlight.ShortWord,
			MaxFragments: highlight.MaxFragments, All: highlight.HighlightAll, FragmentDelimiter: highlight.FragmentDelimiter}}), nil
}

// searchIndex writes what is found.
func (p *platform) searchIndex() *search.Index {
	collators := p.config.Search.Collators
	return search.NewIndex(p.pool, p.log, search.IndexOptions{Language: p.config.Portico.Search.Language,
		Places: search.Places{Catalog: collators.Catalog.LocationTemplate, Docs: collators.TechDocs.LocationTemplate}})
}

// searchSites finds the documentation that others publish.
func (p *platform) searchSites() search.Sites {
	return search.Sites{Index: p.searchIndex(), Store: p.docs, Every: p.config.Search.Collators.TechDocs.Schedule.Frequency.Every}
}

// sourceName is what the name of a source may be: it is part of addresses and of lists.
var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)

// searchSources keeps what other systems push to the search.
func (p *platform) searchSources() (*external.Store, error) {
	sources, err := pushedSources(p.config.Portico.Search.Sources)
	if err != nil {
		return nil, err
	}
	return external.New(external.Options{Pool: p.pool, Decider: p.decider, Language: p.config.Portico.Search.Language, Sources: sources}), nil
}

func pushedSources(configured map[string]config.SearchSource) (sources []external.Config, err error) {
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		if !sourceName.MatchString(name) {
			return nil, fmt.Errorf("portico.search.sources.%s: name a source with letters, digits and hyphens, 63 at most", name)
		}
		source := configured[name]
		sources = append(sources, external.Config{AboutSource: aboutSource(name, source), Kind: source.Type, Pushers: orNobodyNamed(source.PushedBy),
			Retention: source.Retention, MaxDocuments: source.MaxDocuments})
	}
	return sources, nil
}

// askedSources are the servers that are asked for documents.
func askedSources(configured map[string]config.SearchSource) (sources []elastic.Config, err error) {
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		server := configured[name].Elasticsearch
		if server == nil {
			continue
		}
		if server.Filter != "" && !json.Valid([]byte(server.Filter)) {
			return nil, fmt.Errorf("portico.search.sources.%s.elasticsearch.filter: it is no JSON", name)
		}
		sources = append(sources, elastic.Config{AboutSource: aboutSource(name, configured[name]), URL: server.URL, Index: server.Index,
			APIKey: string(server.APIKey), User: server.Username, Password: string(server.Password), Timeout: server.Timeout,
			Fields: elastic.Fields{Title: server.Fields.Title, Text: server.Fields.Text, Location: server.Fields.Location, Kind: server.Fields.Type,
				Owner: server.Fields.Owner, Tags: server.Fields.Tags},
			LocationTemplate: server.LocationTemplate, Kind: configured[name].Type, Filter: json.RawMessage(server.Filter)})
	}
	return sources, nil
}

func aboutSource(name string, source config.SearchSource) search.AboutSource {
	return search.AboutSource{Name: name, Title: cmp.Or(source.Title, name), IsLive: source.Elasticsearch != nil, Readers: orNobodyNamed(source.ReadableBy)}
}

// orNobodyNamed is a list, nil when it is empty.
func orNobodyNamed(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// deletePushed deletes what sources do not keep.
func (p *platform) deletePushed(pushed *external.Store) func(context.Context) error {
	return func(ctx context.Context) error { return pushed.DeleteOld(ctx, time.Now()) }
}
