package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
	"github.com/portico-dev/portico/seal"
)

// exchanging is a server that exchanges the tokens of one CI system.
type exchanging struct {
	url    string
	ci     *mockoidc.MockOIDC
	access *identity.Authenticator
}

func newExchanging(t *testing.T) exchanging {
	t.Helper()
	_, ci := oidctest.Mock(t, "ci", nil)
	listening := httptest.NewUnstartedServer(nil)
	e := exchanging{url: "http://" + listening.Listener.Addr().String(), ci: ci}
	file := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
backend: { baseUrl: %q }
portico:
  tokenExchange:
    issuers:
      - issuer: %s
        rules: [{ subject: shop, claims: { project_id: 7, ref: main }, accessRestrictions: [{ plugin: catalog }] }]
`, e.url, ci.Issuer()), 0o600))
	loaded, err := config.Load(t.Context(), config.Options{Files: []string{file}})
	require.NoError(t, err)
	pool := testkit.Database(t)
	log := slog.New(slog.DiscardHandler)
	seals, err := seal.NewKeyring(seal.GenerateKey("2026"))
	require.NoError(t, err)
	issuer := identity.NewIssuer(identity.IssuerOptions{URL: e.url + "/api/auth", Keys: identity.NewSigningKeys(pool, seals, log), Ownerships: identity.NewOwnerships(pool)})
	e.access = identity.NewAuthenticator(issuer, nil)
	p := &platform{config: loaded, pool: pool, log: log}
	exchanged, err := p.tokenExchange(issuer)
	require.NoError(t, err)
	server, err := api.NewServer(api.Options{Log: log, Authenticator: e.access, Database: api.Database{Ping: pool.Ping, Unreachable: db.Unreachable}, BaseURLs: []string{e.url},
		Plugins: []api.Plugin{api.NewAuthPlugin(api.AuthOptions{Issuer: issuer, SignIn: signin.New(signin.Options{}), BaseURL: e.url, PortalURL: e.url, Exchange: exchanged})}})
	require.NoError(t, err)
	listening.Config.Handler = server
	listening.Start()
	t.Cleanup(listening.Close)
	return e
}

// job is the identity token of a job on a branch.
func (e exchanging) job(t *testing.T, ref, audience string) string {
	t.Helper()
	return oidctest.JobToken(t, e.ci, map[string]any{"iss": e.ci.Issuer(), "aud": audience, "sub": "project_path:acme/shop:ref_type:branch:ref:" + ref, "jti": uuid.NewString(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "project_id": "7", "ref": ref})
}

// exchanges runs the command in an environment.
func exchanges(t *testing.T, environment map[string]string, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command := tokenCommand(func(name string) string { return environment[name] })
	command.SilenceUsage, command.SilenceErrors = true, true
	command.SetOut(terminal.NewWriter(&out))
	command.SetErr(&out)
	command.SetIn(strings.NewReader(stdin))
	command.SetArgs(append([]string{"exchange"}, args...))
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

// github gives identity tokens to who has the credential, as GitHub Actions does.
func (e exchanging) github(t *testing.T) (environment map[string]string) {
	t.Helper()
	address := portal(t, map[string]http.HandlerFunc{"GET /token": func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer credential" || r.URL.Query().Get("api-version") != "2.0" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"value": e.job(t, "main", r.URL.Query().Get("audience"))})
	}})
	return map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": address + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "credential"}
}

func TestAJobExchangesItsTokenFromWhereverItIs(t *testing.T) {
	t.Parallel()
	e := newExchanging(t)
	file := filepath.Join(t.TempDir(), "identity.jwt")
	require.NoError(t, os.WriteFile(file, []byte(e.job(t, "main", e.url)+"\n"), 0o600))
	for name, test := range map[string]struct {
		environment map[string]string
		stdin       string
		args        []string
	}{
		"a file":                 {args: []string{"--token-file", file}},
		"standard input":         {stdin: e.job(t, "main", e.url) + "\n", args: []string{"--token-file", "-"}},
		"a variable":             {environment: map[string]string{"DEPLOY": e.job(t, "main", e.url)}, args: []string{"--token-env", "DEPLOY"}},
		"the variable of GitLab": {environment: map[string]string{"PORTICO_IDENTITY": e.job(t, "main", e.url)}},
		"GitHub Actions":         {environment: e.github(t)},
		"GitHub, by an audience": {environment: e.github(t), args: []string{"--audience", e.url}},
	} {
		printed, err := exchanges(t, test.environment, test.stdin, append(test.args, "--url", e.url+"/")...)
		require.NoError(t, err, name)
		principal, err := e.access.Authenticate(t.Context(), strings.TrimSuffix(printed, "\n"))
		require.NoError(t, err, name)
		require.Equal(t, "external:shop:project_path:acme/shop:ref_type:branch:ref:main", principal.Subject, name)
	}
	printed, err := exchanges(t, map[string]string{"PORTICO_IDENTITY": e.job(t, "main", e.url)}, "", "--url", e.url, "--output", "json")
	require.NoError(t, err)
	var answer struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	require.NoError(t, json.Unmarshal([]byte(printed), &answer))
	require.Positive(t, answer.ExpiresIn)
	_, err = e.access.Authenticate(t.Context(), answer.Token)
	require.NoError(t, err)
}

func TestAnExchangeThatFailsSaysWhyWithoutTheToken(t *testing.T) {
	t.Parallel()
	e := newExchanging(t)
	used, other := e.job(t, "main", e.url), e.job(t, "feature", e.url)
	_, err := exchanges(t, map[string]string{"PORTICO_IDENTITY": used}, "", "--url", e.url)
	require.NoError(t, err)
	echo := portal(t, map[string]http.HandlerFunc{"POST /api/auth/v1/token": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": "not this one: " + r.FormValue("subject_token")})
	}})
	elsewhere := portal(t, map[string]http.HandlerFunc{"POST /api/auth/v1/token": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, e.url+"/api/auth/v1/token", http.StatusTemporaryRedirect)
	}})
	page := portal(t, map[string]http.HandlerFunc{"POST /api/auth/v1/token": answer("<html>")})
	forbidden := e.github(t)
	forbidden["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "wrong-credential"
	fresh := e.job(t, "main", e.url)
	for name, test := range map[string]struct {
		environment map[string]string
		args        []string
		says        string
	}{
		"it was exchanged before":  {map[string]string{"PORTICO_IDENTITY": used}, []string{"--url", e.url}, "This token has been exchanged before"},
		"no rule accepts it":       {map[string]string{"PORTICO_IDENTITY": other}, []string{"--url", e.url}, "No rule of portico.tokenExchange accepts the token"},
		"it is for another server": {e.github(t), []string{"--url", e.url, "--audience", "https://other.example"}, "it is for another audience than " + e.url},
		"nothing is there":         {nil, []string{"--url", e.url}, "there is no identity token. In GitHub Actions"},
		"an empty variable":        {nil, []string{"--url", e.url, "--token-env", "NONE"}, "--token-env NONE: the variable is not set"},
		"an empty input":           {nil, []string{"--url", e.url, "--token-file", "-"}, "--token-file -: it is empty"},
		"no file":                  {nil, []string{"--url", e.url, "--token-file", "/none"}, "--token-file: open /none"},
		"GitHub refuses":           {forbidden, []string{"--url", e.url}, "it answered 403 Forbidden. The job needs `permissions: { id-token: write }`"},
		"a server repeats it":      {map[string]string{"PORTICO_IDENTITY": fresh}, []string{"--url", echo}, "not this one: (the token)"},
		"a server redirects":       {map[string]string{"PORTICO_IDENTITY": fresh}, []string{"--url", elsewhere}, "the server answered 307 Temporary Redirect"},
		"no server of Portico":     {map[string]string{"PORTICO_IDENTITY": fresh}, []string{"--url", page}, "has no token; is this a server of Portico?"},
		"no server":                {map[string]string{"PORTICO_IDENTITY": fresh}, []string{"--url", "http://127.0.0.1:1"}, "no answer from http://127.0.0.1:1"},
		"no address":               {map[string]string{"PORTICO_IDENTITY": fresh}, []string{"--url", "portico"}, "write http://host:port or https://host"},
	} {
		printed, err := exchanges(t, test.environment, "", test.args...)
		require.ErrorContains(t, err, test.says, name)
		for _, secret := range []string{used, other, fresh, "credential"} {
			require.NotContains(t, printed+err.Error(), secret, name)
		}
	}
}
