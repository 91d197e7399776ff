package elastic

import (
	"fmt"
	"strings"

	"github.com/portico-dev/portico/search"
)

type object = map[string]any

// request is the body of a search, and false when the source cannot have what is asked for: a condition on a field that it does not have.
func (s *Source) request(ask search.SourceAsk) (body object, possible bool) {
	fields := s.config.Fields
	must, filter := s.words(ask.Query), []any{}
	for _, alternatives := range ask.Facets {
		either := []any{}
		for _, facet := range alternatives {
			name, value, _ := strings.Cut(facet, ":")
			field := map[string]string{"type": fields.Kind, "owner": fields.Owner, "tag": fields.Tags}[name]
			if field != "" {
				either = append(either, object{"match": object{field: object{"query": value, "operator": "and"}}})
			}
		}
		if len(either) == 0 {
			return nil, false
		}
		filter = append(filter, object{"bool": object{"should": either, "minimum_should_match": 1}})
	}
	if len(s.config.Filter) > 0 {
		filter = append(filter, s.config.Filter)
	}
	read := []string{}
	for _, field := range append([]string{fields.Title, fields.Location, fields.Kind, fields.Owner}, named(s.config.LocationTemplate)...) {
		if field != "" && field != "id" && field != "index" {
			read = append(read, field)
		}
	}
	return object{
		"from": ask.Offset, "size": ask.Limit, "timeout": fmt.Sprintf("%dms", s.config.Timeout.Milliseconds()), "track_total_hits": mostCounted + 1, "_source": read,
		"query": object{"bool": object{"must": must, "filter": filter}},
		// The text may be long: only the piece around the words is sent. Marks are added here, as in all results.
		"highlight": object{"pre_tags": []string{""}, "post_tags": []string{""}, "number_of_fragments": 1, "fragment_size": fragment, "no_match_size": fragment,
			"require_field_match": false, "fields": object{fields.Text: object{}}},
	}, true
}

// words are the conditions for the words and phrases that were typed: each is in the title or the text, whose analyzers may differ. The last
// word may be the beginning of one.
func (s *Source) words(q search.Query) []any {
	must := []any{}
	fields := []string{s.config.Fields.Title + "^3", s.config.Fields.Text}
	for i, word := range q.Words {
		either := []any{matching(word.Joined, "best_fields", fields)}
		if len(word.Parts) > 1 {
			either = append(either, matching(strings.Join(word.Parts, " "), "best_fields", fields))
		}
		if i == len(q.Words)-1 {
			either = append(either, matching(word.Joined, "bool_prefix", fields))
		}
		must = append(must, object{"bool": object{"should": either, "minimum_should_match": 1}})
	}
	for _, phrase := range q.Phrases {
		must = append(must, object{"multi_match": object{"query": phrase, "type": "phrase", "fields": fields}})
	}
	return must
}

// matching is the condition for a word. One that an analyzer leaves out, such as "the", is no condition.
func matching(text, kind string, fields []string) object {
	match := object{"query": text, "type": kind, "operator": "and", "fields": fields}
	if kind != "bool_prefix" {
		match["zero_terms_query"] = "all"
	}
	return object{"multi_match": match}
}

// named are the names in a template.
func named(template string) (names []string) {
	filled(template, func(name string) string {
		names = append(names, name)
		return ""
	})
	return names
}
