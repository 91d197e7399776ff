package catalog_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
)

var somebody = identity.Principal{Kind: identity.KindUser, Subject: "user:default/guest"}

// site has the files that the test's catalog reads.
var site = map[string]string{
	"/org.yaml": `
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: team-a}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: team-b}
spec: {type: team, children: []}
`,
	"/shop.yaml": `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: shop, tags: [go, web], description: Sells things}
spec: {type: service, owner: team-a, lifecycle: production}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: till, tags: [go]}
spec: {type: library, owner: team-b, lifecycle: production}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: prices}
spec: {type: openapi, owner: team-b, lifecycle: experimental, definition: none}
`,
	"/bad.yaml": `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: bad}
spec: {owner: team-a, lifecycle: production}
`,
	"/long.yaml": `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: long, description: "` + strings.Repeat("Hay in the stack. ", 60) + `The needle in the hay. ` + strings.Repeat("More hay. ", 60) + `"}
spec: {type: service, owner: team-a, lifecycle: production}
`,
	"/varied.yaml": `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: plain
  labels: {Tier: Gold, empty: ""}
  annotations: {example.com/Team: A, example.com/long: ` + strings.Repeat("x", 300) + `}
  tags: [go, web]
spec: {type: Service, owner: team-a, lifecycle: production, list: [One, two], deep: {er: 3, flag: true}, none: null}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: other, labels: {tier: silver}, title: Other}
spec: {type: library, owner: user:ada, lifecycle: production, deep: {ER: three}, list: []}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: plain, annotations: {example.com/team: a}}
spec: {type: openapi, owner: team-b, lifecycle: experimental, definition: none}
`,
	// %s is the name that the query string asks for.
	"/squatter.yaml": `
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: %s}
spec: {targets: []}
`,
}

// setting is a service with a running engine.
type setting struct {
	*testing.T
	url     string
	service *catalog.Service
}

func newSetting(t *testing.T, change func(*catalog.Options)) *setting {
	t.Helper()
	url, pipeline := newPipeline(t)
	options := catalog.Options{Pool: testkit.Database(t), Decider: policy.AllowKnown{}, Pipeline: pipeline}
	if change != nil {
		change(&options)
	}
	engine := processing.NewEngine(options.Pool, pipeline, processing.Options{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return &setting{T: t, url: url, service: catalog.New(options)}
}

// newPipeline is a pipeline that reads the site, which is at a URL.
func newPipeline(t *testing.T) (url string, pipeline *processing.Pipeline) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, there := site[r.URL.Path]
		if !there {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, strings.Replace(content, "%s", r.URL.Query().Get("name"), 1))
	}))
	t.Cleanup(server.Close)
	reader, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: strings.TrimPrefix(server.URL, "http://")}}})
	require.NoError(t, err)
	rules, err := catalog.ConfiguredRules([]entity.Rule{{Allow: []entity.AllowedKind{{Kind: "Component"}, {Kind: "API"}, {Kind: "Group"}, {Kind: "Location"}}}}, nil)
	require.NoError(t, err)
	return server.URL, &processing.Pipeline{Reader: reader, Rules: rules, LocationTypes: []string{"url"}}
}

func (s *setting) register(path string) catalog.Location {
	s.Helper()
	location, err := s.service.RegisterLocation(s.Context(), somebody, entity.LocationSpec{Type: "url", Target: s.url + path}, "")
	require.NoError(s, err)
	return location
}

func (s *setting) await(ref string, holds func(entity.Entity) bool) {
	s.Helper()
	parsed, err := entity.ParseRef(ref, entity.Ref{})
	require.NoError(s, err)
	deadline, ticker := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer ticker.Stop()
	for {
		e, err := s.service.EntityByRef(s.Context(), identity.System("test"), parsed)
		if err == nil && holds(e) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			require.FailNow(s, "never came true of "+ref, "%v: %v", e, err)
		}
	}
}

// fill registers everything and waits until all of it is served with its relations.
func (s *setting) fill() {
	s.Helper()
	s.register("/org.yaml")
	s.register("/shop.yaml")
	relations := func(n int) func(entity.Entity) bool {
		return func(e entity.Entity) bool {
			items, _ := e["relations"].([]any)
			return len(items) == n
		}
	}
	s.await("group:default/team-a", relations(1))
	s.await("group:default/team-b", relations(2))
	for _, ref := range []string{"component:default/shop", "component:default/till", "api:default/prices"} {
		s.await(ref, relations(1))
	}
}

func names(t *testing.T, documents []json.RawMessage) []string {
	t.Helper()
	found := make([]string, len(documents))
	for i, document := range documents {
		if document == nil {
			continue
		}
		var e entity.Entity
		require.NoError(t, json.Unmarshal(document, &e))
		found[i] = e.Name()
	}
	return found
}

func filter(t *testing.T, sets ...string) query.Filter {
	t.Helper()
	parsed, err := query.ParseSets(sets)
	require.NoError(t, err)
	return parsed
}

func (s *setting) query(q catalog.EntityQuery, f query.Filter, orders ...query.CursorOrder) catalog.EntityPage {
	s.Helper()
	cursor, err := query.NewCursor(f, query.FullText{}, orders)
	require.NoError(s, err)
	q.Cursor = cursor
	page, err := s.service.QueryEntities(s.Context(), somebody, q)
	require.NoError(s, err)
	return page
}

func TestQueries(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.fill()
	byName := query.CursorOrder{Field: "metadata.name", Order: "asc"}
	predicate := func(document string) query.Filter {
		parsed, err := query.ParsePredicate(json.RawMessage(document))
		require.NoError(t, err)
		return parsed
	}
	cases := map[string]struct {
		filter query.Filter
		want   []string
	}{
		"one kind":                 {filter(t, "kind=Component"), []string{"shop", "till"}},
		"two kinds":                {filter(t, "kind=component", "kind=API"), []string{"prices", "shop", "till"}},
		"a repeated key":           {filter(t, "kind=component,kind=api,relations.ownedBy=group:default/team-b"), []string{"prices", "till"}},
		"a tag":                    {filter(t, "metadata.tags.web"), []string{"shop"}},
		"an object does not exist": {filter(t, "metadata.annotations"), []string{}},
		"two different sets":       {filter(t, "metadata.tags=web", "kind=api,spec.lifecycle=experimental"), []string{"prices", "shop"}},
		"everything but":           {predicate(`{"$not":{"$any":[{"kind":"group"},{"kind":"location"},{"metadata.name":"till"}]}}`), []string{"prices", "shop"}},
		"not one of two":           {predicate(`{"$all":[{"kind":"component"},{"$not":{"metadata.tags":"web"}}]}`), []string{"till"}},
		"a prefix":                 {predicate(`{"kind":{"$in":["component","api"]},"metadata.name":{"$hasPrefix":"S"}}`), []string{"shop"}},
		"missing":                  {predicate(`{"kind":"component","metadata.description":{"$exists":false}}`), []string{"till"}},
		"a relation":               {predicate(`{"relations":{"$contains":{"type":"ownerOf","targetRef":"component:default/shop"}}}`), []string{"team-a"}},
		"nothing at all":           {predicate(`{"$any":[]}`), []string{}},
		"a kind that is another":   {predicate(`{"$all":[{"kind":"component"},{"kind":"api"}]}`), []string{}},
		"a kind or a name":         {predicate(`{"$any":[{"kind":"API"},{"metadata.name":"shop"}]}`), []string{"prices", "shop"}},
		"a kind with alternatives": {predicate(`{"$all":[{"kind":"component"},{"$any":[{"metadata.tags":"web"},{"kind":"api"}]}]}`), []string{"shop"}},
		"one of very many kinds":   {predicate(`{"kind":{"$in":["api",` + strings.Repeat(`"x",`, 20) + `"y"]}}`), []string{"prices"}},
		"no kind at all":           {predicate(`{"kind":{"$in":[]}}`), []string{}},
		"a list's values":          {predicate(`{"metadata.tags":{"$in":["go","web"]}}`), []string{"shop", "till"}},
		"whatever has tags":        {predicate(`{"metadata.tags":{"$exists":true}}`), []string{"shop", "till"}},
		"hostile text":             {filter(t, "kind='; drop table catalog_entities; --", "a\x00b=\xff"), []string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := s.query(catalog.EntityQuery{Limit: 50}, c.filter, byName)
			require.Equal(t, c.want, names(t, page.Items))
			require.Equal(t, len(c.want), page.TotalItems)
			unordered := s.query(catalog.EntityQuery{Limit: 50}, c.filter)
			require.ElementsMatch(t, c.want, names(t, unordered.Items))
			require.Equal(t, len(c.want), unordered.TotalItems)
			require.Equal(t, len(c.want), s.query(catalog.EntityQuery{}, c.filter, byName).TotalItems, "counted without the page")
			require.Equal(t, len(c.want), s.query(catalog.EntityQuery{}, c.filter).TotalItems)
		})
	}
}

func TestCursorsLeadToNextAndPreviousPages(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.fill()
	for _, orders := range [][]query.CursorOrder{nil, {{Field: "metadata.name", Order: "desc"}}, {{Field: "kind"}}} {
		all := names(t, s.query(catalog.EntityQuery{Limit: 50}, filter(t, "spec.owner", "kind=group"), orders...).Items)
		require.Len(t, all, 5)
		page := s.query(catalog.EntityQuery{Limit: 2}, filter(t, "spec.owner", "kind=group"), orders...)
		require.Empty(t, page.Prev)
		walk := names(t, page.Items)
		follow := func(cursor string) catalog.EntityPage {
			decoded, err := query.DecodeCursor(cursor)
			require.NoError(t, err)
			page, err := s.service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: decoded, Limit: 2})
			require.NoError(t, err)
			require.Equal(t, 5, page.TotalItems)
			return page
		}
		for page.Next != "" {
			page = follow(page.Next)
			walk = append(walk, names(t, page.Items)...)
		}
		require.Equal(t, all, walk)
		back := names(t, page.Items)
		for page.Prev != "" {
			page = follow(page.Prev)
			back = append(names(t, page.Items), back...)
		}
		require.Equal(t, all, back)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.fill()
	byName := []query.CursorOrder{{Field: "metadata.name"}}
	cases := map[string]struct {
		text   query.FullText
		filter query.Filter
		orders []query.CursorOrder
		want   []string
	}{
		"in the order's field":     {query.FullText{Term: "I"}, filter(t, "kind=component", "kind=api"), byName, []string{"prices", "till"}},
		"in the same, by its name": {query.FullText{Term: "ill", Fields: []string{"Metadata.Name"}}, nil, byName, []string{"till"}},
		"in another field":         {query.FullText{Term: "things", Fields: []string{"metadata.description"}}, filter(t, "kind=component"), byName, []string{"shop"}},
		"in several fields":        {query.FullText{Term: "o", Fields: []string{"metadata.name", "metadata.tags"}}, filter(t, "kind=component"), byName, []string{"shop", "till"}},
		"with a wildcard":          {query.FullText{Term: "s_o"}, filter(t, "kind=component"), byName, []string{"shop"}},
		"without an order":         {query.FullText{Term: "shop", Fields: []string{"metadata.name"}}, filter(t, "kind=component"), nil, []string{"shop"}},
		"nowhere":                  {query.FullText{Term: "shop"}, filter(t, "kind=component"), nil, []string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cursor, err := query.NewCursor(c.filter, c.text, c.orders)
			require.NoError(t, err)
			page, err := s.service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: cursor, Limit: 50})
			require.NoError(t, err)
			require.Equal(t, c.want, names(t, page.Items))
			require.Equal(t, len(c.want), page.TotalItems)
			page, err = s.service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: cursor})
			require.NoError(t, err)
			require.Equal(t, len(c.want), page.TotalItems, "counted without the page")
		})
	}
}

func (s *setting) all(list *catalog.EntityList) []json.RawMessage {
	s.Helper()
	var documents []json.RawMessage
	require.NoError(s, list.Each(s.Context(), func(document json.RawMessage) error {
		documents = append(documents, document)
		return nil
	}))
	return documents
}

func TestListsAreSorted(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.fill()
	kinds := filter(t, "kind=component", "kind=api", "kind=group")
	cases := map[string]struct {
		orders []query.Order
		want   []string
	}{
		"by reference":                 {nil, []string{"prices", "shop", "till", "team-a", "team-b"}},
		"by name":                      {[]query.Order{{Key: "metadata.name"}}, []string{"prices", "shop", "team-a", "team-b", "till"}},
		"by name, backwards":           {[]query.Order{{Key: "metadata.name", Descending: true}}, []string{"till", "team-b", "team-a", "shop", "prices"}},
		"by what some lack":            {[]query.Order{{Key: "spec.lifecycle"}, {Key: "metadata.name", Descending: true}}, []string{"prices", "till", "shop", "team-b", "team-a"}},
		"by what some lack, backwards": {[]query.Order{{Key: "spec.lifecycle", Descending: true}, {Key: "metadata.name"}}, []string{"shop", "till", "prices", "team-a", "team-b"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var listed []json.RawMessage
			limit := 2
			for offset := new(0); offset != nil; {
				found, err := s.service.Entities(t.Context(), somebody, catalog.ListQuery{
					Filter: kinds, Orders: c.orders, Paged: true, Limit: &limit, Offset: *offset,
				})
				require.NoError(t, err)
				listed = append(listed, s.all(found)...)
				if offset = nil; found.Next != nil {
					offset = found.Next.Offset
				}
			}
			require.Equal(t, c.want, names(t, listed))
		})
	}
}

func TestFacets(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.fill()
	facets, err := s.service.Facets(t.Context(), somebody, []string{"metadata.tags", "relations.ownedBy", "nope"}, filter(t, "kind=component"))
	require.NoError(t, err)
	require.Equal(t, map[string][]catalog.FacetValue{
		"metadata.tags":     {{Value: "go", Count: 2}, {Value: "web", Count: 1}},
		"relations.ownedBy": {{Value: "group:default/team-a", Count: 1}, {Value: "group:default/team-b", Count: 1}},
		"nope":              {},
	}, facets)
	facets, err = s.service.Facets(t.Context(), somebody, []string{"kind", "KIND", "metadata.tags"}, nil)
	require.NoError(t, err)
	kinds := []catalog.FacetValue{{Value: "API", Count: 1}, {Value: "Component", Count: 2}, {Value: "Group", Count: 2}, {Value: "Location", Count: 2}}
	require.Equal(t, kinds, facets["kind"])
	require.Equal(t, kinds, facets["KIND"])
	require.Len(t, facets["metadata.tags"], 2)
}

// TestADryRunShowsRemarks checks that a dry run returns remarks and does not treat them as errors.
func TestADryRunShowsRemarks(t *testing.T) {
	t.Parallel()
	s := newSetting(t, func(options *catalog.Options) {
		options.Pipeline.Linter.Remarks = func(_ context.Context, kind string, _ json.RawMessage) []processing.Remark {
			if kind != "Group" {
				return nil
			}
			return []processing.Remark{{Level: processing.LevelError, Message: "groups are odd"}}
		}
	})
	trial, err := s.service.TryLocation(t.Context(), somebody, entity.LocationSpec{Type: "url", Target: s.url + "/org.yaml"})
	require.NoError(t, err)
	require.Contains(t, string(trial.Entities[1]), `"status":{"items":[{"error":{"name":"InputError","message":"groups are odd"},"level":"error"`)
	document, err := json.Marshal(map[string]any{"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": map[string]any{"name": "a"},
		"spec": map[string]any{"type": "team", "children": []string{}}})
	require.NoError(t, err)
	found, err := s.service.ValidateEntity(t.Context(), somebody, document, "url:"+s.url+"/org.yaml")
	require.NoError(t, err)
	require.Equal(t, catalog.Validation{Remarks: []processing.Remark{{Level: processing.LevelError, Message: "groups are odd"}}}, found)
}

// TestAPrincipalSeesItsOwnRegistration: a principal sees its own registration even without the permission to
// read locations, and after its target has changed.
func TestAPrincipalSeesItsOwnRegistration(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	ctx, spec := t.Context(), entity.LocationSpec{Type: "url", Target: s.url + "/org.yaml"}
	registering := func(subject string) identity.Principal {
		return identity.Principal{Kind: identity.KindService, Subject: subject, Restrictions: []identity.Restriction{
			{Plugin: "catalog", Permissions: []string{"catalog.location.create"}},
		}}
	}
	_, err := s.service.RegistrationOf(ctx, registering("ci"), spec)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = s.service.RegistrationByID(ctx, registering("ci"), "7")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	before := time.Now()
	location, err := s.service.RegisterLocation(ctx, registering("ci"), spec, "")
	require.NoError(t, err)
	for who, sees := range map[string]identity.Principal{"ci": registering("ci"), "a reader": somebody} {
		found, err := s.service.RegistrationOf(ctx, sees, spec)
		require.NoError(t, err, who)
		require.Equal(t, location, found.Location)
		require.Equal(t, "ci", found.By)
		require.WithinDuration(t, before, found.At, time.Minute)
	}
	var denied *policy.DeniedError
	_, err = s.service.RegistrationOf(ctx, registering("another"), spec)
	require.ErrorAs(t, err, &denied)

	moved, err := s.service.UpdateLocation(ctx, somebody, location.ID, entity.LocationSpec{Type: "url", Target: spec.Target + "?v=2"})
	require.NoError(t, err)
	found, err := s.service.RegistrationByID(ctx, registering("ci"), location.ID)
	require.NoError(t, err)
	require.Equal(t, moved, found.Location)
}

// Nobody is who every permission is refused.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	ctx, nobody, spec := t.Context(), identity.Principal{}, entity.LocationSpec{Type: "url", Target: s.url + "/org.yaml"}
	ref := entity.Ref{Kind: "group", Namespace: "default", Name: "team-a"}
	commands := map[string]func() error{
		"register": func() error { _, err := s.service.RegisterLocation(ctx, nobody, spec, ""); return err },
		"try":      func() error { _, err := s.service.TryLocation(ctx, nobody, spec); return err },
		"update":   func() error { _, err := s.service.UpdateLocation(ctx, nobody, "x", spec); return err },
		"delete":   func() error { return s.service.DeleteLocation(ctx, nobody, "x") },
		"remove":   func() error { return s.service.DeleteEntity(ctx, nobody, "x") },
		"refresh":  func() error { return s.service.Refresh(ctx, nobody, ref.String()) },
		"ancestry": func() error { _, err := s.service.Ancestry(ctx, nobody, ref); return err },
		"validate": func() error { _, err := s.service.ValidateEntity(ctx, nobody, []byte(`{}`), "url:x"); return err },
		"analyze":  func() error { _, err := s.service.AnalyzeLocation(ctx, nobody, spec); return err },
		"configure": func() error {
			return s.service.Configure(ctx, nobody, []catalog.ConfiguredLocation{{LocationSpec: spec}})
		},
	}
	for name, command := range commands {
		var denied *policy.DeniedError
		require.ErrorAs(t, command(), &denied, name)
	}
	s.register("/org.yaml")
	s.await("group:default/team-a", func(entity.Entity) bool { return true })
	page, err := s.service.QueryEntities(ctx, nobody, catalog.EntityQuery{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, catalog.EntityPage{}, page)
	require.NoError(t, s.service.Locations(ctx, nobody, func(location catalog.Location) error {
		require.Fail(t, "nobody sees it", location)
		return nil
	}))
	_, err = s.service.EntityByRef(ctx, nobody, ref)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

func TestTheCatalogRecordsWhereAnEntityWasRead(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.register("/shop.yaml")
	s.await("component:default/shop", func(entity.Entity) bool { return true })
	ref := entity.Ref{Kind: "Component", Namespace: "default", Name: "Shop"}
	document, at, err := s.service.LocatedEntity(t.Context(), somebody, ref)
	require.NoError(t, err)
	require.Equal(t, provenance.At(provenance.URL, s.url+"/shop.yaml"), at)
	require.Equal(t, []string{"shop"}, names(t, []json.RawMessage{document}))
	ref.Name = "nope"
	_, at, err = s.service.LocatedEntity(t.Context(), somebody, ref)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Zero(t, at)
}

func TestConfiguredDirectories(t *testing.T) {
	t.Parallel()
	location := func(kind, target string) catalog.ConfiguredLocation {
		return catalog.ConfiguredLocation{LocationSpec: entity.LocationSpec{Type: kind, Target: target}}
	}
	working, err := os.Getwd()
	require.NoError(t, err)
	directories, err := catalog.ConfiguredDirectories([]catalog.ConfiguredLocation{
		location("file", "/srv/catalog/all.yaml"), location("file", "/srv/catalog/more.yaml"), location("file", "/srv/templates/*/template.yaml"),
		location("file", "testdata/x.yaml"), location("url", "https://example.com/x.yaml"),
	}, []string{"/srv/further", "more"})
	require.NoError(t, err)
	expected := []string{"/srv/catalog", "/srv/further", "/srv/templates", working + "/more", working + "/testdata"}
	slices.Sort(expected) // The path of the checkout determines the order.
	require.Equal(t, expected, directories)
}

func TestLocationsAreRegisteredAndDeleted(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	ctx := t.Context()
	location := s.register("/shop.yaml")
	s.await("component:default/shop", func(entity.Entity) bool { return true })

	_, err := s.service.RegisterLocation(ctx, somebody, entity.LocationSpec{Type: "url", Target: location.Target}, catalog.ConflictReject)
	require.EqualError(t, err, "Location url:"+location.Target+" already exists")
	again, err := s.service.RegisterLocation(ctx, somebody, entity.LocationSpec{Type: "url", Target: location.Target}, catalog.ConflictRefresh)
	require.NoError(t, err)
	require.Equal(t, location, again)
	trial, err := s.service.TryLocation(ctx, somebody, entity.LocationSpec{Type: "url", Target: location.Target})
	require.NoError(t, err)
	require.True(t, trial.Exists)
	require.Len(t, trial.Entities, 4)
	ref := entity.Ref{Kind: "component", Namespace: "default", Name: "shop"}
	led, err := s.service.LocationByEntity(ctx, somebody, ref)
	require.NoError(t, err)
	require.Equal(t, location, led)

	moved, err := s.service.UpdateLocation(ctx, somebody, location.ID, entity.LocationSpec{Type: "url", Target: location.Target + "?v=2"})
	require.NoError(t, err)
	require.Equal(t, catalog.Location{ID: location.ID, Type: "url", Target: location.Target + "?v=2", EntityRef: location.EntityRef}, moved)
	s.await("component:default/shop", func(e entity.Entity) bool {
		return e.Annotation(entity.AnnotationOriginLocation) == "url:"+moved.Target
	})
	second := s.register("/shop.yaml")
	require.NotEqual(t, location.EntityRef, second.EntityRef, "the name is taken by the location that was moved")
	require.NoError(t, s.service.DeleteLocation(ctx, somebody, second.ID))

	page, err := s.service.QueryLocations(ctx, somebody, query.LocationCursor{Limit: 1, Query: json.RawMessage(`{"type":"url","target":{"$hasPrefix":"HTTP"}}`)})
	require.NoError(t, err)
	require.Equal(t, catalog.LocationPage{Items: []catalog.Location{moved}, TotalItems: 1}, page)

	require.NoError(t, s.service.DeleteLocation(ctx, somebody, location.ID))
	_, err = s.service.EntityByRef(ctx, somebody, ref)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "what only the location led to goes with it")
	require.EqualError(t, s.service.DeleteLocation(ctx, somebody, location.ID), "Found no location with ID "+location.ID)
}

func TestDeletedEntityIsRestoredFromItsLocation(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.register("/shop.yaml")
	uid := ""
	s.await("component:default/till", func(e entity.Entity) bool { uid = e.UID(); return true })
	require.NoError(t, s.service.DeleteEntity(t.Context(), somebody, uid))
	_, err := s.service.EntityByUID(t.Context(), somebody, uid)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	s.await("component:default/till", func(e entity.Entity) bool { return e.UID() != uid })
}

func TestOnlyConfiguredLocationsAreRead(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	configure := func(paths ...string) {
		var locations []catalog.ConfiguredLocation
		for _, path := range paths {
			locations = append(locations, catalog.ConfiguredLocation{LocationSpec: entity.LocationSpec{Type: "url", Target: s.url + path}})
		}
		require.NoError(t, s.service.Configure(t.Context(), identity.System("configuration"), locations))
	}
	configure("/org.yaml", "/shop.yaml")
	s.await("component:default/shop", func(entity.Entity) bool { return true })
	s.await("group:default/team-a", func(entity.Entity) bool { return true })
	configure("/org.yaml")
	_, err := s.service.EntityByRef(t.Context(), somebody, entity.Ref{Kind: "component", Namespace: "default", Name: "shop"})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = s.service.EntityByRef(t.Context(), somebody, entity.Ref{Kind: "group", Namespace: "default", Name: "team-a"})
	require.NoError(t, err)
}

func TestReadOnlyCatalogAllowsDryRuns(t *testing.T) {
	t.Parallel()
	s := newSetting(t, func(o *catalog.Options) { o.ReadOnly = true })
	spec := entity.LocationSpec{Type: "url", Target: s.url + "/org.yaml"}
	_, err := s.service.RegisterLocation(t.Context(), somebody, spec, "")
	require.EqualError(t, err, "This operation not allowed in readonly mode")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = s.service.TryLocation(t.Context(), somebody, spec)
	require.NoError(t, err)
}
