package main

import (
	"github.com/portico-dev/portico/search"
)

// search answers queries.
func (p *platform) search() *search.Service {
	configured := p.config.Search
	highlight := configured.PG.HighlightOptions
	return search.New(search.ServiceOptions{Pool: p.pool, Decider: p.decider, Runs: p.runs, Actions: p.scaffolder.Actions, Language: p.config.Portico.Search.Language,
		MaxTerm: configured.MaxTermLength, MaxPage: configured.MaxPageLimit,
		Highlight: search.Highlighting{Off: !highlight.UseHighlight, MaxWords: highlight.MaxWords, MinWords: highlight.MinWords, ShortWord: highlight.ShortWord,
			MaxFragments: highlight.MaxFragments, All: highlight.HighlightAll, FragmentDelimiter: highlight.FragmentDelimiter}})
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
