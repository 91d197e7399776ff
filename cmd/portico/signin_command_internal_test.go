package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const resolversUnderTest = `
auth:
  environment: production
  providers:
    oidc:
      production:
        clientId: portico
        metadataUrl: https://id.example.com
        signIn:
          resolvers:
            - resolver: emailMatchingUserEntityProfileEmail
            - resolver: expression
              expression: "'staff' in claims.groups ? 'people/' + profile.username : ''"
    gcpIap:
      audience: a
      signIn:
        resolvers:
          - { resolver: emailLocalPartMatchingUserEntityName, dangerouslyAllowSignInWithoutUserInCatalog: true }
`

// TestWhoSomebodyWouldBe: the resolvers are those of the configuration, and the catalog is the server's.
func TestWhoSomebodyWouldBe(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{"POST /api/catalog/entities/by-query": func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Query struct {
				All []map[string]string `json:"$all"`
			} `json:"query"`
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		found := []any{}
		all := asked.Query.All
		if len(all) == 3 && all[0]["kind"] == "user" && all[1]["metadata.name"] == "ada" && all[2]["metadata.namespace"] == "people" {
			found = append(found, map[string]any{"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": map[string]any{"name": "ada", "namespace": "people"}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": found})
	}})
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	configuration := write("app-config.yaml", resolversUnderTest)
	ada := write("ada.json", `{"subject": "1", "username": "ada", "email": "ada@example.com", "claims": {"groups": ["staff"]}}`)

	out, err := portico(t, base, "sign-in", "test", "oidc", ada, "--config", configuration)
	require.NoError(t, err)
	require.Equal(t, "emailMatchingUserEntityProfileEmail: no User with spec.profile.email 'ada@example.com'\nexpression: user:people/ada\n", out)
	out, err = portico(t, base, "sign-in", "test", "gcpIap", ada, "--config", configuration, "-o", "json")
	require.NoError(t, err)
	require.JSONEq(t, `{"user": "user:default/ada", "resolver": "emailLocalPartMatchingUserEntityName", "inCatalog": false, "tried": []}`, out)

	visitor := write("visitor.json", `{"username": "bob", "claims": {"groups": []}}`)
	out, err = portico(t, base, "sign-in", "test", "oidc", visitor, "--config", configuration)
	require.Equal(t, &exitError{1}, err)
	require.Equal(t, "emailMatchingUserEntityProfileEmail: the provider gave no verified email address\nexpression: the expression gave nobody\n"+
		"Nobody is found: the person could not sign in.\n", out)

	for _, test := range []struct{ id, file, reason string }{
		{"github", ada, "the configuration has no auth.providers.github.production"},
		{"oidc", write("wrong.json", `{"mail": "ada@example.com"}`), `unknown field "mail"`},
		{"oidc", filepath.Join(dir, "nothing.json"), "no such file"},
	} {
		_, err := portico(t, base, "sign-in", "test", test.id, test.file, "--config", configuration)
		require.ErrorContains(t, err, test.reason)
	}
}
