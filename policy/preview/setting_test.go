package preview_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/run"
)

// setting is a process with roles, a catalog, and previews. Of the catalog's groups, group-19 is below group-39, which
// is below group-59, which is below group-19. Users have the roles of their groups and of those one level above.
type setting struct {
	*preview.Service

	pool    *pgxpool.Pool
	roles   *rbac.Service
	decider *rbac.Decider
	catalog *catalog.Service
}

// actions are the actions of the process.
var actions = []string{"debug:log", "debug:wait", "fetch:plain", "publish:github"}

const (
	entities = 60
	levels   = 1
)

var admin = identity.Principal{Kind: identity.KindUser, Subject: "user:default/admin", Ownership: []string{"user:default/admin"}}

func newSetting(t testing.TB, change ...func(*rbac.Options, *rbac.DeciderOptions)) *setting {
	t.Helper()
	s := &setting{pool: testkit.Database(t)}
	catalogtest.Fill(t, s.pool, entities)
	_, err := s.pool.Exec(t.Context(), `insert into catalog_relations (origin_id, source_ref, type, target_ref)
		select e.entity_id, p.child, 'childOf', p.parent
		from (values ('group:default/group-19', 'group:default/group-39'), ('group:default/group-39', 'group:default/group-59'),
			('group:default/group-59', 'group:default/group-19')) p (child, parent)
		join catalog_entities e on e.entity_ref = p.child`)
	require.NoError(t, err)
	options := rbac.Options{Log: slog.New(slog.DiscardHandler), Pool: s.pool, Limits: rbac.DefaultLimits(),
		Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}, {Plugin: "scaffolder", Rules: run.Rules},
			{Plugin: "scaffolder", Rules: access.ActionRules}, {Plugin: "scaffolder", Rules: access.TemplateRules}, {Plugin: "permission", Rules: rbac.Rules}},
		Configured: rbac.Configured{Admins: []string{admin.Subject}, DefaultRole: "role:default/everyone",
			DefaultPolicies: []rbac.Policy{{Permission: "catalog.location.analyze", Action: "use", Effect: rbac.Allow}}}}
	deciding := rbac.DeciderOptions{Log: options.Log, GroupsOf: rbac.CatalogGroups(s.pool), Depth: levels}
	for _, each := range change {
		each(&options, &deciding)
	}
	s.decider = rbac.NewDecider(deciding)
	options.Decider = s.decider
	s.roles = rbac.New(options)
	require.NoError(t, s.roles.SyncFiles(t.Context()))
	require.Empty(t, s.roles.Problems())
	s.catalog = catalog.New(catalog.Options{Pool: s.pool, Decider: s.decider})
	s.Service = preview.New(preview.Options{Roles: s.roles, Decider: s.decider,
		People: rbac.CatalogPeople(s.pool, rbac.PeopleLevels{Roles: levels, Ownership: catalog.MaxGroupDepth, Owners: catalog.MaxGroups}),
		Count:  map[policy.ResourceType]preview.Count{policy.CatalogEntity: s.catalog.SampleEntities},
		Cover: map[policy.ResourceType]preview.Cover{policy.ScaffolderAction: func(decision policy.Decision) ([]string, bool, error) {
			return access.Executable(decision, actions)
		}}})
	return s
}

// withFiles gives a process files.
func withFiles(t testing.TB, policies, conditions string) func(*rbac.Options, *rbac.DeciderOptions) {
	t.Helper()
	files := rbac.Files{Policies: filepath.Join(t.TempDir(), "policy.csv"), Conditions: filepath.Join(t.TempDir(), "conditions.yaml")}
	require.NoError(t, os.WriteFile(files.Policies, []byte(policies), 0o600))
	require.NoError(t, os.WriteFile(files.Conditions, []byte(conditions), 0o600))
	return func(options *rbac.Options, _ *rbac.DeciderOptions) { options.Files = files }
}

// everybody is a page with all people.
var everybody = preview.Page{Limit: 1000}

func (s *setting) preview(t testing.TB, by identity.Principal, changes ...rbac.Proposal) preview.Preview {
	t.Helper()
	found, err := s.Preview(t.Context(), by, preview.Request{Changes: changes}, everybody)
	require.NoError(t, err)
	require.Empty(t, found.Incomplete)
	return found
}

// make makes a change.
func (s *setting) make(t testing.TB, by identity.Principal, p rbac.Proposal) error {
	t.Helper()
	ctx := t.Context()
	switch {
	case p.CreateRole != nil:
		return s.roles.CreateRole(ctx, by, *p.CreateRole)
	case p.UpdateRole != nil:
		return s.roles.UpdateRole(ctx, by, p.UpdateRole.Role, p.UpdateRole.RoleUpdate)
	case p.DeleteRole != nil:
		return s.roles.DeleteRole(ctx, by, *p.DeleteRole, nil)
	case p.RemoveMember != nil:
		return s.roles.RemoveMember(ctx, by, p.RemoveMember.Role, p.RemoveMember.Member, nil)
	case p.AddPolicies != nil:
		return s.roles.CreatePolicies(ctx, by, p.AddPolicies)
	case p.UpdatePolicies != nil:
		_, err := s.roles.UpdatePolicies(ctx, by, p.UpdatePolicies.Role, rbac.PolicyUpdate{Old: p.UpdatePolicies.Old, New: p.UpdatePolicies.New})
		return err
	case p.RemovePolicies != nil:
		return s.roles.DeletePolicies(ctx, by, p.RemovePolicies[0].Role, p.RemovePolicies)
	case p.CreateCondition != nil:
		_, err := s.roles.CreateCondition(ctx, by, *p.CreateCondition)
		return err
	case p.UpdateCondition != nil:
		return s.roles.UpdateCondition(ctx, by, p.UpdateCondition.ID, p.UpdateCondition.ConditionSpec, nil)
	default:
		return s.roles.DeleteCondition(ctx, by, *p.DeleteCondition, nil)
	}
}
