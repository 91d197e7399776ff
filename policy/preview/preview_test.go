package preview_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
)

const teams = "role:default/teams"

// deletes is a condition under which a role may delete the entities that its members own.
func deletes(role string) *rbac.ConditionSpec {
	return &rbac.ConditionSpec{Result: policy.Conditional, Role: role, PluginID: "catalog", ResourceType: policy.CatalogEntity,
		Permissions: []rbac.ConditionPermission{{Name: "catalog.entity.delete", Action: "delete"}}, Criteria: []byte(policytest.Owned)}
}

// TestANewRoleWithEverything: a role, its members, a policy and a condition are previewed together, as the portal makes
// them one after the other.
func TestANewRoleWithEverything(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	before := testkit.Digest(t, s.pool)
	found := s.preview(t, admin,
		rbac.Proposal{CreateRole: &rbac.RoleSpec{Ref: teams, Members: []string{"group:default/group-19", "user:default/stranger"}}},
		rbac.Proposal{AddPolicies: []rbac.Policy{{Role: teams, Permission: "catalog.location.create", Action: "create", Effect: rbac.Allow}}},
		rbac.Proposal{CreateCondition: deletes(teams)})
	require.Equal(t, before, testkit.Digest(t, s.pool), "a preview changes nothing, and records nothing")
	require.Equal(t, []preview.Permission{
		{Permission: "catalog.entity.delete", Action: "delete", ResourceType: policy.CatalogEntity, Gain: found.People.Affected},
		{Permission: "catalog.location.create", Action: "create", Gain: found.People.Affected},
	}, found.Permissions)
	require.Equal(t, preview.People{Compared: found.People.Compared, Affected: len(found.Items), Gain: len(found.Items)}, found.People)
	byName := map[string]preview.Person{}
	for _, person := range found.Items {
		byName[person.User] = person
	}
	require.Contains(t, byName, "user:default/stranger", "who is not in the catalog counts too")
	require.Zero(t, byName["user:default/stranger"].Changes[0].Resources.Gained)
	member := found.Items[1]
	require.Equal(t, rbac.Gains, member.Changes[0].Effect)
	require.Positive(t, member.Changes[0].Resources.Gained)
	require.False(t, member.Changes[0].Resources.OnlyReadable)
	require.Contains(t, found.Text(), "gains catalog.entity.delete (under conditions, before never): ")
}

// TestPages: one page follows the other.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	request := preview.Request{Changes: []rbac.Proposal{{CreateRole: &rbac.RoleSpec{Ref: teams, Members: []string{"group:default/group-19", "group:default/group-39", "group:default/group-59"}}},
		{AddPolicies: []rbac.Policy{{Role: teams, Permission: "catalog.location.create", Action: "create", Effect: rbac.Allow}}}}}
	all, err := s.Preview(t.Context(), admin, request, everybody)
	require.NoError(t, err)
	require.Len(t, all.Items, 9)
	require.Empty(t, all.NextCursor)
	var paged []preview.Person
	page := preview.Page{Limit: 3}
	for pages := 1; ; pages++ {
		found, err := s.Preview(t.Context(), admin, request, page)
		require.NoError(t, err)
		require.Equal(t, all.People, found.People)
		paged = append(paged, found.Items...)
		if page.After = found.NextCursor; page.After == "" {
			require.Equal(t, 3, pages)
			break
		}
	}
	require.Equal(t, all.Items, paged)
}

// TestWhoMayPreview: who may make the change and read all roles. Of the entities, a caller learns about those alone
// that they may read.
func TestWhoMayPreview(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	owner := identity.Principal{Kind: identity.KindUser, Subject: "user:default/user-9", Ownership: []string{"user:default/user-9", "group:default/group-39"}}
	join := rbac.Proposal{CreateRole: &rbac.RoleSpec{Ref: teams, Members: []string{"user:default/stranger"}}}
	refused := func(by identity.Principal, request preview.Request, message string) {
		t.Helper()
		_, err := s.Preview(t.Context(), by, request, everybody)
		require.EqualError(t, err, message)
		require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	}
	change, files := preview.Request{Changes: []rbac.Proposal{join}}, preview.Request{Files: &rbac.FileTexts{}}
	refused(owner, change, "user:default/user-9 may not policy.entity.read")
	refused(owner, files, "user:default/user-9 may not policy.entity.read")

	reads := rbac.Policy{Role: "role:default/readers", Permission: "policy-entity", Action: "read", Effect: rbac.Allow}
	require.NoError(t, s.roles.CreateRole(t.Context(), admin, rbac.RoleSpec{Ref: reads.Role, Members: []string{owner.Subject}}))
	require.NoError(t, s.roles.CreatePolicies(t.Context(), admin, []rbac.Policy{reads}))
	refused(owner, change, "user:default/user-9 may not policy.entity.create")
	_, err := s.Preview(t.Context(), owner, files, everybody)
	require.NoError(t, err, "who reads all roles may preview files")
	service := identity.Principal{Kind: identity.KindService, Subject: "external:ci"}
	_, err = s.Preview(t.Context(), service, files, everybody)
	require.NoError(t, err, "the CI of whoever owns the files")
	refused(service, change, "Only credential principal with type 'user' permitted to modify permissions")

	may := []rbac.Policy{{Role: reads.Role, Permission: "policy-entity", Action: "create", Effect: rbac.Allow}, {Role: reads.Role, Permission: "policy-entity", Action: "update", Effect: rbac.Allow}}
	require.NoError(t, s.roles.CreatePolicies(t.Context(), admin, may))
	everything := rbac.Proposal{AddPolicies: []rbac.Policy{{Role: teams, Permission: "catalog-entity", Action: "delete", Effect: rbac.Allow}}}
	resources := func(by identity.Principal) preview.Resources {
		t.Helper()
		found := s.preview(t, by, join, everything)
		require.Len(t, found.Items, 1)
		return *found.Items[0].Changes[0].Resources
	}
	require.Equal(t, preview.Resources{Gained: entities, GainedExamples: resources(admin).GainedExamples, LostExamples: []string{}}, resources(admin))
	require.Equal(t, preview.Resources{GainedExamples: []string{}, LostExamples: []string{}, OnlyReadable: true}, resources(owner), "may read no entity")
}

// TestPreviewsTakeTurns: only as many as may be computed at once hold connections. The others wait without one, and
// after a while are told to try again. Who may not preview is refused at once.
func TestPreviewsTakeTurns(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const atOnce = 2
	started, leave, done := make(chan struct{}, atOnce+1), make(chan struct{}), make(chan error, atOnce)
	slow := preview.New(preview.Options{Roles: s.roles, Decider: s.decider, Wait: time.Millisecond, People: func(context.Context, int) ([]rbac.Person, bool, error) {
		started <- struct{}{}
		<-leave
		return nil, true, nil
	}})
	try := func(by identity.Principal) error {
		_, err := slow.Preview(ctx, by, preview.Request{Changes: []rbac.Proposal{{CreateRole: &rbac.RoleSpec{Ref: teams, Members: []string{"user:default/stranger"}}}}}, everybody)
		return err
	}
	for range atOnce {
		go func() { done <- try(admin) }()
		<-started
	}
	connections := s.pool.Stat().AcquireCount()
	err := try(admin)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.EqualError(t, err, "Other previews are being computed. Try again in some seconds")
	require.Equal(t, fault.NotAllowed, fault.KindOf(try(identity.Principal{Kind: identity.KindUser, Subject: "user:default/stranger"})))
	require.Equal(t, connections, s.pool.Stat().AcquireCount(), "who waits has no connection")
	close(leave)
	for range atOnce {
		require.NoError(t, <-done)
	}
	require.NoError(t, try(admin))
}

// TestLaterChangesAreCheckedAfterEarlierOnes: each change of a preview is checked as if those before it were made.
func TestLaterChangesAreCheckedAfterEarlierOnes(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	const others = "role:default/others"
	stranger := []string{"user:default/stranger"}
	location := func(role string) []rbac.Policy {
		return []rbac.Policy{{Role: role, Permission: "catalog.location.create", Action: "create", Effect: rbac.Allow}}
	}
	create := func(role string) rbac.Proposal {
		return rbac.Proposal{CreateRole: &rbac.RoleSpec{Ref: role, Members: stranger}}
	}
	rename := rbac.Proposal{UpdateRole: &rbac.NamedUpdate{Role: teams, RoleUpdate: rbac.RoleUpdate{Old: &rbac.RoleSpec{Ref: teams, Members: stranger}, New: &rbac.RoleSpec{Ref: others, Members: stranger}}}}
	stored := []rbac.Proposal{create(teams), {AddPolicies: location(teams)}, {CreateCondition: deletes(teams)}}
	for _, change := range stored {
		require.NoError(t, s.make(t, admin, change))
	}
	for name, c := range map[string]struct {
		changes []rbac.Proposal
		refusal string
	}{
		"a policy of a renamed role is removed":          {[]rbac.Proposal{rename, {RemovePolicies: location(others)}}, ""},
		"a policy of a renamed role is not added":        {[]rbac.Proposal{rename, {AddPolicies: location(others)}}, "changes[1]: Policy '[role:default/others, catalog.location.create, create, allow]' has been already stored"},
		"a condition of a renamed role overlaps":         {[]rbac.Proposal{rename, {CreateCondition: deletes(others)}}, "changes[1]: Cannot create condition: permission mapping overlaps"},
		"the old name of a renamed role is free":         {[]rbac.Proposal{rename, create(teams), {AddPolicies: location(teams)}}, ""},
		"a deleted role is made again with all it had":   {append([]rbac.Proposal{{DeleteRole: new(teams)}}, stored...), ""},
		"a deleted role has no policies":                 {[]rbac.Proposal{{DeleteRole: new(teams)}, create(teams), {RemovePolicies: location(teams)}}, "changes[2]: Policy '"},
		"a removed policy is added again":                {[]rbac.Proposal{{RemovePolicies: location(teams)}, {AddPolicies: location(teams)}}, ""},
		"an added policy is not added again":             {[]rbac.Proposal{create(others), {AddPolicies: location(others)}, {AddPolicies: location(others)}}, "changes[2]: Policy '"},
		"an added member is not added again":             {[]rbac.Proposal{create(others), create(others)}, "changes[1]: user:default/stranger is already a member of role:default/others"},
		"a removed member is added again":                {[]rbac.Proposal{{RemoveMember: &rbac.NamedMember{Role: teams, Member: stranger[0]}}, create(teams)}, ""},
		"a role that was created may have a condition":   {[]rbac.Proposal{create(others), {CreateCondition: deletes(others)}}, ""},
		"an added condition overlaps with one added now": {[]rbac.Proposal{create(others), {CreateCondition: deletes(others)}, {CreateCondition: deletes(others)}}, "changes[2]: Cannot create condition"},
	} {
		_, err := s.Preview(t.Context(), admin, preview.Request{Changes: c.changes}, everybody)
		if c.refusal == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.refusal, name)
	}
}

// TestRolesAreReadOnce: a preview of several changes reads the roles when all are made. What was there before, the
// process knows, unless another one has changed it.
func TestRolesAreReadOnce(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	config, counted := s.pool.Config(), &reads{}
	config.ConnConfig.Tracer = counted
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	service := preview.New(preview.Options{Roles: rbac.New(rbac.Options{Pool: pool, Decider: s.decider}), Decider: s.decider,
		People: func(context.Context, int) ([]rbac.Person, bool, error) { return nil, true, nil }})
	location := rbac.Policy{Role: teams, Permission: "catalog.location.create", Action: "create", Effect: rbac.Allow}
	request := preview.Request{Changes: []rbac.Proposal{{CreateRole: &rbac.RoleSpec{Ref: teams, Members: []string{"user:default/stranger"}}},
		{AddPolicies: []rbac.Policy{location}}, {DeleteRole: new(teams)}}}
	try := func() {
		counted.policies = 0
		_, err := service.Preview(t.Context(), admin, request, everybody)
		require.NoError(t, err)
	}
	try()
	require.Equal(t, 1, counted.policies)
	elsewhere := rbac.New(rbac.Options{Pool: s.pool, Ask: policy.AllowKnown{}, Decider: rbac.NewDecider(rbac.DeciderOptions{})})
	require.NoError(t, elsewhere.CreateRole(t.Context(), admin, rbac.RoleSpec{Ref: "role:default/other", Members: []string{"user:default/stranger"}}))
	try()
	require.Equal(t, 2, counted.policies)
}

// reads counts how often the policies of all roles are read.
type reads struct{ policies int }

// TraceQueryStart implements pgx.QueryTracer.
func (r *reads) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "name: RolePolicies ") {
		r.policies++
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*reads) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestFilesArePreviewed: what is not named stays. Files that the server would refuse are refused with their lines.
func TestFilesArePreviewed(t *testing.T) {
	t.Parallel()
	condition := "result: CONDITIONAL\nroleEntityRef: role:default/teams\npluginId: catalog\nresourceType: catalog-entity\npermissionMapping: [delete]\nconditions: " + policytest.Owned + "\n"
	policies := "g, group:default/group-19, role:default/teams\np, role:default/teams, catalog.location.create, create, allow\n"
	s := newSetting(t, withFiles(t, policies, condition))
	try := func(policies, conditions *string) (preview.Preview, error) {
		return s.Preview(t.Context(), admin, preview.Request{Files: &rbac.FileTexts{Policies: policies, Conditions: conditions}}, everybody)
	}
	same, err := try(&policies, nil)
	require.NoError(t, err)
	require.Empty(t, same.Items)
	require.False(t, same.Changes())
	require.Contains(t, same.Text(), "Nobody gains or loses a permission, of ")

	changed, err := try(new(strings.Replace(policies, "allow", "deny", 1)), new(""))
	require.NoError(t, err)
	require.True(t, changed.Changes())
	require.Equal(t, changed.People.Affected, changed.People.Lose)
	require.Len(t, changed.Permissions, 2)

	_, err = try(new("p, role:default/teams\n"), nil)
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "The server would refuse these files, and keep its roles:\npolicies:1: a line is either p, role")
	_, err = try(nil, new(strings.ReplaceAll(condition, "teams", "others")))
	require.ErrorContains(t, err, "conditions:1: role:default/others is not a role in the file of policies")
	_, err = s.Preview(t.Context(), admin, preview.Request{Files: &rbac.FileTexts{}, Changes: []rbac.Proposal{{}}}, everybody)
	require.EqualError(t, err, "a preview is either of changes or of files, not of both")
}

// TestWhatIsNotCompared: a preview says what it left out.
func TestWhatIsNotCompared(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	crowd := preview.New(preview.Options{Roles: s.roles, Decider: s.decider, People: func(_ context.Context, limit int) ([]rbac.Person, bool, error) {
		groups := make([]string, 20_000)
		for i := range groups {
			groups[i] = fmt.Sprintf("group:default/g%d", i)
		}
		return []rbac.Person{{Ref: "user:default/everywhere", Groups: groups}}, limit > 50_000, nil
	}})
	found, err := crowd.Preview(t.Context(), admin, preview.Request{Changes: []rbac.Proposal{{CreateRole: &rbac.RoleSpec{Ref: teams, Members: []string{"group:default/group-19"}}}}}, everybody)
	require.NoError(t, err)
	require.Equal(t, []string{"the catalog has more users than the 50000 that are compared",
		"user:default/everywhere is in more than 10000 groups, too many to decide what they may do"}, found.Incomplete)
	require.True(t, found.Changes(), "there may be some")
}

// TestChangesHaveOneMember: a request that says nothing, or two things, is refused.
func TestChangesHaveOneMember(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	for message, changes := range map[string][]rbac.Proposal{
		"changes: name at least one change and at most 100":                                                  {},
		"changes[0]: a change has exactly one member, such as createRole or addPolicies, and this one has 0": {{}},
		"changes[1]: a change has exactly one member, such as createRole or addPolicies, and this one has 2": {{DeleteCondition: new(int64)}, {DeleteRole: new(teams), DeleteCondition: new(int64)}},
		"changes[0]: removePolicies: the policies are of several roles; make a change of each":               {{RemovePolicies: []rbac.Policy{{Role: teams}, {}}}},
		"changes[0]: Condition with id 0 was not found":                                                      {{DeleteCondition: new(int64)}},
		"changes[0]: Corresponding role role:default/teams was not found":                                    {{CreateCondition: deletes(teams)}},
		"changes[0]: Invalid role definition. Cause: 'memberReferences' field must not be empty":             {{CreateRole: &rbac.RoleSpec{Ref: teams}}},
	} {
		_, err := s.Preview(t.Context(), admin, preview.Request{Changes: changes}, everybody)
		require.EqualError(t, err, message)
	}
}

// TestPeopleHaveTheGroupsOfTheirDecisions: the groups of all people are those that decisions about one person read.
func TestPeopleHaveTheGroupsOfTheirDecisions(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	for depth := range 4 {
		people, complete, err := rbac.CatalogPeople(s.pool, rbac.PeopleLevels{Roles: depth, Ownership: depth + 1, Owners: 2})(t.Context(), 100)
		require.NoError(t, err)
		require.True(t, complete)
		require.Len(t, people, 9)
		for _, person := range people {
			groups, err := rbac.CatalogGroups(s.pool)(t.Context(), person.Ref, depth, 100)
			require.NoError(t, err)
			require.Equal(t, groups, person.Groups)
			require.Equal(t, append([]string{person.Ref}, groups[:min(2, len(groups))]...), person.Ownership)
		}
	}
	people, complete, err := rbac.CatalogPeople(s.pool, rbac.PeopleLevels{})(t.Context(), 5)
	require.NoError(t, err)
	require.False(t, complete)
	require.Len(t, people, 5)
}

// TestEveryMethodAsks: nothing is told without a permission.
func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	roles := rbac.New(rbac.Options{Decider: rbac.NewDecider(rbac.DeciderOptions{}), Ask: refuser})
	policytest.EveryMethodAsks(t, preview.New(preview.Options{Roles: roles}), refuser, nil)
}
