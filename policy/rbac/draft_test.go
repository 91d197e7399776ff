package rbac_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// ofLabel is a condition on one permission on entities.
func ofLabel(label string, permission policy.Permission) rbac.ConditionDraft {
	return rbac.ConditionDraft{ConditionSpec: rbac.ConditionSpec{PluginID: "catalog", ResourceType: policy.CatalogEntity,
		Permissions: []rbac.ConditionPermission{{Name: string(permission), Action: permission.Action()}},
		Criteria:    json.RawMessage(`{"rule":"HAS_LABEL","resourceType":"catalog-entity","params":{"label":"` + label + `"}}`)}}
}

func draftOf(ref string, members ...string) rbac.RoleDraft {
	return rbac.RoleDraft{RoleSpec: rbac.RoleSpec{Ref: ref, Members: members}}
}

// TestARoleIsSavedAsAWhole: a draft makes a role, and every later one changes what differs.
func TestARoleIsSavedAsAWhole(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	whole := func() rbac.WholeRole {
		found, err := roles.WholeRole(t.Context(), guest, "role:default/builders")
		require.NoError(t, err)
		return found
	}
	draft := draftOf("role:default/builders", "user:default/Ada", "group:default/team-a")
	draft.Policies = []rbac.Policy{{Permission: "catalog-entity", Action: "read", Effect: rbac.Allow}, {Permission: "catalog.location.create", Action: "create", Effect: rbac.Deny}}
	draft.Conditions = []rbac.ConditionDraft{ofLabel("one", policy.CatalogEntityDelete), ofLabel("two", policy.CatalogEntityRefresh)}
	require.NoError(t, roles.SaveRole(t.Context(), guest, draft))
	first := whole()
	require.Equal(t, []string{"user:default/ada", "group:default/team-a"}, first.Members)
	require.Equal(t, guest.Subject, *first.Metadata.Owner, "without an owner, it is its author's")
	require.Len(t, first.Policies, 2)
	require.Len(t, first.Conditions, 2)
	require.True(t, first.MayUpdate && first.MayDelete)
	require.Equal(t, fault.Conflict, fault.KindOf(roles.SaveRole(t.Context(), guest, draft)), "it is there already")

	draft.Version, draft.Metadata = first.Version, &rbac.MetadataSpec{Description: new("Build things"), Owner: new("group:default/team-a")}
	draft.Members = []string{"group:default/team-a", "user:default/grace"}
	draft.Policies = []rbac.Policy{draft.Policies[0], {Permission: "scaffolder.task.create", Action: "create", Effect: rbac.Allow}}
	draft.Conditions = []rbac.ConditionDraft{{ID: first.Conditions[1].ID, ConditionSpec: ofLabel("changed", policy.CatalogEntityRefresh).ConditionSpec}, ofLabel("three", policy.CatalogEntityDelete)}
	require.NoError(t, roles.SaveRole(t.Context(), guest, draft))
	second := whole()
	require.Equal(t, []string{"group:default/team-a", "user:default/grace"}, second.Members)
	require.Equal(t, "Build things", *second.Metadata.Description)
	require.Equal(t, "group:default/team-a", *second.Metadata.Owner)
	require.Len(t, second.Policies, 2)
	require.Equal(t, "scaffolder.task.create", second.Policies[1].Permission)
	require.Equal(t, first.Conditions[1].ID, second.Conditions[0].ID, "a changed condition stays the same one")
	require.Contains(t, string(second.Conditions[0].Criteria), "changed")
	require.NotEqual(t, first.Conditions[0].ID, second.Conditions[1].ID)
	require.NotEqual(t, first.Version, second.Version)

	err := roles.SaveRole(t.Context(), guest, draft)
	require.Equal(t, fault.Conflict, fault.KindOf(err), "the draft is of the version before")
	require.ErrorContains(t, err, "role:default/builders was changed since you began to edit it")
	require.Equal(t, second, whole())

	draft.Version = second.Version
	draft.Conditions[0].ID, draft.Conditions = 4711, draft.Conditions[:1]
	draft.Members = []string{"user:default/nobody"}
	require.Error(t, roles.SaveRole(t.Context(), guest, draft))
	require.Equal(t, second, whole(), "nothing of a refused draft is saved")

	require.NoError(t, roles.DeleteRole(t.Context(), guest, "role:default/builders", nil))
	require.ErrorContains(t, roles.SaveRole(t.Context(), guest, draft), "was deleted since you began to edit it")
}

// TestASavedRoleSaysWhoChangedIt: whatever part of it is changed. Nothing is said of a draft that changes nothing.
func TestASavedRoleSaysWhoChangedIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*rbac.RoleDraft)
		same   bool
	}{
		"nothing":  {func(*rbac.RoleDraft) {}, true},
		"a member": {func(d *rbac.RoleDraft) { d.Members = []string{"user:default/ada", "user:default/bob"} }, false},
		"the description": {func(d *rbac.RoleDraft) {
			d.Metadata = &rbac.MetadataSpec{Owner: &guest.Subject, Description: new("Build things")}
		}, false},
		"a policy": {func(d *rbac.RoleDraft) {
			d.Policies = append(d.Policies, rbac.Policy{Permission: "x", Action: "use", Effect: rbac.Allow})
		}, false},
		"a policy less": {func(d *rbac.RoleDraft) { d.Policies = nil }, false},
		"a condition": {func(d *rbac.RoleDraft) {
			d.Conditions = append(d.Conditions, ofLabel("two", policy.CatalogEntityRefresh))
		}, false},
		"a condition less": {func(d *rbac.RoleDraft) { d.Conditions = nil }, false},
		"what a condition says": {func(d *rbac.RoleDraft) {
			d.Conditions[0].Criteria = ofLabel("other", policy.CatalogEntityDelete).Criteria
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := testkit.Database(t)
			roles := newReplica(t, pool)
			require.NoError(t, roles.SyncFiles(t.Context()))
			draft := draftOf("role:default/builders", "user:default/ada")
			draft.Policies = []rbac.Policy{{Permission: "catalog-entity", Action: "read", Effect: rbac.Allow}}
			draft.Conditions = []rbac.ConditionDraft{ofLabel("one", policy.CatalogEntityDelete)}
			require.NoError(t, roles.SaveRole(t.Context(), guest, draft))
			before, err := roles.WholeRole(t.Context(), guest, draft.Ref)
			require.NoError(t, err)
			draft.Version, draft.Conditions[0].ID, draft.Metadata = before.Version, before.Conditions[0].ID, &rbac.MetadataSpec{Owner: &guest.Subject}
			c.change(&draft)
			other := identity.Principal{Kind: identity.KindUser, Subject: "user:default/other"}
			require.NoError(t, rbac.New(rbac.Options{Pool: pool, Decider: roles.decider, Ask: policy.AllowKnown{}, Limits: rbac.DefaultLimits(),
				Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}}}).SaveRole(t.Context(), other, draft))
			after, err := roles.WholeRole(t.Context(), guest, draft.Ref)
			require.NoError(t, err)
			if c.same {
				require.Equal(t, before, after)
				return
			}
			require.Equal(t, other.Subject, after.Metadata.ModifiedBy)
			require.True(t, after.Metadata.LastModified.After(before.Metadata.LastModified))
			require.Equal(t, before.Metadata.Author, after.Metadata.Author)
			require.NotEqual(t, before.Role.Version(), after.Role.Version(), "an edit of the role as it was is refused")
		})
	}
}

// TestARoleIsRenamed: a draft with another name takes along what belongs to the role, with what else it changes.
func TestARoleIsRenamed(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	draft := draftOf("role:default/builders", "user:default/ada", "user:default/bob")
	draft.Policies = []rbac.Policy{{Permission: "catalog-entity", Action: "read", Effect: rbac.Allow}, {Permission: "catalog-entity", Action: "update", Effect: rbac.Allow}}
	draft.Conditions = []rbac.ConditionDraft{ofLabel("one", policy.CatalogEntityDelete), ofLabel("two", policy.CatalogEntityRefresh)}
	require.NoError(t, roles.SaveRole(t.Context(), guest, draft))
	require.NoError(t, roles.SaveRole(t.Context(), guest, draftOf("role:default/taken", "user:default/ada")))
	before, err := roles.WholeRole(t.Context(), guest, draft.Ref)
	require.NoError(t, err)

	draft.OldRef, draft.Ref = draft.Ref, "role:default/makers"
	refused := func(kind fault.Kind, reason string, change func(*rbac.RoleDraft)) {
		changed := draft
		change(&changed)
		err := roles.SaveRole(t.Context(), guest, changed)
		require.ErrorContains(t, err, reason)
		require.Equal(t, kind, fault.KindOf(err), reason)
	}
	refused(fault.Input, "'version' must say which role:default/builders gets the name role:default/makers", func(*rbac.RoleDraft) {})
	draft.Version = before.Version
	refused(fault.Conflict, "There is already a role role:default/taken", func(d *rbac.RoleDraft) { d.Ref = "role:default/taken" })
	refused(fault.Conflict, "role:default/builders was changed", func(d *rbac.RoleDraft) { d.Version = "other" })
	refused(fault.Conflict, "role:default/nobody was deleted", func(d *rbac.RoleDraft) { d.OldRef = "role:default/nobody" })
	refused(fault.Input, "Unsupported kind user", func(d *rbac.RoleDraft) { d.OldRef = "user:default/ada" })

	draft.Members = draft.Members[:1]
	draft.Policies = draft.Policies[:1]
	draft.Conditions = []rbac.ConditionDraft{{ID: before.Conditions[1].ID, ConditionSpec: ofLabel("two", policy.CatalogEntityRefresh).ConditionSpec}, ofLabel("three", policy.CatalogEntityRead)}
	require.NoError(t, roles.SaveRole(t.Context(), guest, draft))
	_, err = roles.WholeRole(t.Context(), guest, "role:default/builders")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	after, err := roles.WholeRole(t.Context(), guest, "role:default/makers")
	require.NoError(t, err)
	require.Equal(t, []string{"user:default/ada"}, after.Members)
	require.Len(t, after.Policies, 1)
	require.Len(t, after.Conditions, 2)
	require.Equal(t, before.Conditions[1].ID, after.Conditions[0].ID, "a condition stays the same one")
	require.Equal(t, before.Metadata.CreatedAt, after.Metadata.CreatedAt)

	require.ErrorContains(t, roles.SaveRole(t.Context(), guest, draft), "role:default/builders was deleted since you began to edit it")
}

// TestWhatADraftNeeds: each part of a change needs the permission that it needs by itself.
func TestWhatADraftNeeds(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	draft := draftOf("role:default/builders", "user:default/ada")
	draft.Policies = []rbac.Policy{{Permission: "catalog-entity", Action: "read", Effect: rbac.Allow}}
	draft.Conditions = []rbac.ConditionDraft{ofLabel("one", policy.CatalogEntityDelete)}
	require.NoError(t, roles.SaveRole(t.Context(), guest, draft))
	whole, err := roles.WholeRole(t.Context(), guest, draft.Ref)
	require.NoError(t, err)
	draft.Version, draft.Metadata = whole.Version, &rbac.MetadataSpec{Owner: whole.Metadata.Owner}
	draft.Conditions[0].ID = whole.Conditions[0].ID

	with := func(change func(*rbac.RoleDraft)) rbac.RoleDraft {
		changed := draft
		change(&changed)
		return changed
	}
	another := rbac.Policy{Permission: "catalog-entity", Action: "delete", Effect: rbac.Allow}
	cases := map[string]struct {
		draft rbac.RoleDraft
		needs string
	}{
		"a new role":        {draftOf("role:default/others", "user:default/ada"), "create"},
		"another member":    {with(func(d *rbac.RoleDraft) { d.Members = append(d.Members, "user:default/bob") }), "update"},
		"another name":      {with(func(d *rbac.RoleDraft) { d.OldRef, d.Ref = d.Ref, "role:default/others" }), "update"},
		"another owner":     {with(func(d *rbac.RoleDraft) { d.Metadata = &rbac.MetadataSpec{Owner: new("user:default/ada")} }), "update"},
		"another policy":    {with(func(d *rbac.RoleDraft) { d.Policies = append(d.Policies, another) }), "create"},
		"a policy less":     {with(func(d *rbac.RoleDraft) { d.Policies = nil }), "delete"},
		"another condition": {with(func(d *rbac.RoleDraft) { d.Conditions = append(d.Conditions, ofLabel("x", policy.CatalogEntityRead)) }), "create"},
		"a condition less":  {with(func(d *rbac.RoleDraft) { d.Conditions = nil }), "delete"},
		"a changed condition": {with(func(d *rbac.RoleDraft) {
			d.Conditions = []rbac.ConditionDraft{{whole.Conditions[0].ID, ofLabel("x", policy.CatalogEntityDelete).ConditionSpec}}
		}), "update"},
	}
	for _, action := range []string{"create", "update", "delete"} {
		who := identity.Principal{Kind: identity.KindUser, Subject: "user:default/" + action, Ownership: []string{"user:default/" + action}}
		holder := draftOf("role:default/"+action, who.Subject)
		for _, each := range []string{"create", "update", "delete"} {
			if each != action {
				holder.Policies = append(holder.Policies, rbac.Policy{Permission: "policy.entity." + each, Action: each, Effect: rbac.Allow})
			}
		}
		require.NoError(t, roles.SaveRole(t.Context(), guest, holder))
		for name, c := range cases {
			if c.needs == action {
				err := roles.SaveRole(t.Context(), who, c.draft)
				require.ErrorContains(t, err, "policy.entity."+action, "%s without the permission to %s", name, action)
			}
		}
	}
	service := identity.Principal{Kind: identity.KindService, Subject: "external:ci"}
	require.Equal(t, fault.NotAllowed, fault.KindOf(roles.SaveRole(t.Context(), service, draft)), "changes are made by users")
}

// TestBadDraftsAreRefused: what could never count is named.
func TestBadDraftsAreRefused(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t), withFiles(writeFiles(t, "p, role:default/filed, catalog-entity, read, allow\ng, user:default/ada, role:default/filed\n", "")))
	require.NoError(t, roles.SyncFiles(t.Context()))
	good := draftOf("role:default/builders", "user:default/ada")
	with := func(change func(*rbac.RoleDraft)) rbac.RoleDraft {
		changed := good
		change(&changed)
		return changed
	}
	unnamed := ofLabel("x", policy.CatalogEntityDelete)
	unnamed.Permissions = []rbac.ConditionPermission{{Action: "delete"}}
	twice := ofLabel("x", policy.CatalogEntityDelete)
	for reason, draft := range map[string]rbac.RoleDraft{
		"'memberReferences' field must not be empty": draftOf("role:default/builders"),
		"Unsupported kind user":                      draftOf("user:default/builders", "user:default/ada"),
		"is a duplicate":                             with(func(d *rbac.RoleDraft) { d.Members = []string{"user:default/ada", "user:default/Ada"} }),
		"'effect' has invalid value": with(func(d *rbac.RoleDraft) {
			d.Policies = []rbac.Policy{{Permission: "a", Action: "read", Effect: "maybe"}}
		}),
		"condition 1: ":                 with(func(d *rbac.RoleDraft) { d.Conditions = []rbac.ConditionDraft{{}} }),
		"about the same as another one": with(func(d *rbac.RoleDraft) { d.Conditions = []rbac.ConditionDraft{twice, twice} }),
		"to include permission name":    with(func(d *rbac.RoleDraft) { d.Conditions = []rbac.ConditionDraft{unnamed} }),
	} {
		require.ErrorContains(t, roles.SaveRole(t.Context(), guest, draft), reason)
	}
	filed, err := roles.WholeRole(t.Context(), guest, "role:default/filed")
	require.NoError(t, err)
	require.Equal(t, 1, filed.Line, "the role begins where its first line is")
	require.Equal(t, 2, filed.MemberPlaces[0].Line)
	require.False(t, filed.MayUpdate || filed.MayDelete)
	draft := draftOf("role:default/filed", "user:default/bob")
	draft.Version = filed.Version
	require.ErrorContains(t, roles.SaveRole(t.Context(), guest, draft), "consider making changes to the 'CSV-FILE'")
}
