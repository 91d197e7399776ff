package search

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/run"
)

// The types of groups besides those of documents.
const (
	TypeTemplate = "template"
	TypeRun      = "run"
	TypeAction   = "action"
)

// GroupTypes are the groups of an answer, in their order.
var GroupTypes = []string{TypeCatalog, TypeTemplate, TypeDocs, TypeAPI, TypeRun, TypeAction}

// mostInGroup bounds the runs that are counted.
const mostInGroup = 1000

// Ask is what a person asks for.
type Ask struct {
	Text string
	// Types are the groups that are wanted: all when there are none, except those of other servers.
	Types []string
	// Limit is the number of results of each group, from Offset.
	Limit, Offset int
	// IsTyping says that more may be typed: what is not found is not counted.
	IsTyping bool
}

// Answer is what was found, by type.
type Answer struct {
	// Groups are those with results, in the order of GroupTypes and then of the sources.
	Groups []Group
	// Problems are the sources that could not be asked.
	Problems []Problem
	// Suggestion is what was probably meant, when little was found. IsCorrected says that nothing was: Groups are those of the suggestion.
	Suggestion  string
	IsCorrected bool
	// Reason says why nothing can be found.
	Reason string
	// TookMS is the time that it took, in milliseconds, 1 at least.
	TookMS int
}

// Group is what was found of one type.
type Group struct {
	Type string
	// Title is that of a source, "" for a group of another type.
	Title string
	// Count is the number of all results. With IsMore there are more.
	Count   int
	IsMore  bool
	Results []Result
}

// Search answers what a person typed.
func (s *Service) Search(ctx context.Context, principal identity.Principal, ask Ask) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	begun := time.Now()
	q, err := Parse(ask.Text)
	if err != nil {
		return Answer{}, err
	}
	seeker, err := s.seeker(ctx, principal, ask)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Groups: []Group{}}
	if q.IsEmpty() {
		answer.Reason = "There is nothing to search for: type a word, or a condition such as kind:component"
		return answer, nil
	}
	if answer.Groups, err = seeker.groups(ctx, q); err != nil {
		return Answer{}, err
	}
	if err := seeker.recover(ctx, q, &answer); err != nil {
		return Answer{}, err
	}
	answer.Problems = seeker.problems
	if len(answer.Groups) == 0 || answer.IsCorrected {
		answer.Reason = q.reason()
		if !ask.IsTyping && len(ask.Types) == 0 {
			if err := seeker.countMiss(ctx, q); err != nil {
				return Answer{}, err
			}
		}
	}
	answer.TookMS = max(1, int(time.Since(begun).Milliseconds()))
	return answer, nil
}

// seeker is one search of one caller.
type seeker struct {
	*Service

	principal identity.Principal
	ask       Ask
	entities  query.Grant
	tag       string
	// live are the groups of other servers, which are asked once.
	live     []Group
	hasAsked bool
	problems []Problem
}

func (s *Service) seeker(ctx context.Context, principal identity.Principal, ask Ask) (*seeker, error) {
	entities, err := s.readable(ctx, principal)
	if err != nil {
		return nil, err
	}
	if err := s.checkTypes(principal, ask.Types); err != nil {
		return nil, err
	}
	if len(ask.Types) == 0 {
		ask.Types = s.usualTypes(principal)
	}
	return &seeker{Service: s, principal: principal, ask: ask, entities: entities, tag: uuid.NewString()}, nil
}

// groups are those that have results.
func (s *seeker) groups(ctx context.Context, q Query) ([]Group, error) {
	found := map[string]Group{}
	if err := s.documents(ctx, q, found); err != nil {
		return nil, err
	}
	if slices.Contains(s.ask.Types, TypeRun) {
		runs, err := s.runs(ctx, q)
		if err != nil {
			return nil, err
		}
		found[TypeRun] = runs
	}
	if slices.Contains(s.ask.Types, TypeAction) {
		found[TypeAction] = s.actions(q)
	}
	groups := []Group{}
	for _, kind := range GroupTypes {
		if group := found[kind]; len(group.Results) > 0 {
			groups = append(groups, group)
		}
	}
	return append(groups, s.fromSources(ctx, q)...), nil
}

// documents finds the groups of documents.
func (s *seeker) documents(ctx context.Context, q Query, found map[string]Group) error {
	kinds, scopes := s.scopes(q)
	all, err := s.best(ctx, scopes, q, s.ask.Limit, s.ask.Offset)
	if err != nil {
		return err
	}
	for i, kind := range kinds {
		group := Group{Type: kind, Results: []Result{}, Count: all[i].count, IsMore: all[i].isMore}
		for _, document := range all[i].documents {
			result, err := s.result(kind, document, q, s.ask.Offset+len(group.Results)+1)
			if err != nil {
				return err
			}
			group.Results = append(group.Results, result)
		}
		group.Results = safe(group.Results)
		found[kind] = group
	}
	return nil
}

// scopes are where the documents of the wanted groups are, with the types of these.
func (s *seeker) scopes(q Query) (kinds []string, scopes []scope) {
	for _, kind := range s.ask.Types {
		if kind == TypeRun || kind == TypeAction {
			continue
		}
		if in, possible := s.scope(kind, q); possible {
			kinds, scopes = append(kinds, kind), append(scopes, in.within())
		}
	}
	return kinds, scopes
}

// scope is where a group's documents are; possible is false when there can be none.
func (s *seeker) scope(kind string, q Query) (in scope, possible bool) {
	in = scope{kind: kind, readable: s.entities, mine: ownerFacets(s.principal.Ownership)}
	if in.readable.IsNothing() {
		return in, false
	}
	switch kind {
	case TypeTemplate:
		in.kind, in.facets = TypeCatalog, append(in.facets, []string{"kind:template"})
	case TypeCatalog:
		in.without = []string{"kind:template"}
	case TypeDocs:
		in.without = []string{wholePage}
	}
	conditions, possible := s.conditions(q.Fields)
	in.facets = append(in.facets, conditions...)
	return in, possible
}

// conditions are what the fields of a query say: of each list, a document must have one. possible is false when none can.
func (s *seeker) conditions(fields map[string][]string) (facets [][]string, possible bool) {
	for _, field := range sortedKeys(fields) {
		alternatives := s.facetsFor(field, fields[field])
		if len(alternatives) == 0 {
			return nil, false // only runs have a state; or the caller owns nothing
		}
		facets = append(facets, alternatives)
	}
	return facets, true
}

// facetsFor are the facets that a field of a query stands for.
func (s *seeker) facetsFor(field string, values []string) (alternatives []string) {
	for _, value := range values {
		switch field {
		case "owner":
			alternatives = append(alternatives, ownerFacets(s.owners(value))...)
		case "lang":
			alternatives = append(alternatives, clip("lang:"+value), clip("tag:"+value))
		case "state":
			// only runs have one
		default:
			alternatives = append(alternatives, clip(field+":"+value))
		}
	}
	return alternatives
}

// owners are the references that a person may mean: me, a name, or a reference.
func (s *seeker) owners(value string) []string {
	switch {
	case value == "me":
		return s.principal.Ownership
	case strings.Contains(value, ":") && strings.Contains(value, "/"):
		return []string{value}
	case strings.Contains(value, ":"):
		return []string{strings.Replace(value, ":", ":default/", 1)}
	case strings.Contains(value, "/"):
		return []string{"group:" + value, "user:" + value}
	default:
		return []string{"group:default/" + value, "user:default/" + value}
	}
}

// result is a document as it is shown: its text is a piece around what matches.
func (s *seeker) result(kind string, document json.RawMessage, q Query, rank int) (Result, error) {
	var fields map[string]any
	if err := json.Unmarshal(document, &fields); err != nil {
		return Result{}, fmt.Errorf("decode a document: %w", err)
	}
	title, _ := fields["title"].(string)
	text, _ := fields["text"].(string)
	terms := q.terms()
	text = excerpt(text, terms)
	fields["text"] = text
	shown, err := encode(fields)
	if err != nil {
		return Result{}, fmt.Errorf("encode a document: %w", err)
	}
	before, after := "<"+s.tag+">", "</"+s.tag+">"
	return Result{Type: kind, Document: json.RawMessage(shown), Rank: rank, Highlight: Highlight{PreTag: before, PostTag: after,
		Fields: map[string]string{"title": marked(title, terms, before, after), "text": marked(text, terms, before, after)}}}, nil
}

// runs are the newest runs that match.
func (s *seeker) runs(ctx context.Context, q Query) (Group, error) {
	group := Group{Type: TypeRun, Results: []Result{}}
	if s.options.Runs == nil || !q.hasText() || slices.ContainsFunc(sortedKeys(q.Fields), func(field string) bool { return field != "owner" && field != "state" }) {
		return group, nil
	}
	granted, err := run.Rules.Ask(ctx, s.options.Decider, s.principal, policy.ScaffolderTaskRead)
	if err != nil || granted.IsNothing() {
		return group, err
	}
	var creators []string
	for _, value := range q.Fields["owner"] {
		creators = append(creators, s.owners(value)...)
	}
	if len(creators) == 0 && len(q.Fields["owner"]) > 0 {
		return group, nil
	}
	all, err := s.options.Runs.Find(ctx, granted, q.headings(true), creators, q.Fields["state"], min(mostInGroup, s.ask.Offset+s.ask.Limit+1))
	if err != nil {
		return group, err
	}
	group.Count, group.IsMore = len(all), len(all) > s.ask.Offset+s.ask.Limit
	all = all[min(s.ask.Offset, len(all)):min(s.ask.Offset+s.ask.Limit, len(all))]
	for i, one := range all {
		document, err := encode(map[string]any{"title": one.Title, "text": one.Subject, "location": "/runs/" + one.ID.String(), "templateRef": one.TemplateRef,
			"createdBy": one.Creator, "status": one.Status, "phase": one.Phase, "createdAt": one.CreatedAt.UTC()})
		if err != nil {
			return group, fmt.Errorf("encode run %s: %w", one.ID, err)
		}
		result, err := s.result(TypeRun, json.RawMessage(document), q, s.ask.Offset+i+1)
		if err != nil {
			return group, err
		}
		group.Results = append(group.Results, result)
	}
	return group, nil
}

// actions are the actions that match. There are few, so all are looked at.
func (s *seeker) actions(q Query) Group {
	group := Group{Type: TypeAction, Results: []Result{}}
	if s.options.Actions == nil || !q.hasText() || len(q.Fields) > 0 {
		return group
	}
	terms := q.terms()
	type ranked struct {
		result Result
		score  float64
	}
	var all []ranked
	for _, one := range s.options.Actions() {
		score := matching(terms, one.ID, one.Description)
		if score == 0 {
			continue
		}
		if fold(one.ID) == q.folded {
			score = math.MaxFloat64
		}
		document, err := encode(map[string]any{"title": one.ID, "text": one.Description, "location": "/create/actions/" + url.PathEscape(one.ID)})
		if err != nil {
			continue // it is made of two texts
		}
		if result, err := s.result(TypeAction, json.RawMessage(document), q, 0); err == nil {
			all = append(all, ranked{result, score})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	group.Count = len(all)
	for i, one := range all[min(s.ask.Offset, len(all)):min(s.ask.Offset+s.ask.Limit, len(all))] {
		one.result.Rank = s.ask.Offset + i + 1
		group.Results = append(group.Results, one.result)
	}
	return group
}
