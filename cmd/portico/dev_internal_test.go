//go:build !slim

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

func TestDevRefusesSettingsOfAnotherTemporal(t *testing.T) {
	t.Parallel()
	for _, named := range []string{"address: temporal.example:7233", "profile: staging", "tls: { mode: required }", "tls: { serverCaFile: ca.pem }"} {
		t.Run(named, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "app-config.yaml")
			require.NoError(t, os.WriteFile(file, []byte("portico: { temporal: { "+named+" } }"), 0o600))
			d := &dev{settings: settings{configFiles: []string{file}, logLevel: "warn", logFormat: "text"}, dataDir: t.TempDir(), out: io.Discard}
			require.ErrorContains(t, d.run(t.Context()), "`portico dev` brings its own: leave them out")
		})
	}
}

func TestOnlyLoopbackAddressesGetAnotherPort(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"http://localhost:7007": true, "http://127.0.0.1:7007": true, "http://[::1]:7007": true,
		"https://portico.example": false, "http://10.0.0.1:7007": false, "%": false,
	} {
		require.Equal(t, want, isLoopback(address), address)
	}
}

func TestDevNamesTheUnreachableDatabase(t *testing.T) {
	t.Parallel()
	_, err := offline(t, "dev", "--data", t.TempDir(), "--database", "postgres://ada:hunter2@localhost:1/portico")
	require.EqualError(t, err, "--database: database portico at localhost:1: connection refused; is PostgreSQL running there?")
}

func TestDevExplainsHowToStopAtOnce(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	printed, out := io.Pipe()
	d := &dev{settings: settings{logLevel: "warn", logFormat: "text"}, dataDir: t.TempDir(), out: out,
		database: "postgres://ada@localhost:1/portico"}
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	line, err := bufio.NewReader(printed).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "Stopping; press Ctrl-C again to stop at once.\n", line)
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestDevChecksPortsBeforeItStartsAnything: not even the database is started.
func TestDevChecksPortsBeforeItStartsAnything(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	out, err := offline(t, "dev", "--data", t.TempDir(), "--port", port)
	require.ErrorContains(t, err, "listen on 127.0.0.1:"+port+" (--port): ")
	require.Empty(t, out)
}

// TestDevRefusesUsersWhereAProviderIsConfigured: only one of them can be the provider of people.
func TestDevRefusesUsersWhereAProviderIsConfigured(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(file, []byte("auth: { providers: { oidc: { development: { metadataUrl: https://id.example, clientId: a, clientSecret: b } } } }"), 0o600))
	out, err := offline(t, "dev", "--users", "--data", t.TempDir(), "--config", file)
	require.EqualError(t, err, "auth.providers.oidc.development is configured, and --users brings a provider of its own in its place: leave one of them out")
	require.Empty(t, out)
}

// TestUsersGetTheExampleWhereNothingIsConfigured: what the configuration has stays, and so do files that somebody has
// changed.
func TestUsersGetTheExampleWhereNothingIsConfigured(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	d := &dev{dataDir: directory}
	bare := &config.Config{}
	require.NoError(t, d.useExample(t.Context(), bare))
	require.True(t, bare.Permission.Enabled)
	require.FileExists(t, bare.Catalog.Locations[0].Target)
	policies := filepath.Join(directory, "example", "policy", "policy.csv")
	require.Equal(t, policies, bare.Permission.RBAC.PoliciesFile)
	require.FileExists(t, bare.Permission.RBAC.ConditionsFile)
	require.NotZero(t, bare.Permission.RBAC.MaxDepth, "it has the defaults of the schema")

	require.NoError(t, os.WriteFile(policies, []byte("# mine\n"), 0o600))
	require.NoError(t, d.useExample(t.Context(), &config.Config{}))
	content, err := os.ReadFile(policies)
	require.NoError(t, err)
	require.Equal(t, "# mine\n", string(content))

	roles := &config.RBAC{PoliciesFile: "roles.csv"}
	own := &config.Config{Permission: config.Permission{RBAC: roles}, Catalog: config.Catalog{Locations: []config.CatalogLocation{{Type: "file", Target: "org.yaml"}}}}
	require.NoError(t, d.useExample(t.Context(), own))
	require.Equal(t, config.Permission{Enabled: true, RBAC: roles}, own.Permission)
	require.Equal(t, "org.yaml", own.Catalog.Locations[0].Target)
	require.Len(t, own.Catalog.Locations, 1)
}

func TestAbilitiesAreThoseOfTheDecisions(t *testing.T) {
	t.Parallel()
	owner, label := policy.Criteria{Rule: "IS_ENTITY_OWNER"}, policy.Criteria{Rule: "HAS_LABEL"}
	for name, test := range map[string]struct {
		criteria policy.Criteria
		want     string
	}{
		"an owner":             {owner, "delete what they own"},
		"an owner and more":    {policy.Criteria{AllOf: []policy.Criteria{label, owner}}, "delete what they own"},
		"owners only":          {policy.Criteria{AnyOf: []policy.Criteria{owner, owner}}, "delete what they own"},
		"others too":           {policy.Criteria{AnyOf: []policy.Criteria{owner, label}}, "delete some entities"},
		"something else":       {label, "delete some entities"},
		"everybody but owners": {policy.Criteria{Not: &owner}, "delete some entities"},
	} {
		decides := decisions{policy.CatalogEntityDelete: {Result: policy.Conditional, Conditions: test.criteria},
			policy.ScaffolderTaskCreate: {Result: policy.Allowed}, policy.AuditRead: {Result: policy.Conditional, Conditions: label}}
		may, mayNot, err := abilitiesOf(t.Context(), decides, identity.Principal{})
		require.NoError(t, err)
		require.Equal(t, []string{"run templates", test.want}, may, name)
		require.Equal(t, []string{"see the whole catalog", "see everybody's runs", "remove locations", "change roles", "read the audit log", "see Temporal"}, mayNot, name)
	}
}

// decisions decides as listed, and denies the rest.
type decisions map[policy.Permission]policy.Decision

func (d decisions) Decide(_ context.Context, _ identity.Principal, permission policy.Permission) (policy.Decision, error) {
	return d[permission], nil
}
