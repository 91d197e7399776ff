package rbac_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/run"
)

// guest is the user of the recording.
var guest = identity.Principal{Kind: identity.KindUser, Subject: "user:default/guest", Ownership: []string{"user:default/guest", "group:default/team-a"}}

// groupsOfGuest are the groups in the recording's catalog: team-a, below acme, below holding.
func groupsOfGuest(_ context.Context, user string, levels, _ int) ([]string, error) {
	if user != guest.Subject {
		return nil, nil
	}
	return []string{"group:default/team-a", "group:default/acme", "group:default/holding"}[:min(levels+1, 3)], nil
}

// replica is one process: a service and its decider.
type replica struct {
	*rbac.Service
	decider *rbac.Decider
}

// newReplica is a process with the recording's configuration, in which files are copied to be changed.
func newReplica(t testing.TB, pool *pgxpool.Pool, change ...func(*rbac.Options, *rbac.DeciderOptions)) replica {
	t.Helper()
	options := rbac.Options{Log: slog.New(slog.DiscardHandler), Pool: pool, Limits: rbac.DefaultLimits(),
		Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}, {Plugin: "scaffolder", Rules: run.Rules},
			{Plugin: "scaffolder", Rules: access.ActionRules}, {Plugin: "scaffolder", Rules: access.TemplateRules}, {Plugin: "permission", Rules: rbac.Rules}},
		Configured: rbac.Configured{
			Admins: []string{guest.Subject}, Plugins: []string{"catalog", "scaffolder", "permission"},
			DefaultRole: "role:default/everyone",
			DefaultPolicies: []rbac.Policy{
				{Permission: "catalog.location.analyze", Action: "use", Effect: "allow"},
				{Permission: "catalog.ingestion.read", Action: "read", Effect: "allow"},
			},
		}}
	deciding := rbac.DeciderOptions{Log: options.Log, GroupsOf: groupsOfGuest, Depth: 1}
	for _, each := range change {
		each(&options, &deciding)
	}
	decider := rbac.NewDecider(deciding)
	options.Decider = decider
	return replica{rbac.New(options), decider}
}

// withFiles gives a process copies of files, whose problems are skipped as the RBAC plugin does.
func withFiles(files rbac.Files) func(*rbac.Options, *rbac.DeciderOptions) {
	return func(options *rbac.Options, _ *rbac.DeciderOptions) { options.Files = files }
}

func writeFiles(t testing.TB, policies, conditions string) rbac.Files {
	t.Helper()
	directory := t.TempDir()
	files := rbac.Files{Policies: filepath.Join(directory, "policy.csv"), Conditions: filepath.Join(directory, "conditional-policies.yaml")}
	require.NoError(t, os.WriteFile(files.Policies, []byte(policies), 0o600))
	require.NoError(t, os.WriteFile(files.Conditions, []byte(conditions), 0o600))
	return files
}

func recordedFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(content)
}

// recorded has copies of the recording's files.
func recorded(t *testing.T) rbac.Files {
	t.Helper()
	files := writeFiles(t, recordedFile(t, "policy.csv"), recordedFile(t, "conditional-policies.yaml"))
	files.SkipInvalid = true
	return files
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// refs are the references of the roles that guest sees.
func refs(t *testing.T, roles replica) []string {
	t.Helper()
	listed, err := roles.Roles(t.Context(), guest)
	require.NoError(t, err)
	var names []string
	for _, role := range listed {
		names = append(names, role.Ref)
	}
	slices.Sort(names)
	return names
}
