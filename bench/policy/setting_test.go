package policy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

// The size of the installation.
const (
	entities   = 250_000
	users      = 10_000
	groups     = 1_000
	roles      = 500
	policies   = 5_000
	conditions = 200
)

// organization puts the first groups of the catalog below each other, four below each and so six deep, and has
// users be members of them.
const organization = `
insert into catalog_relations (origin_id, source_ref, type, target_ref)
select e.entity_id, e.entity_ref, 'childOf', 'group:default/group-' || 20 * ((n - 1) / 4) + 19
from generate_series(1, $1::int - 1) n join catalog_entities e on e.entity_ref = 'group:default/group-' || 20 * n + 19
union all
select e.entity_id, e.entity_ref, 'memberOf', 'group:default/group-' || 20 * (n % $1::int) + 19
from generate_series(0, $2::int - 1) n join catalog_entities e on e.entity_ref = 'user:default/user-' || 20 * n + 9
on conflict do nothing`

// template is a template that needs nothing.
const template = `{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"log","namespace":"default"},
	"spec":{"type":"service","owner":"group:default/group-19","steps":[{"id":"log","name":"Log","action":"debug:log","input":{"message":"hello"}}]}}`

// ownedTemplate stores the template so that its owners may read it.
const ownedTemplate = `
with stored as (
	insert into catalog_entities (entity_id, entity_ref, hash, entity) values (gen_random_uuid(), 'template:default/log', '', $1) returning entity_id)
insert into catalog_search (entity_id, kind, key, value, original_value) select entity_id, 'template', 'relations.ownedby', $2, $2 from stored`

// group is the reference of the group with an index.
func group(index int) string { return fmt.Sprintf("group:default/group-%d", 20*index+19) }

// fill makes the catalog.
func fill(b *testing.B) *pgxpool.Pool {
	b.Helper()
	pool := testkit.Database(b)
	catalogtest.Fill(b, pool, entities)
	_, err := pool.Exec(b.Context(), organization, groups, users)
	require.NoError(b, err)
	_, err = pool.Exec(b.Context(), ownedTemplate, template, group(0))
	require.NoError(b, err)
	_, err = pool.Exec(b.Context(), "vacuum analyze catalog_relations, catalog_entities")
	require.NoError(b, err)
	return pool
}

// permitted are the permissions that the roles have: those that a portal asks for, and others.
func permitted(index int) policy.Permission {
	known := []policy.Permission{policy.CatalogEntityRead, policy.ScaffolderTaskCreate, policy.ScaffolderTaskRead,
		policy.ScaffolderActionExecute, policy.ScaffolderTemplateRead, policy.ScaffolderTemplateStepRead, policy.CatalogLocationRead}
	if index < len(known) {
		return known[index]
	}
	return policy.Permission(fmt.Sprintf("other.permission.%d", index))
}

const perRole = policies / roles

// files have the roles. The members of each are two groups. Of the conditions, one is about reading.
func files(b *testing.B) rbac.Files {
	b.Helper()
	var lines, documents strings.Builder
	condition := func(role, action string) {
		fmt.Fprintf(&documents, "---\nresult: CONDITIONAL\nroleEntityRef: role:default/%s\npluginId: catalog\nresourceType: catalog-entity\npermissionMapping: [%s]\n"+
			"conditions: {rule: IS_ENTITY_OWNER, resourceType: catalog-entity, params: {claims: [$ownerRefs]}}\n", role, action)
	}
	for r := range roles - 1 {
		for p := range perRole {
			permission := permitted((r + p) % (perRole * 4))
			action := permission.Action()
			if action == "" {
				action = "use"
			}
			fmt.Fprintf(&lines, "p, role:default/r%d, %s, %s, allow\n", r, permission, action)
		}
		fmt.Fprintf(&lines, "g, %s, role:default/r%d\ng, %s, role:default/r%d\n", group(2*r%groups), r, group((2*r+1)%groups), r)
		if r < conditions-1 {
			condition(fmt.Sprintf("r%d", r), "update")
		}
	}
	for _, permission := range []policy.Permission{policy.CatalogEntityDelete, policy.ScaffolderTaskCreate, policy.ScaffolderTaskRead, policy.CatalogLocationRead} {
		fmt.Fprintf(&lines, "p, role:default/owners, %s, %s, allow\n", permission, permission.Action())
	}
	for _, permission := range []policy.Permission{policy.ScaffolderActionExecute, policy.ScaffolderTemplateRead, policy.ScaffolderTemplateStepRead} {
		action := permission.Action()
		if action == "" {
			action = "use"
		}
		fmt.Fprintf(&lines, "p, role:default/owners, %s, %s, allow\n", permission, action)
	}
	condition("owners", "read")
	for _, who := range people {
		role := "readers"
		if who.conditional {
			role = "owners"
		}
		fmt.Fprintf(&lines, "g, user:default/%s, role:default/%s\n", who.name, role)
	}
	fmt.Fprint(&lines, "p, role:default/readers, catalog.entity.read, read, allow\n")
	directory := b.TempDir()
	written := rbac.Files{Policies: filepath.Join(directory, "policy.csv"), Conditions: filepath.Join(directory, "conditions.yaml")}
	require.NoError(b, os.WriteFile(written.Policies, []byte(lines.String()), 0o600))
	require.NoError(b, os.WriteFile(written.Conditions, []byte(documents.String()), 0o600))
	return written
}

// person is somebody whose requests are measured.
type person struct {
	name string
	// owners are how many groups the person owns by.
	owners int
	// conditional means that the person reads only what they own.
	conditional bool
}

var people = []person{
	{"reader", 6, false}, {"member", 6, true}, {"lead", 500, true}, {"half", 6_000, true},
}

// principal is the person, with the groups from a number on.
func (p person) principal(from int) identity.Principal {
	ref := "user:default/" + p.name
	owners := []string{ref}
	for i := range p.owners {
		owners = append(owners, group((from+i*3)%(entities/20)))
	}
	return identity.Principal{Kind: identity.KindUser, Subject: ref, Ownership: owners}
}

// byName accepts the name of a person as a token, with a number for other groups: member.7.
type byName struct{}

func (byName) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	name, number, _ := strings.Cut(token, ".")
	from, _ := strconv.Atoi(number)
	for _, who := range people {
		if who.name == name {
			return who.principal(from), nil
		}
	}
	return identity.Principal{}, fmt.Errorf("nobody is called %s", token)
}

func newRoles(b *testing.B, pool *pgxpool.Pool) (*rbac.Service, *rbac.Decider, rbac.Files) {
	b.Helper()
	log, written := slog.New(slog.DiscardHandler), files(b)
	decider := rbac.NewDecider(rbac.DeciderOptions{Log: log, GroupsOf: rbac.CatalogGroups(pool), Depth: 6})
	service := rbac.New(rbac.Options{Log: log, Pool: pool, Decider: decider, Limits: rbac.DefaultLimits(), Files: written,
		Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}},
		Configured:  rbac.Configured{Plugins: []string{"catalog", "scaffolder", "permission"}}})
	require.NoError(b, service.SyncFiles(b.Context()))
	require.Empty(b, service.Problems())
	return service, decider, written
}

// idle is an engine that starts nothing: a run's start is measured up to the engine.
type idle struct{ engine.Engine }

func (idle) Start(context.Context, engine.Command) error { return nil }

// newServer is the API of the catalog and of runs.
func newServer(b *testing.B, pool *pgxpool.Pool, decider policy.Decider) *httptest.Server {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	service := catalog.New(catalog.Options{Pool: pool, Decider: decider})
	actions, err := action.NewRegistry()
	require.NoError(b, err)
	keys, err := seal.NewKeyring(seal.GenerateKey("bench"))
	require.NoError(b, err)
	runs := scaffolder.New(scaffolder.Options{Log: log, Catalog: service, Runs: run.NewStore(pool, keys), Engine: idle{}, Actions: actions, Decider: decider,
		Access: access.NewRuns(decider)})
	handler, err := api.NewServer(api.Options{Hosts: []string{"example.com"}, Log: log, Authenticator: byName{}, Plugins: []api.Plugin{
		api.NewCatalogPlugin(service), api.NewScaffolderPlugin(runs, db.NewListener(pool, run.Channel, log))}})
	require.NoError(b, err)
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	return server
}

// request is a request of a person.
type request struct{ method, path, body, who string }

func (r request) send(ctx context.Context, client *http.Client, server *httptest.Server) ([]byte, error) {
	asked, err := http.NewRequestWithContext(ctx, r.method, server.URL+"/api"+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	asked.Header.Set("Authorization", "Bearer "+r.who)
	asked.Header.Set("Content-Type", "application/json")
	response, err := client.Do(asked)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s of %s: %s: %s", r.method, r.path, r.who, response.Status, content)
	}
	return content, err
}

// found is the number of entities in a response.
func found(b *testing.B, content []byte) int {
	b.Helper()
	var page struct{ Items []json.RawMessage }
	if json.Unmarshal(content, &page) == nil {
		return len(page.Items)
	}
	var list []json.RawMessage
	require.NoError(b, json.Unmarshal(content, &list))
	return len(list)
}
