package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestADenialSaysWhyAndWhomToAsk: the message of a denial is in a header.
func TestADenialSaysWhyAndWhomToAsk(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{"GET /api/portico/v1/runs/denied": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="scaffolder.task.read", error_description="user:default/ada may not scaffolder.task.read on 6f1c2a3e"`)
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error":{"name":"NotAllowedError","message":""}}`))
	}, "GET /api/portico/v1/runs/unknown": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":{"name":"AuthenticationError","message":"Missing credentials"}}`))
	}})
	_, err := portico(t, base, "runs", "show", "denied")
	require.EqualError(t, err, "user:default/ada may not scaffolder.task.read on 6f1c2a3e\n"+
		"`portico policy explain me scaffolder.task.read 6f1c2a3e` says why, and whom to ask")
	_, err = portico(t, base, "runs", "show", "unknown")
	require.EqualError(t, err, "Missing credentials")
}

func TestAnExplanationIsPrinted(t *testing.T) {
	t.Parallel()
	var asked string
	base := portal(t, map[string]http.HandlerFunc{"GET /api/portico/v1/policy/explain": func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Encode()
		_, _ = w.Write([]byte(`{"user":"user:default/ada","permission":"catalog.location.create","known":true,"decision":"DENY","result":"DENY","basis":"policies",
			"roles":[{"role":"role:default/careful","source":"csv-file","groups":["group:default/team"],"file":"policy.csv","line":4}],
			"policies":[{"entityReference":"role:default/careful","permission":"catalog.location.create","policy":"create","effect":"deny","source":"csv-file","file":"policy.csv","line":5}],
			"changes":[{"do":"leave","role":"role:default/careful","source":"csv-file","owner":"group:default/security","result":"ALLOW"}],"maintainers":["group:default/platform"]}`))
	}})
	out, err := portico(t, base, "policy", "explain", "ada", "catalog.location.create")
	require.NoError(t, err)
	require.Equal(t, `user:default/ada may not catalog.location.create.
These policies decide:
  p, role:default/careful, catalog.location.create, create, deny  (policy.csv:5)
    user:default/ada -> group:default/team -> role:default/careful  (policy.csv:4)
What would change it:
  Leave role:default/careful: without it, what is left allows it.
    Ask group:default/security, who owns the role.
Who may change roles: group:default/platform.
`, out)
	require.Equal(t, "permission=catalog.location.create&user=ada", asked)
	_, err = portico(t, base, "policy", "explain", "me", "kubernetes.proxy", "x", "--action", "use", "--resource-type", "cluster")
	require.NoError(t, err)
	require.Equal(t, "action=use&permission=kubernetes.proxy&resource=x&resourceType=cluster", asked)
}

// TestFilesOfRolesAreChecked: file, line and reason of everything that is wrong.
func TestFilesOfRolesAreChecked(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	in := func(name string) string { return filepath.Join(directory, name) }
	for name, content := range map[string]string{
		"good.csv": "p, role:default/a, catalog-entity, read, allow\ng, user:default/ada, role:default/a\n",
		"bad.csv":  "# comment\np, role:default/a, catalog-entity, read, perhaps\n",
		"conditions.yaml": "result: CONDITIONAL\nroleEntityRef: role:default/b\npluginId: catalog\nresourceType: catalog-entity\npermissionMapping: [delete]\n" +
			"conditions: { rule: IS_ENTITY_KIND, resourceType: catalog-entity, params: { kinds: [API] } }\n",
	} {
		require.NoError(t, os.WriteFile(in(name), []byte(content), 0o600))
	}
	out, err := offline(t, "policy", "validate", in("good.csv"), "--output", "json")
	require.NoError(t, err)
	require.JSONEq(t, `[{"file":"`+in("good.csv")+`","policies":1,"members":1,"conditions":0,"problems":[]}]`, out)
	out, err = offline(t, "policy", "validate", in("conditions.yaml"))
	require.NoError(t, err)
	require.Contains(t, out, "conditions.yaml  0 policies, 0 members, 1 conditions")
	out, err = offline(t, "policy", "validate", in("good.csv"), in("bad.csv"), in("conditions.yaml"), in("missing.csv"), in("policy.txt"))
	require.Error(t, err)
	for _, expected := range []string{
		"good.csv  1 policies", "bad.csv:2: 'effect' has invalid value: 'perhaps'", "conditions.yaml:1: role:default/b is not a role in the file of policies",
		"missing.csv: open ", "policy.txt: a file of policies ends in .csv",
	} {
		require.Contains(t, out, expected)
	}
}

// TestTheExamplePolicyIsTested: its cases pass, and one that expects something else fails with the explanation.
func TestTheExamplePolicyIsTested(t *testing.T) {
	t.Parallel()
	const directory = "../../examples/policy/"
	files := []string{"--policies", directory + "policy.csv", "--conditions", directory + "conditional-policies.yaml"}
	out, err := offline(t, append([]string{"policy", "test", directory + "cases.yaml"}, files...)...)
	require.NoError(t, err, out)
	require.Contains(t, out, "cases.yaml  14 cases")

	content, err := os.ReadFile(directory + "cases.yaml")
	require.NoError(t, err)
	changed := filepath.Join(t.TempDir(), "cases.yaml")
	require.NoError(t, os.WriteFile(changed, bytes.Replace(content, []byte("resource: ledger, expect: deny"), []byte("resource: ledger, expect: allow"), 1), 0o600))
	out, err = offline(t, append([]string{"policy", "test", changed}, files...)...)
	require.Error(t, err)
	require.Equal(t, marks["failed"]+" "+changed+`:39: nor what is protected: expected ALLOW, got DENY
    user:default/jonas.lindqvist may not catalog.entity.delete on ledger.
    The conditions do not hold:
      HAS_LABEL {"label":"kestrel.example/protected"} holds (it must not hold)
    These conditions decide; one of them must hold, and policies do not count beside them:
      role:default/teams on catalog-entity: {"allOf":[{"params":{"claims":["$ownerRefs"]},"resourceType":"catalog-entity","rule":"IS_ENTITY_OWNER"},{"not":{"params":{"label":"kestrel.example/protected"},"resourceType":"catalog-entity","rule":"HAS_LABEL"}}]}  (../../examples/policy/conditional-policies.yaml:2)
        user:default/jonas.lindqvist -> group:default/customers -> role:default/teams  (../../examples/policy/policy.csv:16)
    No single role would allow it.
`, out)
	_, err = offline(t, "policy", "validate", files[1], files[3])
	require.NoError(t, err)
}

// TestTheConfigurationCountsInTests: its default role, its super users, and the files that it names.
func TestTheConfigurationCountsInTests(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	in := func(name string) string { return filepath.Join(directory, name) }
	for name, content := range map[string]string{
		"policy.csv": "p, role:default/a, catalog-entity, delete, deny\ng, user:default/ada, role:default/a\n",
		"config.yaml": "permission:\n  enabled: true\n  rbac:\n    policies-csv-file: " + in("policy.csv") + "\n    admin: { superUsers: [{ name: user:default/root }] }\n" +
			"    defaultPermissions: { defaultRole: role:default/everyone, basicPermissions: [{ permission: catalog-entity, action: read }] }\n",
		"cases.yaml": "cases:\n- { user: ada, permission: catalog.entity.read, expect: allow }\n- { user: ada, permission: catalog.entity.delete, expect: deny }\n" +
			"- { user: root, permission: catalog.entity.delete, expect: allow }\n",
		"none.yaml": "app: {}\n",
	} {
		require.NoError(t, os.WriteFile(in(name), []byte(content), 0o600))
	}
	out, err := offline(t, "policy", "test", in("cases.yaml"), "--config", in("config.yaml"))
	require.NoError(t, err, out)
	_, err = offline(t, "policy", "test", in("cases.yaml"), "--policies", in("policy.csv"))
	require.Error(t, err, "without the configuration nobody has a default role")
	_, err = offline(t, "policy", "test", in("cases.yaml"), "--config", in("none.yaml"))
	require.EqualError(t, err, "the configuration has no permission.rbac")
}

// TestWrongCasesAreRefused: with file, line and reason.
func TestWrongCasesAreRefused(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file, policies := filepath.Join(directory, "cases.yaml"), filepath.Join(directory, "policy.csv")
	require.NoError(t, os.WriteFile(policies, []byte("p, role:default/a, catalog-entity, read, allow\n"), 0o600))
	for content, expected := range map[string]string{
		"":          "there are no cases in it",
		"cases: []": "there are no cases in it",
		"cases:\n- { user: ada, permission: x, expect: maybe }":                     `line 2: expect is "maybe", and must be allow, deny or conditional`,
		"cases:\n- { permission: x, expect: deny }":                                 "line 2: a case needs a user",
		"cases:\n\n- { user: ada, expect: deny }":                                   "line 3: a case needs a permission",
		"cases:\n- { user: ada, permission: x, resource: y, expect: deny }":         "the resource y is not one of the file's resources",
		"case:\n- { user: ada }":                                                    "field case not found",
		"groups: { ada: [':'] }\ncases: [{ user: a, permission: b, expect: deny }]": "groups: ada: ",
	} {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		_, err := offline(t, "policy", "test", file, "--policies", policies)
		require.ErrorContains(t, err, file+": ", content)
		require.ErrorContains(t, err, expected, content)
	}
	_, err := offline(t, "policy", "test", file)
	require.ErrorContains(t, err, "name the file of policies with --policies")
	require.NoError(t, os.WriteFile(file, []byte("cases: [{ user: a, permission: b, expect: deny }]"), 0o600))
	require.NoError(t, os.WriteFile(policies, []byte("p, role:default/a\n"), 0o600))
	out, err := offline(t, "policy", "test", file, "--policies", policies)
	require.Error(t, err, "a file with a wrong line decides nothing")
	require.Contains(t, out, policies+":1: a line is either p, role")
}
