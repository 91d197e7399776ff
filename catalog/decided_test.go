package catalog_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

// member is a user of team-a.
var member = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada",
	Ownership: []string{"user:default/ada", "group:default/team-a"}}

func TestEveryMethodAsksTheDecider(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	service := catalog.New(catalog.Options{Pool: testkit.Database(t), Decider: refuser})
	policytest.EveryMethodAsks(t, service, refuser, []string{"Backlog", "Wrong"}, uuid.NewString(), entity.LocationSpec{Type: "url", Target: "https://example.com/a.yaml"})
}

// TestConditionsArePartOfEveryRead: a principal that may read the entities of one team sees only those, in
// lists, counts, facets and on every other route.
func TestConditionsArePartOfEveryRead(t *testing.T) {
	t.Parallel()
	s := newSetting(t, func(o *catalog.Options) {
		o.Decider = policytest.Table{policy.CatalogEntityRead: policytest.Owned}
	})
	s.fill()
	ctx := t.Context()
	cursor, err := query.NewCursor(nil, query.FullText{}, nil)
	require.NoError(t, err)
	page, err := s.service.QueryEntities(ctx, member, catalog.EntityQuery{Cursor: cursor, Limit: 50})
	require.NoError(t, err)
	require.Equal(t, []string{"shop"}, names(t, page.Items))
	require.Equal(t, 1, page.TotalItems)
	cursor, err = query.NewCursor(filter(t, "kind=component", "kind=api"), query.FullText{}, []query.CursorOrder{{Field: "kind"}})
	require.NoError(t, err)
	page, err = s.service.QueryEntities(ctx, member, catalog.EntityQuery{Cursor: cursor})
	require.NoError(t, err)
	require.Equal(t, 1, page.TotalItems)

	for _, q := range []catalog.ListQuery{{}, {Paged: true, Limit: new(10)}, {Orders: []query.Order{{Key: "metadata.name"}}}} {
		list, err := s.service.Entities(ctx, member, q)
		require.NoError(t, err)
		require.Len(t, s.all(list), 1)
	}
	matching, err := s.service.MatchingEntities(ctx, member, policy.Criteria{Rule: "IS_ENTITY_KIND", ResourceType: policy.CatalogEntity,
		Params: json.RawMessage(`{"kinds":["Component"]}`)}, []string{"Component:default/Shop", "component:default/till", "component:default/none"})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false, false}, matching)
	facets, err := s.service.Facets(ctx, member, []string{"kind"}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string][]catalog.FacetValue{"kind": {{Value: "Component", Count: 1}}}, facets)
	found, err := s.service.EntitiesByRefs(ctx, member, []string{"Component:default/Shop", "component:default/till"}, nil, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"shop", ""}, names(t, found))

	shop, till := entity.Ref{Kind: "component", Namespace: "default", Name: "shop"}, entity.Ref{Kind: "component", Namespace: "default", Name: "till"}
	ancestors, err := s.service.Ancestry(ctx, member, shop)
	require.NoError(t, err)
	require.Len(t, ancestors, 1, "its location is not the team's")
	_, err = s.service.LocationByEntity(ctx, member, shop)
	require.NoError(t, err)

	hidden, err := s.service.EntityByRef(ctx, identity.System("test"), till)
	require.NoError(t, err)
	_, byRef := s.service.EntityJSON(ctx, member, till)
	_, byUID := s.service.EntityByUID(ctx, member, hidden.UID())
	_, _, located := s.service.LocatedEntity(ctx, member, till)
	_, location := s.service.LocationByEntity(ctx, member, till)
	for _, err := range []error{byRef, byUID, located, location} {
		require.Equal(t, fault.NotFound, fault.KindOf(err))
	}
	for _, ref := range []entity.Ref{till, {Kind: "component", Namespace: "default", Name: "none"}} {
		_, err := s.service.Ancestry(ctx, member, ref)
		require.EqualError(t, err, "user:default/ada may not catalog.entity.read on "+ref.String())
	}
	_, err = s.service.GroupsOf(ctx, member, entity.Ref{Kind: "user", Namespace: "default", Name: "ada"})
	require.True(t, isDenied(err), "it would tell of groups that are hidden")
}

// TestConditionsArePartOfEveryChange: changing a hidden entity is refused like changing one that does not
// exist.
func TestConditionsArePartOfEveryChange(t *testing.T) {
	t.Parallel()
	s := newSetting(t, func(o *catalog.Options) {
		o.Decider = policytest.Table{policy.CatalogEntityDelete: policytest.Owned, policy.CatalogEntityRefresh: policytest.Owned}
	})
	s.fill()
	ctx := t.Context()
	uid := func(name string) string {
		e, err := s.service.EntityByRef(ctx, member, entity.Ref{Kind: "component", Namespace: "default", Name: name})
		require.NoError(t, err)
		return e.UID()
	}
	own, others := uid("shop"), uid("till")
	for _, id := range []string{others, uuid.NewString(), "no-uuid"} {
		require.EqualError(t, s.service.DeleteEntity(ctx, member, id), "user:default/ada may not catalog.entity.delete on "+id)
	}
	require.Equal(t, others, uid("till"))
	for _, ref := range []string{"component:default/till", "component:default/none", "::"} {
		require.EqualError(t, s.service.Refresh(ctx, member, ref), "user:default/ada may not catalog.entity.refresh on "+ref)
	}
	require.NoError(t, s.service.Refresh(ctx, member, "Component:default/Shop"))
	require.NoError(t, s.service.DeleteEntity(ctx, member, own))
	require.NoError(t, s.service.DeleteEntity(ctx, identity.System("test"), uuid.NewString()), "with permission for all, deleting a missing entity succeeds")
}

// TestConditionsOnLocationsAreRefused: locations have no rules, so conditions cannot be checked.
func TestConditionsOnLocationsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSetting(t, func(o *catalog.Options) {
		o.Decider = policytest.Table{policy.CatalogLocationRead: policytest.Owned, policy.CatalogLocationDelete: policytest.Owned}
	})
	location := s.register("/org.yaml")
	_, err := s.service.LocationByID(t.Context(), member, location.ID)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.NoError(t, s.service.Locations(t.Context(), member, func(catalog.Location) error {
		require.Fail(t, "no location is listed")
		return nil
	}))
	page, err := s.service.QueryLocations(t.Context(), member, query.LocationCursor{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, catalog.LocationPage{}, page)
	require.True(t, isDenied(s.service.DeleteLocation(t.Context(), member, location.ID)))
}

func isDenied(err error) bool {
	_, denied := errors.AsType[*policy.DeniedError](err)
	return denied
}

// TestRulesAgreeInMemoryAndInSQL generates criteria and checks that the database lists the entities that
// match in memory, and that counts, facets and pages are about the same entities.
func TestRulesAgreeInMemoryAndInSQL(t *testing.T) {
	t.Parallel()
	conditions := &policytest.Conditions{ResourceType: policy.CatalogEntity}
	s := newSetting(t, func(o *catalog.Options) { o.Decider = conditions })
	s.fill()
	s.register("/varied.yaml")
	for ref, relations := range map[string]int{"group:default/team-a": 2, "group:default/team-b": 3, "component:default/plain": 1,
		"component:default/other": 1, "api:default/plain": 1} {
		s.await(ref, func(e entity.Entity) bool { return len(entity.ServedRelations(e)) == relations })
	}

	list, err := s.service.Entities(t.Context(), identity.System("test"), catalog.ListQuery{})
	require.NoError(t, err)
	everything := map[string]entity.Entity{}
	for _, document := range s.all(list) {
		var e entity.Entity
		require.NoError(t, json.Unmarshal(document, &e))
		everything[e.Ref().String()] = e
	}
	random := rand.New(rand.NewPCG(9, 1)) // the same criteria every time
	sizes := map[int]int{}
	for range 400 {
		conditions.Criteria = policytest.Generate(random, 3, func() policy.Criteria { return anyRule(random) })
		shown, err := json.Marshal(conditions.Criteria)
		require.NoError(t, err)
		grant, err := query.Rules.Ask(t.Context(), conditions, member, policy.CatalogEntityRead)
		require.NoError(t, err, string(shown))
		var allowed []string
		for _, ref := range slices.Sorted(maps.Keys(everything)) {
			if grant.Allows(everything[ref]) {
				allowed = append(allowed, ref)
			}
		}
		sizes[len(allowed)]++
		require.Equal(t, allowed, s.listed(member), string(shown))
		page, err := s.service.QueryEntities(t.Context(), member, catalog.EntityQuery{
			Cursor: query.Cursor{OrderFields: []query.CursorOrder{{Field: "metadata.name"}}}, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, len(allowed), page.TotalItems, string(shown))
		require.Len(t, page.Items, min(len(allowed), 1), string(shown))
		facets, err := s.service.Facets(t.Context(), member, []string{"metadata.uid"}, nil)
		require.NoError(t, err)
		require.Len(t, facets["metadata.uid"], len(allowed), string(shown))
	}
	require.Greater(t, len(sizes), len(everything)/2, "the criteria let through parts of every size: %v", sizes)
}

// anyRule is a rule with params that match some entities of the site, or none.
func anyRule(random *rand.Rand) policy.Criteria {
	one := func(choices ...string) string { return choices[random.IntN(len(choices))] }
	leaf := func(rule string, params map[string]any) policy.Criteria {
		encoded, err := json.Marshal(params)
		if err != nil {
			panic(err)
		}
		return policy.Criteria{Rule: rule, ResourceType: policy.CatalogEntity, Params: encoded}
	}
	property := func(rule, param, key string, values ...string) policy.Criteria {
		params := map[string]any{param: key}
		if random.IntN(3) > 0 {
			params["value"] = one(values...)
		}
		return leaf(rule, params)
	}
	some := func(choices ...string) []string { return choices[random.IntN(len(choices)):] }
	switch random.IntN(6) {
	case 0:
		return property("HAS_ANNOTATION", "annotation", one("example.com/team", "EXAMPLE.com/Team", "example.com/long", "example.com/none"), "a", "A", "b")
	case 1:
		return property("HAS_LABEL", "label", one("tier", "TIER", "empty", "none"), "gold", "SILVER", "")
	case 2:
		return property("HAS_METADATA", "key", one("title", "tags", "tags.go", "name", "labels.tier", "none"), "other", "go", "true", "plain")
	case 3:
		return property("HAS_SPEC", "key", one("type", "list", "list.one", "deep.er", "deep", "deep.flag", "none", "lifecycle"), "service", "Production", "two", "3", "three", "true")
	case 4:
		return leaf("IS_ENTITY_KIND", map[string]any{"kinds": some("component", "API", "Location", "group", "none")})
	default:
		return leaf("IS_ENTITY_OWNER", map[string]any{"claims": some("user:default/ada", "Group:default/team-a", "group:default/team-b", "group:default/none")})
	}
}

// listed are the references of the entities in a principal's list.
func (s *setting) listed(principal identity.Principal) []string {
	s.Helper()
	list, err := s.service.Entities(s.Context(), principal, catalog.ListQuery{Paged: true})
	require.NoError(s, err)
	var refs []string
	for _, document := range s.all(list) {
		var e entity.Entity
		require.NoError(s, json.Unmarshal(document, &e))
		refs = append(refs, e.Ref().String())
	}
	slices.Sort(refs)
	return refs
}
