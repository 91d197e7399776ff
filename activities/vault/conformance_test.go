package vault_test

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	actions "github.com/portico-dev/portico/activities/vault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/vault"
)

// behind returns the action with an ID, whose requests to a Vault pass the gate.
func behind(t testing.TB, gate *actiontest.Gate, server vaulttest.Vault, id string) action.Action {
	t.Helper()
	address, err := url.Parse(server.Address)
	require.NoError(t, err)
	front := httptest.NewServer(gate.Handler(httputil.NewSingleHostReverseProxy(address)))
	t.Cleanup(front.Close)
	sessions := vault.NewSessions(vault.Settings{Address: front.URL, Token: server.RootToken})
	return recordedtest.ByID(t, actions.Actions(sessions), id)
}

func TestCreateNamespaceConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		server := vaulttest.Start(t)
		enableLogins(t, server.Client)
		return actiontest.Fixture{
			Action: behind(t, gate, server, "vault:create-namespace"),
			Input: `{"namespaceName":"payments","teamName":"payments-squad","appRole":{},
				"kubernetesRole":{"serviceAccounts":["payments","worker"],"namespaces":["payments"],"ttl":"30m"}}`,
			State:  func(t testing.TB) []string { t.Helper(); return state(t, server.Client) },
			Digest: func(t testing.TB) string { t.Helper(); return strings.Join(state(t, server.Client), "\n") },
			Use: func(t testing.TB) {
				t.Helper()
				server.AwaitEngine(t, "payments")
				_, err := server.Client.KVv2("payments").Put(t.Context(), "database", map[string]any{"password": "theirs"})
				require.NoError(t, err)
			},
			Take: func(t testing.TB) {
				t.Helper()
				require.NoError(t, server.Client.Sys().Mount("payments", &api.MountInput{Type: "kv"}))
			},
		}
	})
}

func TestWriteSecretConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		server := vaulttest.Start(t)
		write := func(t testing.TB, password string) {
			t.Helper()
			_, err := server.Client.KVv2("kv").Put(t.Context(), "payments/database", map[string]any{"password": password})
			require.NoError(t, err)
		}
		return actiontest.Fixture{
			Action: behind(t, gate, server, "vault:write-secret"),
			Input:  `{"path":"kv/payments/database","data":{"user":"shop","password":"hunter2"}}`,
			State:  func(t testing.TB) []string { t.Helper(); return secrets(t, server.Client, "payments/database") },
			Digest: func(t testing.TB) string {
				t.Helper()
				return strings.Join(secrets(t, server.Client, "payments/database"), "\n")
			},
			Use:  func(t testing.TB) { t.Helper(); write(t, "rotated") },
			Take: func(t testing.TB) { t.Helper(); write(t, "theirs") },
		}
	})
}

// enableLogins mounts the auth methods that roles are for.
func enableLogins(t testing.TB, client *api.Client) {
	t.Helper()
	for _, method := range []string{"kubernetes", "approle"} {
		require.NoError(t, client.Sys().EnableAuthWithOptionsWithContext(t.Context(), method, &api.EnableAuthOptions{Type: method}))
	}
}

// state lists the engines with their secrets, the policies and the roles.
func state(t testing.TB, client *api.Client) []string {
	t.Helper()
	listed := []string{}
	mounts, err := client.Sys().ListMountsWithContext(t.Context())
	require.NoError(t, err)
	for path, mount := range mounts {
		if mount.Type == "kv" && !strings.HasPrefix(path, "kv") {
			description, _, _ := strings.Cut(mount.Description, " (")
			listed = append(listed, fmt.Sprintf("engine %s version %s: %s", path, mount.Options["version"], description))
			if mount.Options["version"] == "2" {
				vaulttest.Vault{Client: client}.AwaitEngine(t, strings.TrimSuffix(path, "/"))
				listed = append(listed, keys(t, client, path+"metadata")...)
			}
		}
	}
	policies, err := client.Sys().ListPoliciesWithContext(t.Context())
	require.NoError(t, err)
	for _, name := range policies {
		if name == "default" || name == "root" {
			continue
		}
		rules, err := client.Sys().GetPolicyWithContext(t.Context(), name)
		require.NoError(t, err)
		_, rules, _ = strings.Cut(rules, "\n")
		listed = append(listed, "policy "+name+": "+rules)
	}
	for _, method := range []string{"kubernetes", "approle"} {
		for _, name := range keys(t, client, "auth/"+method+"/role") {
			role, err := client.Logical().ReadWithContext(t.Context(), "auth/"+method+"/role/"+name)
			require.NoError(t, err)
			listed = append(listed, fmt.Sprint(method, " role ", name, ": ", role.Data["token_policies"], role.Data["token_ttl"],
				role.Data["bound_service_account_names"], role.Data["bound_service_account_namespaces"]))
		}
	}
	slices.Sort(listed)
	return listed
}

func keys(t testing.TB, client *api.Client, path string) []string {
	t.Helper()
	listed, err := client.Logical().ListWithContext(t.Context(), path)
	require.NoError(t, err)
	names := []string{}
	if listed != nil {
		for _, key := range listed.Data["keys"].([]any) {
			names = append(names, key.(string))
		}
	}
	return names
}

// secrets lists a secret's newest data, and how many versions it has.
func secrets(t testing.TB, client *api.Client, path string) []string {
	t.Helper()
	listed := []string{}
	for _, directory := range keys(t, client, "kv/metadata") {
		listed = append(listed, "directory "+directory)
	}
	metadata, err := client.KVv2("kv").GetMetadata(t.Context(), path)
	if err != nil {
		require.ErrorIs(t, err, api.ErrSecretNotFound)
		return listed
	}
	if metadata.CurrentVersion == 0 {
		return append(listed, "no version")
	}
	secret, err := client.KVv2("kv").Get(t.Context(), path)
	require.NoError(t, err)
	return append(listed, fmt.Sprint(path, " version ", metadata.CurrentVersion, ": ", secret.Data))
}
