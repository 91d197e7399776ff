package policy_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

func decide(t *testing.T, permission policy.Permission, restrictions ...identity.Restriction) bool {
	t.Helper()
	principal := identity.Principal{Kind: identity.KindService, Subject: "ci", Restrictions: restrictions}
	decision, err := policy.AllowKnown{}.Decide(t.Context(), principal, permission)
	require.NoError(t, err)
	require.Contains(t, []policy.Result{policy.Allowed, policy.Denied}, decision.Result)
	return decision.Result == policy.Allowed
}

func TestAuthenticatedCallersAreAllowed(t *testing.T) {
	t.Parallel()
	require.True(t, decide(t, policy.CatalogEntityDelete))
	err := policy.Require(t.Context(), policy.AllowKnown{}, identity.Principal{}, policy.CatalogEntityRead, "component:a/b")
	require.EqualError(t, err, "an unauthenticated caller may not catalog.entity.read on component:a/b")
}

func TestRestrictedTokens(t *testing.T) {
	t.Parallel()
	locations := []string{"catalog.location.create", "catalog.location.read"}
	for name, test := range map[string]struct {
		restriction identity.Restriction
		permission  policy.Permission
		allowed     bool
	}{
		"the whole plugin":                  {identity.Restriction{Plugin: "catalog"}, policy.CatalogEntityDelete, true},
		"a named permission":                {identity.Restriction{Plugin: "catalog", Permissions: locations}, policy.CatalogLocationCreate, true},
		"another permission":                {identity.Restriction{Plugin: "catalog", Permissions: locations}, policy.CatalogLocationDelete, false},
		"a kind of permission":              {identity.Restriction{Plugin: "catalog", Actions: []string{"read"}}, policy.CatalogEntityRead, true},
		"another kind":                      {identity.Restriction{Plugin: "catalog", Actions: []string{"read"}}, policy.CatalogEntityRefresh, false},
		"of no kind":                        {identity.Restriction{Plugin: "catalog", Actions: []string{"read"}}, policy.CatalogEntityValidate, false},
		"a named permission of the kind":    {identity.Restriction{Plugin: "catalog", Permissions: locations, Actions: []string{"read"}}, policy.CatalogLocationRead, true},
		"a named permission, not the kind":  {identity.Restriction{Plugin: "catalog", Permissions: locations, Actions: []string{"read"}}, policy.CatalogLocationCreate, false},
		"what the plugin asks of another":   {identity.Restriction{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.create"}}, policy.CatalogEntityRead, true},
		"another of the plugin's own":       {identity.Restriction{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.create"}}, policy.ScaffolderTaskCancel, false},
		"a plugin without permissions":      {identity.Restriction{Plugin: "portico"}, policy.ScaffolderTaskCancel, true},
		"and with another's":                {identity.Restriction{Plugin: "portico", Permissions: []string{"scaffolder.task.read"}}, policy.ScaffolderTaskRead, true},
		"a command whose deputy is named":   {identity.Restriction{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.create"}}, policy.ScaffolderTaskRetry, true},
		"a command that is named itself":    {identity.Restriction{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.retry"}}, policy.ScaffolderTaskRetry, true},
		"a command whose deputy is not":     {identity.Restriction{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.create"}}, policy.ScaffolderTaskRollback, false},
		"a deputy is not named by that":     {identity.Restriction{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.retry"}}, policy.ScaffolderTaskCreate, false},
		"the audit log":                     {identity.Restriction{Plugin: "portico", Permissions: []string{"scaffolder.task.read"}}, policy.AuditRead, false},
		"and with others than are asked of": {identity.Restriction{Plugin: "portico", Permissions: []string{"scaffolder.task.read"}}, policy.ScaffolderTaskCancel, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.allowed, decide(t, test.permission, test.restriction))
		})
	}
}

// TestPermissionsMatchTheServedLists compares the attributes of permissions with the lists that the API
// serves, which are Backstage's.
func TestPermissionsMatchTheServedLists(t *testing.T) {
	t.Parallel()
	for plugin, permissions := range map[string][]policy.Permission{
		"catalog": {
			policy.CatalogEntityRead, policy.CatalogEntityDelete, policy.CatalogEntityRefresh, policy.CatalogEntityValidate,
			policy.CatalogLocationRead, policy.CatalogLocationCreate, policy.CatalogLocationDelete, policy.CatalogLocationAnalyze,
			policy.CatalogEntityCreate, policy.CatalogIngestionRead, policy.CatalogIngestionManage,
		},
		"portico": {policy.ScaffolderTaskRetry, policy.ScaffolderTaskRollback, policy.AuditRead, policy.SessionRead, policy.SessionDelete,
			policy.BuildRead, policy.BuildRerun, policy.PullRequestRead, policy.VaultRead, policy.CatalogSourceRead, policy.CatalogSourceUpdate,
			policy.SearchSourceRead, policy.SearchSourceUpdate, policy.SearchIndexUpdate},
		"scaffolder": {
			policy.ScaffolderTaskCreate, policy.ScaffolderTaskRead, policy.ScaffolderTaskCancel,
			policy.ScaffolderTemplateRead, policy.ScaffolderTemplateStepRead, policy.ScaffolderTemplateDryRun, policy.ScaffolderTemplateManage,
			policy.ScaffolderActionExecute,
		},
	} {
		content, err := os.ReadFile("../api/" + plugin + "_permissions.json")
		require.NoError(t, err)
		var served struct {
			Permissions []struct {
				Name         policy.Permission
				Attributes   struct{ Action string }
				ResourceType policy.ResourceType
			}
		}
		require.NoError(t, json.Unmarshal(content, &served))
		action := map[policy.Permission]string{}
		resource := map[policy.Permission]policy.ResourceType{}
		for _, permission := range served.Permissions {
			action[permission.Name], resource[permission.Name] = permission.Attributes.Action, permission.ResourceType
		}
		require.Len(t, permissions, len(action), "all that are served are known")
		for _, permission := range permissions {
			require.Contains(t, action, permission)
			require.True(t, permission.IsKnown())
			require.Equal(t, resource[permission], permission.ResourceType(), permission)
			for _, kind := range []string{"create", "read", "update", "delete"} {
				permitted := action[permission] == kind || permission.Deputy().Action() == kind
				require.Equal(t, permitted, decide(t, permission, identity.Restriction{Plugin: plugin, Actions: []string{kind}}), "%s %s", permission, kind)
			}
		}
	}
}
