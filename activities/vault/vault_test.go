package vault_test

import (
	"net/http"
	"net/http/httptest"
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

const database = `{"path":"payments/database","data":{"password":"hunter2"}}`

// TestASecretIsWrittenIntoANewNamespace: what the namespace's policy gives, and no value in the log.
func TestASecretIsWrittenIntoANewNamespace(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	all := actions.Actions(vault.NewSessions(vault.Settings{Address: server.Address, Token: server.RootToken}))
	harness := actiontest.NewHarness(t)
	output, err := harness.Run(t, recordedtest.ByID(t, all, "vault:create-namespace"), `{"namespaceName":"payments","teamName":"payments-squad"}`)
	require.NoError(t, err)
	require.Equal(t, action.Output{"vaultPath": "payments/", "vaultPolicy": "payments-rw"}, output)
	server.AwaitEngine(t, "payments")
	output, err = harness.Run(t, recordedtest.ByID(t, all, "vault:write-secret"), database)
	require.NoError(t, err)
	require.Equal(t, action.Output{"path": "payments/database", "apiPath": "payments/data/database", "version": 1}, output)
	require.NotContains(t, harness.Log.Text(), "hunter2")

	token, err := server.Client.Auth().Token().CreateWithContext(t.Context(), &api.TokenCreateRequest{Policies: []string{"payments-rw"}})
	require.NoError(t, err)
	theirs, err := server.Client.Clone()
	require.NoError(t, err)
	theirs.SetToken(token.Auth.ClientToken)
	secret, err := theirs.KVv2("payments").Get(t.Context(), "database")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"password": "hunter2"}, secret.Data)
	_, err = theirs.KVv2("payments").Put(t.Context(), "database", map[string]any{"password": "rotated"})
	require.NoError(t, err)
}

// TestRefusalsSayWhatToDo: what Vault refuses is told with the next move, and is tried again only where that helps.
func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	mayNothing, err := server.Client.Auth().Token().CreateWithContext(t.Context(), &api.TokenCreateRequest{Policies: []string{"default"}})
	require.NoError(t, err)
	closed := httptest.NewServer(nil)
	closed.Close()
	sealed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"errors":["Vault is sealed"]}`))
	}))
	t.Cleanup(sealed.Close)
	working := vault.Settings{Address: server.Address, Token: server.RootToken}
	upgrading := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]}`))
	}))
	t.Cleanup(upgrading.Close)
	for name, test := range map[string]struct {
		settings      vault.Settings
		action, input string
		message, next string
		isTransient   bool
	}{
		"no address":         {vault.Settings{}, "write-secret", database, "Vault is not configured: VAULT_ADDR is not set", "Ask an operator", false},
		"no credentials":     {vault.Settings{Address: server.Address}, "write-secret", database, "Portico cannot log in at Vault: no way to authenticate", "Ask an operator", false},
		"an unknown AppRole": {vault.Settings{Address: server.Address, RoleID: "nobody"}, "write-secret", database, "logging in at Vault: Vault refused it", "Portico's policy", false},
		"nobody answers":     {vault.Settings{Address: closed.URL, Token: "x"}, "write-secret", database, "no answer from Vault", "Check that Vault is up", true},
		"a sealed Vault":     {vault.Settings{Address: sealed.URL, Token: "x"}, "write-secret", database, "Vault is sealed or on standby", "Unseal Vault", true},
		"a new engine":       {vault.Settings{Address: upgrading.URL, Token: "x"}, "write-secret", database, "Upgrading from non-versioned", "", true},
		"a token without it": {vault.Settings{Address: server.Address, Token: mayNothing.Auth.ClientToken}, "create-namespace", `{"namespaceName":"a","teamName":"b"}`, "looking for the secrets engine a/: Vault refused it", "Portico's policy", false},
		"no such engine":     {working, "write-secret", database, "There is no secrets engine payments/ in Vault", "vault:create-namespace", false},
		"version 1":          {working, "write-secret", `{"path":"kv1/database","data":{"a":"b"}}`, "The engine kv1/ in Vault is not KV of version 2", "version 2", false},
		"another engine":     {working, "write-secret", `{"path":"kv/database","mount":"payments","data":{"a":"b"}}`, "path 'kv/database' is not in the engine 'payments'", "", false},
		"a path of dots":     {working, "write-secret", `{"path":"kv/../sys","data":{"a":"b"}}`, "path 'kv/../sys' has a part that is only dots", "", false},
		"a method not there": {working, "create-namespace", `{"namespaceName":"roles","teamName":"b","appRole":{"mount":"nowhere"}}`, "auth/nowhere/role/roles", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tested := recordedtest.ByID(t, actions.Actions(vault.NewSessions(test.settings)), "vault:"+test.action)
			_, err := actiontest.NewHarness(t).Run(t, tested, test.input)
			require.ErrorContains(t, err, test.message)
			require.Contains(t, action.Advice(err), test.next)
			require.Equal(t, test.isTransient, action.IsTransient(err), "%s", err)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "http://")
		})
	}
}

// TestTheNamesOfOthersAreLeftAlone: a policy and a role of these names stay as they are.
func TestTheNamesOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	enableLogins(t, server.Client)
	require.NoError(t, server.Client.Sys().PutPolicyWithContext(t.Context(), "policies-rw", "# theirs"))
	_, err := server.Client.Logical().WriteWithContext(t.Context(), "auth/approle/role/roles", map[string]any{"token_policies": "roles-rw", "token_ttl": 3600})
	require.NoError(t, err)
	tested := recordedtest.ByID(t, actions.Actions(vault.NewSessions(vault.Settings{Address: server.Address, Token: server.RootToken})), "vault:create-namespace")
	for namespace, taken := range map[string]string{"policies": "The policy policies-rw in Vault exists already", "roles": "The role auth/approle/role/roles in Vault exists already"} {
		before := state(t, server.Client)
		harness := actiontest.NewHarness(t)
		_, err := harness.Run(t, tested, `{"namespaceName":"`+namespace+`","teamName":"b","appRole":{}}`)
		require.ErrorContains(t, err, taken)
		require.NoError(t, harness.RollBack(t.Context(), tested))
		require.Equal(t, before, state(t, server.Client))
	}
}

// TestAChangedPolicyIsKept: somebody has taken it over.
func TestAChangedPolicyIsKept(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	tested := recordedtest.ByID(t, actions.Actions(vault.NewSessions(vault.Settings{Address: server.Address, Token: server.RootToken})), "vault:create-namespace")
	harness := actiontest.NewHarness(t)
	_, err := harness.Run(t, tested, `{"namespaceName":"a","teamName":"b"}`)
	require.NoError(t, err)
	rules, err := server.Client.Sys().GetPolicyWithContext(t.Context(), "a-rw")
	require.NoError(t, err)
	require.NoError(t, server.Client.Sys().PutPolicyWithContext(t.Context(), "a-rw", rules+"\npath \"b/*\" { capabilities = [\"read\"] }"))
	require.ErrorContains(t, harness.RollBack(t.Context(), tested), "somebody has changed its rules")
}
