package search

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// SourcePrefix begins the types of the groups of sources: that of the source wiki is source:wiki.
const SourcePrefix = "source:"

// Source is another system whose documents are found, in a group of their own.
type Source interface {
	About() AboutSource
	// Find answers with documents that the caller may read. The error of one that cannot be asked is shown to people: it is a fault that
	// says what to do.
	Find(ctx context.Context, ask SourceAsk) (Hits, error)
}

// AboutSource is what a configuration says about a source.
type AboutSource struct {
	Name, Title string
	// IsLive says that the source is another server, which is asked only by those who ask for it: nothing else waits for it.
	IsLive bool
	// Readers are the people, groups and services who may find its documents. Nil is everybody who is signed in.
	Readers []string
}

// Type is the type of the source's group.
func (a AboutSource) Type() string { return SourcePrefix + a.Name }

// CanRead reports whether a principal is one of the readers.
func (a AboutSource) CanRead(principal identity.Principal) bool {
	return a.Readers == nil || Names(a.Readers, principal)
}

// Names reports whether a list names a principal, or a group of the principal. Case does not matter.
func Names(list []string, principal identity.Principal) bool {
	return slices.ContainsFunc(list, func(name string) bool {
		return strings.EqualFold(name, principal.Subject) && principal.Subject != "" ||
			slices.ContainsFunc(principal.Ownership, func(ref string) bool { return strings.EqualFold(name, ref) })
	})
}

// SourceAsk is what a source is asked for.
type SourceAsk struct {
	Principal identity.Principal
	Query     Query
	// Facets are what the fields of the query say: of each list, a document must have one.
	Facets        [][]string
	Limit, Offset int
}

// Hits are documents of a source, the best first. Each has a title, a text and a location.
type Hits struct {
	Documents []json.RawMessage
	// Count is the number of all that match. With IsMore there are more.
	Count  int
	IsMore bool
}

// Problem says that a source could not be asked.
type Problem struct {
	Type, Title, Message string
}

// Sources are the sources that a principal may read.
func (s *Service) Sources(principal identity.Principal) (readable []AboutSource) {
	for _, source := range s.options.Sources {
		if about := source.About(); about.CanRead(principal) {
			readable = append(readable, about)
		}
	}
	return readable
}

// checkTypes rejects types that are no groups, and sources that are not there for the principal.
func (s *Service) checkTypes(principal identity.Principal, types []string) error {
	for _, kind := range types {
		isSource := slices.ContainsFunc(s.Sources(principal), func(about AboutSource) bool { return about.Type() == kind })
		if !isSource && !slices.Contains(GroupTypes, kind) {
			return fault.New(fault.Input, "There is no type %q: the types are %s, and those of GET /api/portico/v1/search/sources", kind, strings.Join(GroupTypes, ", "))
		}
	}
	return nil
}

// usualTypes are the types that are searched when nobody says which: all, except those of other servers.
func (s *Service) usualTypes(principal identity.Principal) []string {
	types := slices.Clone(GroupTypes)
	for _, about := range s.Sources(principal) {
		if !about.IsLive {
			types = append(types, about.Type())
		}
	}
	return types
}

// fromSources are the groups of the sources that are asked for, those of other servers last. They are asked at the same time. One
// that fails is noted, and nothing else fails because of it.
func (s *seeker) fromSources(ctx context.Context, q Query) (groups []Group) {
	var asked []Source
	for _, source := range s.options.Sources {
		about := source.About()
		// Another server is asked for what was typed, and not again for what was probably meant.
		if slices.Contains(s.ask.Types, about.Type()) && about.CanRead(s.principal) && !(about.IsLive && s.hasAsked) {
			asked = append(asked, source)
		}
	}
	found, failed := make([]Group, len(asked)), make([]error, len(asked))
	var all sync.WaitGroup
	for i, source := range asked {
		all.Go(func() {
			defer fault.Recover(&failed[i])
			found[i], failed[i] = s.fromSource(ctx, source, q)
		})
	}
	all.Wait()
	s.problems = slices.DeleteFunc(s.problems, func(p Problem) bool {
		return slices.ContainsFunc(asked, func(source Source) bool { return source.About().Type() == p.Type })
	})
	for i, source := range asked {
		switch about := source.About(); {
		case failed[i] != nil:
			s.problems = append(s.problems, s.problem(ctx, about, failed[i]))
		case len(found[i].Results) == 0:
		case about.IsLive:
			s.live = append(s.live, found[i])
		default:
			groups = append(groups, found[i])
		}
	}
	s.hasAsked = true
	return append(groups, s.live...)
}

// problem is what people see of a failure. The log has the cause.
func (s *seeker) problem(ctx context.Context, about AboutSource, err error) Problem {
	message := "The server's log says why"
	if fault.KindOf(err) != "" {
		message = err.Error()
	}
	if s.options.Log != nil && ctx.Err() == nil {
		s.options.Log.WarnContext(ctx, "search: a source could not be searched", "source", about.Name, "error", err, "cause", causeOf(err))
	}
	return Problem{Type: about.Type(), Title: about.Title, Message: message}
}

// causeOf is the error behind a fault, nil when there is none.
func causeOf(err error) error {
	if failed, is := err.(*fault.Error); is { //nolint:errorlint // the outermost has the cause
		return failed.Err
	}
	return nil
}

func (s *seeker) fromSource(ctx context.Context, source Source, q Query) (Group, error) {
	about := source.About()
	group := Group{Type: about.Type(), Title: about.Title, Results: []Result{}}
	ask := SourceAsk{Principal: s.principal, Query: q, Limit: s.ask.Limit, Offset: s.ask.Offset}
	var possible bool
	if ask.Facets, possible = s.conditions(q.Fields); !possible {
		return group, nil
	}
	hits, err := source.Find(ctx, ask)
	if err != nil {
		return group, err
	}
	for i, document := range hits.Documents {
		result, err := s.result(about.Type(), document, q, s.ask.Offset+i+1)
		if err != nil {
			return group, err
		}
		group.Results = append(group.Results, result)
	}
	group.Results = safe(group.Results)
	group.Count, group.IsMore = hits.Count, hits.IsMore
	return group, nil
}

// TextMatch writes the query for all words of documents, an expression of the type tsquery, "" for a query without words. args are the
// parameters that the statement has already, and all those with the ones of the expression.
func (q Query) TextMatch(lang string, args []any) (sql string, all []any) {
	if !q.hasText() {
		return "", args
	}
	w := &writer{args: slices.Clip(args)}
	return q.whole(w, language(lang)), w.args
}

// TitleMatch writes the query for words of titles, as TextMatch does.
func (q Query) TitleMatch(args []any) (sql string, all []any) {
	headings := q.headings(true)
	if headings == "" {
		return "", args
	}
	w := &writer{args: slices.Clip(args)}
	return "to_tsquery('simple', " + w.arg(headings) + ")", w.args
}

// Folded is what was typed, without conditions, in lower case, letters and digits only.
func (q Query) Folded() string { return q.folded }

// Indexed are the words of a document under which it is found besides its title and text.
type Indexed struct {
	// Folded is the title in lower case, letters and digits only.
	Folded string
	// Heading, Tags and Inner are words, separated by spaces.
	Heading, Tags, Inner string
}

// IndexWords takes a title, a text and tags apart.
func IndexWords(title, text string, tags []string) Indexed {
	return Indexed{Folded: clip(fold(title)), Heading: clean(headingWords(title)), Tags: clean(headingWords(tags...)),
		Inner: clean(strings.Join(innerWords(text), " "))}
}

// Facet is what the field of a query matches, in the form in which it is stored.
func Facet(field, value string) string {
	return clip(strings.ToLower(clean(strings.ReplaceAll(field+":"+value, "\n", " "))))
}

// BoundedText is the beginning of a text that is indexed, as PostgreSQL can store it.
func BoundedText(text string) string { return clean(bounded(text)) }
