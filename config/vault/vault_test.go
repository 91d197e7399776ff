package vault_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config/vault"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
)

// canary is a secret that no error may contain.
const canary = "canary-8c1f0a"

// reader reads with these variables as its environment.
func reader(variables map[string]string) *vault.Reader {
	return vault.NewReader(func(name string) (string, bool) {
		value, is := variables[name]
		return value, is
	})
}

func TestSecretsAreReadFromVault(t *testing.T) {
	t.Parallel()
	at := vaulttest.Start(t)
	at.Put(t, "portico/sign-in", map[string]any{"clientSecret": canary, "number": 7, "data": map[string]any{"x": canary}})
	require.NoError(t, at.Client.KVv1("kv1").Put(t.Context(), "portico", map[string]any{"token": canary, "data": "of version 1"}))
	secrets := reader(map[string]string{"VAULT_ADDR": at.Address, "VAULT_TOKEN": at.RootToken})
	for reference, expected := range map[string]string{"kv/data/portico/sign-in#clientSecret": canary, "kv1/portico#token": canary, "kv1/portico#data": "of version 1"} {
		text, err := secrets.Read(t.Context(), reference)
		require.NoError(t, err, reference)
		require.Equal(t, expected, text, reference)
	}

	at.Put(t, "deleted", map[string]any{"a": canary})
	require.NoError(t, at.Client.KVv2("kv").Delete(t.Context(), "deleted"))
	for reference, reason := range map[string]string{
		"kv/data/portico/sign-in#other":  "the secret has no field 'other'",
		"kv/data/portico/sign-in#number": "the field 'number' is not a text",
		"kv/data/portico/sign-in#data":   "the field 'data' is not a text",
		"kv/data/nothing#a":              "there is no such secret",
		"kv/portico/sign-in#a":           "there is no such secret",
		"kv/data/deleted#a":              "the secret is deleted",
		"nothing/data/a#b":               "there is no such secret",
	} {
		_, err := secrets.Read(t.Context(), reference)
		require.ErrorContains(t, err, reason, reference)
		require.NotContains(t, err.Error(), canary)
		require.NotContains(t, err.Error(), at.RootToken)
	}
}

// TestOneRequestForEachPath: a configuration may have many fields of one secret.
func TestOneRequestForEachPath(t *testing.T) {
	t.Parallel()
	at := vaulttest.Start(t)
	at.Put(t, "a", map[string]any{"x": "1", "y": "2"})
	secrets := reader(map[string]string{"VAULT_ADDR": at.Address, "VAULT_TOKEN": at.RootToken})
	first, err := secrets.Read(t.Context(), "kv/data/a#x")
	require.NoError(t, err)
	at.Put(t, "a", map[string]any{"x": "3", "y": "4"})
	second, err := secrets.Read(t.Context(), "kv/data/a#y")
	require.NoError(t, err)
	require.Equal(t, "12", first+second, "both fields are of one version")
}

const policyForPortico = `path "kv/data/portico" { capabilities = ["read"] }`

func TestATokenReadsOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	at := vaulttest.Start(t)
	at.Put(t, "portico", map[string]any{"a": "1"})
	at.Put(t, "other", map[string]any{"a": canary})
	require.NoError(t, at.Client.Sys().PutPolicyWithContext(t.Context(), "portico", policyForPortico))
	made, err := at.Client.Auth().Token().CreateWithContext(t.Context(), &api.TokenCreateRequest{Policies: []string{"portico"}})
	require.NoError(t, err)
	secrets := reader(map[string]string{"VAULT_ADDR": at.Address, "VAULT_TOKEN": made.Auth.ClientToken})
	_, err = secrets.Read(t.Context(), "kv/data/portico#a")
	require.NoError(t, err)
	_, err = secrets.Read(t.Context(), "kv/data/other#a")
	require.ErrorContains(t, err, "the status is 403")
	require.ErrorContains(t, err, "permission denied")

	secrets.Close(t.Context())
	_, err = reader(map[string]string{"VAULT_ADDR": at.Address, "VAULT_TOKEN": made.Auth.ClientToken}).Read(t.Context(), "kv/data/portico#a")
	require.NoError(t, err, "a token that was given is not revoked")
}

func TestPorticoLogsInWithAnAppRole(t *testing.T) {
	t.Parallel()
	at := vaulttest.Start(t)
	at.Put(t, "portico", map[string]any{"a": "1"})
	sys, logical := at.Client.Sys(), at.Client.Logical()
	require.NoError(t, sys.PutPolicyWithContext(t.Context(), "portico", policyForPortico))
	require.NoError(t, sys.EnableAuthWithOptionsWithContext(t.Context(), "approle", &api.EnableAuthOptions{Type: "approle"}))
	_, err := logical.WriteWithContext(t.Context(), "auth/approle/role/portico", map[string]any{"token_policies": "portico"})
	require.NoError(t, err)
	id, err := logical.ReadWithContext(t.Context(), "auth/approle/role/portico/role-id")
	require.NoError(t, err)
	secret, err := logical.WriteWithContext(t.Context(), "auth/approle/role/portico/secret-id", nil)
	require.NoError(t, err)
	variables := map[string]string{"VAULT_ADDR": at.Address, "VAULT_ROLE_ID": id.Data["role_id"].(string), "VAULT_SECRET_ID": secret.Data["secret_id"].(string)}
	secrets := reader(variables)
	text, err := secrets.Read(t.Context(), "kv/data/portico#a")
	require.NoError(t, err)
	require.Equal(t, "1", text)

	accessors := func() int {
		listed, err := logical.ListWithContext(t.Context(), "auth/token/accessors")
		require.NoError(t, err)
		return len(listed.Data["keys"].([]any))
	}
	before := accessors()
	secrets.Close(t.Context())
	require.Equal(t, before-1, accessors(), "the login's token is revoked")

	variables["VAULT_SECRET_ID"] = canary
	_, err = reader(variables).Read(t.Context(), "kv/data/portico#a")
	require.ErrorContains(t, err, "log in at auth/approle: the status is 400")
	require.NotContains(t, err.Error(), canary)
}

// TestPorticoLogsInWithItsServiceAccount at a Vault that asks a Kubernetes about the token. The Kubernetes is one
// answer of the test.
func TestPorticoLogsInWithItsServiceAccount(t *testing.T) {
	t.Parallel()
	at := vaulttest.Start(t)
	at.Put(t, "portico", map[string]any{"a": "1"})
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var review map[string]any
		_ = json.NewDecoder(request.Body).Decode(&review)
		review["status"] = map[string]any{"authenticated": true, "user": map[string]any{"username": "system:serviceaccount:portico:portico", "uid": "4711",
			"groups": []string{"system:serviceaccounts"}}}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(cluster.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})
	require.NoError(t, at.Client.Sys().PutPolicyWithContext(t.Context(), "portico", policyForPortico))
	require.NoError(t, at.Client.Sys().EnableAuthWithOptionsWithContext(t.Context(), "cluster", &api.EnableAuthOptions{Type: "kubernetes"}))
	for path, settings := range map[string]map[string]any{
		"auth/cluster/config": {"kubernetes_host": cluster.URL, "token_reviewer_jwt": serviceAccount, "disable_local_ca_jwt": true,
			"kubernetes_ca_cert": string(authority)},
		"auth/cluster/role/portico": {"bound_service_account_names": "portico", "bound_service_account_namespaces": "portico", "token_policies": "portico"},
	} {
		_, err := at.Client.Logical().WriteWithContext(t.Context(), path, settings)
		require.NoError(t, err)
	}
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(serviceAccount+"\n"), 0o600))
	variables := map[string]string{"VAULT_ADDR": at.Address, "VAULT_KUBERNETES_ROLE": "portico", "VAULT_KUBERNETES_MOUNT": "cluster", "VAULT_KUBERNETES_TOKEN_FILE": file}
	text, err := reader(variables).Read(t.Context(), "kv/data/portico#a")
	require.NoError(t, err)
	require.Equal(t, "1", text)

	variables["VAULT_KUBERNETES_ROLE"] = "another"
	_, err = reader(variables).Read(t.Context(), "kv/data/portico#a")
	require.ErrorContains(t, err, "log in at auth/cluster: the status is 400")
	require.NotContains(t, err.Error(), strings.Split(serviceAccount, ".")[1])
}

// serviceAccount is the token of a service account, in the older form. Vault leaves its signature to Kubernetes.
var serviceAccount = func() string {
	part := base64.RawURLEncoding.EncodeToString
	const prefix = "kubernetes.io/serviceaccount/"
	claims, err := json.Marshal(map[string]string{"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:portico:portico", prefix + "namespace": "portico",
		prefix + "service-account.name": "portico", prefix + "service-account.uid": "4711"})
	if err != nil {
		panic(err)
	}
	return part([]byte(`{"alg":"RS256"}`)) + "." + part(claims) + "." + part([]byte("signed"))
}()

// TestMistakesSayWhatToSet: they are found without a Vault.
func TestMistakesSayWhatToSet(t *testing.T) {
	t.Parallel()
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("a page with " + canary))
	}))
	t.Cleanup(answers.Close)
	for _, test := range []struct {
		variables         map[string]string
		reference, reason string
	}{
		{nil, "kv/data/a#b", "VAULT_ADDR is not set"},
		{map[string]string{"VAULT_ADDR": answers.URL, "VAULT_TOKEN": canary, "VAULT_SKIP_VERIFY": "true"}, "kv/data/a#b", "VAULT_SKIP_VERIFY is not supported"},
		{map[string]string{"VAULT_ADDR": answers.URL, "VAULT_TOKEN": canary, "VAULT_SKIP_VERIFY": "yes"}, "kv/data/a#b", "VAULT_SKIP_VERIFY is not supported"},
		{map[string]string{"VAULT_ADDR": answers.URL, "VAULT_TOKEN": canary, "VAULT_SKIP_VERIFY": "False"}, "kv/data/a#b", "the status is 418"},
		{map[string]string{"VAULT_ADDR": "://"}, "kv/data/a#b", "VAULT_ADDR or VAULT_AGENT_ADDR is not the address of a Vault"},
		{map[string]string{"VAULT_ADDR": answers.URL}, "kv/data/a#b", "no way to authenticate at Vault is configured: set VAULT_TOKEN"},
		{map[string]string{"VAULT_ADDR": answers.URL, "VAULT_KUBERNETES_ROLE": "a", "VAULT_KUBERNETES_TOKEN_FILE": "nothing"}, "kv/data/a#b", "the token of the service account: open nothing"},
		{map[string]string{"VAULT_ADDR": answers.URL, "VAULT_CACERT": "nothing"}, "kv/data/a#b", "the certificates of Vault"},
		{map[string]string{"VAULT_ADDR": answers.URL, "VAULT_TOKEN": canary}, "kv/data/a#b", "the status is 418"},
		{map[string]string{"VAULT_ADDR": answers.URL, "VAULT_ROLE_ID": canary, "VAULT_SECRET_ID": canary}, "kv/data/a#b", "log in at auth/approle: the status is 418"},
		{map[string]string{"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": canary}, "kv/data/a#b", "no answer from Vault: dial tcp"},
		{nil, "", "it must be <path>#<field>"},
		{nil, "kv/data/a", "it must be <path>#<field>"},
		{nil, "#b", "it must be <path>#<field>"},
		{nil, "kv/../sys/mounts#a", "it must be <path>#<field>"},
		{nil, "/kv/data/a#b", "it must be <path>#<field>"},
	} {
		began := time.Now()
		_, err := reader(test.variables).Read(t.Context(), test.reference)
		require.ErrorContains(t, err, test.reason)
		require.NotContains(t, err.Error(), canary)
		require.Less(t, time.Since(began), 40*time.Second)
	}
}

// answering is a Vault with one answer, which it gives to requests with this token.
func answering(t *testing.T, token, answer string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get("X-Vault-Token") != token {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestLeasedSecretsAreRefused: one ends while Portico runs, whether the lease could be renewed or not.
func TestLeasedSecretsAreRefused(t *testing.T) {
	t.Parallel()
	for _, renewable := range []string{"true", "false"} {
		at := answering(t, "a", `{"lease_id": "database/creds/portico/abc", "lease_duration": 3600, "renewable": `+renewable+`, "data": {"password": "`+canary+`"}}`)
		_, err := reader(map[string]string{"VAULT_ADDR": at, "VAULT_TOKEN": "a"}).Read(t.Context(), "database/creds/portico#password")
		require.ErrorContains(t, err, "the secret is leased: it ends after 1h0m0s", renewable)
		require.ErrorContains(t, err, "Use a secret of an engine KV, or let Vault's agent write a file", renewable)
		require.NotContains(t, err.Error(), canary)
	}
	// Version 1 of the engine KV says when to read again, and leases nothing.
	at := answering(t, "a", `{"lease_id": "", "lease_duration": 2764800, "renewable": false, "data": {"password": "p"}}`)
	text, err := reader(map[string]string{"VAULT_ADDR": at, "VAULT_TOKEN": "a"}).Read(t.Context(), "kv1/portico#password")
	require.NoError(t, err)
	require.Equal(t, "p", text)
}

// TestAnAgentIsAskedInPlaceOfVault: it may add its own token, and takes one that is set.
func TestAnAgentIsAskedInPlaceOfVault(t *testing.T) {
	t.Parallel()
	const nobody = "http://127.0.0.1:1"
	for token, variables := range map[string]map[string]string{
		"":  {"VAULT_ADDR": nobody},
		"a": {"VAULT_TOKEN": "a"},
	} {
		variables["VAULT_AGENT_ADDR"] = answering(t, token, `{"data": {"password": "p"}}`)
		text, err := reader(variables).Read(t.Context(), "kv1/portico#password")
		require.NoError(t, err)
		require.Equal(t, "p", text)
	}
}
