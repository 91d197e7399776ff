package catalog_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

const callerPolicies = `p, role:default/guests, catalog-entity, read, allow
g, user:development/guest, role:default/guests
p, role:default/developers, catalog.location.create, create, allow
p, role:default/developers, catalog.entity.validate, use, allow
g, user:default/owner, role:default/developers
g, user:default/member, role:default/developers
g, user:default/other, role:default/developers
p, role:default/operators, catalog-entity, read, allow
p, role:default/operators, catalog-entity, update, allow
p, role:default/operators, catalog-entity, delete, allow
p, role:default/operators, catalog.entity.validate, use, allow
p, role:default/operators, catalog.location.create, create, allow
p, role:default/operators, catalog.location.read, read, allow
p, role:default/operators, catalog.location.delete, delete, allow
p, role:default/operators, catalog.entities.unprocessed.delete, delete, allow
p, role:default/operators, catalog.ingestion.read, read, allow
p, role:default/operators, catalog.ingestion.manage, update, allow
g, user:default/operator, role:default/operators
`

const callerConditions = `result: CONDITIONAL
roleEntityRef: role:default/developers
pluginId: catalog
resourceType: catalog-entity
permissionMapping: [read, update, delete]
conditions: { rule: IS_ENTITY_OWNER, resourceType: catalog-entity, params: { claims: [$ownerRefs] } }
`

// owner owns the components by name, and has registered the locations.
var owner = identity.Principal{Kind: identity.KindUser, Subject: "user:default/owner", Ownership: []string{"user:default/owner"}}

// callers are the columns of the table.
var callers = []policytest.Caller{
	{Name: "nobody"},
	caller("user:development/guest"), // reads all entities
	caller("user:default/stranger"),  // has the role alone that everybody has
	{Name: owner.Subject, Principal: owner},
	caller("user:default/member", "group:default/team"), // has the owner's role; the components are this group's too
	caller("user:default/other", "group:default/others"),
	caller("user:default/operator"),
	service("ci", nil),
	service("reader", []string{string(policy.CatalogEntityRead)}),
	service("repo:acme/shop:ref:refs/heads/main", []string{string(policy.CatalogLocationCreate), string(policy.CatalogEntityRefresh)}), // a job's exchanged token
	caller("user:default/admin"), // is a super user
	{Name: "system", Principal: identity.System("test")},
}

func caller(ref string, groups ...string) policytest.Caller {
	return policytest.Caller{Name: ref, Principal: identity.Principal{Kind: identity.KindUser, Subject: ref, Ownership: append([]string{ref}, groups...)}}
}

// service is a machine with a token that is restricted to these permissions, nil for one without restrictions.
func service(subject string, permissions []string) policytest.Caller {
	principal := identity.Principal{Kind: identity.KindService, Subject: subject}
	if permissions != nil {
		principal.Restrictions = []identity.Restriction{{Plugin: "catalog", Permissions: permissions}}
	}
	return policytest.Caller{Name: subject, Principal: principal}
}

// rolesOfCallers is a decider with their roles.
func rolesOfCallers(t *testing.T) policy.Decider {
	t.Helper()
	files := rbac.Files{Policies: t.TempDir() + "/policy.csv", Conditions: t.TempDir() + "/conditions.yaml"}
	require.NoError(t, os.WriteFile(files.Policies, []byte(callerPolicies), 0o600))
	require.NoError(t, os.WriteFile(files.Conditions, []byte(callerConditions), 0o600))
	decider, problems, err := rbac.Offline(rbac.Options{Files: files, Limits: rbac.DefaultLimits(), Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}},
		Configured: rbac.Configured{DefaultRole: "role:default/everyone", DefaultPolicies: []rbac.Policy{{Permission: "catalog.location.analyze", Action: "use", Effect: rbac.Allow}}}},
		rbac.DeciderOptions{SuperUsers: []string{"user:default/admin"}})
	require.NoError(t, err)
	require.Empty(t, problems)
	return decider
}

// component stores a component, as processing would have left it, with an error that did not keep it from being
// served. It is the owner's and the team's.
func component(t *testing.T, pool *pgxpool.Pool) (uid string, ref entity.Ref) {
	t.Helper()
	id := uuid.New()
	ref = entity.Ref{Kind: "component", Namespace: "default", Name: id.String()}
	document := `{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"` + ref.Name + `","uid":"` + ref.Name + `","annotations":{"backstage.io/managed-by-origin-location":"` + registered.String() + `"}},
		"relations":[{"type":"ownedBy","targetRef":"user:default/owner"},{"type":"ownedBy","targetRef":"group:default/team"}]}`
	_, err := pool.Exec(t.Context(), `with state as (
			insert into catalog_states (entity_id, entity_ref, unprocessed, unprocessed_hash, processed, errors) values ($1, $2, $3, '', $3, '[{"name":"Error","message":"late"}]')),
		served as (insert into catalog_entities (entity_id, entity_ref, hash, entity) values ($1, $2, '', $3))
		insert into catalog_search (entity_id, kind, key, value, original_value)
		select $1, 'component', key, value, value
		from (values ('kind', 'component'), ('metadata.name', $4), ('relations.ownedby', 'user:default/owner'), ('relations.ownedby', 'group:default/team')) as rows (key, value)`,
		id, ref.String(), document, ref.Name)
	require.NoError(t, err)
	return id.String(), ref
}

// unserved stores an entity that was never processed.
func unserved(t *testing.T, pool *pgxpool.Pool) (uid string) {
	t.Helper()
	id := uuid.New()
	_, err := pool.Exec(t.Context(), `insert into catalog_states (entity_id, entity_ref, unprocessed, unprocessed_hash) values ($1, $2, '{}', '')`, id, "component:default/"+id.String())
	require.NoError(t, err)
	return id.String()
}

// claimed stores a claim of another location to a component.
func claimed(t *testing.T, pool *pgxpool.Pool, ref entity.Ref) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `insert into catalog_conflicts (entity_ref, holder_key, claimant_key, claimant_ref) values ($1, 'url:https://example.com/a', 'url:https://example.com/b', 'location:default/b')`, ref.String())
	require.NoError(t, err)
}

// orphaned marks a component as one that nothing emits.
func orphaned(t *testing.T, pool *pgxpool.Pool, uid string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `insert into catalog_search (entity_id, kind, key, value) values ($1, 'component', 'metadata.annotations.backstage.io/orphan', 'true')`, uid)
	require.NoError(t, err)
}

// registered is the location that the components come from.
var registered = entity.LocationSpec{Type: "url", Target: "https://example.com/shop.yaml"}

// TestEveryMethodAnswersEveryCaller: what a caller gets from each method, with real roles.
func TestEveryMethodAnswersEveryCaller(t *testing.T) {
	t.Parallel()
	url, pipeline := newPipeline(t)
	pool := testkit.Database(t)
	s := catalog.New(catalog.Options{Pool: pool, Decider: rolesOfCallers(t), Pipeline: pipeline, Surveyor: pipeline.Reader.(catalog.Surveyor)})
	shop, err := s.RegisterLocation(t.Context(), owner, registered, "")
	require.NoError(t, err)
	component(t, pool)
	isTeams := policy.Criteria{Rule: "IS_ENTITY_OWNER", ResourceType: policy.CatalogEntity, Params: json.RawMessage(`{"claims":["group:default/team"]}`)}
	// another is a location that is not registered, and exists.
	another := func() entity.LocationSpec {
		return entity.LocationSpec{Type: "url", Target: url + "/shop.yaml?" + uuid.NewString()}
	}
	// location is one that the owner has registered.
	location := func(t *testing.T) string {
		t.Helper()
		location, err := s.RegisterLocation(t.Context(), owner, another(), "")
		require.NoError(t, err)
		return location.ID
	}
	// about is a row about a component.
	about := func(call func(t *testing.T, by identity.Principal, uid string, ref entity.Ref) error, expected string) policytest.Method {
		return policytest.Method{Expected: expected, Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			uid, ref := component(t, pool)
			return 1, call(t, by, uid, ref)
		}}
	}
	// found is a row of a method that finds a number of things.
	found := func(call func(t *testing.T, by identity.Principal) (int, error), expected string) policytest.Method {
		return policytest.Method{Expected: expected, Call: call}
	}
	// command is a row of a method that does something.
	command := func(call func(t *testing.T, by identity.Principal) error, expected string) policytest.Method {
		return found(func(t *testing.T, by identity.Principal) (int, error) { t.Helper(); return 1, call(t, by) }, expected)
	}
	policytest.EveryMethodAnswers(t, s, []string{"Backlog", "Wrong"}, callers, map[string]policytest.Method{
		// nobody guest stranger owner member other operator ci reader job admin system
		"Entities": found(func(t *testing.T, by identity.Principal) (count int, err error) {
			t.Helper()
			list, err := s.Entities(t.Context(), by, catalog.ListQuery{Paged: true})
			if err != nil {
				return 0, err
			}
			err = list.Each(t.Context(), func(json.RawMessage) error { count++; return nil })
			return count, err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"QueryEntities": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			cursor, err := query.NewCursor(nil, query.FullText{}, nil)
			require.NoError(t, err)
			page, err := s.QueryEntities(t.Context(), by, catalog.EntityQuery{Cursor: cursor, Limit: 1})
			require.Len(t, page.Items, min(page.TotalItems, 1))
			return page.TotalItems, err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"ExportEntities": found(func(t *testing.T, by identity.Principal) (count int, err error) {
			t.Helper()
			cursor, err := query.NewCursor(nil, query.FullText{}, nil)
			require.NoError(t, err)
			err = s.ExportEntities(t.Context(), by, cursor, nil, func(json.RawMessage) error { count++; return nil })
			return count, err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"Facets": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			facets, err := s.Facets(t.Context(), by, []string{"kind"}, nil)
			return len(facets["kind"]), err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"SampleEntities": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			count, refs, err := s.SampleEntities(t.Context(), by, &isTeams, 1)
			require.Len(t, refs, min(count, 1))
			return count, err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"MatchingEntities": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			_, ref := component(t, pool)
			matching, err := s.MatchingEntities(t.Context(), by, isTeams, []string{ref.String()})
			return len(slices.DeleteFunc(matching, func(matches bool) bool { return !matches })), err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"EntitiesByRefs": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			_, ref := component(t, pool)
			documents, err := s.EntitiesByRefs(t.Context(), by, []string{ref.String()}, nil, nil)
			return len(slices.DeleteFunc(documents, func(document json.RawMessage) bool { return document == nil })), err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"EachOfKind": found(func(t *testing.T, by identity.Principal) (count int, err error) {
			t.Helper()
			component(t, pool)
			err = s.EachOfKind(t.Context(), by, "component", func(json.RawMessage) error { count++; return nil })
			return count, err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"UnprocessedEntities": found(func(t *testing.T, by identity.Principal) (count int, err error) {
			t.Helper()
			err = s.UnprocessedEntities(t.Context(), by, catalog.UnprocessedQuery{Which: catalog.Failed}, func(catalog.UnprocessedEntity) error { count++; return nil })
			return count, err
		}, "none yes none yes yes none yes yes yes none yes yes"),
		"EntityByRef": about(func(t *testing.T, by identity.Principal, _ string, ref entity.Ref) error {
			t.Helper()
			_, err := s.EntityByRef(t.Context(), by, ref)
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"EntityJSON": about(func(t *testing.T, by identity.Principal, _ string, ref entity.Ref) error {
			t.Helper()
			_, err := s.EntityJSON(t.Context(), by, ref)
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"LocatedEntity": about(func(t *testing.T, by identity.Principal, _ string, ref entity.Ref) error {
			t.Helper()
			_, _, err := s.LocatedEntity(t.Context(), by, ref)
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"EntityByUID": about(func(t *testing.T, by identity.Principal, uid string, _ entity.Ref) error {
			t.Helper()
			_, err := s.EntityByUID(t.Context(), by, uid)
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"EntityHistory": about(func(t *testing.T, by identity.Principal, uid string, ref entity.Ref) error {
			t.Helper()
			_, err := s.EntityHistory(t.Context(), by, ref, catalog.HistoryQuery{})
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"EntityHistoryByUID": about(func(t *testing.T, by identity.Principal, uid string, ref entity.Ref) error {
			t.Helper()
			_, err := s.EntityHistoryByUID(t.Context(), by, uid, catalog.HistoryQuery{})
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"EntityAt": about(func(t *testing.T, by identity.Principal, uid string, ref entity.Ref) error {
			t.Helper()
			_, err := s.EntityAt(t.Context(), by, ref, time.Now().Add(time.Hour))
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"EntityAtByUID": about(func(t *testing.T, by identity.Principal, uid string, ref entity.Ref) error {
			t.Helper()
			_, err := s.EntityAtByUID(t.Context(), by, uid, time.Now().Add(time.Hour))
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"Explain": about(func(t *testing.T, by identity.Principal, uid string, ref entity.Ref) error {
			t.Helper()
			_, err := s.Explain(t.Context(), by, ref)
			return err
		}, "absent yes absent yes yes absent yes yes yes absent yes yes"),
		"ResolveConflict": about(func(t *testing.T, by identity.Principal, uid string, ref entity.Ref) error {
			t.Helper()
			claimed(t, pool, ref)
			err := s.ResolveConflict(t.Context(), by, ref, "url:https://example.com/b")
			return err
		}, "no no no no no no yes yes no no yes yes"),
		"Health": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.Health(t.Context(), by)
			return err
		}, "no no no no no no yes yes no no yes yes"),
		"Conflicts": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			_, ref := component(t, pool)
			claimed(t, pool, ref)
			page, err := s.Conflicts(t.Context(), by, "", 10)
			return len(page.Items), err
		}, "no no no no no no yes yes no no yes yes"),
		"WrongEntities": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			uid, _ := component(t, pool)
			orphaned(t, pool, uid)
			page, err := s.WrongEntities(t.Context(), by, query.Orphans, "", 10)
			return len(page.Items), err
		}, "no no no no no no yes yes no no yes yes"),
		"Model": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.Model(t.Context(), by)
			return err
		}, "no yes no yes yes yes yes yes yes no yes yes"),
		"Ancestry": about(func(t *testing.T, by identity.Principal, _ string, ref entity.Ref) error {
			t.Helper()
			_, err := s.Ancestry(t.Context(), by, ref)
			return err
		}, "no yes no yes yes no yes yes yes no yes yes"),
		// The groups of a user may be ones that somebody who reads under conditions cannot read.
		"GroupsOf": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.GroupsOf(t.Context(), by, entity.Ref{Kind: "user", Namespace: "default", Name: "member"})
			return err
		}, "no yes no no no no yes yes yes no yes yes"),
		"DeleteEntity": about(func(t *testing.T, by identity.Principal, uid string, _ entity.Ref) error {
			t.Helper()
			return s.DeleteEntity(t.Context(), by, uid)
		}, "no no no yes yes no yes yes no no yes yes"),
		"Refresh": about(func(t *testing.T, by identity.Principal, _ string, ref entity.Ref) error {
			t.Helper()
			return s.Refresh(t.Context(), by, ref.String())
		}, "no no no yes yes no yes yes no yes yes yes"),
		"MayRefresh": about(func(t *testing.T, by identity.Principal, _ string, ref entity.Ref) error {
			t.Helper()
			return s.MayRefresh(t.Context(), by, ref)
		}, "no no no yes yes no yes yes no yes yes yes"),
		"DeleteUnprocessed": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			return s.DeleteUnprocessed(t.Context(), by, unserved(t, pool))
		}, "no no no no no no yes yes no no yes yes"),
		"ValidateEntity": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.ValidateEntity(t.Context(), by, json.RawMessage(`{}`), registered.String())
			return err
		}, "no no no yes yes yes yes yes no no yes yes"),
		"Locations": found(func(t *testing.T, by identity.Principal) (count int, err error) {
			t.Helper()
			err = s.Locations(t.Context(), by, func(catalog.Location) error { count++; return nil })
			return count, err
		}, "none none none none none none yes yes none none yes yes"),
		"QueryLocations": found(func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			page, err := s.QueryLocations(t.Context(), by, query.LocationCursor{Limit: 1})
			require.Len(t, page.Items, min(page.TotalItems, 1))
			return page.TotalItems, err
		}, "none none none none none none yes yes none none yes yes"),
		"LocationByID": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.LocationByID(t.Context(), by, shop.ID)
			return err
		}, "absent absent absent absent absent absent yes yes absent absent yes yes"),
		"LocationByEntity": about(func(t *testing.T, by identity.Principal, _ string, ref entity.Ref) error {
			t.Helper()
			_, err := s.LocationByEntity(t.Context(), by, ref)
			return err
		}, "absent absent absent absent absent absent yes yes absent absent yes yes"),
		// Who has registered a location sees that it is theirs.
		"RegistrationOf": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.RegistrationOf(t.Context(), by, registered)
			return err
		}, "no no no yes no no yes yes no no yes yes"),
		"RegistrationByID": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.RegistrationByID(t.Context(), by, shop.ID)
			return err
		}, "no no no yes no no yes yes no no yes yes"),
		"RegisterLocation": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.RegisterLocation(t.Context(), by, another(), "")
			return err
		}, "no no no yes yes yes yes yes no yes yes yes"),
		"TryLocation": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.TryLocation(t.Context(), by, another())
			return err
		}, "no no no yes yes yes yes yes no yes yes yes"),
		"UpdateLocation": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.UpdateLocation(t.Context(), by, location(t), another())
			return err
		}, "no no no yes yes yes yes yes no yes yes yes"),
		"DeleteLocation": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			return s.DeleteLocation(t.Context(), by, location(t))
		}, "no no no no no no yes yes no no yes yes"),
		"AnalyzeLocation": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.AnalyzeLocation(t.Context(), by, another())
			return err
		}, "no yes yes yes yes yes yes yes no no yes yes"),
		"InspectRepository": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			_, err := s.InspectRepository(t.Context(), by, another().Target)
			return err
		}, "no no no yes yes yes yes yes no yes yes yes"),
		// No route leads to it: a server configures the catalog at its start.
		"Configure": command(func(t *testing.T, by identity.Principal) error {
			t.Helper()
			return s.Configure(t.Context(), by, nil)
		}, "no no no yes yes yes yes yes no yes yes yes"),
	})
}
