package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/search"
)

// NewSearchPlugin serves /api/search, as Backstage's search backend does.
func NewSearchPlugin(service *search.Service) Plugin {
	s := searchRoutes{service}
	return plugin{id: "search", routes: []route{
		{method: http.MethodGet, path: "/query", access: authenticated, looseQuery: true, summary: "Searches what the caller may read, as Backstage does",
			query: []parameter{text("term", "what to search for; nothing finds everything"),
				list("types", "the types of documents: software-catalog, techdocs, api; the first two without it"),
				text("filters", "values that documents must have, as filters[kind]=Component; more values of a field are alternatives"),
				text("pageCursor", "the nextPageCursor or previousPageCursor of another page"),
				integer("pageLimit", "how many on a page; 25 without it")},
			serve: ok("a page of documents, the best first", s.query)},
	}}
}

// NewSearchEverythingPlugin serves the part of /api/portico that searches everything at once.
func NewSearchEverythingPlugin(service *search.Service) Plugin {
	s := searchRoutes{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/search", access: authenticated, summary: "Searches everything that the caller may read, by type",
			query: []parameter{required(text("q", `what a person typed: words, "phrases", and conditions such as kind:component owner:me lang:go`)),
				list("types", "the types that are wanted, separated by commas: "+strings.Join(search.GroupTypes, ", ")+
					", and those of GET /v1/search/sources; without it, all but those of other servers (isLive)"),
				limit(searchPageSize), integer("offset", "how many of each type to skip"),
				{name: "typing", kind: textParameter, description: "true while somebody types: what is not found is not counted", allowed: []string{"true", "false"}}},
			serve: ok("what was found, by type, the best first", s.everything)},
		{method: http.MethodGet, path: "/v1/search/facets", access: authenticated,
			summary: "Counts the values of fields, such as kind and owner, in what a search finds that the caller may read",
			query: []parameter{text("q", "what a person typed, as in GET /v1/search; nothing counts everything"),
				list("types", "the types that are wanted, as in GET /v1/search; runs, actions, and what other servers have are not counted")},
			serve: ok("the fields of "+strings.Join(search.FacetFields, ", ")+" that results have, with their values", s.facets)},
		{method: http.MethodGet, path: "/v1/search/misses", access: authenticated, summary: "Lists words that were searched without a result, those that were searched most first",
			query: []parameter{integer("days", "of how many days; 30 without it, 90 at most"), limit(missPageSize)},
			serve: ok("the words, without who searched", s.misses)},
		{method: http.MethodPost, path: "/v1/search/rebuild", access: authenticated, audit: records(audit.SearchRebuild), command: true,
			summary: "Writes the index of the search anew, from the catalog, the runs and the sites of documentation, while queries go on",
			serve:   accepted("how far the rebuild is: a worker does it", s.rebuild)},
		{method: http.MethodGet, path: "/v1/search/rebuild", access: authenticated, summary: "Says how far the rebuild of the index is, or was the last one",
			serve: ok("how far it is", s.lastRebuild), fails: missing},
	}}
}

// searchPageSize is the number of results of each type.
var searchPageSize = pageSize{preset: 5, most: 50}

// missPageSize is the number of words in the list.
var missPageSize = pageSize{preset: 100, most: 1000}

// searchMisses are words that were searched without a result.
type searchMisses struct {
	Misses []searchMiss `json:"misses"`
}

type searchMiss struct {
	Words string `json:"words"`
	Times int64  `json:"times"`
	// Latest is a day: 2026-11-30.
	Latest string `json:"latest" jsonschema_description:"the day on which it was searched last"`
}

// searchRebuild is how far a rebuild of the index is.
type searchRebuild struct {
	IsRunning bool   `json:"isRunning"`
	IsNew     bool   `json:"isNew"             jsonschema_description:"this request began it; false when it went on already"`
	BegunAt   string `json:"begunAt"           jsonschema:"format=date-time"`
	EndedAt   string `json:"endedAt,omitempty" jsonschema:"format=date-time"                                                 jsonschema_description:"when all entities and runs were done; sites of documentation may follow"`
	Entities  int64  `json:"entities"          jsonschema_description:"how many there were when it began"`
	Runs      int64  `json:"runs"              jsonschema_description:"how many there were when it began"`
	Done      int64  `json:"done"              jsonschema_description:"how many entities and runs are done"`
	Sites     int64  `json:"sites"             jsonschema_description:"how many sites of documentation wait to be read"`
}

func (s searchRoutes) rebuild(c *call) (searchRebuild, error) {
	state, isNew, err := s.service.BeginRebuild(c.Request.Context(), c.principal)
	return shownRebuild(state, isNew), err
}

func (s searchRoutes) lastRebuild(c *call) (searchRebuild, error) {
	state, err := s.service.LastRebuild(c.Request.Context(), c.principal)
	return shownRebuild(state, false), err
}

func shownRebuild(state search.Rebuild, isNew bool) searchRebuild {
	shown := searchRebuild{IsRunning: state.IsRunning(), IsNew: isNew, BegunAt: isoTime(state.BegunAt), Entities: state.Entities, Runs: state.Runs,
		Done: state.Done, Sites: state.Sites}
	if state.EndedAt != nil {
		shown.EndedAt = isoTime(*state.EndedAt)
	}
	return shown
}

func (s searchRoutes) misses(c *call) (searchMisses, error) {
	days := min(c.queryInt("days", 30), 90)
	found, err := s.service.Misses(c.Request.Context(), c.principal, time.Now().AddDate(0, 0, -days), c.limit())
	if err != nil {
		return searchMisses{}, err
	}
	list := searchMisses{Misses: []searchMiss{}}
	for _, miss := range found {
		list.Misses = append(list.Misses, searchMiss{miss.Words, miss.Times, miss.Latest.Format(time.DateOnly)})
	}
	return list, nil
}

// maxSearchOffset bounds what is skipped.
const maxSearchOffset = 1000

type searchRoutes struct{ service *search.Service }

// searchAnswer is what was found, by type.
type searchAnswer struct {
	Groups      []searchGroup   `json:"groups"`
	Problems    []searchProblem `json:"problems,omitempty"   jsonschema_description:"the sources that could not be asked; everything else is complete"`
	Suggestion  string          `json:"suggestion,omitempty" jsonschema_description:"what was probably meant, when little or nothing was found"`
	IsCorrected bool            `json:"isCorrected"          jsonschema_description:"nothing was found for what was asked: the groups are those of the suggestion"`
	Reason      string          `json:"reason,omitempty"     jsonschema_description:"why nothing can be found, for people"`
	TookMS      int             `json:"tookMs"               jsonschema_description:"how long it took, in milliseconds"`
}

// searchGroup is what was found of one type. A type without results has no group.
type searchGroup struct {
	Type    string         `json:"type"`
	Title   string         `json:"title,omitempty" jsonschema_description:"that of a source"`
	Count   int            `json:"count"           jsonschema_description:"the number of all results"`
	IsMore  bool           `json:"isMore"          jsonschema_description:"there are more than count, which are not counted"`
	Results []searchResult `json:"results"`
}

// searchProblem says why a source could not be asked.
type searchProblem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Message string `json:"message" jsonschema_description:"what happened, for people"`
}

func (s searchRoutes) everything(c *call) (searchAnswer, error) {
	ask := search.Ask{Text: c.Query("q"), Limit: max(1, c.limit()), Offset: min(c.queryInt("offset", 0), maxSearchOffset),
		IsTyping: c.Query("typing") == "true"}
	if c.Request.URL.Query().Has("types") {
		ask.Types = c.queryList("types")
	}
	found, err := s.service.Search(c.Request.Context(), c.principal, ask)
	if err != nil {
		return searchAnswer{}, err
	}
	answer := searchAnswer{Groups: []searchGroup{}, Suggestion: found.Suggestion, IsCorrected: found.IsCorrected, Reason: found.Reason, TookMS: found.TookMS}
	for _, group := range found.Groups {
		answer.Groups = append(answer.Groups, searchGroup{group.Type, group.Title, group.Count, group.IsMore, shownResults(group.Results)})
	}
	for _, problem := range found.Problems {
		answer.Problems = append(answer.Problems, searchProblem(problem))
	}
	return answer, nil
}

// searchFacets are what a search can be narrowed by.
type searchFacets struct {
	Facets []searchFacet `json:"facets"`
}

// searchFacet is a field of the query language with the values that results have.
type searchFacet struct {
	Field  string             `json:"field"`
	IsMore bool               `json:"isMore" jsonschema_description:"some of many results were looked at: each value has its count of them at least, and there may be other values"`
	Values []searchFacetValue `json:"values" jsonschema_description:"those of the query first, then those that most results have; 50 at most"`
}

type searchFacetValue struct {
	Value    string `json:"value"`
	Count    int    `json:"count"    jsonschema_description:"the number of results that have the value, whatever the query says about its field"`
	IsChosen bool   `json:"isChosen" jsonschema_description:"the query asks for the value, which is as it was typed"`
}

func (s searchRoutes) facets(c *call) (searchFacets, error) {
	ask := search.Ask{Text: c.Query("q")}
	if c.Request.URL.Query().Has("types") {
		ask.Types = c.queryList("types")
	}
	found, err := s.service.Facets(c.Request.Context(), c.principal, ask)
	if err != nil {
		return searchFacets{}, err
	}
	answer := searchFacets{Facets: []searchFacet{}}
	for _, facet := range found {
		shown := searchFacet{Field: facet.Field, IsMore: facet.IsMore}
		for _, one := range facet.Values {
			shown.Values = append(shown.Values, searchFacetValue{one.Value, one.Count, one.IsChosen})
		}
		answer.Facets = append(answer.Facets, shown)
	}
	return answer, nil
}

func shownResults(found []search.Result) []searchResult {
	shown := make([]searchResult, len(found))
	for i, result := range found {
		shown[i] = searchResult{result.Type, document[searchDocument]{result.Document}, result.Rank, shownHighlight(result.Highlight)}
	}
	return shown
}

// searchResultSet is a page of results.
type searchResultSet struct {
	// NumberOfResults is that of all pages; of more than ten thousand of a type, so many are counted.
	NumberOfResults    int            `json:"numberOfResults"`
	NextPageCursor     string         `json:"nextPageCursor,omitempty"`
	PreviousPageCursor string         `json:"previousPageCursor,omitempty"`
	Results            []searchResult `json:"results"`
}

// searchResult is one document.
type searchResult struct {
	Type      string                   `json:"type"`
	Document  document[searchDocument] `json:"document"`
	Rank      int                      `json:"rank"      jsonschema_description:"1 is the best of all pages"`
	Highlight searchHighlight          `json:"highlight" jsonschema_description:"the fields of the document with tags around what matches; none without a term"`
}

// searchHighlight has the fields of a document with tags around what matches.
type searchHighlight struct {
	PreTag  string           `json:"preTag"`
	PostTag string           `json:"postTag"`
	Fields  searchHighlights `json:"fields"`
}

type searchHighlights struct {
	Text     *string `json:"text,omitempty"`
	Title    *string `json:"title,omitempty"`
	Location *string `json:"location,omitempty"`
	Path     *string `json:"path,omitempty"`
}

// searchDocument is what all documents have. Each type has more.
type searchDocument struct {
	Title    string `json:"title"`
	Text     string `json:"text"`
	Location string `json:"location"`
}

func (s searchRoutes) query(c *call) (searchResultSet, error) {
	request, err := s.request(c.Request.URL.Query())
	if err != nil {
		return searchResultSet{}, err
	}
	found, err := s.service.Query(c.Request.Context(), c.principal, request)
	if err != nil {
		return searchResultSet{}, err
	}
	set := searchResultSet{NumberOfResults: found.NumberOfResults, Results: shownResults(found.Results)}
	if found.HasNext {
		set.NextPageCursor = pageCursor(request.Page + 1)
	}
	if request.Page > 0 {
		set.PreviousPageCursor = pageCursor(request.Page - 1)
	}
	return set, nil
}

func shownHighlight(h search.Highlight) searchHighlight {
	field := func(name string) *string {
		text, has := h.Fields[name]
		if !has {
			return nil
		}
		return &text
	}
	return searchHighlight{h.PreTag, h.PostTag, searchHighlights{field("text"), field("title"), field("location"), field("path")}}
}

func pageCursor(page int) string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(page)))
}

// request reads a query. What is wrong with it is said as zod says it in Backstage.
func (s searchRoutes) request(sent url.Values) (search.Request, error) {
	filters, lists := nestedQuery(sent, "filters"), nestedQuery(sent, "types")
	request := search.Request{Term: sent.Get("term"), Filters: filters, Types: append(sent["types"], inOrder(lists)...)}
	if request.PageLimit, _ = strconv.Atoi(sent.Get("pageLimit")); request.PageLimit < 0 {
		request.PageLimit = 0
	}
	if count := lengthOf(filters); count > maxFilterValues {
		return search.Request{}, fault.New(fault.Input, "The filters have %d values, and %d at most are searched for", count, maxFilterValues)
	}
	var issues []zodIssue
	mostTerm, mostPage := s.service.Limits()
	if length := len(utf16.Encode([]rune(request.Term))); length > mostTerm {
		issues = append(issues, zodIssue{"custom", fmt.Sprintf(`The term length "%d" is greater than "%d"`, length, mostTerm), []any{"term"}})
	}
	for i, kind := range request.Types {
		if !slices.Contains(search.Types, kind) {
			issues = append(issues, zodIssue{"custom", "Invalid input", []any{"types", i}})
		}
	}
	if request.PageLimit > mostPage {
		issues = append(issues, zodIssue{"custom", fmt.Sprintf(`The page limit "%d" is greater than "%d"`, request.PageLimit, mostPage), []any{"pageLimit"}})
	}
	if len(issues) > 0 {
		shown, err := json.MarshalIndent(issues, "", "  ")
		if err != nil {
			return search.Request{}, fmt.Errorf("encode what is wrong with the query: %w", err)
		}
		return search.Request{}, fault.New(fault.Input, "Invalid query string: %s", string(shown))
	}
	if cursor := sent.Get("pageCursor"); cursor != "" {
		decoded, err := base64.StdEncoding.DecodeString(cursor)
		if err != nil {
			return search.Request{}, fault.New(fault.Input, "Invalid page cursor")
		}
		request.Page, err = strconv.Atoi(string(decoded))
		if err != nil || request.Page < 0 || request.Page > search.MaxPages {
			return search.Request{}, fault.New(fault.Input, "Invalid page cursor")
		}
	}
	return request, nil
}

// maxFilterValues bounds the values of the filters of a query, each of which is a condition of its statement.
const maxFilterValues = 100

func lengthOf(filters map[string][]string) (count int) {
	for _, values := range filters {
		count += len(values)
	}
	return count
}

// zodIssue is one mistake in a value, as zod reports it.
type zodIssue struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Path    []any  `json:"path"`
}

// nestedQuery reads name[key]=value, name[key][]=value and name[key][0]=value: the values by key.
func nestedQuery(sent url.Values, name string) map[string][]string {
	found := map[string][]string{}
	for _, parameter := range sortedKeys(sent) {
		rest, is := strings.CutPrefix(parameter, name+"[")
		if !is {
			continue
		}
		key, rest, closed := strings.Cut(rest, "]")
		if isItem := rest == "" || strings.HasPrefix(rest, "[") && strings.HasSuffix(rest, "]") && !strings.Contains(rest[1:], "["); closed && isItem {
			found[key] = append(found[key], sent[parameter]...)
		}
	}
	return found
}

// inOrder are the values of a list that was sent as name[]=value or name[0]=value, by their numbers.
func inOrder(list map[string][]string) (values []string) {
	keys := sortedKeys(list)
	slices.SortStableFunc(keys, func(a, b string) int {
		first, _ := strconv.Atoi(a)
		second, _ := strconv.Atoi(b)
		return first - second
	})
	for _, key := range keys {
		values = append(values, list[key]...)
	}
	return values
}
